"""A QKeras quantizer whose precision is a variable: one trace serves every width."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from qkeras.base_quantizer import BaseQuantizer

from bitfront.spaces import FixedPoint, Rounding, UserError

# Sums of products are exact in float32 as far as its 24 bits go; NVIDIA's TF32, TensorFlow's default, keeps
# 11 of a factor.
tf.config.experimental.enable_tensor_float_32_execution(False)


@dataclass
class Mode:
    """How the graph is being traced; shared by all quantizers of one model.

    `dtype` is what values are computed in, `exact` is false for the float pass that calibrates,
    `training` turns straight-through gradients and dropout on, `moving` gradients of the widths too.
    `rounding` is that of results, which inputs and weights don't share. `elements` says that elements of
    results saturate each at bounds of their own.
    """

    dtype: Any = tf.float32
    exact: bool = True
    training: bool = False
    moving: bool = False
    rounding: Rounding = "RND_CONV"
    elements: bool = False


def _packed(precision: FixedPoint) -> np.ndarray:
    """Return the precision as the five numbers a quantizer computes with: width, integer, 1/step, low,
    high.
    """
    return np.array(
        [
            precision.width,
            precision.integer,
            1.0 / precision.step,
            precision.min / precision.step,
            precision.max / precision.step,
        ],
        np.float64,
    )


@keras.saving.register_keras_serializable(package="bitfront")
class VariableFixedPoint(BaseQuantizer):
    """`fixed<width, integer, RND_CONV, SAT>`, or unsigned, with both numbers held in a variable.

    With `rounding="RND"` exact halves go up. Otherwise it is equal to QKeras'
    `quantized_bits(width, integer - 1, keep_negative=1, alpha=1)` where signed and to
    `quantized_relu(width, integer)` where not; those take no variable width.

    The gradient is passed straight through; with `clip_gradient` it is zero where the value saturates.
    """

    alpha = 1.0
    """No scale: QKeras' layers read this."""

    def __init__(
        self,
        width: int = 16,
        integer: int = 6,
        *,
        signed: bool = True,
        clip_gradient: bool = False,
        rounding: Rounding = "RND_CONV",
        elements: Sequence[int] = (),
        mode: Mode | None = None,
    ) -> None:
        super().__init__()
        self.signed, self.clip_gradient, self.rounding = signed, clip_gradient, rounding
        self.mode = mode or Mode(elements=bool(elements))
        self._precision = FixedPoint(width, integer, signed, rounding, "SAT", tuple(elements))
        self.packed = tf.Variable(_packed(self._precision), trainable=False, dtype=tf.float64)
        self.width = tf.Variable(0.0, trainable=False)
        """Stands for the width where its gradient is asked for; its value means nothing."""
        self.weight_step: Any = None
        """Steps that single values are rounded to before, in training (see `PerWeightSteps`); 0 is none."""

        self.bounds: Any = None
        """Lowest and highest value of each element in steps, of shape (2, elements) (see `bound`)."""
        if elements:
            self.bound(self._precision)

    @property
    def precision(self) -> FixedPoint:
        """The type that values are rounded to now."""
        return self._precision

    @property
    def bits(self) -> int:
        """Width, as QKeras' layers and tools ask for it."""
        return self._precision.width

    def max(self) -> float:
        """Return the largest value; QKeras' initializers ask for it (a constant: they run once, at build
        time).
        """
        return 1.0

    def min(self) -> float:
        """Return the smallest value, as `max`."""
        return -1.0 if self.signed else 0.0

    def remember(self, precision: FixedPoint) -> np.ndarray:
        """Take `precision` over and return what `packed` must be assigned.

        Raises:
            UserError: when one of them takes halves up and the other doesn't.
        """
        if (precision.rounding == "RND") != (self.rounding == "RND"):
            raise UserError(
                f"{precision} rounds in another way than the model was built for, {self.rounding}: build the "
                "model with the rounding of these types."
            )
        self._precision = precision
        return _packed(precision)

    def assign(self, precision: FixedPoint) -> None:
        """Round to `precision` from now on; nothing is traced again."""
        self.packed.assign(self.remember(precision))
        if precision.elements:
            self.bound(precision)

    def bound(self, precision: FixedPoint, shape: tuple[int, ...] = ()) -> None:
        """Take over the bounds of the elements of a tensor of `shape` (without batch).

        They count where the mode has elements.
        """
        shape = shape or (len(precision.elements),)
        ends = np.stack([np.broadcast_to(end, shape).ravel() for end in precision.limits(shape)])
        if self.bounds is None:
            self.bounds = tf.Variable(ends, trainable=False, dtype=tf.float64)
        else:
            self.bounds.assign(ends)

    def nearest(self, x: Any) -> Any:
        """Return the whole numbers next to `x`: of halves the even one, or with `RND` the upper one."""
        if self.rounding == "RND_CONV":
            return tf.round(x)
        below = tf.floor(x)  # x + 0.5 may need a bit more than the type of x has; this difference doesn't
        return below + tf.cast(x - below >= 0.5, x.dtype)

    def __call__(self, x: Any) -> Any:
        """Return `x` rounded, in the type that the model computes in (any shape)."""
        return self.reader()(tf.cast(tf.convert_to_tensor(x), self.mode.dtype))

    def reader(self) -> Callable[[Any], Any]:
        """Return what rounds tensors of the model's type to the precision as it is now, for use in a loop."""
        if not self.mode.exact:
            return tf.identity
        packed = tf.cast(self.packed, self.mode.dtype)
        scale, low, high = packed[2], packed[3], packed[4]

        weight_step = None
        if self.mode.training and self.weight_step is not None:
            weight_step = tf.cast(tf.convert_to_tensor(self.weight_step), self.mode.dtype)

        bounds = None
        if self.mode.elements and not self.mode.training and self.bounds is not None:
            bounds = tf.cast(self.bounds, self.mode.dtype)

        def rounded(x: Any) -> Any:
            if weight_step is not None:
                safe = tf.where(weight_step > 0, weight_step, tf.ones_like(weight_step))
                x = tf.where(weight_step > 0, tf.round(x / safe) * safe, x)
            steps = tf.raw_ops.ClipByValue(t=self.nearest(x * scale), clip_value_min=low, clip_value_max=high)
            if bounds is not None:
                shape = x.shape[1:]
                whole = bounds.shape[1] == shape.num_elements()
                lowest, highest = tf.unstack(tf.reshape(bounds, (2, *shape)) if whole else bounds)
                steps = tf.maximum(tf.minimum(steps, highest), lowest)
            return steps / scale

        if not self.mode.training:
            return rounded
        moving = self.mode.moving
        middle, reach = (high + low) / 2 / scale, (high - low + 1) / 2 / scale

        def passed(x: Any, upstream: Any) -> Any:
            if not self.clip_gradient:
                return upstream
            return tf.where(tf.abs(x - middle) <= reach, upstream, tf.zeros((), x.dtype))

        @tf.custom_gradient
        def trained(x: Any) -> Any:
            return rounded(x), lambda upstream: passed(x, upstream)

        @tf.custom_gradient
        def moved(x: Any, width: Any) -> Any:
            seen = rounded(x)

            def gradient(upstream: Any) -> Any:
                # one more bit halves the error of rounding, which a smooth curve does at ln 2 of it a bit:
                # the surrogate of HGQ (Sun et al., "Gradient-based Automatic Mixed Precision Quantization",
                # 2024)
                return passed(x, upstream), math.log(2.0) * tf.reduce_sum(upstream * (x - seen))

            return seen, gradient

        if moving:
            return lambda x: moved(x, tf.cast(tf.convert_to_tensor(self.width), x.dtype))
        return trained

    def get_config(self) -> dict[str, Any]:
        """Return the precision at this moment."""
        return {
            "width": self._precision.width,
            "integer": self._precision.integer,
            "signed": self.signed,
            "clip_gradient": self.clip_gradient,
            "rounding": self.rounding,
            "elements": list(self._precision.elements),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> VariableFixedPoint:
        """Rebuild from `get_config`."""
        return cls(**config)


def floor_to(x: Any, scale: Any, mode: Mode) -> Any:
    """Return `x` truncated (`TRN`) to steps of `1 / scale`, with a straight-through gradient."""
    if not mode.exact:
        return x
    floored = tf.floor(x * scale) / scale
    return x + tf.stop_gradient(floored - x) if mode.training else floored
