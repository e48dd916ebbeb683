"""A width for each element of a finished candidate's results, where training data leave high bits empty."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from bitfront.hls.precision import elements_of, narrowable
from bitfront.spaces import Graph

from ..trials.objectives import Objective
from .costs import Costs
from .parts import Judged
from .scores import Scores

if TYPE_CHECKING:
    from ..config import StudyConfig

SAMPLES = 4096
"""Training samples whose values are looked at."""


class ElementWidths:
    """Gives candidates element widths where these pay.

    They pay where no cost among the objectives, nor the LUTs, is higher, one of them is lower, and the
    validation metric isn't worse. A rounding to elements' types costs what any rounding costs, so that a
    narrower product may not be worth it.

    Args:
        config: the study.
        graph: its model.
        costs: types and costs of its candidates.
        scores: their metric.
        objectives: of the study.
    """

    def __init__(
        self, config: StudyConfig, graph: Graph, costs: Costs, scores: Scores, objectives: Sequence[Objective]
    ) -> None:
        self._graph, self._costs, self._scores = graph, costs, scores
        self._io_type = config.hls.io_type
        self._wanted = config.space.element_widths and bool(narrowable(graph))
        self._objectives = {o.key: o for o in objectives if not o.is_scored}
        self._keys = tuple(dict.fromkeys([*self._objectives, "lut"]))

    def narrowed(self, judged: Judged) -> Judged:
        """Return a candidate with element widths, or as it is where they don't pay.

        Its weights are those that it has.
        """
        if not self._wanted:
            return judged
        types, weights = judged.cost.types, judged.weights
        ranges = self._scores.ranges(types, weights, SAMPLES)
        elements = elements_of(self._graph, types, ranges, self._io_type)
        if not elements:
            return judged
        narrow = self._costs.types(judged.candidate, weights, types, elements)
        cost = self._costs.cost(narrow, self._costs.estimate(judged.candidate, narrow, weights))
        if not self._cheaper(cost.resources, judged.cost.resources):
            return judged
        outcome = self._scores.outcome(self._scores.outputs(narrow, weights))
        if self._scores.ranking.better(judged.outcome.score, outcome.score):
            return judged
        trained = judged.trained_score if weights is None else outcome.score
        return replace(judged, cost=cost, outcome=outcome, trained_score=trained)

    def _cheaper(self, new: Mapping[str, float], old: Mapping[str, float]) -> bool:
        pairs = [(self._loss(key, new[key]), self._loss(key, old[key])) for key in self._keys]
        return all(a <= b for a, b in pairs) and any(a < b for a, b in pairs)

    def _loss(self, key: str, value: float) -> float:
        objective = self._objectives.get(key)
        return value if objective is None or objective.direction == "minimize" else -value
