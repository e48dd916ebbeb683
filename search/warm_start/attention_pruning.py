"""Which parts of an attention a training can do without: keys, values, heads, or all of it.

Fewer bits of a weight save what they cost, but products of two variables are saved only when a key, a value
or a head is zero as a whole. So the gradient width search tries each now and then: where the loss of some
samples rises by less than what its absence saves is worth, its weights become zero for good, and the design
is built without it (`bitfront.hls.shrunk`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from bitfront.hls import Removable, removable
from bitfront.spaces import Graph, Weights

if TYPE_CHECKING:
    from ..evaluator.evaluator import Evaluator

SAMPLES = 512
"""Training samples that a part's absence is judged by. Chosen by hand; no measurement is on record."""


class AttentionPruning:
    """The parts of a study's attentions that are left during a gradient width search.

    Args:
        evaluator: of the study.
    """

    def __init__(self, evaluator: Evaluator) -> None:
        self._trainer = evaluator.training.trainer
        samples = len(evaluator.problem.data.x_train[0])
        rng = np.random.default_rng([evaluator.problem.config.seed, 3])
        self._order = rng.permutation(samples)[:SAMPLES]
        self._parts = free_parts(evaluator.graph)

    def take(self, weights: Weights, cost: Callable[[Weights], float], cost_weight: float) -> Weights:
        """Remove the parts that aren't worth what they cost, those that are worth least first; return what is
        left.

        Args:
            weights: the weights as training computes with them.
            cost: what a design with such weights costs.
            cost_weight: of cost, in units of the loss.
        """
        self._parts = [part for part in self._parts if part.left(weights)]
        if not self._parts:
            return weights
        now = self._trainer.loss(self._order), cost(weights)
        gains = {part: self._gain(part, weights, cost, cost_weight, now) for part in self._parts}
        whole = weights
        for part in sorted(self._parts, key=lambda one: -gains[one]):
            if gains[part] <= 0:
                break
            # what went before it may have made it worth more
            if weights is whole or (
                part.left(weights) and self._gain(part, weights, cost, cost_weight, now) > 0
            ):
                self._trainer.erase(part.erased(_ones(weights)))
                weights = part.erased(weights)
                now = self._trainer.loss(self._order), cost(weights)
        return weights

    def _gain(
        self,
        part: Removable,
        weights: Weights,
        cost: Callable[[Weights], float],
        cost_weight: float,
        now: tuple[float, float],
    ) -> float:
        """Return what a part's absence is worth, given loss and cost with it; training continues as it
        was.
        """
        model = self._trainer.model
        weights_before = model.weights()
        model.restore(part.erased(weights_before))
        lost = self._trainer.loss(self._order) - now[0]
        model.restore(weights_before)
        return cost_weight * (now[1] - cost(part.erased(weights))) - lost


def free_parts(graph: Graph) -> list[Removable]:
    """Return the parts of a graph's attentions whose absence changes no weight that the user has fixed."""

    def fixed(part: Removable) -> bool:
        erased = part.erased(graph.weights)
        return any(
            not np.array_equal(erased[node][role], graph.weights[node][role])
            for node, role in (key.rsplit("/", 1) for key in graph.frozen)
        )

    return [part for part in removable(graph) if not fixed(part)]


def _ones(weights: Weights) -> Weights:
    return {
        name: {r: np.ones(a.shape, np.float32) for r, a in roles.items()} for name, roles in weights.items()
    }
