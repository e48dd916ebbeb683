"""hls4ml's `stable` softmax: largest input subtracted, exponentials and the inverse from tables."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from bitfront.spaces import FixedPoint, Graph, Node

from ..precision.attention import SOFTMAX_ADDRESS_BITS, softmax_types
from .base import Layer
from .quantizer import Mode


def exponentials(values: np.ndarray) -> np.ndarray:
    """Return exp(-x) of these values, as C++ floats."""
    return _floats(lambda x: math.exp(-x), values)


def inverses(values: np.ndarray) -> np.ndarray:
    """Return 1 / x of these values, as C++ floats; of zero more than any entry holds."""
    return _floats(lambda x: 1.0 / x if x else 2.0**30, values)


def _floats(function: Callable[[float], float], values: np.ndarray) -> np.ndarray:
    return np.array([function(float(np.float32(x))) for x in values], np.float32).astype(np.float64)


class Softmax(Layer):
    """Softmax over the last axis, as `nnet_activation.h::softmax_stable` computes it (hls4ml 1.3).

    Types: `inp_norm` (distance to the maximum, unsigned, its width addresses the exponential table),
    `exp_table`, `inv_inp` (the sum, unsigned, its width addresses the inverse table), `inv_table`, all `RND,
    SAT`.
    """

    def __init__(self, graph: Graph, node: Node, mode: Mode) -> None:
        super().__init__(graph, node, mode)
        # both tables at their finest: a narrower address takes every 2nd, 4th, ... entry
        finest = softmax_types(node.shape[-1], SOFTMAX_ADDRESS_BITS, 18, 18)
        self._finest = {role: finest[role] for role in ("inp_norm", "inv_inp")}
        self._exp, self._inverse = (
            function(np.arange(2**kind.width) * kind.step)
            for function, kind in ((exponentials, finest["inp_norm"]), (inverses, finest["inv_inp"]))
        )
        # for each address 1 / step, highest index, and how many entries of the finest table it passes over
        self._addresses = tf.Variable(np.ones((2, 3)), trainable=False, dtype=tf.float64)
        self.scales = tf.Variable([2.0**10, 2.0**10], trainable=False, dtype=tf.float64)
        self._highs = tf.Variable([1.0, 1.0], trainable=False, dtype=tf.float64)

    def assign(self, types: Mapping[str, FixedPoint]) -> None:
        """Give the tables their entry types and their addresses."""
        self._addresses.assign(
            [
                [1.0 / types[role].step, 2.0 ** types[role].width - 1, types[role].step / kind.step]
                for role, kind in self._finest.items()
            ]
        )
        pair = (types["exp_table"], types["inv_table"])
        self.scales.assign([1.0 / t.step for t in pair])
        self._highs.assign([t.max for t in pair])

    def _entries(self, values: np.ndarray, i: int) -> Any:
        """Round a table's entries: half up (`RND`), saturating."""
        scale = self.scales[i]
        return tf.cast(tf.minimum(tf.floor(values * scale + 0.5) / scale, self._highs[i]), self.mode.dtype)

    def __call__(self, inputs: Sequence[Any]) -> Any:
        """Return the probabilities, rounded to the result's type."""
        (x,) = inputs
        smooth = tf.nn.softmax(x)
        if not self.mode.exact:
            return smooth
        distance = tf.reduce_max(x, -1, keepdims=True) - x
        exponentials = tf.gather(self._entries(self._exp, 0), self._address(distance, 0))
        total = tf.reduce_sum(exponentials, -1, keepdims=True)
        inverse = tf.gather(self._entries(self._inverse, 1), self._address(total, 1))
        exact = exponentials * inverse
        if self.mode.training:
            exact = smooth + tf.stop_gradient(exact - smooth)
        return self.result(exact)

    def _address(self, x: Any, i: int) -> Any:
        """Return the finest table's index of non-negative `x`: rounded half up to the address type,
        saturating.
        """
        scale, highest, stride = tf.unstack(tf.cast(self._addresses[i], x.dtype))
        return tf.cast(tf.minimum(tf.floor(x * scale + 0.5), highest) * stride, tf.int32)
