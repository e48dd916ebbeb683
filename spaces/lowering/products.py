"""Products over axes, of two tensors (`Dot`, `keras.ops.einsum`, `matmul`) or of one and a constant array."""

from __future__ import annotations

import string
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .attention import check_equation, explicit, result_shape
from .unsupported import Unsupported
from .views import broadcast
from .work import Lowering

Shape = tuple[int, ...]
Names = tuple[str, ...]


def einsum(work: Lowering, layer: Any, inputs: Names, shape: Shape, equation: str) -> str:
    """Append an einsum of two tensors; `equation` names the batch axis first in both and in the result.

    Raises:
        Unsupported: when an axis is summed of one tensor alone, or stands twice in one.
    """
    operands, result = equation.split("->")
    first, second = operands.split(",")
    batch = first[:1]
    if second[:1] != batch or result[:1] != batch:
        raise Unsupported(
            f"equation {equation!r} must have the batch axis first in both tensors and the result"
        )
    for letters in (first, second, result):
        if len(set(letters)) != len(letters):
            raise Unsupported(f"equation {equation!r} has an axis twice in one tensor: it takes a diagonal")
    alone = (set(first) ^ set(second)) - set(result)
    if alone:
        raise Unsupported(
            f"equation {equation!r} sums axis {', '.join(sorted(alone))} of one tensor alone: sum it before"
        )
    a, b = inputs if len(inputs) == 2 else (inputs[0], inputs[0])
    if a == b:  # a stream can't be read twice by one layer
        b = broadcast(work, layer, b, work.shape(b), name=f"{layer.name}_of1")
    if len(result) > 1:
        return work.add(layer, "einsum", (a, b), shape, equation=equation)
    raise Unsupported(f"equation {equation!r} leaves one number without an axis: keep an axis of 1")


def einsum_operation(work: Lowering, layer: Any, inputs: Names, shape: Shape) -> str:
    """Lower `keras.ops.einsum` of two tensors, or of one and a constant array."""
    text = layer.subscripts.replace(" ", "")
    if "->" not in text or text.count(",") != 1:
        raise Unsupported(f"equation {text!r} must be of two operands and name its result ('->')")
    if "..." in text:
        raise Unsupported(f"equation {text!r} must name every axis")
    arrays = _arrays(work)
    if not arrays:
        return einsum(work, layer, inputs, shape, text)
    operands, result = text.split("->")
    first, second = operands.split(",")
    if work.arguments.args[-1] is not arrays[0]:  # the constant comes first
        first, second = second, first
    return constant_product(work, layer, inputs[0], f"{first},{second}->{result}", arrays[0])


def matmul(work: Lowering, layer: Any, inputs: Names, shape: Shape) -> str:
    """Lower `keras.ops.matmul` (`x @ y`), of two tensors of one rank or with a constant matrix on either
    side.
    """
    arrays = _arrays(work)
    if arrays:
        constant = np.asarray(arrays[0])
        rank = len(work.shape(inputs[0])) + 1
        if constant.ndim != 2 or rank < 2:
            raise Unsupported("its constant must be a matrix of two axes")
        letters = string.ascii_lowercase[: rank + 1]
        axes, extra = letters[:rank], letters[-1]
        if work.arguments.args[0] is arrays[0]:
            if rank < 3:
                raise Unsupported("a constant on its left would mix samples")
            summed = axes[-2]
            return constant_product(
                work, layer, inputs[0], f"{axes},{extra}{summed}->{axes[:-2]}{extra}{axes[-1]}", constant
            )
        summed = axes[-1]
        return constant_product(
            work, layer, inputs[0], f"{axes},{summed}{extra}->{axes[:-1]}{extra}", constant
        )
    a, b = inputs if len(inputs) == 2 else (inputs[0], inputs[0])
    rank = len(work.shape(a)) + 1
    if rank < 3 or len(work.shape(b)) + 1 != rank or work.shape(a)[:-2] != work.shape(b)[:-2]:
        raise Unsupported("its tensors must have the same axes, the last two but for the product's")
    letters = string.ascii_lowercase[: rank + 1]
    front, i, j, k = letters[: rank - 2], *letters[rank - 2 :]
    return einsum(work, layer, inputs, shape, f"{front}{i}{j},{front}{j}{k}->{front}{i}{k}")


def dot(work: Lowering, layer: Any, inputs: Names, shape: Shape) -> str:
    """Lower `Dot`: the sum of products over one axis of each tensor."""
    if layer.normalize:
        raise Unsupported("normalize=True divides by a root: normalize before, or leave it out")
    shapes = [work.shape(name) for name in inputs]
    axes = layer.axes if isinstance(layer.axes, list | tuple) else (layer.axes, layer.axes)
    at = [axis % (len(own) + 1) for axis, own in zip(axes, shapes, strict=True)]
    if 0 in at:
        raise Unsupported("its axes must not be the batch's")
    letters = iter(string.ascii_lowercase)
    batch, summed = next(letters), next(letters)
    texts = [
        batch + "".join(summed if axis == place else next(letters) for axis in range(1, len(own) + 1))
        for place, own in zip(at, shapes, strict=True)
    ]
    result = batch + "".join(c for text in texts for c in text[1:] if c != summed)
    if len(result) > 1:
        return einsum(work, layer, inputs, shape, f"{texts[0]},{texts[1]}->{result}")
    # two vectors: as matrices of one row each, whose product is one number
    rows = tuple(
        work.reshape(layer, name, (1, *own), name=f"{layer.name}_row{i}")
        for i, (name, own) in enumerate(zip(inputs, shapes, strict=True))
    )
    first, second = next(letters), next(letters)
    equation = f"{batch}{first}{summed},{batch}{second}{summed}->{batch}{first}{second}"
    return work.reshape(layer, einsum(work, layer, rows, (1, 1), equation), shape, name=f"{layer.name}_flat")


def constant_product(
    work: Lowering,
    layer: Any,
    source: str,
    equation: str,
    array: NDArray[np.floating] | Any,
    *,
    name: str | None = None,
) -> str:
    """Append an einsum of a node and a constant array, whose equation names the tensor first."""
    own = work.shape(source)
    equation = explicit(equation, len(own) + 1)
    check_equation(equation)
    weight = np.asarray(array, np.float32)
    if not np.isfinite(weight).all():
        raise Unsupported("its constant is NaN, infinite or beyond float32")
    target = result_shape(equation, own, weight.shape)
    return work.add(
        layer,
        "einsum_dense",
        (source,),
        target,
        name=name,
        weights={"weight": weight},
        equation=equation,
        bias_axes=None,
    )


def _arrays(work: Lowering) -> list[Any]:
    given = [*work.arguments.args, *work.arguments.kwargs.values()]
    return [a for a in given if not isinstance(a, list | tuple) and not hasattr(a, "_keras_history")]
