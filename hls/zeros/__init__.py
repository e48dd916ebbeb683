"""What the zeros of the weights leave without effect, and the design without it."""

from .shrink import Removable, Shrunk, removable, shrunk

__all__ = [
    "Removable",
    "Shrunk",
    "removable",
    "shrunk",
]
