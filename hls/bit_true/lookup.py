"""Functions of one variable as tables with one entry for every value of their input."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from bitfront.spaces import FixedPoint, Graph, Node

from .base import Layer
from .quantizer import Mode

Curve = Callable[[Any], Any]
"""A function of a TensorFlow tensor, value by value."""


def table(curve: Curve, source: FixedPoint, result: FixedPoint) -> np.ndarray:
    """Return the table of a function for a firmware that looks up by the bits of an input of type `source`.

    Entry i is the value of the input whose bits, read as an unsigned number, are i; `result` is the entries'
    type.
    """
    index = np.arange(2**source.width)
    negative = source.signed & (index >= 2 ** (source.width - 1))
    values = np.where(negative, index - 2**source.width, index) * source.step
    return entries(curve, values, result)


def entries(curve: Curve, values: np.ndarray, result: FixedPoint) -> np.ndarray:
    """Return the entries of type `result` for these inputs."""
    return result.quantize(curve(tf.constant(values, tf.float64)).numpy())


class Lookup(Layer):
    """The function's value, rounded to the result's type in float64, as the table's entries are."""

    def __init__(self, graph: Graph, node: Node, mode: Mode, curve: Curve) -> None:
        super().__init__(graph, node, mode)
        self.curve = curve

    def __call__(self, inputs: Sequence[Any]) -> Any:
        """Return the activation of the one input."""
        (x,) = inputs
        if not self.mode.exact:
            return self.curve(x)
        quantizer = self.quantizers["result"]
        _, _, scale, low, high = tf.unstack(quantizer.packed)
        value = self.curve(tf.cast(tf.stop_gradient(x), tf.float64))
        entry = tf.cast(tf.clip_by_value(quantizer.nearest(value * scale), low, high) / scale, x.dtype)
        if not self.mode.training:
            return entry
        smooth = self.curve(x)
        return smooth + tf.stop_gradient(entry - smooth)
