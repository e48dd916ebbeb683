"""Which parts of an attention a training can do without: keys, values, heads, or all of it.

Fewer bits of a weight save what they cost, but products of two variables are saved only when a key, a value
or a head is zero as a whole. So the gradient width search tries each now and then: where the loss of some
samples rises by less than what its absence saves is worth, its weights become zero for good, and the design
is built without it (`bitfront.hls.shrunk`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from bitfront.hls import Removable, removable
from bitfront.spaces import Graph, Weights

from .absence import Absence, is_fixed

if TYPE_CHECKING:
    from ..evaluator.evaluator import Evaluator


class AttentionPruning:
    """The parts of a study's attentions that are left during a gradient width search.

    Args:
        evaluator: of the study.
    """

    def __init__(self, evaluator: Evaluator) -> None:
        self._absence = Absence(evaluator)
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
        now = self._absence.loss(), cost(weights)
        gains = {part: self._absence.gain(part, weights, cost, cost_weight, now) for part in self._parts}
        whole = weights
        for part in sorted(self._parts, key=lambda one: -gains[one]):
            if gains[part] <= 0:
                break
            # what went before it may have made it worth more
            if weights is whole or (
                part.left(weights) and self._absence.gain(part, weights, cost, cost_weight, now) > 0
            ):
                weights = self._absence.take(part, weights)
                now = self._absence.loss(), cost(weights)
        return weights


def free_parts(graph: Graph) -> list[Removable]:
    """Return the parts of a graph's attentions whose absence changes no weight that the user has fixed."""
    return [part for part in removable(graph) if not is_fixed(graph, part)]
