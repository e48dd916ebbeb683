"""Greedy width reduction: from a wide candidate, again and again the width is narrowed that loses least
metric for what it saves.

Nothing is trained: a step costs the milliseconds of a rounding. Greedy, and lazy: narrowing a tensor rarely
loses less once others are narrow, so only the width that promised most is measured again before it is taken
(Minoux, "Accelerated greedy algorithms for maximizing submodular set functions", 1978, whose guarantee
doesn't hold here). Unlike a table of sensitivities, every candidate is rounded as a whole, so that losses
that add up are seen.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from bitfront.spaces import Dimension, Params, Weights

from ..trials.evaluation import Evaluation
from ..trials.objectives import SIGNS, Objective
from .cost import WeightedCost

if TYPE_CHECKING:
    from ..evaluator.evaluator import Evaluator

KEPT_LEAD = 0.995
"""Share of the float model's lead over a blind guess that the uniform candidate must keep to begin with."""
ROOM = 1
"""Bits that every tensor gets above that candidate, so that some may stay wider while others narrow."""
LOST_LEAD = 0.4
"""Share of the lead whose loss ends the reduction: what training can regain is well above it."""
NOISE = 1e-3
"""Share of the lead that rounding may change by chance: below it, a width is judged by what it saves."""
_LEAST_SAVING = 1e-4


class GreedyWidths:
    """Greedy width reductions in a study's space; the hardware stays that of the start.

    Args:
        evaluator: of the study.
        objectives: the study's.
    """

    def __init__(self, evaluator: Evaluator, objectives: Sequence[Objective]) -> None:
        self._evaluator = evaluator
        self._weighted_cost = WeightedCost(evaluator, objectives)
        self._lead = abs(evaluator.float_score - evaluator.scores.blind()) or 1.0
        self._sign = SIGNS[evaluator.metric_record.direction]

    def from_uniform(self, uniform: Sequence[Evaluation], method: Params, most: int) -> Iterator[Evaluation]:
        """Give at most so many candidates, rounded with the float weights; those only tried are among them.

        Args:
            uniform: evaluations of uniform candidates, rounded without training: the reduction begins with
                the cheapest that keeps the metric.
            method: the parameters that say that nothing is trained, where the space has them.
            most: candidates.
        """
        scored = [e for e in uniform if e.status == "complete"]
        enough = [e for e in scored if self._loss(e) <= 1 - KEPT_LEAD] or scored
        start = (
            min(enough, key=lambda e: self._weighted_cost(e.resources)).params
            if enough
            else self._evaluator.space.uniform(8, "ptq")
        )
        dimensions = self._widths()
        wider = {d.name: min(int(start[d.name]) + ROOM, d.high) for d in dimensions}
        return self._reduced({**start, **wider, **method}, self._rounded, dimensions, most, LOST_LEAD)

    def from_trained(
        self,
        params: Params,
        weights: Weights,
        most: int,
        lost: float,
        dimensions: Sequence[Dimension] | None = None,
    ) -> Iterator[Evaluation]:
        """Give at most so many candidates, rounded with weights that were trained for one, which stay as they
        are.

        Args:
            params: where the reduction begins.
            weights: the weights.
            most: candidates.
            lost: share of the lead whose loss, beyond that of the start, ends the reduction.
            dimensions: widths that may be narrowed; all of the space by default.
        """

        def evaluated(narrower: Params) -> Evaluation:
            return self._evaluator.inherited(0, narrower, weights)

        return self._reduced(
            params, evaluated, self._widths() if dimensions is None else dimensions, most, lost, beyond=True
        )

    def narrowed(self, params: Params, dimensions: Sequence[Dimension], lost: float) -> Params:
        """Return a candidate with these widths as narrow as the float weights allow for this share of the
        lead.
        """
        candidates = list(self.from_trained(params, self._evaluator.graph.weights, 1000, lost, dimensions))
        enough = [e for e in candidates if self._loss(e) <= self._loss(candidates[0]) + lost]
        return min(enough, key=lambda e: self._weighted_cost(e.resources)).params if enough else params

    def _reduced(
        self,
        start: Params,
        evaluated: Callable[[Params], Evaluation],
        dimensions: Sequence[Dimension],
        most: int,
        lost: float,
        *,
        beyond: bool = False,
    ) -> Iterator[Evaluation]:
        """Give the candidates as they are evaluated; `lost` counts `beyond` what the start has lost."""
        now = evaluated(start)
        yield now
        limit = lost + (self._loss(now) if beyond else 0.0)
        promises = [(0.0, position) for position in range(len(dimensions))]
        tried: dict[int, tuple[int, Evaluation]] = {}
        step, count = 0, 1
        while promises and count < most and self._loss(now) < limit:
            promise, position = heapq.heappop(promises)
            dimension = dimensions[position]
            measured, narrower = tried.get(position, (-1, now))
            if measured == step:  # no other promises more
                now, step = narrower, step + 1
            else:
                width = int(now.params[dimension.name])
                if width <= dimension.low:
                    continue
                narrower = evaluated({**now.params, dimension.name: width - 1})
                tried[position] = step, narrower
                promise, count = self._promise(now, narrower), count + 1
                yield narrower
            heapq.heappush(promises, (promise, position))

    def _rounded(self, params: Params) -> Evaluation:
        # as a uniform candidate it is scored whatever limit it breaks
        return self._evaluator.evaluate(0, params, "uniform")[0]

    def _widths(self) -> list[Dimension]:
        return [d for d in self._evaluator.space.dimensions if d.kind == "width"]

    def _loss(self, evaluation: Evaluation) -> float:
        """Return the share of the lead that is lost; all of it where there is no score."""
        if evaluation.status != "complete":
            return math.inf
        return self._sign * (self._evaluator.float_score - evaluation.score) / self._lead

    def _promise(self, now: Evaluation, tried: Evaluation) -> float:
        loss = max(0.0, self._loss(tried) - self._loss(now)) + NOISE
        return loss / max(
            self._weighted_cost(now.resources) - self._weighted_cost(tried.resources), _LEAST_SAVING
        )
