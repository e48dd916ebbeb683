"""The metric of a study's candidates, from the outputs of its one bit-true model."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from bitfront.hls import BitTrue, Types
from bitfront.hls.precision import Ranges
from bitfront.spaces import Graph, Weights

from .noise import disturbed
from .prepare import from_logits

if TYPE_CHECKING:
    from ..problem.load import Problem
    from ..problem.metrics import Outcome

Split = Literal["val", "test"]


class Scores:
    """Gives the bit-true model a candidate's types and weights, and scores what it outputs.

    The model holds one candidate at a time. Only the report asks for the split `test`.

    Args:
        problem: the study's data and metric.
        graph: its model.
        bit_true: the bit-true model of the graph; it holds the float weights.

    Attributes:
        ranking: the metric of the graph's outputs, logits where its head is left off.
    """

    def __init__(self, problem: Problem, graph: Graph, bit_true: BitTrue) -> None:
        self.ranking = problem.ranking.on_logits(from_logits(graph))
        self._problem, self._float_weights, self._model = problem, graph.weights, bit_true
        self._float_outputs: dict[Split, list[NDArray[np.float64]]] = {}
        self._holds_float = True

    def outputs(
        self, types: Types, weights: Weights | None, split: Split = "val"
    ) -> list[NDArray[np.float64]]:
        """Return what a candidate with these weights, the float ones where None, outputs for a split.

        Raises:
            UserError: when its types are too wide to be computed exactly.
        """
        self._hold(types, weights)
        return self._predicted(split)

    def ranges(self, types: Types, weights: Weights | None, samples: int) -> Ranges:
        """Return what elements of results take over the first training samples (see `BitTrue.ranges`).

        Raises:
            UserError: when its types are too wide to be computed exactly.
        """
        self._hold(types, weights)
        return self._model.ranges([x[:samples] for x in self._problem.data.x_train])

    def of(self, types: Types, weights: Weights | None, split: Split = "val") -> float:
        """Return the metric of a candidate with these weights, the float ones where None.

        Raises:
            UserError: when its types are too wide to be computed exactly.
        """
        return self.of_outputs(self.outputs(types, weights, split), split)

    def of_outputs(self, outputs: Sequence[Any], split: Split = "val") -> float:
        """Return the metric of the graph's outputs for a split."""
        data = self._problem.data
        return self.ranking(getattr(data, f"y_{split}"), outputs, data.beside(split))

    def of_model(self) -> float:
        """Return the validation metric of the bit-true model as it is: within a training, say."""
        return self.of_outputs(self._predicted("val"))

    def outcome(self, outputs: Sequence[Any]) -> Outcome:
        """Return the metric of outputs for the validation split, and what stands behind it."""
        data = self._problem.data
        return self.ranking.outcome(data.y_val, outputs, data.beside("val"))

    def float_outputs(self, split: Split = "val") -> list[NDArray[np.float64]]:
        """Return what the float model outputs for a split, computed once: every figure of it comes from
        here.
        """
        if split not in self._float_outputs:
            self._restore_float()
            inputs = getattr(self._problem.data, f"x_{split}")
            self._float_outputs[split] = self._model.predict_float(inputs)
        return self._float_outputs[split]

    def of_float(self, split: Split = "val") -> float:
        """Return the float model's metric on a split."""
        return self.of_outputs(self.float_outputs(split), split)

    def under_noise(self, types: Types, weights: Weights | None) -> float:
        """Return the validation metric of a candidate whose inputs carry the study's noise, the mean of its
        draws.

        Raises:
            UserError: when its types are too wide to be computed exactly.
        """
        self._hold(types, weights)
        data = self._problem.data
        found = [
            self.ranking(data.y_val, self._model.predict(inputs), data.beside("val"))
            for inputs in self._disturbed
        ]
        return float(np.mean(found))

    @cached_property
    def _disturbed(self) -> list[tuple[NDArray[np.float32], ...]]:
        config, data = self._problem.config, self._problem.data
        return disturbed(data.x_val, data.x_train, config.noise, config.seed) if config.noise else []

    def blind(self) -> float:
        """Return the validation metric of outputs that ignore the inputs: the mean target, or each class's
        share.
        """
        data = self._problem.data
        samples = len(data.x_val[0])
        constant = []
        for output, y in zip(self._problem.outputs.values(), data.y_train, strict=True):
            multiclass = output.task == "multiclass"
            mean = np.bincount(y, minlength=output.classes) / len(y) if multiclass else y.mean(axis=0)
            constant.append(np.broadcast_to(mean, (samples, *np.shape(mean))))
        return self.ranking.on_logits([False] * len(constant))(data.y_val, constant, data.beside("val"))

    def begin_training(self, types: Types | None = None) -> None:
        """Give the model its float weights, and types where they are given, for a training, which changes the
        weights.
        """
        self._restore_float()
        if types is not None:
            self._model.assign(types)
        self._holds_float = False

    def _hold(self, types: Types, weights: Weights | None) -> None:
        if weights is not None:
            self._model.restore(weights)
            self._holds_float = False
        else:
            self._restore_float()
        self._model.assign(types)

    def _predicted(self, split: Split) -> list[NDArray[np.float64]]:
        return self._model.predict(getattr(self._problem.data, f"x_{split}"))

    def _restore_float(self) -> None:
        if not self._holds_float:
            self._model.restore(self._float_weights)
            self._holds_float = True
