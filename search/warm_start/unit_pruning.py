"""How many units of a recurrent layer, and channels of a depthwise convolution, a training can do without.

A unit's weights need not be zero one by one to be spared: it goes when all that makes it or reads it is zero,
and then its rows and columns go from every kernel, so that what the Resource strategy shares its multipliers
for falls by the square. The gradient width search tries the units with the smallest weights now and then, in
groups: reuse factors divide the sizes that are left, so that one unit less may cost more than it saves where
eight save much.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from bitfront.hls import Removable, removable_units
from bitfront.spaces import Graph, Weights

from .absence import Absence, is_fixed
from .attention_pruning import AttentionPruning

if TYPE_CHECKING:
    from ..evaluator.evaluator import Evaluator

COUNTS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)
"""Units of each direction that are tried together, of those that are least."""
SPARED = 0.75
"""Share of the units without which the least cost of a search is reckoned."""
_LONGEST = 8
"""Times, at most, that a layer is passed over after none of its units could go."""

Layer = tuple[tuple[Removable, ...], ...]
"""Units of each direction."""


class UnitPruning:
    """The layers of a study that may lose units during a gradient width search.

    Args:
        evaluator: of the study.
    """

    def __init__(self, evaluator: Evaluator) -> None:
        self._absence = Absence(evaluator)
        self._layers = free_units(evaluator.graph)
        self._wait = [(0, 1)] * len(self._layers)
        """Of each layer, the times that it is still passed over, and how often after the next failure."""

    def take(self, weights: Weights, cost: Callable[[Weights], float], cost_weight: float) -> Weights:
        """Remove, of each layer, as many of its least units as gain most; return what is left.

        Args:
            weights: the weights as training computes with them.
            cost: what a design with such weights costs.
            cost_weight: of cost, in units of the loss.
        """
        for number, layer in enumerate(self._layers):
            left, longer = self._wait[number]
            if left:
                self._wait[number] = (left - 1, longer)
                continue
            part = self._best(layer, weights, cost, cost_weight)
            if part is None:
                self._wait[number] = (longer, min(2 * longer, _LONGEST))
            else:
                self._wait[number] = (0, 1)
                weights = self._absence.take(part, weights)
        return weights

    def _best(
        self, layer: Layer, weights: Weights, cost: Callable[[Weights], float], cost_weight: float
    ) -> Removable | None:
        """Return the units whose absence gains most, None where none gains."""
        loss, price = self._absence.loss(), cost(weights)
        best, most, missed = None, 0.0, 0
        for part in groups(layer, weights):
            saved = cost_weight * (price - cost(part.erased(weights)))
            if saved <= most:  # some sizes have no reuse factor near the one that is asked for
                continue
            gain = saved - (self._absence.loss_without(part) - loss)
            if gain > most:
                best, most, missed = part, gain, 0
            else:
                missed += 1
            if missed == 3:
                break
        return best


def groups(layer: Layer, weights: Weights) -> list[Removable]:
    """Return the least units of a layer together: one of each direction, two, and so on; one of each
    stays.
    """
    ranked = [sorted((u for u in side if u.left(weights)), key=lambda u: u.size(weights)) for side in layer]
    fewest = min(len(side) for side in ranked)
    return [
        Removable.together([unit for side in ranked for unit in side[:count]])
        for count in COUNTS
        if count < fewest
    ]


def prunings_of(evaluator: Evaluator, *, per_weight: bool) -> list[AttentionPruning | UnitPruning]:
    """Return what a gradient width search of a study may remove: parts of attentions where single weights get
    steps, and units.
    """
    found: list[AttentionPruning | UnitPruning] = [AttentionPruning(evaluator)] if per_weight else []
    return found + ([UnitPruning(evaluator)] if _may_go(evaluator) else [])


def fewer_units(evaluator: Evaluator, weights: Weights | None) -> Weights | None:
    """Return weights (of the float model where None) without three quarters of the units that may go, which a
    search may come down to; as they are where none may.
    """
    if not _may_go(evaluator):
        return weights
    found = evaluator.graph.weights if weights is None else weights
    for layer in free_units(evaluator.graph):
        for side in layer:
            ranked = sorted(side, key=lambda unit: unit.size(found))
            spared = ranked[: int(SPARED * len(ranked))]
            if spared:
                found = Removable.together(spared).erased(found)
    return found


def _may_go(evaluator: Evaluator) -> bool:
    """Whether units may go: unless the study says how many weights are zero. A unit spares what a zero
    doesn't where multipliers are shared.
    """
    zeros = evaluator.problem.config.space.sparsity
    return (zeros == "auto" or len(zeros) > 1) and bool(free_units(evaluator.graph))


def free_units(graph: Graph) -> list[Layer]:
    """Return the units of each layer that may lose some, without those that change a weight which the user
    has fixed.
    """
    found = [
        tuple(tuple(unit for unit in side if not is_fixed(graph, unit)) for side in layer)
        for layer in removable_units(graph)
    ]
    return [layer for layer in found if all(layer)]
