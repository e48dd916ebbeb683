"""How pooling layers become nodes of the firmware, QKeras's with their quantizers too."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from .merges import scaled
from .work import Lowering

Shape = tuple[int, ...]
Names = tuple[str, ...]


def pool(work: Lowering, layer: Any, inputs: Names, shape: Shape) -> str:
    """Lower a pooling over windows."""
    op = "max_pool" if type(layer).__name__.startswith("Max") else "avg_pool"
    rank = len(shape) - 1

    def pair(value: Any) -> tuple[int, ...]:
        return (value,) * rank if isinstance(value, int) else tuple(value)

    window = pair(layer.pool_size)
    name = work.add(
        layer,
        op,
        inputs,
        shape,
        pool_size=window,
        strides=pair(layer.strides),
        padding=layer.padding,
    )
    return _quantized(work, layer, name, shape, prod(window))


def global_pool(work: Lowering, layer: Any, inputs: Names, shape: Shape) -> str:
    """Lower a pooling over all positions."""
    op = "global_max_pool" if "Max" in type(layer).__name__ else "global_avg_pool"
    name = work.add(layer, op, inputs, (shape[-1],))
    name = _quantized(work, layer, name, (shape[-1],), prod(work.shape(inputs[0])[:-1]))
    return work.reshape(layer, name, shape, name=f"{layer.name}_keepdims")


def _quantized(work: Lowering, layer: Any, name: str, shape: Shape, area: int) -> str:
    """Append what QKeras's pooling does besides: it multiplies the sum by a rounded 1 / area, and has an
    activation.
    """
    quantizer = getattr(layer, "average_quantizer_internal", None)
    if quantizer is not None:
        rounded = float(np.asarray(quantizer(1.0 / area)).ravel()[0])
        name = scaled(work, layer, name, np.float32(rounded * area), None, shape)
    function = getattr(layer, "activation", None)
    return name if function is None else work.activation(layer, function, name, shape)
