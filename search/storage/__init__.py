"""A study on disk: its folder, Optuna's storage, its identity, its locks."""

from typing import TYPE_CHECKING

from bitfront.spaces import lazy_door

if TYPE_CHECKING:
    from .identity import Identity
    from .locks import locked
    from .optuna_storage import JOURNAL, open_storage
    from .optuna_study import Ledger, Stage
    from .study_folder import StudyStore

__all__ = ["JOURNAL", "Identity", "Ledger", "Stage", "StudyStore", "locked", "open_storage"]

__getattr__ = lazy_door(
    __name__,
    {
        "identity": ("Identity",),
        "locks": ("locked",),
        "optuna_storage": ("JOURNAL", "open_storage"),
        "optuna_study": ("Ledger", "Stage"),
        "study_folder": ("StudyStore",),
    },
)
