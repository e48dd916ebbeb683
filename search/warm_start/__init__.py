"""The candidates that a search begins with, before a sampler proposes any."""

from typing import TYPE_CHECKING

from bitfront.spaces import lazy_door

if TYPE_CHECKING:
    from .context import SearchContext
    from .gradient_widths import FIRST, GradientWidths
    from .planning import planned
    from .screening import best, rounded
    from .stages import WarmStart
    from .uniform_training import narrowed_together, widest_that_counts

__all__ = [
    "FIRST",
    "GradientWidths",
    "SearchContext",
    "WarmStart",
    "best",
    "narrowed_together",
    "planned",
    "rounded",
    "widest_that_counts",
]

__getattr__ = lazy_door(
    __name__,
    {
        "context": ("SearchContext",),
        "gradient_widths": ("FIRST", "GradientWidths"),
        "planning": ("planned",),
        "screening": ("best", "rounded"),
        "stages": ("WarmStart",),
        "uniform_training": ("narrowed_together", "widest_that_counts"),
    },
)
