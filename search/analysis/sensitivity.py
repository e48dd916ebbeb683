"""What narrowing one tensor alone does to the metric and to each resource, and which widths that rules
out.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from bitfront.spaces import Dimension, Params, UserError

from ..quantities import QUANTITIES
from ..trials.files import write_atomic
from ..trials.objectives import metric_violations

if TYPE_CHECKING:
    from ..evaluator.evaluator import Evaluator

FILE = "sensitivity.csv"
RESOURCES = tuple(
    quantity.key for quantity in QUANTITIES.values() if quantity.objective and quantity.kind != "scored"
)
"""Estimated resources whose change is given."""


@dataclass(frozen=True)
class Sensitivity:
    """One row: a tensor at a width, all others as wide as the space allows, rounded without training."""

    tensor: str
    bits: int
    change: float
    """The metric's change, in its own direction: negative for an accuracy that fell."""
    score: float = math.nan
    """The metric."""
    resources: Mapping[str, float] = field(default_factory=dict)
    """Change of each estimated resource, by its name in `RESOURCES`."""


@dataclass(frozen=True)
class Screening:
    """A narrower space that the table suggests, and why: nothing is narrowed without being said."""

    floors: Mapping[str, int]
    """Dimension -> lowest width that keeps the metric, where that is above the dimension's lowest."""
    ties: tuple[tuple[str, ...], ...]
    """Dimensions of one kind with the same floor, which may share a width."""
    steps: tuple[str, ...]
    """A sentence for each."""


def measure_sensitivity(evaluator: Evaluator) -> Iterator[Sensitivity]:
    """Give the rows of every tensor whose width is searched, widest first.

    Raises:
        UserError: when the space searches no width, or its widest candidate can't be computed.
    """
    dimensions = _widths(evaluator)
    if not dimensions:
        raise UserError("The space searches no width: give space.weights or space.activations a range.")
    widest: Params = evaluator.space.uniform(max(d.high for d in dimensions), "ptq")
    start = evaluator.space.candidate(widest)
    score, resources = evaluator.rounded(start)
    for dimension in dimensions:
        for tensor in dimension.targets:
            for bits in range(dimension.high, dimension.low - 1, -1):
                if bits == dimension.high:
                    now, costs = score, resources
                else:
                    now, costs = evaluator.rounded(start.with_width(tensor, bits))
                changes = {key: costs[key] - resources[key] for key in RESOURCES}
                yield Sensitivity(tensor, bits, now - score, now, changes)


def screen(evaluator: Evaluator, rows: Sequence[Sensitivity], drop: float | None = None) -> Screening:
    """Return which widths the table rules out.

    A width is ruled out where one tensor alone at that width, all others at their widest, already breaks the
    study's constraint on the metric or, with `drop`, costs more than `drop` of the metric. That is so without
    training: a space with `qat` keeps one bit more room below.

    Raises:
        UserError: when there is neither a constraint on the metric nor a `drop`.
    """
    if drop is None and not any(c.on_metric for c in evaluator.constraints):
        raise UserError(
            "There is no constraint on the metric to screen by: add one to the study, or give --drop, such "
            "as 0.01."
        )
    margin = 1 if "qat" in evaluator.problem.config.space.method else 0
    table: dict[str, dict[int, Sensitivity]] = {}
    for row in rows:
        table.setdefault(row.tensor, {})[row.bits] = row
    floors: dict[str, int] = {}
    steps: list[str] = []
    for dimension in _widths(evaluator):
        kept = {
            t: _lowest(evaluator, dimension, table[t], drop) - margin for t in dimension.targets if t in table
        }
        if not kept:
            continue
        tensor = max(kept, key=lambda name: kept[name])
        floor = max(kept[tensor], dimension.low)
        if floor > dimension.low:
            floors[dimension.name] = floor
            row = table[tensor][floor + margin - 1]
            note = f", less {margin} bit that training may regain" if margin else ""
            steps.append(
                f"{dimension.name}: {dimension.low}..{dimension.high} becomes {floor}..{dimension.high}, "
                f"since {tensor} alone at {row.bits} bits changes the metric by {row.change:+.4f}{note}."
            )
    groups: dict[tuple[str, int], list[str]] = {}
    for name, floor in floors.items():
        groups.setdefault((name.rpartition(".")[2], floor), []).append(name)
    ties = tuple(tuple(names) for names in groups.values() if len(names) > 1)
    steps += [f"{', '.join(names)} have the same floor and may share a width." for names in ties]
    return Screening(floors, ties, tuple(steps))


def study_lines(screening: Screening, evaluator: Evaluator) -> str:
    """Return the screening as lines for the `space` section of a study file."""
    layers: dict[str, list[str]] = {}
    lines = ["space:"]
    for name, floor in screening.floors.items():
        layer, _, group = name.rpartition(".")
        bounds = f"{floor}..{evaluator.space[name].high}"
        if group == "input":
            lines.append(f"  input: {bounds}")
        else:
            layers.setdefault(layer, []).append(f"{group}: {bounds}")
    if layers:
        lines.append("  layers:")
        lines += [f"    {layer}: {{{', '.join(parts)}}}" for layer, parts in layers.items()]
    return "\n".join(lines)


def _widths(evaluator: Evaluator) -> list[Dimension]:
    return [
        d for d in evaluator.space.dimensions if d.kind == "width" and not d.name.endswith(".accumulators")
    ]


def _lowest(
    evaluator: Evaluator, dimension: Dimension, by_bits: Mapping[int, Sensitivity], drop: float | None
) -> int:
    """Return the lowest width down to which the metric holds without a gap."""
    better_if_more = evaluator.metric_record.direction == "maximize"
    lowest = dimension.high
    for bits in range(dimension.high, dimension.low - 1, -1):
        row = by_bits[bits]
        worse = -row.change if better_if_more else row.change
        broken = any(
            v > 0 for v in metric_violations(evaluator.constraints, row.score, evaluator.float_score).values()
        )
        if not math.isfinite(row.score) or (worse > drop if drop is not None else broken):
            break
        lowest = bits
    return lowest


def write_sensitivity(study_dir: Path, rows: Sequence[Sensitivity]) -> Path:
    """Write `sensitivity.csv` into a study's folder and return its path."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["tensor", "bits", "metric", "metric_change", *(f"{key}_change" for key in RESOURCES)])
    for row in rows:
        writer.writerow(
            [row.tensor, row.bits, row.score, row.change, *(row.resources[key] for key in RESOURCES)]
        )
    path = study_dir / FILE
    write_atomic(path, text.getvalue())
    return path


def read_sensitivity(study_dir: Path) -> tuple[Sensitivity, ...]:
    """Return the rows of `sensitivity.csv`, nothing where there is none; rows without a finite change are
    left out.

    Raises:
        UserError: when the table can't be read.
    """
    path = Path(study_dir) / FILE
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = [
                Sensitivity(
                    row["tensor"],
                    int(row["bits"]),
                    float(row["metric_change"]),
                    float(row["metric"]),
                    {key: float(row[f"{key}_change"]) for key in RESOURCES if f"{key}_change" in row},
                )
                for row in csv.DictReader(file)
            ]
    except FileNotFoundError:
        return ()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{path} can't be read ({error!r}): delete it, or make it again with bitfront sensitivity."
        ) from error
    return tuple(row for row in rows if math.isfinite(row.change))
