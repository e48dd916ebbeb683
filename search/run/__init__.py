"""A study run from its beginning to its report."""

from typing import TYPE_CHECKING

from bitfront.spaces import lazy_door

if TYPE_CHECKING:
    from .background_synthesis import BackgroundSynthesis
    from .launcher import run_study
    from .progress import Progress
    from .result import StudyResult
    from .synthesise import synthesise_study

__all__ = [
    "BackgroundSynthesis",
    "Progress",
    "StudyResult",
    "run_study",
    "synthesise_study",
]

__getattr__ = lazy_door(
    __name__,
    {
        "background_synthesis": ("BackgroundSynthesis",),
        "launcher": ("run_study",),
        "progress": ("Progress",),
        "result": ("StudyResult",),
        "synthesise": ("synthesise_study",),
    },
)
