"""What the absence of a part is worth to a training: what it saves, less what the loss rises by."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from bitfront.hls import Removable
from bitfront.spaces import Graph, Weights

if TYPE_CHECKING:
    from ..evaluator.evaluator import Evaluator

SAMPLES = 512
"""Training samples that a part's absence is judged by. Chosen by hand; no measurement is on record."""


class Absence:
    """Judges parts by the loss of the same samples of a study, and takes them out of its training.

    Args:
        evaluator: of the study.
    """

    def __init__(self, evaluator: Evaluator) -> None:
        self._trainer = evaluator.training.trainer
        samples = len(evaluator.problem.data.x_train[0])
        rng = np.random.default_rng([evaluator.problem.config.seed, 3])
        self.order = rng.permutation(samples)[:SAMPLES]

    def loss(self) -> float:
        """Return the loss of these samples with the weights that the training has."""
        return self._trainer.loss(self.order)

    def gain(
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
        return cost_weight * (now[1] - cost(part.erased(weights))) - (self.loss_without(part) - now[0])

    def loss_without(self, part: Removable) -> float:
        """Return the loss without a part; training continues as it was."""
        model = self._trainer.model
        weights_before = model.weights()
        model.restore(part.erased(weights_before))
        found = self.loss()
        model.restore(weights_before)
        return found

    def take(self, part: Removable, weights: Weights) -> Weights:
        """Make the part's weights zero for the rest of the training; return the weights without it."""
        self._trainer.erase(part.erased(_ones(weights)))
        return part.erased(weights)


def is_fixed(graph: Graph, part: Removable) -> bool:
    """Whether a part's absence changes a weight that the user has fixed."""
    erased = part.erased(graph.weights)
    return any(
        not np.array_equal(erased[node][role], graph.weights[node][role])
        for node, role in (key.rsplit("/", 1) for key in graph.frozen)
    )


def _ones(weights: Weights) -> Weights:
    return {
        name: {r: np.ones(a.shape, np.float32) for r, a in roles.items()} for name, roles in weights.items()
    }
