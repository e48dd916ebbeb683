"""What hls4ml computes over the last axis alone, over others: between two views that exchange the axes."""

from __future__ import annotations

from math import prod
from typing import Any

from .unsupported import Unsupported
from .views import add_view, numbered, view
from .work import Lowering

Shape = tuple[int, ...]
Names = tuple[str, ...]


def softmax(work: Lowering, layer: Any, inputs: Names, shape: Shape, axis: Any) -> str:
    """Lower a softmax over one or more axes.

    Raises:
        Unsupported: when the batch axis is one of them.
    """
    axes = [one % (len(shape) + 1) for one in (axis if isinstance(axis, list | tuple) else [axis])]
    if 0 in axes:
        raise Unsupported("it runs over the batch axis")
    over = sorted(one - 1 for one in axes)
    if over == [len(shape) - 1]:
        return work.add(layer, "softmax", inputs, shape)
    order = [one for one in range(len(shape)) if one not in over] + over
    moved = numbered(shape).transpose(order)
    rows = (*moved.shape[: len(shape) - len(over)], prod(shape[one] for one in over))
    there = view(moved)
    back = view(numbered(moved.shape).transpose([order.index(one) for one in range(len(shape))]))
    assert there is not None
    assert back is not None
    source = add_view(work, layer, inputs[0], rows, there, name=f"{layer.name}_rows")
    made = work.add(layer, "softmax", (source,), rows, name=layer.name)
    return add_view(work, layer, made, shape, back, name=f"{layer.name}_back")
