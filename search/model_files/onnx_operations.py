"""ONNX's and QONNX's operations as Keras layers, one function each."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from bitfront.spaces import UserError

from .channels_first import Held, plain
from .onnx_nodes import Node, Value, Work
from .onnx_quantization import QUANTIZATION
from .onnx_reference import LAST


def _gemm(work: Work, node: Node) -> Held:
    get = node.attributes.get
    kernel = np.asarray(node.constant(1), np.float32)
    if get("transA"):
        raise UserError(f"{node.name!r} transposes its tensor, which moves the batch axis")
    kernel = (kernel.T if get("transB") else kernel) * np.float32(get("alpha", 1.0))
    bias = node.constant(2)
    if bias is not None:
        bias = np.broadcast_to(np.ravel(bias) * np.float32(get("beta", 1.0)), kernel.shape[1:])
    return work.build.dense(node.held, kernel, bias, node.name)


def _matmul(work: Work, node: Node) -> Held:
    from keras import ops

    first, second = node.inputs[:2]
    if isinstance(first, Held) and isinstance(second, np.ndarray) and second.ndim == 2:
        return work.build.dense(first, second, None, node.name)
    if isinstance(first, Held) and isinstance(second, Held):
        pair = [work.build.natural(one, node.name) for one in (first, second)]
        return plain(ops.matmul(*pair))
    raise UserError(f"{node.name!r} multiplies with a constant of more than two axes, or from the left")


def _conv(work: Work, node: Node) -> Held:
    kernel = np.asarray(node.constant(1), np.float32)
    last = node.domain == LAST
    if last:
        kernel = np.moveaxis(kernel, -1, 1)
    rank = kernel.ndim - 2
    shape = node.held.shape[:-1] if last else node.held.shape[1:]
    strides = node.attributes.get("strides") or [1] * rank
    dilations = node.attributes.get("dilations") or [1] * rank
    return work.build.convolution(
        node.held,
        kernel,
        node.constant(2),
        node.name,
        strides=strides,
        pads=_pads(node, shape, kernel.shape[2:], strides, dilations),
        dilations=dilations,
        groups=int(node.attributes.get("group", 1)),
        channels_last=last,
    )


def _pads(
    node: Node, shape: Sequence[int], window: Sequence[int], strides: Sequence[int], dilations: Sequence[int]
) -> list[tuple[int, int]]:
    """Return the zeros before and after each axis of positions."""
    auto = node.attributes.get("auto_pad", "NOTSET")
    rank = len(window)
    if auto in {"SAME_UPPER", "SAME_LOWER"}:
        pads = []
        for size, width, stride, rate in zip(shape, window, strides, dilations, strict=True):
            total = max((math.ceil(size / stride) - 1) * stride + (width - 1) * rate + 1 - size, 0)
            less = total // 2
            pads.append((less, total - less) if auto == "SAME_UPPER" else (total - less, less))
        return pads
    given = node.attributes.get("pads") or [0] * 2 * rank
    return [(int(given[i]), int(given[i + rank])) for i in range(rank)]


def _normalized(work: Work, node: Node) -> Held:
    arrays = [np.asarray(node.constant(place), np.float32) for place in range(1, 5)]
    epsilon = float(node.attributes.get("epsilon", 1e-5))
    gamma, beta, mean, variance = arrays
    return work.build.normalization(node.held, gamma, beta, mean, variance, epsilon, node.name)


def _pool(work: Work, node: Node) -> Held:
    window = node.attributes["kernel_shape"]
    last = node.domain == LAST
    shape = node.held.shape[:-1] if last else node.held.shape[1:]
    strides = node.attributes.get("strides") or [1] * len(window)
    if any(rate != 1 for rate in node.attributes.get("dilations") or []) or node.attributes.get("ceil_mode"):
        raise UserError(f"{node.name!r} ({node.kind}) has dilations or ceil_mode, which Keras hasn't")
    pads = _pads(node, shape, window, strides, [1] * len(window))
    kind = node.kind.removesuffix("Pool")
    source = node.held
    if any(any(pair) for pair in pads):
        if kind == "Max" or not node.attributes.get("count_include_pad"):
            raise UserError(f"{node.name!r} ({node.kind}) pads its windows, which Keras does otherwise")
        source = work.build.held_last(work.build.padded(work.build.last(source, node.name), pads, node.name))
    return work.build.pool(source, kind, node.name, window=window, strides=strides, channels_last=last)


def _global_pool(work: Work, node: Node) -> Held:
    kind = node.kind.removeprefix("Global").removesuffix("Pool")
    return work.build.global_pool(node.held, kind, node.name)


def _activation(work: Work, node: Node) -> Held:
    from keras import layers

    get, name = node.attributes.get, work.build.name(node.name)
    made = {
        "LeakyRelu": lambda: layers.LeakyReLU(float(get("alpha", 0.01)), name=name),
        "Elu": lambda: layers.ELU(float(get("alpha", 1.0)), name=name),
    }.get(node.kind, lambda: layers.Activation(_ACTIVATIONS[node.kind], name=name))()
    if node.kind == "Gelu" and get("approximate", "none") != "none":
        raise UserError(f"{node.name!r} is the approximate Gelu; use the exact one")
    if node.kind == "Selu" and (abs(get("alpha", 1.6732632) - 1.6732632) > 1e-5):
        raise UserError(f"{node.name!r} is a Selu with constants of its own")
    return work.build.each(node.held, made)


def _hard_sigmoid(work: Work, node: Node) -> Held:
    """Return max(0, min(1, alpha x + beta)): Keras's own of another multiple of x."""
    from keras import layers

    alpha, beta = float(node.attributes.get("alpha", 0.2)), float(node.attributes.get("beta", 0.5))
    if beta != 0.5:
        raise UserError(f"{node.name!r} is a HardSigmoid with beta={beta:g}; only 0.5 is known")
    stretched = layers.Rescaling(6 * alpha, name=work.build.name(f"{node.name}_stretched"))
    return work.build.each(
        work.build.each(node.held, stretched),
        layers.Activation("hard_sigmoid", name=work.build.name(node.name)),
    )


def _softmax(work: Work, node: Node) -> Held:
    from keras import layers

    axis = node.held.order[int(node.attributes.get("axis", -1)) % node.held.rank]
    return work.build.each(node.held, layers.Softmax(axis, name=work.build.name(node.name)))


def _clip(work: Work, node: Node) -> Held:
    from keras import layers, ops

    low = node.constant(1, node.attributes.get("min"))
    high = node.constant(2, node.attributes.get("max"))
    low, high = (None if one is None else float(np.ravel(one)[0]) for one in (low, high))
    if low != 0.0:
        most = float(np.finfo(np.float32).max)
        bounds = (-most if low is None else low, most if high is None else high)
        return Held(ops.clip(node.held.tensor, *bounds), node.held.order)
    return work.build.each(node.held, layers.ReLU(max_value=high, name=work.build.name(node.name)))


def _absolute(work: Work, node: Node) -> Held:
    from keras import ops

    return Held(ops.absolute(node.held.tensor), node.held.order)


def _binary(work: Work, node: Node) -> Held:
    from keras import layers, ops

    first, second = node.inputs[:2]
    operation = getattr(ops, _BINARY[node.kind])
    if isinstance(first, Held) and isinstance(second, Held):
        (a, b), order = work.build.together((first, second), node.name)
        made = {"Add": layers.Add, "Sub": layers.Subtract, "Mul": layers.Multiply}.get(node.kind)
        if made is None:
            return Held(operation(a, b), order)
        return Held(made(name=work.build.name(node.name))([a, b]), order)
    held = first if isinstance(first, Held) else second
    assert isinstance(held, Held)
    array = work.build.constant(held, second if held is first else first)
    pair = (held.tensor, array) if held is first else (array, held.tensor)
    return Held(operation(*pair), held.order)


def _shape_of(node: Node, given: Any) -> list[int]:
    shape = [int(one) for one in np.ravel(given)]
    source = (0, *node.held.shape)
    return [source[i] if one == 0 and i < len(source) else one for i, one in enumerate(shape)][1:]


def _reshape(work: Work, node: Node) -> Held:
    shape = node.constant(1, node.attributes.get("shape"))
    return work.build.reshaped(node.held, _shape_of(node, shape), node.name)


def _flatten(work: Work, node: Node) -> Held:
    if int(node.attributes.get("axis", 1)) != 1:
        raise UserError(f"{node.name!r} flattens from another axis than the first after the batch")
    return work.build.reshaped(node.held, [-1], node.name)


def _squeeze(work: Work, node: Node) -> Held:
    axes = node.constant(1, node.attributes.get("axes"))
    shape, rank = list(node.held.shape), node.held.rank
    gone = {int(axis) % rank for axis in np.ravel(axes)} if axes is not None else set()
    return work.build.reshaped(node.held, [d for i, d in enumerate(shape, 1) if i not in gone], node.name)


def _unsqueeze(work: Work, node: Node) -> Held:
    axes = np.ravel(node.constant(1, node.attributes.get("axes")))
    shape = [1, *node.held.shape]
    for axis in sorted(int(axis) % (len(shape) + len(axes)) for axis in axes):
        shape.insert(axis, 1)
    return work.build.reshaped(node.held, shape[1:], node.name)


def _transpose(work: Work, node: Node) -> Held:
    axes = node.attributes.get("perm") or list(reversed(range(node.held.rank)))
    return work.build.transposed(node.held, [int(axis) for axis in axes], node.name)


def _concat(work: Work, node: Node) -> Held:
    from keras import layers

    values = [one for one in node.inputs if isinstance(one, Held)]
    if len(values) != len(node.inputs):
        raise UserError(f"{node.name!r} joins a constant to a tensor")
    tensors, order = work.build.together(values, node.name)
    axis = order[int(node.attributes["axis"]) % len(order)]
    return Held(layers.Concatenate(axis=axis, name=work.build.name(node.name))(tensors), order)


def _resize(work: Work, node: Node) -> Held:
    from keras import layers

    scales = node.constant(2 if node.kind == "Resize" else 1)
    mode = node.attributes.get("mode", "nearest")
    x = node.held
    if mode != "nearest" or scales is None or np.size(scales) != x.rank:
        raise UserError(f"{node.name!r} resizes by {mode} or to a size; nearest by whole factors is built")
    by_axis = np.zeros(x.rank)
    by_axis[list(x.order)] = np.ravel(scales)
    factors = [int(one) for one in by_axis[1:-1]]
    if (
        by_axis[0] != 1
        or by_axis[-1] != 1
        or any(f != s for f, s in zip(factors, by_axis[1:-1], strict=True))
    ):
        raise UserError(f"{node.name!r} resizes by {np.ravel(scales).tolist()}; whole factors are built")
    name = work.build.name(node.name)
    made = layers.UpSampling1D(factors[0], name=name) if len(factors) == 1 else layers.UpSampling2D(
        tuple(factors), name=name
    )  # fmt: skip
    return Held(made(x.tensor), x.order)


def _reduce(work: Work, node: Node) -> Held:
    from keras import ops

    axes = node.constant(1, node.attributes.get("axes"))
    operation = getattr(ops, {"ReduceMean": "mean", "ReduceSum": "sum", "ReduceMax": "max"}[node.kind])
    tensor = work.build.natural(node.held, node.name)
    wanted = tuple(int(one) for one in np.ravel(axes)) if axes is not None else None
    return plain(operation(tensor, axis=wanted, keepdims=bool(node.attributes.get("keepdims", 1))))


def _pad(work: Work, node: Node) -> Held:
    pads = [int(one) for one in np.ravel(node.constant(1, node.attributes.get("pads")))]
    value = node.constant(2, 0.0)
    rank = node.held.rank
    pairs = [(pads[i], pads[i + rank]) for i in range(rank)]
    if (
        node.attributes.get("mode", "constant") != "constant"
        or np.ravel(value)[0] != 0
        or any(pairs[0] + pairs[1])
    ):
        raise UserError(f"{node.name!r} pads with other values than zero, or channels")
    tensor = work.build.last(node.held, node.name)
    return work.build.held_last(work.build.padded(tensor, pairs[2:], node.name))


def _unchanged(work: Work, node: Node) -> Value:
    found = node.inputs[0]
    assert found is not None
    return found


_ACTIVATIONS = {
    "Relu": "relu", "Sigmoid": "sigmoid", "Tanh": "tanh", "Softplus": "softplus", "Softsign": "softsign",
    "Selu": "selu", "Exp": "exponential", "Gelu": "gelu", "Mish": "mish", "HardSwish": "hard_silu",
}  # fmt: skip
_BINARY = {"Add": "add", "Sub": "subtract", "Mul": "multiply", "Div": "true_divide", "Max": "maximum",
           "Min": "minimum"}  # fmt: skip

OPERATIONS: Mapping[str, Callable[[Work, Node], Value]] = {
    "Gemm": _gemm,
    "MatMul": _matmul,
    "Conv": _conv,
    "BatchNormalization": _normalized,
    "MaxPool": _pool,
    "AveragePool": _pool,
    "GlobalMaxPool": _global_pool,
    "GlobalAveragePool": _global_pool,
    **dict.fromkeys((*_ACTIVATIONS, "LeakyRelu", "Elu"), _activation),
    "HardSigmoid": _hard_sigmoid,
    "Softmax": _softmax,
    "Clip": _clip,
    "Abs": _absolute,
    **dict.fromkeys(_BINARY, _binary),
    "Reshape": _reshape,
    "Flatten": _flatten,
    "Squeeze": _squeeze,
    "Unsqueeze": _unsqueeze,
    "Transpose": _transpose,
    "Concat": _concat,
    **dict.fromkeys(("Resize", "Upsample"), _resize),
    **dict.fromkeys(("ReduceMean", "ReduceSum", "ReduceMax"), _reduce),
    "Pad": _pad,
    **QUANTIZATION,
    **dict.fromkeys(("Identity", "Dropout"), _unchanged),
}
"""Class of an operation -> how it is built."""
