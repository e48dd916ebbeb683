"""The candidates that a search begins with, before a sampler proposes any."""

from typing import TYPE_CHECKING

from bitfront.spaces import lazy_door

if TYPE_CHECKING:
    from .context import SearchContext
    from .gradient_widths import FIRST, GradientPath
    from .screening import best, rounded
    from .stages import Opening
    from .uniform_training import narrowed_together, widest_that_counts

__all__ = [
    "FIRST",
    "GradientPath",
    "Opening",
    "SearchContext",
    "best",
    "narrowed_together",
    "rounded",
    "widest_that_counts",
]

__getattr__ = lazy_door(
    __name__,
    {
        "context": ("SearchContext",),
        "gradient_widths": ("FIRST", "GradientPath"),
        "screening": ("best", "rounded"),
        "stages": ("Opening",),
        "uniform_training": ("narrowed_together", "widest_that_counts"),
    },
)
