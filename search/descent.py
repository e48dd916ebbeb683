"""A way down from a wide candidate: again and again the width that costs least of the metric for what it saves is narrowed.

Nothing is trained: a step costs the milliseconds of a rounding. Greedy, and lazy: narrowing a tensor rarely gets cheaper
once others are narrow, so only the width that promised most is measured again before it is taken (Minoux, "Accelerated
greedy algorithms for maximizing submodular set functions", 1978, whose guarantee doesn't hold here). Unlike a table of
sensitivities, every candidate on the way is rounded as a whole, so that losses that add up are seen.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from bitfront.spaces import Dimension, Params

from .evaluation import Evaluation
from .objectives import SIGNS, Objective

if TYPE_CHECKING:
    from .workbench import Workbench

KEPT_LEAD = 0.995
"""Share of the float model's lead over a blind guess that the uniform candidate must keep to begin with."""
ROOM = 1
"""Bits that every tensor gets above that candidate, so that some may stay wider while others narrow."""
LOST_LEAD = 0.4
"""Share of the lead whose loss ends the way: what training can regain is well above it."""
NOISE = 1e-3
"""Share of the lead that rounding may change by chance: below it, a width is judged by what it saves."""
_LEAST_SAVING = 1e-4
_EBOPS_WEIGHT = 0.1
"""Of the logarithm of the EBOPs beside those of the objectives, which may stand still over several bits."""


class Descent:
    """The way down; candidates are those of the space with its first choice of hardware.

    Args:
        bench: of the study.
        objectives: the study's.
        known: evaluations of uniform candidates, rounded without training: the way begins at the cheapest that
            keeps the metric.
        method: the parameter that says so, where the space has one.
    """

    def __init__(
        self,
        bench: Workbench,
        objectives: Sequence[Objective],
        known: Sequence[Evaluation],
        method: Params,
    ) -> None:
        self._bench, self._method = bench, method
        self._keys = [o.key for o in objectives if not o.is_metric and "latency" not in o.key]
        self._lead = abs(bench.float_score - bench.blind_score()) or 1.0
        self._sign = SIGNS[bench.metric_record.direction]
        scored = [e for e in known if e.status == "complete"]
        enough = [e for e in scored if self._loss(e) <= 1 - KEPT_LEAD] or scored
        self._start: Params = min(enough, key=self._cost).params if enough else bench.space.uniform(8, "ptq")

    def candidates(self, most: int) -> Iterator[Evaluation]:
        """Give at most so many candidates as they are rounded; those that were only tried are among them."""
        dimensions = _widths(self._bench)
        wider = {d.name: min(int(self._start[d.name]) + ROOM, d.high) for d in dimensions}
        now = self._evaluated({**self._start, **wider, **self._method})
        yield now
        promises = [(0.0, position) for position in range(len(dimensions))]
        tried: dict[int, tuple[int, Evaluation]] = {}
        step, count = 0, 1
        while promises and count < most and self._loss(now) < LOST_LEAD:
            promise, position = heapq.heappop(promises)
            dimension = dimensions[position]
            measured, narrower = tried.get(position, (-1, now))
            if measured == step:  # no other promises more
                now, step = narrower, step + 1
            else:
                width = int(now.params[dimension.name])
                if width <= dimension.low:
                    continue
                narrower = self._evaluated({**now.params, dimension.name: width - 1})
                tried[position] = step, narrower
                promise, count = self._promise(now, narrower), count + 1
                yield narrower
            heapq.heappush(promises, (promise, position))

    def _evaluated(self, params: Params) -> Evaluation:
        # as a uniform candidate it is scored whatever limit it breaks
        return self._bench.evaluate(0, params, "uniform")[0]

    def _loss(self, evaluation: Evaluation) -> float:
        """Return the share of the lead that is lost; all of it where there is no score."""
        if evaluation.status != "complete":
            return math.inf
        return self._sign * (self._bench.float_score - evaluation.score) / self._lead

    def _cost(self, evaluation: Evaluation) -> float:
        figures = evaluation.resources
        logarithms = [math.log1p(figures[key]) for key in self._keys if key in figures]
        mean = sum(logarithms) / len(logarithms) if logarithms else 0.0
        return mean + _EBOPS_WEIGHT * math.log1p(figures["ebops"])

    def _promise(self, now: Evaluation, tried: Evaluation) -> float:
        loss = max(0.0, self._loss(tried) - self._loss(now)) + NOISE
        return loss / max(self._cost(now) - self._cost(tried), _LEAST_SAVING)


def _widths(bench: Workbench) -> list[Dimension]:
    return [d for d in bench.space.dimensions if d.kind == "width"]
