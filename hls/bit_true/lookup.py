"""GELU and SiLU as tables with one entry for every value of their input."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from bitfront.spaces import FixedPoint

from .base import Layer


def curve(function: str, x: Any) -> Any:
    """Return the GELU (x times the normal distribution's integral, no approximation) or SiLU of `x`."""
    if function == "gelu":
        return 0.5 * x * (1.0 + tf.math.erf(x / math.sqrt(2.0)))
    return x * tf.sigmoid(x)


def table(function: str, source: FixedPoint, result: FixedPoint) -> np.ndarray:
    """Return the table of `curve` for a firmware that looks up by the bits of an input of type `source`.

    Entry i is the value of the input whose bits, read as an unsigned number, are i; `result` is the entries' type.
    """
    index = np.arange(2**source.width)
    negative = source.signed & (index >= 2 ** (source.width - 1))
    values = np.where(negative, index - 2**source.width, index) * source.step
    return result.quantize(curve(function, tf.constant(values, tf.float64)).numpy())


class Lookup(Layer):
    """The function's value, rounded to the result's type in float64, as the table's entries are."""

    def __call__(self, inputs: Sequence[Any]) -> Any:
        """Return the activation of the one input."""
        (x,) = inputs
        if not self.mode.exact:
            return curve(self.node.op, x)
        _, _, scale, low, high = tf.unstack(self.quantizers["result"].packed)
        value = curve(self.node.op, tf.cast(tf.stop_gradient(x), tf.float64))
        entry = tf.cast(tf.clip_by_value(tf.round(value * scale), low, high) / scale, x.dtype)
        if not self.mode.training:
            return entry
        smooth = curve(self.node.op, x)
        return smooth + tf.stop_gradient(entry - smooth)
