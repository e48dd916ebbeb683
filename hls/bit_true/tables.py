"""hls4ml's lookup tables for sigmoid and tanh, as `nnet_activation.h` fills and indexes them (hls4ml 1.3)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from bitfront.spaces import FixedPoint

from ..precision.tables import TABLE_SPANS
from .quantizer import Mode

_STEEPNESS = {"sigmoid": 1.0, "tanh": 2.0}
"""k in f(x) = k sigmoid(k x) - (k - 1)."""


def _sigmoid(x: float) -> float:
    """Compute as the C++ does: `std::exp` of a float, then a double division."""
    return 1.0 / (1.0 + float(np.float32(math.exp(-x))))


_EXACT: dict[str, Callable[[float], float]] = {"sigmoid": _sigmoid, "tanh": math.tanh}


def entries(function: str, size: int) -> np.ndarray:
    """Return the `size` float values that hls4ml's emulation computes before it rounds them to the table
    type.
    """
    half = TABLE_SPANS[function]
    x = np.float32(2 * half) * (np.arange(size, dtype=np.float32) - np.float32(size / 2)) / np.float32(size)
    values = [_EXACT[function](float(v)) for v in x]
    return np.array(values, np.float32 if function == "sigmoid" else np.float64).astype(np.float64)


def rounded_entries(function: str, size: int, kind: FixedPoint) -> np.ndarray:
    """Return the table's entries, truncated to `kind`."""
    return _truncated(entries(function, size), kind)


def address(function: str, size: int) -> FixedPoint:
    """Return the type whose values, in ascending order, are the inputs of a table's entries; `size` is a
    power of two.
    """
    bits = size.bit_length() - 1
    integer = int(math.log2(TABLE_SPANS[function])) + 1
    return FixedPoint(bits, integer)


def _truncated(values: np.ndarray, kind: FixedPoint) -> np.ndarray:
    return np.floor(values / kind.step) * kind.step


class Table:
    """Lookup tables with a variable entry type (`TRN`, as hls4ml's `table_t`); their size is fixed when
    built.

    One table serves all columns of its input, or a table each group of columns: the gates of a recurrent cell
    are then looked up in one go.
    """

    def __init__(
        self, functions: str | Mapping[str, str], size: int, mode: Mode, *, columns: int = 1
    ) -> None:
        """Hold one table for all columns, or one a gate (gate -> function, in the order of the columns).

        `columns`: how many columns belong to a gate.
        """
        self.mode = mode
        groups = (functions,) if isinstance(functions, str) else tuple(functions.values())
        kinds = tuple(dict.fromkeys(groups))
        self._entries = np.concatenate([entries(kind, size) for kind in kinds])
        self.values = tf.Variable(self._entries, trainable=False, dtype=tf.float64)
        self._half = float(size // 2)
        self.per_unit = self._columns([size / (2.0 * TABLE_SPANS[g]) for g in groups], columns)
        """Entries in an input of 1: a number, or one a column."""
        self._start = self._columns([kinds.index(g) * size + size // 2 for g in groups], columns)
        self._steepness = self._columns([_STEEPNESS[g] for g in groups], columns)

    def _columns(self, values: list[Any], columns: int) -> Any:
        """Return one number where all columns agree, else one a column."""
        return values[0] if len(values) == 1 else np.repeat(values, columns)

    def assign(self, precision: FixedPoint) -> None:
        """Truncate entries to `precision` from now on."""
        self.values.assign(_truncated(self._entries, precision))

    def __call__(self, x: Any) -> Any:
        """Return the tables' answer to `x` ([..., columns])."""
        return self.reader()(x)

    def reader(self) -> Callable[[Any], Any]:
        """Return what looks up in the tables as they are now, for use in a loop."""
        if not self.mode.exact:
            return self._smooth
        values = tf.cast(self.values, self.mode.dtype)

        def look_up(x: Any) -> Any:
            return tf.gather(values, self.index(x * tf.constant(self.per_unit, x.dtype)))

        if not self.mode.training:
            return look_up

        @tf.custom_gradient
        def trained(x: Any) -> Any:
            return look_up(x), lambda upstream: upstream * self.slope(x * self.per_unit)

        return trained

    def index(self, position: Any) -> Any:
        """Return the indices into `values` for inputs times `per_unit`.

        C++ converts the scaled input to int, truncating toward zero, and clips that to the table.
        """
        low, high = (tf.constant(bound, position.dtype) for bound in (-self._half, self._half - 1))
        clipped = tf.raw_ops.ClipByValue(t=position, clip_value_min=low, clip_value_max=high)
        return tf.cast(clipped, tf.int32) + tf.constant(self._start, tf.int32)

    def slope(self, position: Any) -> Any:
        """Return the derivative of the functions themselves, which training uses, at inputs times
        `per_unit`.
        """
        k = self._steepness
        y = tf.sigmoid(position * tf.constant(k / self.per_unit, position.dtype))
        return y * (1.0 - y) * tf.constant(k * k, position.dtype)

    def _smooth(self, x: Any) -> Any:
        """Return the functions themselves: tanh(x) = 2 sigmoid(2x) - 1."""
        k = tf.constant(self._steepness, x.dtype)
        return k * tf.sigmoid(k * x) - (k - 1.0)
