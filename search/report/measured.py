"""What synthesis tools found of a study's trials, read beside their estimates.

`trials/00012/synthesis.json` holds one outcome of a tool or a list of them, the newest last; `evaluation.json` keeps
the estimate whatever was measured.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bitfront.spaces import UserError

FILE = "synthesis.json"
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
        """Return (stage, value) of a resource, from the first stage that has it; None where none has."""
        for stage in STAGES:
            if key in self.figures.get(stage, {}):
                return stage, self.figures[stage][key]
        return None


def read_measured(study_dir: Path, clock_ns: float) -> dict[int, Measured]:
    """Return what was measured, by trial; times in ns follow from the cycles and the study's clock.

    Raises:
        UserError: when a file is damaged.
    """
    found = {}
    for path in sorted((Path(study_dir) / "trials").glob(f"*/{FILE}")):
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            found[int(path.parent.name)] = _measured(data if isinstance(data, list) else [data], clock_ns)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise UserError(f"{path} can't be read ({error!r}): synthesise the trial again.") from error
    return found


def _measured(outcomes: list[Any], clock_ns: float) -> Measured:
    figures: dict[str, dict[str, float]] = {}
    failures = []
    for outcome in outcomes:
        for stage, values in outcome["measured"].items():
            known = figures.setdefault(stage, {})
            known |= {key: float(value) for key, value in values.items()}
            for cycles in ("latency", "ii"):
                if f"{cycles}_cycles" in known:
                    known[f"{cycles}_ns"] = known[f"{cycles}_cycles"] * clock_ns
        if outcome.get("cause"):
            failures.append(
                (str(outcome["cause"]), str(outcome.get("line", "")), str(outcome.get("advice", "")))
            )
    return Measured(figures, tuple(failures))
