"""How many fewer LUTs a search needs than uniform widths for the same metric on test data, of studies that
have run.

python -m bitfront.experiments.benchmarks.against_uniform studies/seed_1 studies/seed_2 studies/seed_3

For each allowed drop below the float model: the cheapest searched and the cheapest uniform candidate, rounded
or trained, whose test metric is within it, of those that the study scored on test data (its front, its
uniform baselines, and what these are compared with). And, chosen on validation data alone, the same with the
test metrics that the two then have.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import mean
from typing import TYPE_CHECKING

from ..command import returns_exit_code

if TYPE_CHECKING:
    from bitfront.search import Evaluation
    from bitfront.search.trials import Reference

DROPS = (0.0, 0.002, 0.005, 0.01, 0.02)
"""Below the float model, in the metric's unit."""


def pairs(
    study: Path, drop: float, cost: str, *, split: str
) -> tuple[Evaluation | None, Evaluation | None, Reference]:
    """Return the cheapest searched and the cheapest uniform candidate of a study within a drop on a split.

    Raises:
        UserError: the folder is no study.
    """
    from bitfront.search import read_evaluations
    from bitfront.search.analysis import baselines_of, searched
    from bitfront.search.trials import QUANTITIES, SIGNS, Objective, Reference

    reference, known = Reference.read(study), read_evaluations(study)
    quantity = QUANTITIES[cost]
    objective = Objective(cost, "minimize", quantity.key, quantity.label)
    sign = SIGNS[reference.metric.direction]
    key, own = ("test", "test") if split == "test" else ("score", "val")
    least = sign * reference.float_scores[own] - drop

    def cheapest(pool: list[Evaluation]) -> Evaluation | None:
        able = [
            e for e in pool if key in e.metrics and "test" in e.metrics and sign * e.metrics[key] >= least
        ]
        return min(able, key=lambda e: (objective.value(e), -sign * e.metrics[key], e.number), default=None)

    return cheapest(searched(known)), cheapest([e for e in baselines_of(known) if e.feasible]), reference


def lines(studies: Sequence[Path], cost: str) -> Iterator[str]:
    """Yield the lines of a Markdown table; one number a study."""
    from bitfront.search.trials import QUANTITIES

    label, key = QUANTITIES[cost].label, QUANTITIES[cost].key
    yield (
        f"| chosen on | drop | searched {label} | uniform {label} | uniform | fewer | mean | test, to "
        f"float: searched | uniform |"
    )
    yield "|---|---:|---|---|---|---|---:|---|---|"
    for split in ("test", "validation"):
        for drop in DROPS:
            found = [pairs(study, drop, cost, split=split) for study in studies]
            sides = [[(row[0], row[2]) for row in found], [(row[1], row[2]) for row in found]]
            spent = [[None if e is None else e.resources[key] for e, _ in side] for side in sides]
            fewer = [1 - a / b for a, b in zip(*spent, strict=True) if a is not None and b is not None]
            cells = [
                split,
                f"{drop:g}",
                *(" ".join("-" if v is None else f"{v:,.0f}" for v in side) for side in spent),
            ]
            cells += [" ".join("-" if e is None else _name(e) for e, _ in sides[1])]
            cells += [
                " ".join(f"{100 * v:.0f} %" for v in fewer),
                f"{100 * mean(fewer):.0f} %" if fewer else "",
            ]
            cells += [" ".join("-" if e is None else _gap(e, r) for e, r in side) for side in sides]
            yield f"| {' | '.join(cells)} |"


def _gap(e: Evaluation, reference: Reference) -> str:
    return f"{e.metrics['test'] - reference.float_scores['test']:+.4f}"


def _name(e: Evaluation) -> str:
    widths = [v for k, v in e.params.items() if k.endswith(".weights") and isinstance(v, int)]
    return f"{max(widths)}-{e.method}"


@returns_exit_code
def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table of studies that have run to their end."""
    parser = argparse.ArgumentParser(description="Searched against uniform widths on test data.")
    parser.add_argument("studies", type=Path, nargs="+", help="folders of finished studies, one a seed")
    parser.add_argument("--cost", default="lut", help="lut, dsp, ...: which is compared")
    options = parser.parse_args(arguments)
    for line in lines(options.studies, options.cost):
        print(line)


if __name__ == "__main__":
    sys.exit(main())
