"""hls4ml's `stable` softmax: largest input subtracted, exponentials and the inverse from tables."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from bitfront.spaces import FixedPoint, Graph, Node

from .base import Layer
from .quantizer import Mode


class Softmax(Layer):
    """Softmax over the last axis, as `nnet_activation.h::softmax_stable` computes it (hls4ml 1.3).

    Types: `inp_norm` (distance to the maximum, unsigned, its width addresses the exponential table), `exp_table`,
    `inv_inp` (the sum, unsigned, its width addresses the inverse table), `inv_table`, all `RND, SAT`.
    """

    def __init__(self, graph: Graph, node: Node, mode: Mode, *, types: Mapping[str, FixedPoint]) -> None:
        super().__init__(graph, node, mode)
        self._static = dict(types)
        self._exp = self._addressed(types["inp_norm"], lambda x: math.exp(-x))
        self._inverse = self._addressed(types["inv_inp"], lambda x: 1.0 / x if x else math.inf)
        self.scales = tf.Variable([2.0**10, 2.0**10], trainable=False, dtype=tf.float64)
        self._highs = tf.Variable([1.0, 1.0], trainable=False, dtype=tf.float64)

    @staticmethod
    def _addressed(address: FixedPoint, function: Any) -> np.ndarray:
        """Return the function's value at every value of the address type, as C++ floats."""
        values = [function(float(np.float32(i * address.step))) for i in range(2**address.width)]
        return np.array(values, np.float32).astype(np.float64)

    def assign(self, types: Mapping[str, FixedPoint]) -> None:
        """Give the tables their entry types."""
        pair = (types["exp_table"], types["inv_table"])
        self.scales.assign([1.0 / t.step for t in pair])
        self._highs.assign([t.max for t in pair])

    def _entries(self, values: np.ndarray, i: int) -> Any:
        """Round a table's entries: half up (`RND`), saturating."""
        scale = self.scales[i]
        finite = np.where(np.isfinite(values), values, 2.0**30)
        return tf.cast(tf.minimum(tf.floor(finite * scale + 0.5) / scale, self._highs[i]), self.mode.dtype)

    def __call__(self, inputs: Sequence[Any]) -> Any:
        """Return the probabilities, rounded to the result's type."""
        (x,) = inputs
        smooth = tf.nn.softmax(x)
        if not self.mode.exact:
            return smooth
        norm, total_type = self._static["inp_norm"], self._static["inv_inp"]
        distance = tf.reduce_max(x, -1, keepdims=True) - x
        exponentials = tf.gather(self._entries(self._exp, 0), _address(distance, norm))
        total = tf.reduce_sum(exponentials, -1, keepdims=True)
        inverse = tf.gather(self._entries(self._inverse, 1), _address(total, total_type))
        exact = exponentials * inverse
        if self.mode.training:
            exact = smooth + tf.stop_gradient(exact - smooth)
        return self.result(exact)


def _address(x: Any, kind: FixedPoint) -> Any:
    """Return the table index of non-negative `x`: rounded half up to `kind`, saturating."""
    scaled = tf.floor(x / tf.cast(kind.step, x.dtype) + 0.5)
    return tf.cast(tf.minimum(scaled, 2.0**kind.width - 1), tf.int32)
