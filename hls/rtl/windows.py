"""Windows of da4ml's arrays: what a convolution reads at each position."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np

from bitfront.spaces import Node

Array = Any
"""da4ml's `FixedVariableArray`, without a batch axis."""


def windows(node: Node, x: Array) -> list[Array]:
    """Return the inputs of each output position of a convolution, zeros where the padding is."""
    sizes, strides = tuple(node.attrs["kernel_size"]), tuple(node.attrs["strides"])
    spans = node.shape[:-1]
    padding = []
    for length, out, size, stride in zip(x.shape[:-1], spans, sizes, strides, strict=True):
        total = max((out - 1) * stride + size - length, 0) if node.attrs["padding"] != "valid" else 0
        before = total if node.attrs["padding"] == "causal" else total // 2
        padding.append((before, total - before))
    held = padded(x, padding)
    return [
        held[tuple(slice(i * s, i * s + size) for i, s, size in zip(at, strides, sizes, strict=True))]
        for at in product(*map(range, spans))
    ]


def padded(x: Array, padding: Sequence[tuple[int, int]]) -> Array:
    """Return an array with constant zeros before and after each axis of positions."""
    from da4ml.trace import FixedVariableArray
    from da4ml.trace.fixed_variable import FixedVariable

    shape = tuple(n + low + high for n, (low, high) in zip(x.shape[:-1], padding, strict=True))
    cells = np.empty((*shape, x.shape[-1]), dtype=object)
    zero = FixedVariable.from_const(0.0, hwconf=x._vars.ravel()[0].hwconf, _factor=1)
    cells[...] = zero
    cells[tuple(slice(low, low + n) for n, (low, _) in zip(x.shape[:-1], padding, strict=True))] = x._vars
    return FixedVariableArray(cells, x.solver_options)
