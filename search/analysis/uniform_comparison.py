"""Which searched candidates a uniform baseline is compared with; chosen on validation data and by cost, never
on test data.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..quantities import Direction
from ..trials.evaluation import Evaluation
from ..trials.objectives import SIGNS, Objective


def searched(evaluations: Iterable[Evaluation]) -> list[Evaluation]:
    """Return the candidates of the search that meet every limit, and are no uniform baseline under another
    number.
    """
    known = list(evaluations)
    uniform = {e.design for e in known if e.kind == "uniform"}
    return [e for e in known if e.kind == "search" and e.feasible and e.design not in uniform]


def baselines_of(evaluations: Sequence[Evaluation]) -> list[Evaluation]:
    """Return the uniform baselines that were scored, each design once, by trial."""
    scored = [e for e in evaluations if e.kind == "uniform" and e.status == "complete"]
    first = {e.design: e for e in reversed(scored)}
    return sorted(first.values(), key=lambda e: e.number)


def cheapest_as_good(
    baseline: Evaluation, pool: Iterable[Evaluation], cost: Objective, direction: Direction
) -> Evaluation | None:
    """Return the cheapest that scores at least as well as a baseline; of equally cheap ones, the best."""
    sign = SIGNS[direction]
    as_good = [s for s in pool if sign * s.score >= sign * baseline.score]
    return min(as_good, key=lambda s: (cost.value(s), -sign * s.score, s.number), default=None)


def best_at_no_more_cost(
    most: float, pool: Iterable[Evaluation], cost: Objective, direction: Direction
) -> Evaluation | None:
    """Return the best that costs at most so much; of equally good ones, the cheapest."""
    sign = SIGNS[direction]
    affordable = [s for s in pool if cost.value(s) <= most]
    return min(affordable, key=lambda s: (-sign * s.score, cost.value(s), s.number), default=None)


def compared(evaluations: Sequence[Evaluation], objectives: Sequence[Objective]) -> list[Evaluation]:
    """Return every uniform baseline, and every candidate that one is compared with in the first cost; each
    once.
    """
    direction = next(o.direction for o in objectives if o.is_metric)
    cost = next(o for o in objectives if not o.is_metric)
    uniform, pool = baselines_of(evaluations), searched(evaluations)
    found = {e.number: e for e in uniform}
    for e in uniform:
        for one in (
            cheapest_as_good(e, pool, cost, direction),
            best_at_no_more_cost(cost.value(e), pool, cost, direction),
        ):
            found |= {one.number: one} if one else {}
    return [found[number] for number in sorted(found)]
