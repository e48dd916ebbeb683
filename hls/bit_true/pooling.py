"""Maximum and average over windows or over all positions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from bitfront.spaces import FixedPoint, Graph, Node

from .base import Layer
from .quantizer import Mode


class Pool(Layer):
    """Maximum and average over windows or over all positions.

    An average is summed exactly and divided as ap_fixed divides: truncated toward zero at the accumulator's
    fraction, which is the input's plus `ceil(log2(window))` (`exact.averaged`). With padding `same`, an
    average is over the values in the window that are no padding, and a maximum too.
    """

    def __init__(
        self, graph: Graph, node: Node, mode: Mode, *, average: bool, whole: bool, window: int
    ) -> None:
        """Pool all positions where `whole`, else windows; `window` counts the values that each result is
        of.
        """
        super().__init__(graph, node, mode)
        shape = graph[node.inputs[0]].shape
        self.average, self.whole, self.window = average, whole, window
        self.axes = tuple(range(1, len(shape)))
        self.counts: Any = np.int64(self.window)
        """Values that an average is over: a number, or one per position of the output."""
        if node.attrs.get("padding") == "same":
            self.counts = _overlaps(shape[:-1], node)
        self.accum_scale = tf.Variable(2.0**10, trainable=False, dtype=tf.float64)

    def assign(self, types: Mapping[str, FixedPoint]) -> None:
        """Give the accumulator of an average its type."""
        if "accum" in types:
            self.accum_scale.assign(1.0 / types["accum"].step)

    def __call__(self, inputs: Sequence[Any]) -> Any:
        """Return the pooled tensor."""
        (x,) = inputs
        if self.whole and not self.average:
            return tf.reduce_max(x, self.axes)
        if self.whole:
            return self.result(self._divide(tf.reduce_sum(x, self.axes)))
        one_dimensional = len(self.node.attrs["pool_size"]) == 1
        if one_dimensional:
            x = x[:, None]
        size = ((1,) if one_dimensional else ()) + tuple(self.node.attrs["pool_size"])
        strides = ((1,) if one_dimensional else ()) + tuple(self.node.attrs["strides"])
        padding = self.node.attrs["padding"].upper()
        sums = self._sums(x, size, strides, padding) if self.average else None
        pooled = tf.nn.max_pool2d(x, size, strides, padding) if sums is None else sums
        pooled = pooled[:, 0] if one_dimensional else pooled
        return pooled if sums is None else self.result(self._divide(pooled))

    def _sums(self, x: Any, size: tuple[int, ...], strides: tuple[int, ...], padding: str) -> Any:
        """Return the exact sum of every window (an average pooling of TensorFlow would round)."""
        patches = tf.image.extract_patches(x, [1, *size, 1], [1, *strides, 1], [1, 1, 1, 1], padding)
        shape = tf.concat([tf.shape(patches)[:-1], [self.window, x.shape[-1]]], 0)
        return tf.reduce_sum(tf.reshape(patches, shape), -2)

    def _divide(self, total: Any) -> Any:
        mean = total / tf.cast(self.counts, total.dtype)
        if not self.mode.exact:
            return mean
        scale = tf.cast(self.accum_scale, total.dtype)
        # in integers: a compiler may turn the division of floats into a product that rounds
        steps = tf.truncatediv(tf.cast(total * scale, tf.int64), self.counts)
        exact = tf.cast(steps, total.dtype) / scale
        return mean + tf.stop_gradient(exact - mean) if self.mode.training else exact


def _overlaps(sizes: tuple[int, ...], node: Node) -> NDArray[np.int64]:
    """Return how many values of the input each window holds, shape (*output positions, 1), for padding
    `same`.
    """
    counts = np.ones(1, np.int64)
    for size, pool, stride in zip(sizes, node.attrs["pool_size"], node.attrs["strides"], strict=True):
        steps = -(-size // stride)
        before = max((steps - 1) * stride + pool - size, 0) // 2
        first = np.arange(steps) * stride - before
        inside = np.minimum(first + pool, size) - np.maximum(first, 0)
        counts = counts[..., None] * inside
    return counts.reshape(*counts.shape[1:], 1)
