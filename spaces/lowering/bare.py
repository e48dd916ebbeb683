"""Keras's bare operations (`x[:, :4]`, `x * 0.5 + 1`, `keras.ops.matmul(x, y)`): what each becomes in the
firmware.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from . import views
from .activations import activation_kind
from .merges import concatenate, constants, merge, scaled
from .products import constant_product, einsum_operation, matmul
from .recurrent import with_states
from .reordered import softmax
from .unsupported import Unsupported
from .work import Handler, Lowering

Shape = tuple[int, ...]
Names = tuple[str, ...]
_ONE = np.float32(1.0)


def _reshaped(work: Lowering, layer: Any, inputs: Names, shape: Shape) -> str:
    return work.reshape(layer, inputs[0], shape)


def _joined(work: Lowering, layer: Any, inputs: Names, shape: Shape) -> str:
    return concatenate(work, layer, inputs, shape)


def _stacked(work: Lowering, layer: Any, inputs: Names, shape: Shape) -> str:
    """Give each tensor the axis of length 1 along which they are joined."""
    axis = layer.axis % (len(shape) + 1)
    if axis == 0:
        raise Unsupported("it joins samples, not values: its axis must not be the batch's")
    alone = (*shape[: axis - 1], 1, *shape[axis:])
    wide = tuple(
        work.reshape(layer, name, alone, name=f"{layer.name}_of{i}") for i, name in enumerate(inputs)
    )
    return concatenate(work, layer, wide, shape)


def _divided(work: Lowering, layer: Any, inputs: Names, shape: Shape) -> str:
    given = constants(work, inputs)
    if len(given) != 1 or work.arguments.args[0] is given[0]:
        raise Unsupported("a quotient by a tensor has no firmware: divide by a constant")
    with np.errstate(divide="ignore"):
        factor = _ONE / np.asarray(given[0], np.float32)
    return scaled(work, layer, inputs[0], factor, None, shape)


def _negative(work: Lowering, layer: Any, inputs: Names, shape: Shape) -> str:
    return scaled(work, layer, inputs[0], -_ONE, None, shape)


def _squared(work: Lowering, layer: Any, inputs: Names, shape: Shape) -> str:
    exponent = constants(work, inputs)
    if type(layer).__name__ == "Power" and (len(exponent) != 1 or np.ndim(exponent[0]) or exponent[0] != 2):
        raise Unsupported("of powers, only the square can be computed: multiply, or declare a table")
    return merge(work, layer, (inputs[0], inputs[0]), shape, op="multiply")


def _activation(work: Lowering, layer: Any, inputs: Names, shape: Shape) -> str:
    """Lower a function of one variable that Keras has as an activation too, with its default options."""
    if type(layer).__name__ == "Softmax":
        return softmax(work, layer, inputs, shape, layer.axis)
    name = (
        _ACTIVATIONS.get(type(layer).__name__)
        or re.sub(r"(?<!^)(?=[A-Z])", "_", type(layer).__name__).lower()
    )

    def function(x: Any) -> Any:
        return layer.call(x)

    function.__name__ = name
    kind, attrs = activation_kind(function)
    return work.add(layer, kind, inputs, shape, **attrs)


def _clipped(work: Lowering, layer: Any, inputs: Names, shape: Shape) -> str:
    bounds = [np.asarray(one, np.float32) for one in (layer.x_min, layer.x_max)]
    if any(one.size != 1 for one in bounds) or len(inputs) != 1:
        raise Unsupported("its bounds must be two numbers")
    low, high = (float(one.ravel()[0]) for one in bounds)
    return work.add(layer, "clip", inputs, shape, low=low, high=high)


def _absolute(work: Lowering, layer: Any, inputs: Names, shape: Shape) -> str:
    return work.add(layer, "absolute", inputs, shape)


def _reduced(work: Lowering, layer: Any, inputs: Names, shape: Shape) -> str:
    """Lower a mean, sum or maximum: over all positions as a pooling, else as a product with ones."""
    source, kind = work.shape(inputs[0]), type(layer).__name__
    rank = len(source) + 1
    axes = sorted(range(rank) if layer.axis is None else {axis % rank for axis in _several(layer.axis)})
    if 0 in axes or not axes:
        raise Unsupported("it runs over the batch axis, or over none")
    if kind == "Max" and layer.initial is not None:
        raise Unsupported("initial must be None")
    if axes == list(range(1, rank - 1)) and rank in (3, 4):
        op = "global_max_pool" if kind == "Max" else "global_avg_pool"
        name = work.add(layer, op, inputs, (source[-1],))
        if kind == "Sum":
            name = scaled(work, layer, name, np.float32(np.prod(source[:-1])), None, (source[-1],))
    elif kind == "Max":
        raise Unsupported("it must run over all axes but the first and the last: permute the axes before")
    else:
        letters = string.ascii_lowercase[:rank]
        summed = "".join(letters[axis] for axis in axes)
        left = "".join(c for c in letters if c not in summed)
        sizes = [source[axis - 1] for axis in axes]
        ones = np.ones(sizes, np.float32) / (np.prod(sizes) if kind == "Mean" else 1)
        name = constant_product(work, layer, inputs[0], f"{letters},{summed}->{left}", ones)
    return work.reshape(layer, name, shape, name=f"{layer.name}_keepdims")


def _several(axis: Any) -> list[int]:
    return [axis] if isinstance(axis, int) else list(axis)


_ACTIVATIONS = {"Exp": "exponential", "Relu6": "relu6", "Celu": "celu"}
"""Bare operations whose activation isn't called as they are."""

BARE: dict[str, Handler] = {
    **dict.fromkeys(views.BARE, views.moved_bare),
    **dict.fromkeys(("Add", "Subtract", "Multiply", "Maximum", "Minimum"), merge),
    **dict.fromkeys(("TrueDivide", "Divide"), _divided),
    "Negative": _negative,
    **dict.fromkeys(("Square", "Power"), _squared),
    "Reshape": _reshaped,
    "Concatenate": _joined,
    "Stack": _stacked,
    "Matmul": matmul,
    "Einsum": einsum_operation,
    **dict.fromkeys(("Mean", "Sum", "Max"), _reduced),
    "Clip": _clipped,
    **dict.fromkeys(("Abs", "Absolute"), _absolute),
    **dict.fromkeys(
        (
            "Relu", "Relu6", "Sigmoid", "Tanh", "Softmax", "LeakyRelu", "Elu", "Selu", "Gelu", "Silu",
            "Softplus", "Softsign", "HardSigmoid", "HardTanh", "HardSilu", "Exp", "Celu", "Mish",
        ),
        _activation,
    ),
}  # fmt: skip
"""Class name of a bare operation -> how it is lowered."""

SEVERAL: dict[str, Callable[[Lowering, Any, Names, Sequence[Shape]], Sequence[str | None]]] = {
    "Split": views.split,
    "Unstack": views.split,
    **dict.fromkeys(("LSTM", "GRU", "SimpleRNN"), with_states),
}
"""Class name of what has several outputs -> how it is lowered: the node of each that is read."""
