"""Windows of da4ml's arrays: what a convolution reads at each position."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

import numpy as np

from bitfront.spaces import Node

Array = Any
"""da4ml's `FixedVariableArray`, without a batch axis."""


def windows(node: Node, x: Array) -> list[Array]:
    """Return the inputs of each output position of a convolution, zeros where the padding is."""
    padding = paddings(node, node.attrs["kernel_size"], x.shape)
    held = padded(x, padding)
    return [held[place] for place in _places(node, node.attrs["kernel_size"], [(0, 0)] * len(padding))]


def pooled_windows(node: Node, x: Array) -> list[Array]:
    """Return the inputs of each output position of a pooling, without those where the padding is."""
    size = node.attrs["pool_size"]
    return [x[place] for place in _places(node, size, paddings(node, size, x.shape))]


def paddings(node: Node, sizes: Sequence[int], shape: Sequence[int]) -> list[tuple[int, int]]:
    """Return how many positions a node's padding adds before and after, along each axis."""
    added = []
    for length, out, size, stride in zip(
        shape[:-1], node.shape[:-1], sizes, node.attrs["strides"], strict=True
    ):
        total = max((out - 1) * stride + size - length, 0) if node.attrs["padding"] != "valid" else 0
        before = total if node.attrs["padding"] == "causal" else total // 2
        added.append((before, total - before))
    return added


def _places(
    node: Node, sizes: Sequence[int], padding: Sequence[tuple[int, int]]
) -> Iterator[tuple[slice, ...]]:
    """Give, for each output position, what its window covers of an array without its padding."""
    for at in product(*map(range, node.shape[:-1])):
        starts = (
            i * stride - before
            for i, stride, (before, _) in zip(at, node.attrs["strides"], padding, strict=True)
        )
        yield tuple(slice(max(0, start), start + size) for start, size in zip(starts, sizes, strict=True))


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
