"""PyTorch's operations, as `torch.export` names them, as Keras layers: one function each.

Arguments are PyTorch's own, in its order, with tensors of the model as `Held` and parameters as arrays.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bitfront.spaces import UserError

from .channels_first import Builder, Held, plain


@dataclass
class Work:
    """What the operations share: the layers' builder, the batch of the example, and values by node."""

    build: Builder
    batch: int
    values: dict[Any, Any] = field(default_factory=dict)


def _pair(value: Any, rank: int) -> list[int]:
    found = [int(one) for one in value] if isinstance(value, list | tuple) else [int(value)]
    return found * rank if len(found) == 1 else found


def _linear(work: Work, name: str, x: Held, weight: Any, bias: Any = None) -> Held:
    return work.build.dense(x, weight.T, bias, name)


def _addmm(work: Work, name: str, bias: Any, x: Held, weight: Any, **_: Any) -> Held:
    return work.build.dense(x, weight, bias, name)


def _convolution(rank: int) -> Callable[..., Held]:
    def made(
        work: Work, name: str, x: Held, weight: Any, bias: Any = None,
        stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1,
    ) -> Held:  # fmt: skip
        dilations = _pair(dilation, rank)
        if isinstance(padding, str):
            totals = [(size - 1) * rate for size, rate in zip(weight.shape[2:], dilations, strict=True)]
            pads = [(0, 0) if padding == "valid" else (one // 2, one - one // 2) for one in totals]
        else:
            pads = [(one, one) for one in _pair(padding, rank)]
        strides = _pair(stride, rank)
        return work.build.convolution(
            x, weight, bias, name, strides=strides, pads=pads, dilations=dilations, groups=int(groups)
        )

    return made


def _batch_norm(
    work: Work, name: str, x: Held, weight: Any, bias: Any, mean: Any, variance: Any,
    training: bool, momentum: float, epsilon: float, *_: Any,
) -> Held:  # fmt: skip
    if training or mean is None:
        raise UserError(f"{name!r} normalizes by its batch: export the module after eval()")
    gamma = np.ones_like(mean) if weight is None else weight
    beta = np.zeros_like(mean) if bias is None else bias
    return work.build.normalization(x, gamma, beta, mean, variance, float(epsilon), name)


def _layer_norm(
    work: Work, name: str, x: Held, shape: Sequence[int], weight: Any = None, bias: Any = None,
    epsilon: float = 1e-5, *_: Any,
) -> Held:  # fmt: skip
    from keras import layers

    if len(shape) != 1:
        raise UserError(f"{name!r} normalizes over {len(shape)} axes; the last is built")
    layer = layers.LayerNormalization(
        epsilon=float(epsilon),
        scale=weight is not None,
        center=bias is not None,
        name=work.build.name(name),
    )
    arrays = [one for one in (weight, bias) if one is not None]
    return plain(work.build.called(layer, work.build.natural(x, name), *arrays))


def _pooling(kind: str, rank: int) -> Callable[..., Held]:
    def made(work: Work, name: str, x: Held, window: Any, stride: Any = None, padding: Any = 0,
             *rest: Any) -> Held:  # fmt: skip
        if any(_pair(padding, rank)) or any(one is True for one in rest[1 if kind == "Max" else 0 :][:1]):
            raise UserError(f"{name!r} pads its windows, or has ceil_mode, which Keras does otherwise")
        size = _pair(window, rank)
        return work.build.pool(x, kind, name, window=size, strides=_pair(stride or size, rank))

    return made


def _adaptive(kind: str) -> Callable[..., Any]:
    def made(work: Work, name: str, x: Held, size: Any) -> Any:
        if any(one != 1 for one in _pair(size, 1)):
            raise UserError(f"{name!r} pools to {size}; to one value is built")
        found = work.build.global_pool(x, kind, name)
        return found if kind == "Average" else (found, None)

    return made


def _each(activation: str) -> Callable[..., Held]:
    def made(work: Work, name: str, x: Held, *_: Any, **options: Any) -> Held:
        from keras import layers

        if options.get("approximate", "none") != "none":
            raise UserError(f"{name!r} is the approximate {activation}; use the exact one")
        return work.build.each(x, layers.Activation(activation, name=work.build.name(name)))

    return made


def _leaky(work: Work, name: str, x: Held, slope: float = 0.01) -> Held:
    from keras import layers

    return work.build.each(x, layers.LeakyReLU(float(slope), name=work.build.name(name)))


def _elu(work: Work, name: str, x: Held, alpha: float = 1.0, *_: Any) -> Held:
    from keras import layers

    return work.build.each(x, layers.ELU(float(alpha), name=work.build.name(name)))


def _absolute(work: Work, name: str, x: Held) -> Held:
    from keras import ops

    return Held(ops.absolute(x.tensor), x.order)


def _clamp(work: Work, name: str, x: Held, low: Any = -1.0, high: Any = 1.0) -> Held:
    from keras import layers, ops

    if low == -1 and high == 1:
        return work.build.each(x, layers.Activation("hard_tanh", name=work.build.name(name)))
    if low != 0:
        farthest = float(np.finfo(np.float32).max)
        bounds = (-farthest if low is None else float(low), farthest if high is None else float(high))
        return Held(ops.clip(x.tensor, *bounds), x.order)
    most = None if high is None else float(high)
    return work.build.each(x, layers.ReLU(max_value=most, name=work.build.name(name)))


def _softmax(work: Work, name: str, x: Held, axis: int, *_: Any) -> Held:
    from keras import layers

    return work.build.each(x, layers.Softmax(x.order[axis % x.rank], name=work.build.name(name)))


def _binary(operation: str) -> Callable[..., Any]:
    def made(work: Work, name: str, a: Any, b: Any, alpha: float = 1, **_: Any) -> Any:
        from keras import layers, ops

        if alpha != 1:
            raise UserError(f"{name!r} has alpha={alpha}; multiply before")
        if not isinstance(a, Held) and not isinstance(b, Held):
            return getattr(np, operation)(a, b)
        if isinstance(a, Held) and isinstance(b, Held):
            (first, second), order = work.build.together((a, b), name)
            layer = {"add": layers.Add, "subtract": layers.Subtract, "multiply": layers.Multiply}.get(
                operation
            )
            if layer is None:
                raise UserError(f"{name!r} divides by a tensor, which has no firmware")
            return Held(layer(name=work.build.name(name))([first, second]), order)
        held = a if isinstance(a, Held) else b
        constant = work.build.constant(held, b if held is a else a)
        pair = (held.tensor, constant) if held is a else (constant, held.tensor)
        return Held(getattr(ops, operation)(*pair), held.order)

    return made


def _shape(work: Work, name: str, shape: Sequence[int]) -> list[int]:
    if shape[0] not in (work.batch, -1):
        raise UserError(f"{name!r} puts samples together: shape {list(shape)} begins with no batch")
    return list(shape[1:])


def _view(work: Work, name: str, x: Held, shape: Sequence[int], *_: Any) -> Held:
    return work.build.reshaped(x, _shape(work, name, shape), name)


def _flatten(work: Work, name: str, x: Held, first: int = 0, last: int = -1) -> Held:
    first, last = first % x.rank, last % x.rank
    if first == 0:
        raise UserError(f"{name!r} flattens samples together: begin with axis 1")
    shape = x.shape
    middle = int(np.prod(shape[first - 1 : last]))
    return work.build.reshaped(x, [*shape[: first - 1], middle, *shape[last:]], name)


def _squeeze(work: Work, name: str, x: Held, axes: Any = None) -> Held:
    gone = {axis % x.rank for axis in _pair(axes, 1)} if axes is not None else set(range(1, x.rank))
    kept = [size for axis, size in enumerate(x.shape, 1) if axis not in gone or size != 1]
    return work.build.reshaped(x, kept, name)


def _unsqueeze(work: Work, name: str, x: Held, axis: int) -> Held:
    shape = [work.batch, *x.shape]
    shape.insert(axis % (len(shape) + 1), 1)
    return work.build.reshaped(x, shape[1:], name)


def _permute(work: Work, name: str, x: Any, axes: Sequence[int]) -> Any:
    if not isinstance(x, Held):
        return np.transpose(x, axes)
    return work.build.transposed(x, [axis % x.rank for axis in axes], name)


def _transpose(work: Work, name: str, x: Any, a: int = 0, b: int = 1) -> Any:
    rank = x.rank if isinstance(x, Held) else x.ndim
    axes = list(range(rank))
    axes[a % rank], axes[b % rank] = axes[b % rank], axes[a % rank]
    return _permute(work, name, x, axes)


def _cat(work: Work, name: str, values: Sequence[Held], axis: int = 0) -> Held:
    from keras import layers

    tensors, order = work.build.together(values, name)
    layer = layers.Concatenate(axis=order[axis % len(order)], name=work.build.name(name))
    return Held(layer(tensors), order)


def _select(work: Work, name: str, x: Held, axis: int, index: int) -> Held:
    place = axis % x.rank
    tensor = work.build.natural(x, name)
    return plain(tensor[(slice(None),) * place + (index,)])


def _slice(work: Work, name: str, x: Held, axis: int = 0, start: Any = None, end: Any = None,
           step: int = 1) -> Held:  # fmt: skip
    place = axis % x.rank
    if place == 0:
        return x
    tensor = work.build.natural(x, name)
    end = None if end is not None and end >= x.shape[place - 1] else end
    return plain(tensor[(slice(None),) * place + (slice(start or None, end, step),)])


def _mean(operation: str) -> Callable[..., Held]:
    def made(work: Work, name: str, x: Held, axes: Any = None, keep: bool = False, **_: Any) -> Held:
        from keras import ops

        if axes is None or any(axis % x.rank == 0 for axis in _pair(axes, 1)):
            raise UserError(f"{name!r} runs over samples")
        wanted = tuple(axis % x.rank for axis in _pair(axes, 1))
        tensor = work.build.natural(x, name)
        return plain(getattr(ops, operation)(tensor, axis=wanted, keepdims=bool(keep)))

    return made


def _matmul(work: Work, name: str, a: Any, b: Any) -> Held:
    from keras import ops

    if isinstance(a, Held) and isinstance(b, np.ndarray) and b.ndim == 2:
        return work.build.dense(a, b, None, name)
    return plain(ops.matmul(work.build.natural(a, name), work.build.natural(b, name)))


def _attention(work: Work, name: str, q: Held, k: Held, v: Held, mask: Any = None, dropout: float = 0.0,
               causal: bool = False, scale: Any = None, **_: Any) -> Held:  # fmt: skip
    from keras import layers, ops

    if mask is not None or causal:
        raise UserError(f"{name!r} has a mask, which the firmware hasn't")
    query, key, value = (work.build.natural(one, name) for one in (q, k, v))
    factor = 1 / np.sqrt(query.shape[-1]) if scale is None else scale
    rank = len(key.shape)
    axes = (*range(1, rank - 2), rank - 1, rank - 2)
    turned = layers.Permute(axes, name=work.build.name(f"{name}_key"))(key)
    scores = ops.matmul(query * np.float32(factor), turned)
    shares = layers.Softmax(name=work.build.name(f"{name}_softmax"))(scores)
    return plain(ops.matmul(shares, value))


def _recurrent(cell: str) -> Callable[..., Any]:
    def made(work: Work, name: str, x: Held, states: Any, arrays: Sequence[Any], biases: bool, count: int,
             dropout: float, train: bool, both: bool, first: bool) -> Any:  # fmt: skip
        from keras import layers

        given = states if isinstance(states, list | tuple) else [states]
        if not first or any(isinstance(one, Held) or np.any(one) for one in given):
            raise UserError(f"{name!r} needs batch_first=True and states of zero")
        kind, each = getattr(layers, cell), 4 if biases else 2
        tensor = work.build.natural(x, name)
        for place in range(int(count)):
            own = []
            for side in range(2 if both else 1):
                start = (place * (2 if both else 1) + side) * each
                own += _cell(cell, arrays[start : start + each])
            units = own[1].shape[0]
            layer = kind(units, return_sequences=True, use_bias=True, name=work.build.name(f"{name}_{place}"))
            if both:
                layer = layers.Bidirectional(layer, name=work.build.name(f"{name}_{place}_both"))
            tensor = work.build.called(layer, tensor, *own)
        states_out = (None,) * (2 if cell == "LSTM" else 1)
        return (plain(tensor), *states_out)

    return made


def _cell(cell: str, arrays: Sequence[Any]) -> list[Any]:
    """Return a cell's kernel, recurrent kernel and bias as Keras has them.

    PyTorch's LSTM has its gates in Keras's order; its GRU has the reset gate before the update gate.
    """
    kernel, recurrent, *bias = (np.asarray(one, np.float32) for one in arrays)
    inner, outer = bias or (np.zeros(len(kernel), np.float32),) * 2
    if cell == "LSTM":
        return [kernel.T, recurrent.T, inner + outer]
    units = recurrent.shape[1]
    order = np.r_[units : 2 * units, 0:units, 2 * units : 3 * units]
    return [kernel[order].T, recurrent[order].T, np.stack([inner[order], outer[order]])]


def _embedding(work: Work, name: str, table: Any, x: Held, *_: Any) -> Held:
    from keras import layers

    layer = layers.Embedding(table.shape[0], table.shape[1], name=work.build.name(name))
    return plain(work.build.called(layer, work.build.natural(x, name), table))


def _zeros(work: Work, name: str, shape: Sequence[int], *_: Any, **__: Any) -> Any:
    return np.zeros(shape, np.float32)


def _unchanged(work: Work, name: str, x: Any, *_: Any, **__: Any) -> Any:
    return x


OPERATIONS: Mapping[str, Callable[..., Any]] = {
    "linear": _linear,
    "addmm": _addmm,
    "conv1d": _convolution(1),
    "conv2d": _convolution(2),
    "batch_norm": _batch_norm,
    "layer_norm": _layer_norm,
    **{f"{lower}_pool{rank}d": _pooling(kind, rank) for lower, kind in (("max", "Max"), ("avg", "Average"))
       for rank in (1, 2)},
    **{f"adaptive_avg_pool{rank}d": _adaptive("Average") for rank in (1, 2)},
    **{f"adaptive_max_pool{rank}d": _adaptive("Max") for rank in (1, 2)},
    **{name: _each(kind) for name, kind in {
        "relu": "relu", "sigmoid": "sigmoid", "tanh": "tanh", "gelu": "gelu", "silu": "silu",
        "relu6": "relu6", "hardsigmoid": "hard_sigmoid", "hardswish": "hard_silu", "mish": "mish",
        "selu": "selu", "softplus": "softplus", "softsign": "softsign", "exp": "exponential",
    }.items()},
    "leaky_relu": _leaky,
    "elu": _elu,
    "hardtanh": _clamp,
    "clamp": _clamp,
    "abs": _absolute,
    "softmax": _softmax,
    "add": _binary("add"),
    "sub": _binary("subtract"),
    "mul": _binary("multiply"),
    "div": _binary("true_divide"),
    **dict.fromkeys(("view", "reshape", "_unsafe_view"), _view),
    "flatten": _flatten,
    "squeeze": _squeeze,
    "unsqueeze": _unsqueeze,
    "permute": _permute,
    **dict.fromkeys(("transpose", "t"), _transpose),
    "cat": _cat,
    "select": _select,
    "slice": _slice,
    "mean": _mean("mean"),
    "sum": _mean("sum"),
    "amax": _mean("max"),
    **dict.fromkeys(("matmul", "bmm"), _matmul),
    "scaled_dot_product_attention": _attention,
    "lstm": _recurrent("LSTM"),
    "gru": _recurrent("GRU"),
    "embedding": _embedding,
    **dict.fromkeys(("zeros", "new_zeros"), _zeros),
    **dict.fromkeys(
        ("dropout", "contiguous", "clone", "detach", "alias", "to", "_assert_tensor_metadata"),
        _unchanged,
    ),
}  # fmt: skip
"""Name of an operation -> how it is built."""
