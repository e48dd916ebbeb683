"""Layers and bare operations on several tensors value by value, or on one and constants; concatenations."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .attention import add_constant
from .unsupported import Unsupported
from .views import broadcast
from .work import Lowering

Shape = tuple[int, ...]
Names = tuple[str, ...]


def constants(work: Lowering, inputs: Names) -> list[Any]:
    """Return the arrays among the arguments of a bare operation, and those that a layer before gave."""
    given = [*work.arguments.args, *work.arguments.kwargs.values()]
    arrays = [a for a in given if not isinstance(a, list | tuple) and not hasattr(a, "_keras_history")]
    return arrays + [work.constants[i] for i in inputs if i in work.constants]


def merge(work: Lowering, layer: Any, inputs: Names, shape: Shape, *, op: str = "") -> str:
    """Lower a merge: of two or more tensors, which are broadcast to one shape, or of one and a constant."""
    given = [] if op else constants(work, inputs)
    op = op or type(layer).__name__.lower()
    if given:
        return _with_constant(work, layer, inputs, shape, op, given)
    if type(layer).__module__.startswith("keras.src.ops") and len(inputs) == 1:
        inputs = (inputs[0], inputs[0])  # Keras names the tensor of `x + x` once
    if op == "subtract" and len(inputs) != 2:
        raise Unsupported("Subtract takes exactly two inputs")
    if op == "average" and len(inputs) > 2:
        total = merge(work, layer, inputs, shape, op="add")
        return scaled(work, layer, total, np.float32(1 / len(inputs)), None, shape)
    inputs = _alike(work, layer, inputs, shape)
    name = inputs[0]
    for i, other in enumerate(inputs[1:], 1):
        last = i == len(inputs) - 1
        name = work.add(layer, op, (name, other), shape, name=layer.name if last else f"{layer.name}_part{i}")
    return name


def _with_constant(work: Lowering, layer: Any, inputs: Names, shape: Shape, op: str, given: list[Any]) -> str:
    inputs = tuple(i for i in inputs if i not in work.constants)
    if len(inputs) != 1 or len(given) != 1:
        raise Unsupported("a constant can be put together with one tensor alone")
    (source,) = inputs
    first = bool(work.arguments.args) and work.arguments.args[0] is given[0]
    if op == "add":
        return add_constant(work, layer, source, given[0], shape)
    value = np.asarray(given[0], np.float32)
    if op == "subtract" and not first:
        return add_constant(work, layer, source, -value, shape)
    if op == "subtract":
        return scaled(work, layer, source, np.float32(-1.0), value, shape)
    if op == "multiply":
        return scaled(work, layer, source, value, None, shape)
    if op == "maximum" and not value.any() and work.shape(source) == shape:
        return work.add(layer, "relu", (source,), shape)
    raise Unsupported(
        f"the {op} with a constant has no firmware; `maximum(x, 0)` has, and ReLU(max_value=...) cuts above"
    )


def scaled(work: Lowering, layer: Any, source: str, scale: Any, offset: Any, shape: Shape) -> str:
    """Append `scale * source + offset`, constants that broadcast; each value its own factor where they aren't
    alike at every position.

    Raises:
        Unsupported: when the result has more values than the source, or isn't finite.
    """
    if work.shape(source) != shape:
        raise Unsupported(f"its constant broadcasts {work.shape(source)} to {shape}: it can't have more axes")
    factor, added = (_spread(array, shape) for array in (scale, 0.0 if offset is None else offset))
    if (factor == 1).all() and not added.any():
        return source
    name: str | None = None
    wide = _varies(factor) or _varies(added)
    if wide:  # a flat tensor has a factor for each value
        source = work.reshape(layer, source, (prod(shape),), name=f"{layer.name}_flat")
        factor, added, name = factor.ravel(), added.ravel(), f"{layer.name}_each"
    weights = {
        "scale": factor.reshape(-1, factor.shape[-1])[0],
        "bias": added.reshape(-1, added.shape[-1])[0],
    }
    made = work.add(layer, "batchnorm", (source,), work.shape(source), name=name, weights=weights)
    return work.reshape(layer, made, shape) if wide else made


def _spread(array: Any, shape: Shape) -> NDArray[np.float32]:
    try:
        with np.errstate(over="ignore"):
            found = np.broadcast_to(np.asarray(array, np.float32), (1, *shape))[0]
    except ValueError:
        raise Unsupported(
            f"a constant of shape {np.shape(array)} can't be put together with a tensor of shape {shape}"
        ) from None
    if not np.isfinite(found).all():
        raise Unsupported("its constant is NaN, infinite or beyond float32, or it divides by zero")
    return found


def _varies(array: NDArray[np.float32]) -> bool:
    """Whether positions have other values than the first."""
    rows = array.reshape(-1, array.shape[-1])
    return bool((rows != rows[0]).any())


def _alike(work: Lowering, layer: Any, inputs: Names, shape: Shape) -> Names:
    """Return the inputs in one shape, each another node: one that is read twice is read once through a view.

    A stream can't be read twice by one layer (`clone_stream` gives each layer one).
    """
    found: list[str] = []
    for i, name in enumerate(inputs):
        own = work.shape(name)
        if own != shape or name in found:
            try:
                name = broadcast(work, layer, name, shape, name=f"{layer.name}_of{i}")
            except ValueError:
                raise Unsupported(f"its input of shape {own} doesn't broadcast to {shape}") from None
        found.append(name)
    return tuple(found)


def concatenate(work: Lowering, layer: Any, inputs: Names, shape: Shape) -> str:
    """Lower a concatenation of two or more tensors, two at a time."""
    axis = layer.axis if layer.axis < 0 else layer.axis - len(shape) - 1
    if not -len(shape) <= axis <= -1:
        raise Unsupported("it joins samples, not values: its axis must not be the batch's")
    name, done = inputs[0], list(work.shape(inputs[0]))
    for i, other in enumerate(inputs[1:], 1):
        if other in inputs[:i]:  # a stream can't be read twice by one layer
            other = broadcast(work, layer, other, work.shape(other), name=f"{layer.name}_of{i}")
        done[axis] += work.shape(other)[axis]
        last = i == len(inputs) - 1
        name = work.add(
            layer,
            "concatenate",
            (name, other),
            tuple(done),
            name=layer.name if last else f"{layer.name}_part{i}",
            axis=axis,
        )
    return name
