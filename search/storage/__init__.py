"""A study on disk: its folder, Optuna's storage, its identity, its locks."""

from typing import TYPE_CHECKING

from bitfront.spaces import lazy_door

if TYPE_CHECKING:
    from .examine import Finding, examine
    from .identity import Identity
    from .locks import locked
    from .optuna_storage import JOURNAL, open_storage
    from .optuna_study import OptunaStudy, Stage
    from .study_folder import StudyFolder

__all__ = [
    "JOURNAL",
    "Finding",
    "Identity",
    "OptunaStudy",
    "Stage",
    "StudyFolder",
    "examine",
    "locked",
    "open_storage",
]

__getattr__ = lazy_door(
    __name__,
    {
        "examine": ("Finding", "examine"),
        "identity": ("Identity",),
        "locks": ("locked",),
        "optuna_storage": ("JOURNAL", "open_storage"),
        "optuna_study": ("OptunaStudy", "Stage"),
        "study_folder": ("StudyFolder",),
    },
)
