"""One function a Keras layer: how it becomes nodes of the firmware, or why it can't."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from .attention import add_constant, einsum_dense, exported, layer_normalization, multi_head_attention
from .lowering import Arrays, Handler, Lowering, Unsupported, activation_kind

Shape = tuple[int, ...]
Names = tuple[str, ...]


def _array(variable: Any) -> Any:
    return np.asarray(variable, np.float32)


def _weights(layer: Any, kernel: str = "kernel") -> Arrays:
    found = {"weight": _array(getattr(layer, kernel))}
    if layer.use_bias:
        found["bias"] = _array(layer.bias)
    return found


def _dense(work: Lowering, layer: Any, inputs: Names, shape: Shape) -> str:
    name = work.add(layer, "dense", inputs, shape, weights=_weights(layer), units=layer.units)
    return work.activation(layer, layer.activation, name, shape)


def _time_distributed(work: Lowering, layer: Any, inputs: Names, shape: Shape) -> str:
    inner = layer.layer
    if type(inner).__name__ not in {"Dense", "QDense"}:
        raise Unsupported(
            f"TimeDistributed({type(inner).__name__}) is not supported; TimeDistributed(Dense) is"
        )
    return _dense(work, inner, inputs, shape)


def _check_conv(layer: Any) -> None:
    if layer.data_format != "channels_last":
        raise Unsupported("data_format must be channels_last")
    if any(d != 1 for d in layer.dilation_rate):
        raise Unsupported("dilation_rate must be 1: hls4ml ignores it")
    if getattr(layer, "groups", 1) != 1:
        raise Unsupported("groups must be 1: hls4ml ignores them")


def _conv(work: Lowering, layer: Any, inputs: Names, shape: Shape) -> str:
    _check_conv(layer)
    name = work.add(
        layer,
        f"conv{len(layer.kernel_size)}d",
        inputs,
        shape,
        weights=_weights(layer),
        filters=layer.filters,
        kernel_size=tuple(layer.kernel_size),
        strides=tuple(layer.strides),
        padding=layer.padding,
    )
    return work.activation(layer, layer.activation, name, shape)


def _depthwise(work: Lowering, layer: Any, inputs: Names, shape: Shape) -> str:
    _check_conv(layer)
    if layer.depth_multiplier != 1:
        raise Unsupported("depth_multiplier must be 1 in hls4ml's depthwise convolution")
    if layer.padding == "causal":
        raise Unsupported("causal padding is not available in hls4ml's depthwise convolution")
    kernel = "depthwise_kernel" if hasattr(layer, "depthwise_kernel") else "kernel"
    name = work.add(
        layer,
        f"depthwise_conv{len(layer.kernel_size)}d",
        inputs,
        shape,
        weights=_weights(layer, kernel),
        kernel_size=tuple(layer.kernel_size),
        strides=tuple(layer.strides),
        padding=layer.padding,
    )
    return work.activation(layer, layer.activation, name, shape)


def _separable(work: Lowering, layer: Any, inputs: Names, shape: Shape) -> str:
    """Split as hls4ml does: a depthwise convolution without bias, then a pointwise one."""
    _check_conv(layer)
    if layer.depth_multiplier != 1:
        raise Unsupported("depth_multiplier must be 1 in hls4ml's separable convolution")
    if layer.padding == "causal":
        raise Unsupported("causal padding is not available in hls4ml's separable convolution")
    rank = len(layer.kernel_size)
    depthwise = _array(layer.depthwise_kernel)
    middle = (*shape[:-1], depthwise.shape[-2])
    first = work.add(
        layer,
        f"depthwise_conv{rank}d",
        inputs,
        middle,
        name=f"{layer.name}_depthwise",
        weights={"weight": depthwise},
        kernel_size=tuple(layer.kernel_size),
        strides=tuple(layer.strides),
        padding=layer.padding,
    )
    pointwise: Arrays = {"weight": _array(layer.pointwise_kernel)}
    if layer.use_bias:
        pointwise["bias"] = _array(layer.bias)
    name = work.add(
        layer,
        f"conv{rank}d",
        (first,),
        shape,
        name=f"{layer.name}_pointwise",
        weights=pointwise,
        filters=shape[-1],
        kernel_size=(1,) * rank,
        strides=(1,) * rank,
        padding="valid",
    )
    return work.activation(layer, layer.activation, name, shape)


def _cell_weights(layer: Any) -> Arrays:
    cell = layer.cell
    gru = type(cell).__name__.endswith("GRUCell")
    found: Arrays = {"weight": _array(cell.kernel), "recurrent_weight": _array(cell.recurrent_kernel)}
    if not cell.use_bias:
        found["bias"] = np.zeros(found["weight"].shape[1], np.float32)
        if gru:
            found["recurrent_bias"] = np.zeros_like(found["bias"])
    elif gru:
        found["bias"], found["recurrent_bias"] = _array(cell.bias)
    else:
        found["bias"] = _array(cell.bias)
    return found


def _check_recurrent(layer: Any) -> str:
    kind = {"LSTM": "lstm", "GRU": "gru", "SimpleRNN": "simple_rnn"}.get(
        type(layer).__name__.removeprefix("Q")
    )
    if kind is None:
        raise Unsupported(f"{type(layer).__name__} is not a recurrent layer that hls4ml knows")
    if layer.return_state or layer.stateful:
        raise Unsupported("return_state and stateful are not available in the firmware")
    if kind == "gru" and not layer.reset_after:
        raise Unsupported(
            "GRU(reset_after=False) is silently wrong in hls4ml; build it with reset_after=True"
        )
    if activation_kind(layer.activation)[0] != "tanh":
        raise Unsupported("its activation must be tanh")
    if kind != "simple_rnn" and activation_kind(layer.recurrent_activation)[0] != "sigmoid":
        raise Unsupported("its recurrent activation must be sigmoid")
    return kind


def _recurrent(work: Lowering, layer: Any, inputs: Names, shape: Shape) -> str:
    kind = _check_recurrent(layer)
    if layer.go_backwards:
        raise Unsupported("go_backwards=True is silently wrong in hls4ml; reverse the sequence in the data")
    return work.add(
        layer,
        kind,
        inputs,
        shape,
        weights=_cell_weights(layer),
        units=layer.units,
        return_sequences=layer.return_sequences,
    )


def _bidirectional(work: Lowering, layer: Any, inputs: Names, shape: Shape) -> str:
    forward, backward = layer.forward_layer, layer.backward_layer
    kinds = {_check_recurrent(forward), _check_recurrent(backward)}
    if layer.merge_mode != "concat":
        raise Unsupported(
            f"merge_mode={layer.merge_mode!r} is silently turned into 'concat' by hls4ml; use concat"
        )
    if len(kinds) != 1 or kinds == {"simple_rnn"}:
        raise Unsupported("both directions must be LSTM or both GRU")
    if forward.go_backwards or not backward.go_backwards:
        raise Unsupported("the first layer must run forward and the second backward")
    weights = {f"forward_{k}": v for k, v in _cell_weights(forward).items()}
    weights |= {f"backward_{k}": v for k, v in _cell_weights(backward).items()}
    return work.add(
        layer,
        "bidirectional",
        inputs,
        shape,
        weights=weights,
        cell=kinds.pop(),
        units=forward.units,
        return_sequences=layer.return_sequences,
    )


def _batchnorm(work: Lowering, layer: Any, inputs: Names, shape: Shape) -> str:
    axis = layer.axis[0] if isinstance(layer.axis, list | tuple) else layer.axis
    if axis not in {-1, len(shape)}:
        raise Unsupported("BatchNormalization must run over the last axis")
    mean, variance = (
        _array(layer.moving_mean).astype(np.float64),
        _array(layer.moving_variance).astype(np.float64),
    )
    gamma = _array(layer.gamma).astype(np.float64) if layer.scale else np.ones_like(mean)
    beta = _array(layer.beta).astype(np.float64) if layer.center else np.zeros_like(mean)
    scale = gamma / np.sqrt(variance + layer.epsilon)
    return work.add(
        layer,
        "batchnorm",
        inputs,
        shape,
        weights={"scale": scale.astype(np.float32), "bias": (beta - mean * scale).astype(np.float32)},
    )


def _activation(work: Lowering, layer: Any, inputs: Names, shape: Shape) -> str:
    kind, attrs = activation_kind(layer.activation)
    return inputs[0] if kind == "linear" else work.add(layer, kind, inputs, shape, **attrs)


def _relu(work: Lowering, layer: Any, inputs: Names, shape: Shape) -> str:
    if getattr(layer, "max_value", None) is not None or getattr(layer, "threshold", None):
        raise Unsupported("ReLU with max_value or threshold is not supported; clip by the precision instead")
    slope = float(layer.negative_slope)
    if slope:
        return work.add(layer, "leaky_relu", inputs, shape, slope=slope)
    return work.add(layer, "relu", inputs, shape)


def _softmax(work: Lowering, layer: Any, inputs: Names, shape: Shape) -> str:
    if layer.axis not in {-1, len(shape)}:
        raise Unsupported("Softmax must run over the last axis")
    return work.add(layer, "softmax", inputs, shape)


def _pool(work: Lowering, layer: Any, inputs: Names, shape: Shape) -> str:
    if layer.data_format != "channels_last":
        raise Unsupported("data_format must be channels_last")
    op = "max_pool" if type(layer).__name__.startswith("Max") else "avg_pool"
    rank = len(shape) - 1

    def pair(value: Any) -> tuple[int, ...]:
        return (value,) * rank if isinstance(value, int) else tuple(value)

    return work.add(
        layer,
        op,
        inputs,
        shape,
        pool_size=pair(layer.pool_size),
        strides=pair(layer.strides),
        padding=layer.padding,
    )


def _global_pool(work: Lowering, layer: Any, inputs: Names, shape: Shape) -> str:
    if layer.data_format != "channels_last":
        raise Unsupported("data_format must be channels_last")
    op = "global_max_pool" if "Max" in type(layer).__name__ else "global_avg_pool"
    name = work.add(layer, op, inputs, (shape[-1],))
    if not layer.keepdims:
        return name
    return work.add(layer, "reshape", (name,), shape, name=f"{layer.name}_keepdims")


def _reshape(work: Lowering, layer: Any, inputs: Names, shape: Shape) -> str:
    source = work.shape(inputs[0])
    if source == shape:
        return inputs[0]
    if prod(source) != prod(shape):
        raise Unsupported(f"can't reshape {source} to {shape}")
    return work.add(layer, "reshape", inputs, shape)


def _padding(work: Lowering, layer: Any, inputs: Names, shape: Shape) -> str:
    if getattr(layer, "data_format", "channels_last") != "channels_last":
        raise Unsupported("data_format must be channels_last")
    pads = layer.padding
    pads = (tuple(pads),) if isinstance(pads[0], int) else tuple(tuple(p) for p in pads)
    return work.add(layer, "zero_padding", inputs, shape, padding=pads)


def _constants(work: Lowering, inputs: Names) -> list[Any]:
    """Return the arrays among the arguments of a bare operation, and those that a layer before gave."""
    given = [*work.arguments.args, *work.arguments.kwargs.values()]
    arrays = [a for a in given if not isinstance(a, list | tuple) and not hasattr(a, "_keras_history")]
    return arrays + [work.constants[i] for i in inputs if i in work.constants]


def _merge(work: Lowering, layer: Any, inputs: Names, shape: Shape) -> str:
    op = type(layer).__name__.lower()
    constants = _constants(work, inputs)
    if constants:
        inputs = tuple(i for i in inputs if i not in work.constants)
        if op != "add" or len(inputs) != 1:
            raise Unsupported("a constant can only be added, to one tensor; use the Keras layer for it")
        return add_constant(work, layer, inputs[0], constants[0], shape)
    shapes = {work.shape(i) for i in inputs}
    if shapes != {shape}:
        raise Unsupported(f"its inputs have shapes {sorted(shapes)}; all must be {shape} (no broadcasting)")
    if op in {"average", "subtract"} and len(inputs) != 2:
        raise Unsupported(f"{type(layer).__name__} takes exactly two inputs")
    if len(set(inputs)) != len(inputs):
        raise Unsupported("it reads the same tensor twice, which hls4ml's streams can't")
    name = inputs[0]
    for i, other in enumerate(inputs[1:], 1):
        last = i == len(inputs) - 1
        name = work.add(layer, op, (name, other), shape, name=layer.name if last else f"{layer.name}_part{i}")
    return name


def _concatenate(work: Lowering, layer: Any, inputs: Names, shape: Shape) -> str:
    axis = layer.axis if layer.axis < 0 else layer.axis - len(shape) - 1
    if len(set(inputs)) != len(inputs):
        raise Unsupported("it reads the same tensor twice, which hls4ml's streams can't")
    name, done = inputs[0], list(work.shape(inputs[0]))
    for i, other in enumerate(inputs[1:], 1):
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


def _dropout(work: Lowering, layer: Any, inputs: Names, shape: Shape) -> str:
    """Keep Dropout for training; it is not in the firmware."""
    return work.add(layer, "dropout", inputs, shape, rate=float(layer.rate))


def _nothing(work: Lowering, layer: Any, inputs: Names, shape: Shape) -> str:
    return inputs[0]


LAYERS: dict[str, Handler] = {
    "Dense": _dense,
    "TimeDistributed": _time_distributed,
    "Conv1D": _conv,
    "Conv2D": _conv,
    "DepthwiseConv1D": _depthwise,
    "DepthwiseConv2D": _depthwise,
    "SeparableConv1D": _separable,
    "SeparableConv2D": _separable,
    "LSTM": _recurrent,
    "GRU": _recurrent,
    "SimpleRNN": _recurrent,
    "Bidirectional": _bidirectional,
    "BatchNormalization": _batchnorm,
    "EinsumDense": einsum_dense,
    "LayerNormalization": layer_normalization,
    "MultiHeadAttention": multi_head_attention,
    **dict.fromkeys(("AddConstant", "Einsum", "Lookup"), exported),
    "Activation": _activation,
    "ReLU": _relu,
    "LeakyReLU": _relu,
    "Softmax": _softmax,
    "MaxPooling1D": _pool,
    "MaxPooling2D": _pool,
    "AveragePooling1D": _pool,
    "AveragePooling2D": _pool,
    "GlobalMaxPooling1D": _global_pool,
    "GlobalMaxPooling2D": _global_pool,
    "GlobalAveragePooling1D": _global_pool,
    "GlobalAveragePooling2D": _global_pool,
    "Flatten": _reshape,
    "Reshape": _reshape,
    "ZeroPadding1D": _padding,
    "ZeroPadding2D": _padding,
    "Add": _merge,
    "Subtract": _merge,
    "Multiply": _merge,
    "Average": _merge,
    "Maximum": _merge,
    "Minimum": _merge,
    "Concatenate": _concatenate,
    "Dropout": _dropout,
    "ActivityRegularization": _nothing,
    "GaussianDropout": _nothing,
    "GaussianNoise": _nothing,
    "SpatialDropout1D": _nothing,
    "SpatialDropout2D": _nothing,
}
"""Class name of a Keras layer (of QKeras too, without its Q) -> how it is lowered."""
