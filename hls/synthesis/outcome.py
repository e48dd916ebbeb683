"""What a synthesis left: figures by stage where it got so far, a named cause where it did not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = ["FIDELITIES", "STAGES", "Fidelity", "SynthesisOutcome"]

Fidelity = Literal["estimate", "csynth", "vsynth", "cosim"]
FIDELITIES: tuple[Fidelity, ...] = ("estimate", "csynth", "vsynth", "cosim")
"""How far a candidate's cost is followed: the estimate, C-synthesis, then logic synthesis, then
co-simulation.
"""
STAGES: Mapping[str, tuple[str, ...]] = {
    "csynth": ("csynth",),
    "vsynth": ("csynth", "vsynth"),
    "cosim": ("csynth", "vsynth", "cosim"),
    "rtl": ("rtl",),
}
"""Stages that each fidelity runs."""


@dataclass(frozen=True, kw_only=True)
class SynthesisOutcome:
    """One run of a vendor's tool on one design.

    Attributes:
        tool: the program, `vitis-run` say.
        version: of the tool, as its report says.
        fidelity: what was asked for; `rtl` is the flow without a vendor's tool (`bitfront.hls.rtl`).
        measured: figures by stage (csynth, vsynth, cosim, rtl), under the names that estimates use; a stage
            that was finished before a failure is kept.
        clock_ns: the period that C-synthesis estimates.
        seconds: wall time.
        cause: None, or why it failed (see `bitfront.hls.reports.log.Cause`).
        line: the tool's own telling line.
        advice: what to do about it.
    """

    tool: str
    fidelity: Fidelity | Literal["rtl"]
    seconds: float
    version: str | None = None
    measured: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    clock_ns: float | None = None
    cause: str | None = None
    line: str = ""
    advice: str = ""

    @property
    def ok(self) -> bool:
        """Whether every stage that was asked for is measured."""
        return self.cause is None

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        plain = dict(self.__dict__)
        plain["measured"] = {stage: dict(figures) for stage, figures in self.measured.items()}
        return plain

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> SynthesisOutcome:
        """Read what `to_json` wrote.

        Raises:
            TypeError, KeyError, ValueError, AttributeError: it didn't write this.
        """
        measured = {
            str(stage): {str(name): float(value) for name, value in figures.items()}
            for stage, figures in plain["measured"].items()
        }
        return cls(**{**plain, "measured": measured})
