"""What the zeros of the weights leave without effect, and the design without it."""

from .removable import Removable, removable, removable_units
from .shrink import Shrunk, shrunk

__all__ = [
    "Removable",
    "Shrunk",
    "removable",
    "removable_units",
    "shrunk",
]
