"""hls4ml's lookup tables for sigmoid and tanh, as `nnet_activation.h` fills and indexes them (hls4ml 1.3)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from bitfront.spaces import FixedPoint

from .quantizer import Mode

RANGES = {"sigmoid": 8.0, "tanh": 4.0}
"""Half the input range that a table spans: [-8, 8) and [-4, 4)."""
_SMOOTH: dict[str, Callable[[Any], Any]] = {"sigmoid": tf.sigmoid, "tanh": tf.tanh}


def _sigmoid(x: float) -> float:
    """Compute as the C++ does: `std::exp` of a float, then a double division."""
    return 1.0 / (1.0 + float(np.float32(math.exp(-x))))


_EXACT: dict[str, Callable[[float], float]] = {"sigmoid": _sigmoid, "tanh": math.tanh}


def entries(function: str, size: int) -> np.ndarray:
    """Return the `size` float values that hls4ml's emulation computes before it rounds them to the table type."""
    half = RANGES[function]
    x = np.float32(2 * half) * (np.arange(size, dtype=np.float32) - np.float32(size / 2)) / np.float32(size)
    values = [_EXACT[function](float(v)) for v in x]
    return np.array(values, np.float32 if function == "sigmoid" else np.float64).astype(np.float64)


class Table:
    """One lookup table with a variable entry type (`TRN`, as hls4ml's `table_t`); its size is fixed when built."""

    def __init__(self, function: str, size: int, mode: Mode) -> None:
        self.function, self.size, self.mode = function, size, mode
        self._entries = entries(function, size)
        self.scale = tf.Variable(1024.0, trainable=False, dtype=tf.float64)

    def assign(self, precision: FixedPoint) -> None:
        """Truncate entries to `precision` from now on."""
        self.scale.assign(1.0 / precision.step)

    def __call__(self, x: Any) -> Any:
        """Return the table's answer to `x` (any shape)."""
        smooth = _SMOOTH[self.function]
        if not self.mode.exact:
            return smooth(x)
        n, half = self.size, RANGES[self.function]
        scale = self.scale
        table = tf.cast(tf.floor(tf.constant(self._entries, tf.float64) * scale) / scale, self.mode.dtype)
        # C++ converts the scaled input to int: truncation toward zero; clipping first keeps int32 in range
        position = tf.clip_by_value(x * (n / (2.0 * half)), -float(n), float(n))
        index = tf.clip_by_value(tf.cast(position, tf.int32) + n // 2, 0, n - 1)
        looked_up = tf.gather(table, index)
        if not self.mode.training:
            return looked_up
        curve = smooth(x)
        return curve + tf.stop_gradient(looked_up - curve)
