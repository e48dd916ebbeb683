"""What synthesis tools found of a study's trials, read beside their estimates.

See `bitfront.search.measurements.record`; of several runs the newest counts, and `evaluation.json` keeps the
estimate whatever was measured.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from bitfront.hls.synthesis import SynthesisOutcome

from ..quantities import measured_name
from .record import read_records

STAGES = {
    "csynth": "C-synthesis",
    "vsynth": "logic synthesis",
    "cosim": "co-simulation",
    "rtl": "open-source RTL flow",
}
"""Stages in the order in which a figure is looked for, with the names that readers see."""


@dataclass(frozen=True)
class Measured:
    """Everything that tools measured of one trial."""

    figures: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """By stage, then by the keys of `Evaluation.resources`."""
    failures: tuple[tuple[str, str, str], ...] = ()
    """Of runs that failed: cause, the tool's telling line, advice."""

    def value(self, key: str) -> tuple[str, float] | None:
        """Return (stage, value) of a resource, from the first stage that measures it; None where none did."""
        for stage in STAGES:
            name = measured_name(key, stage)
            if name in self.figures.get(stage, {}):
                return stage, self.figures[stage][name]
        return None


def read_measured(study_dir: Path, clock_ns: float) -> dict[int, Measured]:
    """Return what was measured, by trial; times in ns follow from the cycles and the study's clock.

    Raises:
        UserError: when a record is damaged.
    """
    runs: dict[int, list[SynthesisOutcome]] = {}
    for record in read_records(study_dir):
        runs.setdefault(record.number, []).append(record.outcome)
    return {number: _measured(outcomes, clock_ns) for number, outcomes in runs.items()}


def figures(stages: Mapping[str, Mapping[str, float]], clock_ns: float) -> Measured:
    """Return figures by stage with the times that follow from the cycles and the clock."""
    found = {stage: dict(values) for stage, values in stages.items()}
    for known in found.values():
        for cycles in ("latency", "ii"):
            if f"{cycles}_cycles" in known:
                known[f"{cycles}_ns"] = known[f"{cycles}_cycles"] * clock_ns
    return Measured(found)


def _measured(outcomes: list[SynthesisOutcome], clock_ns: float) -> Measured:
    stages: dict[str, dict[str, float]] = {}
    for outcome in outcomes:
        for stage, values in outcome.measured.items():
            stages.setdefault(stage, {}).update(values)
    failures = [(one.cause, one.line, one.advice) for one in outcomes if one.cause]
    return replace(figures(stages, clock_ns), failures=tuple(failures))
