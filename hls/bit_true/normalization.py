"""Layer normalization as `firmware/nnet_bit_true.h` computes it.

Per position: the sum times a constant 1/n gives the mean; the deviations' squares give the variance in the
same way, plus epsilon, both rounded. The variance's leading bits, an even shift away, address a table of 1 /
sqrt, whose entry is shifted back. So the relative error is that of the table (2^-8 / 2 by its address)
whatever the variance is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from bitfront.spaces import FixedPoint, Graph, Node

from ..precision.attention import NORM_ADDRESS_BITS, epsilon_steps, inverse_root_table, pairs, reciprocal
from .base import Layer
from .quantizer import Mode

_ROUNDED = ("mean", "variance", "normalized")


class LayerNorm(Layer):
    """Normalizes over the last axis; always in float64, where every product is exact."""

    def __init__(self, graph: Graph, node: Node, mode: Mode) -> None:
        super().__init__(graph, node, mode)
        for role, value in graph.weights[node.name].items():
            self.make(role, value)
        self.observed: dict[str, Any] = {}
        n = node.shape[-1]
        self._reciprocal = float(reciprocal(n).quantize(1.0 / n))
        # for each rounded value 1 / step, lowest and highest in steps
        self._limits = tf.Variable(np.ones((len(_ROUNDED), 3)), trainable=False, dtype=tf.float64)
        # epsilon in steps of the variance, 4^-h and 2^-h for half of the variance's integer bits
        self._variance = tf.Variable(np.ones(3), trainable=False, dtype=tf.float64)
        self._table = tf.Variable(np.ones(2**NORM_ADDRESS_BITS), trainable=False, dtype=tf.float64)

    def assign(self, types: Mapping[str, FixedPoint]) -> None:
        """Take over the types of mean, variance, normalized values and table."""
        rows = [[1 / t.step, t.min / t.step, t.max / t.step] for t in (types[r] for r in _ROUNDED)]
        self._limits.assign(rows)
        variance = types["variance"]
        steps = epsilon_steps(self.node.attrs["epsilon"], variance)
        half = pairs(variance)[1] // 2
        self._variance.assign([steps, 4.0**-half, 2.0**-half])
        self._table.assign(inverse_root_table(types["table"]))

    def _round(self, x: Any, role: str) -> Any:
        """Round half up and saturate."""
        scale, low, high = tf.unstack(self._limits[_ROUNDED.index(role)])
        return tf.clip_by_value(tf.floor(x * scale + 0.5), low, high) / scale

    def __call__(self, inputs: Sequence[Any]) -> Any:
        """Return the normalized input, scaled, shifted and rounded."""
        (x,) = inputs
        mean = tf.reduce_mean(x, -1, keepdims=True)
        variance = tf.reduce_mean(tf.square(x - mean), -1, keepdims=True)
        epsilon = tf.cast(self.node.attrs["epsilon"], x.dtype)
        smooth = (x - mean) * tf.math.rsqrt(variance + epsilon)
        if not self.mode.exact:
            self.observed = {"mean": mean, "variance": variance + epsilon, "normalized": smooth}
            return smooth * self.weight("scale") + self.weight("bias")
        exact = tf.cast(self._normalized(tf.cast(tf.stop_gradient(x), tf.float64)), x.dtype)
        normalized = smooth + tf.stop_gradient(exact - smooth) if self.mode.training else exact
        return self.result(normalized * self.weight("scale") + self.weight("bias"))

    def _normalized(self, x: Any) -> Any:
        mean = self._round(tf.reduce_sum(x, -1, keepdims=True) * self._reciprocal, "mean")
        deviation = x - mean
        squares = tf.reduce_sum(tf.square(deviation), -1, keepdims=True)
        steps = self._round(squares * self._reciprocal, "variance") * self._limits[1, 0] + self._variance[0]
        steps = tf.minimum(steps, self._limits[1, 2])
        return self._round(deviation * self._inverse_root(steps), "normalized")

    def _inverse_root(self, steps: Any) -> Any:
        """Return 1 / sqrt of a variance given in its steps (1 or more)."""
        # m in [1/4, 1) and an even exponent: variance = m * 4^h * 4^-shift
        value = steps / self._limits[1, 0] * self._variance[1]
        exponent = (tf.bitwise.right_shift(tf.bitcast(value, tf.int64), 52) & 2047) - 1022
        # 2^shift by its bits: a power function may be off by one in the last place
        shift = -tf.math.floordiv(exponent + 1, 2)
        power = tf.bitcast(tf.bitwise.left_shift(shift + 1023, tf.constant(52, tf.int64)), tf.float64)
        address = tf.floor(value * power * power * 2.0**NORM_ADDRESS_BITS)
        return tf.gather(self._table, tf.cast(address, tf.int32)) * power * self._variance[2]
