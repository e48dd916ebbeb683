"""A Keras layer that rounds to fixed-point types, one a tensor or one a value, as HGQ's models do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

ROUNDINGS = ("TRN", "RND", "RND_CONV")
"""AMD's names of floor, half up and half to even."""
OVERFLOWS = ("WRAP", "SAT", "SAT_SYM")


@keras.saving.register_keras_serializable(package="bitfront")
class FixedPointQuantizer(keras.layers.Layer):
    """Rounds each value to `fixed<bits, integers>`, `ufixed` where `signed` is 0; to zero where bits are 0.

    `bits`, `integers` (the sign among them, as AMD counts) and `signed` are nested lists that broadcast to
    the input's shape without the batch axis.
    """

    def __init__(
        self,
        bits: Any,
        integers: Any,
        signed: Any,
        rounding: str = "TRN",
        overflow: str = "WRAP",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if rounding not in ROUNDINGS or overflow not in OVERFLOWS:
            raise ValueError(
                f"rounding={rounding!r}, overflow={overflow!r} are no modes of fixed-point types"
            )
        self.bits, self.integers, self.signed = (np.asarray(one).tolist() for one in (bits, integers, signed))
        self.rounding, self.overflow = rounding, overflow

    def grid(self) -> tuple[NDArray[np.float32], ...]:
        """Return step, lowest and highest value, which broadcast to the input without its batch axis."""
        bits, integers, signed = (np.asarray(one, float) for one in (self.bits, self.integers, self.signed))
        used = bits > 0
        step = np.where(used, 2.0 ** (integers - bits), 1.0)
        span = 2.0**bits * step
        low = np.where(used, -signed * span / 2, 0.0)
        high = np.where(used, low + span - step, 0.0)
        if self.overflow == "SAT_SYM":
            low = np.where(signed > 0, -high, low)
        return tuple(np.asarray(one, np.float32) for one in np.broadcast_arrays(step, low, high))

    def call(self, inputs: Any) -> Any:
        """Return the values of the types, with the gradient of the identity."""
        ops = keras.ops
        step, low, high = self.grid()
        scaled = inputs / step
        rounded = {
            "TRN": ops.floor,
            "RND": lambda x: ops.floor(x + 0.5),
            "RND_CONV": ops.round,
        }[self.rounding](scaled) * step
        if self.overflow == "WRAP":
            value = ops.floor_divide(rounded - low, high - low + step)
            value = rounded - value * (high - low + step)
        else:
            value = ops.clip(rounded, low, high)
        # the difference is exactly zero: `inputs + (value - inputs)` would round
        return ops.stop_gradient(value) + (inputs - ops.stop_gradient(inputs))

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> Sequence[int | None]:
        """Return the input's shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return types, modes and Keras's own settings."""
        names = ("bits", "integers", "signed", "rounding", "overflow")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
