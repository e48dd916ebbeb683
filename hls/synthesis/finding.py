"""One thing in a project that the tool would refuse, or takes with a warning only."""

from __future__ import annotations

from dataclasses import dataclass

from ..backends.amd import REFUSED

__all__ = ["Finding"]


@dataclass(frozen=True)
class Finding:
    """What was found where.

    Attributes:
        rule: a key of `REFUSED`, which has the reason and its source.
        place: file of the project, and line where there is one.
        what: the text, or what is wrong with it.
        refused: whether the tool refuses it; else it accepts it with a warning.
    """

    rule: str
    place: str
    what: str
    refused: bool = True

    def __post_init__(self) -> None:
        if self.rule not in REFUSED:
            raise KeyError(self.rule)

    def __str__(self) -> str:
        """Place, rule and text in a line."""
        return f"{self.place}: {self.rule}: {self.what}"
