"""Benchmarks of bitfront itself: commands that print a table, not timed tests."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .speed import Speed, Spread, measure, table

__all__ = ["Speed", "Spread", "measure", "table"]


def __getattr__(name: str) -> Any:
    # on first use: `python -m` would find the command's module imported already, and warn
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from . import speed

    return getattr(speed, name)
