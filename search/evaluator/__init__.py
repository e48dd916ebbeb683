"""A candidate evaluated: its cost, its rounding, its training, its score."""

from typing import TYPE_CHECKING

from bitfront.spaces import lazy_door

if TYPE_CHECKING:
    from .cache import TrainingCache
    from .design import candidate_design
    from .evaluator import Evaluator
    from .hardware import hardware_notices
    from .plan import Plan
    from .promotion import Promotion
    from .space import space_of
    from .training import Start

__all__ = [
    "Evaluator",
    "Plan",
    "Promotion",
    "Start",
    "TrainingCache",
    "candidate_design",
    "hardware_notices",
    "space_of",
]

__getattr__ = lazy_door(
    __name__,
    {
        "cache": ("TrainingCache",),
        "design": ("candidate_design",),
        "evaluator": ("Evaluator",),
        "hardware": ("hardware_notices",),
        "plan": ("Plan",),
        "promotion": ("Promotion",),
        "space": ("space_of",),
        "training": ("Start",),
    },
)
