"""Layers that only QKeras has (a scale and shift of all values, an activation that learnt its range), and
roundings to fixed-point types, as HGQ's models have them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .activations import activation_kind
from .merges import scaled
from .quantizers import weight_values
from .unsupported import Unsupported
from .work import Lowering

Shape = tuple[int, ...]
Names = tuple[str, ...]


def scale_shift(work: Lowering, layer: Any, inputs: Names, shape: Shape) -> str:
    """Lower `QScaleShift`: one factor and one constant for all values."""
    factor = weight_values(layer, "weight", layer.weight).ravel()[0]
    added = weight_values(layer, "bias", layer.bias).ravel()[0] if layer.use_bias else None
    name = scaled(work, layer, inputs[0], factor, added, shape)
    return name if layer.activation is None else work.activation(layer, layer.activation, name, shape)


def adaptive_activation(work: Lowering, layer: Any, inputs: Names, shape: Shape) -> str:
    """Lower `QAdaptiveActivation` with the integer bits that it learnt, of one type for all channels."""
    import qkeras

    layer(np.zeros((1, *shape), np.float32))  # which sets its integer bits by the range that it has seen
    integer = np.unique(np.asarray(layer.quantizer.integer))
    if integer.size != 1:
        raise Unsupported("its channels learnt different integer bits; use per_channel=False")
    own, bits = layer.quantizer, int(layer.total_bits)
    if type(own).__name__ == "quantized_bits":
        fixed = qkeras.quantized_bits(bits, int(integer[0]), symmetric=own.symmetric, alpha=1)
    else:
        fixed = qkeras.quantized_relu(
            bits,
            int(integer[0]),
            negative_slope=own.negative_slope,
            is_quantized_clip=own.is_quantized_clip,
            relu_upper_bound=own.relu_upper_bound,
        )
    kind, attributes = activation_kind(fixed)
    return work.add(layer, kind, inputs, shape, **attributes)


def fixed_point(work: Lowering, layer: Any, inputs: Names, shape: Shape) -> str:
    """Lower a rounding to fixed-point types: a node whose own rounding it is, replaced in each candidate."""
    if not type(layer).__module__.startswith("bitfront."):
        raise Unsupported("FixedPointQuantizer layers of other packages are read from their files alone")
    grid = layer.grid()
    alike = all((one == one.ravel()[0]).all() for one in grid)
    found = tuple(float(one.ravel()[0]) if alike else _nested(one.tolist()) for one in grid)
    attributes = {"grid": found, "rounding": layer.rounding, "wraps": layer.overflow == "WRAP"}
    return work.add(layer, "linear", inputs, shape, **attributes)


def _nested(value: Any) -> Any:
    return tuple(_nested(one) for one in value) if isinstance(value, list) else float(value)
