"""One function a Keras layer: how it becomes nodes of the firmware, or why it can't."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from .activations import activation_kind, rectifier
from .attention import einsum_dense, exported, layer_normalization, multi_head_attention
from .kernels import dilated, full, ungrouped
from .merges import concatenate, merge, scaled
from .pooling import global_pool, pool
from .products import constant_product, dot
from .quantized_layers import adaptive_activation, fixed_point, scale_shift
from .quantizers import folded_weights, weight_values
from .recurrent import bidirectional, recurrent
from .reordered import softmax
from .unsupported import Unsupported
from .views import moved
from .work import Arrays, Handler, Lowering

Shape = tuple[int, ...]
Names = tuple[str, ...]


def _weights(layer: Any, kernel: str = "kernel") -> Arrays:
    role = kernel.removesuffix("_kernel")
    if hasattr(layer, "get_folded_weights"):
        return folded_weights(layer, role)
    arrays = {"weight": weight_values(layer, role, getattr(layer, kernel))}
    if layer.use_bias:
        arrays["bias"] = weight_values(layer, "bias", layer.bias)
    return arrays


def _dense(work: Lowering, layer: Any, inputs: Names, shape: Shape) -> str:
    name = work.add(layer, "dense", inputs, shape, weights=_weights(layer), units=layer.units)
    return work.activation(layer, layer.activation, name, shape)


def _time_distributed(work: Lowering, layer: Any, inputs: Names, shape: Shape) -> str:
    inner = layer.layer
    if type(inner).__name__ not in {"Dense", "QDense"} or not type(inner).__module__.startswith(
        ("keras.", "qkeras.")
    ):
        raise Unsupported(
            f"TimeDistributed({type(inner).__name__}) is not supported; TimeDistributed(Dense) is"
        )
    return _dense(work, inner, inputs, shape)


def _conv(work: Lowering, layer: Any, inputs: Names, shape: Shape) -> str:
    weights = _weights(layer)
    groups = getattr(layer, "groups", 1)
    if groups != 1:
        weights["weight"] = ungrouped(weights["weight"], groups)
    name = _convolution(work, layer, inputs, shape, weights, spread=groups != 1)
    return work.activation(layer, layer.activation, name, shape)


def _convolution(
    work: Lowering,
    layer: Any,
    inputs: Names,
    shape: Shape,
    weights: Arrays,
    *,
    depthwise: bool = False,
    spread: bool = False,
    name: str | None = None,
) -> str:
    """Append a convolution with the layer's window; `spread` says that its kernel has zeros that aren't
    weights.

    A depthwise kernel is written out where hls4ml lacks the layer, with a depth multiplier.
    """
    rank = len(layer.kernel_size)
    if depthwise and weights["weight"].shape[-1] != 1:
        weights["weight"], depthwise, spread = full(weights["weight"]), False, True
    if any(rate != 1 for rate in layer.dilation_rate):
        weights["weight"], spread = dilated(weights["weight"], layer.dilation_rate), True
    return work.add(
        layer,
        f"{'depthwise_' if depthwise else ''}conv{rank}d",
        inputs,
        shape,
        name=name,
        weights=weights,
        kernel_size=weights["weight"].shape[:rank],
        strides=tuple(layer.strides),
        padding=layer.padding,
        **({} if depthwise else {"filters": shape[-1]}),
        **({"spread": True} if spread else {}),
    )


def _depthwise(work: Lowering, layer: Any, inputs: Names, shape: Shape) -> str:
    kernel = "depthwise_kernel" if hasattr(layer, "depthwise_kernel") else "kernel"
    name = _convolution(work, layer, inputs, shape, _weights(layer, kernel), depthwise=True)
    return work.activation(layer, layer.activation, name, shape)


def _separable(work: Lowering, layer: Any, inputs: Names, shape: Shape) -> str:
    """Split as hls4ml does: a depthwise convolution without bias, then a pointwise one."""
    rank = len(layer.kernel_size)
    depthwise = weight_values(layer, "depthwise", layer.depthwise_kernel)
    middle = (*shape[:-1], depthwise.shape[-2] * depthwise.shape[-1])
    first = _convolution(
        work, layer, inputs, middle, {"weight": depthwise}, depthwise=True, name=f"{layer.name}_depthwise"
    )
    pointwise: Arrays = {"weight": weight_values(layer, "pointwise", layer.pointwise_kernel)}
    if layer.use_bias:
        pointwise["bias"] = weight_values(layer, "bias", layer.bias)
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


def _batchnorm(work: Lowering, layer: Any, inputs: Names, shape: Shape) -> str:
    axes = list(layer.axis) if isinstance(layer.axis, list | tuple) else [layer.axis]
    if axes not in ([-1], [len(shape)]):
        raise Unsupported("BatchNormalization must run over the last axis")

    def values(role: str, variable: Any) -> Any:
        return weight_values(layer, role, variable).astype(np.float64)

    mean, variance = values("mean", layer.moving_mean), values("variance", layer.moving_variance)
    gamma = values("gamma", layer.gamma) if layer.scale else np.ones_like(mean)
    beta = values("beta", layer.beta) if layer.center else np.zeros_like(mean)
    scale = gamma / np.sqrt(variance + layer.epsilon)
    if getattr(layer, "inverse_quantizer_internal", None) is not None:
        scale = values("inverse", scale.astype(np.float32))
    return work.add(
        layer,
        "batchnorm",
        inputs,
        shape,
        weights={"scale": scale.astype(np.float32), "bias": (beta - mean * scale).astype(np.float32)},
    )


def _activation(work: Lowering, layer: Any, inputs: Names, shape: Shape) -> str:
    kind, attrs = activation_kind(layer.activation)
    if kind == "linear" and not attrs:
        return inputs[0]
    return work.add(layer, kind, inputs, shape, **attrs)


def _relu(work: Lowering, layer: Any, inputs: Names, shape: Shape) -> str:
    op, attrs = rectifier(layer)
    return work.add(layer, op, inputs, shape, **attrs)


def _softmax(work: Lowering, layer: Any, inputs: Names, shape: Shape) -> str:
    return softmax(work, layer, inputs, shape, layer.axis)


def _reshape(work: Lowering, layer: Any, inputs: Names, shape: Shape) -> str:
    source = work.shape(inputs[0])
    if source == shape:
        return inputs[0]
    if prod(source) != prod(shape):
        raise Unsupported(f"can't reshape {source} to {shape}")
    return work.add(layer, "reshape", inputs, shape)


def _padding(work: Lowering, layer: Any, inputs: Names, shape: Shape) -> str:
    pads = layer.padding
    pads = (tuple(pads),) if isinstance(pads[0], int) else tuple(tuple(p) for p in pads)
    return work.add(layer, "zero_padding", inputs, shape, padding=pads)


def _upsampling(work: Lowering, layer: Any, inputs: Names, shape: Shape) -> str:
    """Lower `UpSampling2D`: pixels repeated, or, bilinear, sums of neighbours along both axes, constant
    products.
    """
    if layer.interpolation != "bilinear":
        return moved(work, layer, inputs, shape)
    height, width, _ = work.shape(inputs[0])
    rows = np.asarray(layer(np.eye(height, dtype=np.float32)[:, :, None, None]))[:, :, 0, 0]
    columns = np.asarray(layer(np.eye(width, dtype=np.float32)[:, None, :, None]))[:, 0, :, 0]
    taller = constant_product(work, layer, inputs[0], "bhwc,hH->bHwc", rows, name=f"{layer.name}_rows")
    return constant_product(work, layer, taller, "bhwc,wW->bhWc", columns)


def _rescaling(work: Lowering, layer: Any, inputs: Names, shape: Shape) -> str:
    """Lower a scale and an offset: a node of their own unless a linear layer before takes them."""
    return scaled(work, layer, inputs[0], layer.scale, layer.offset, shape)


def _normalization(work: Lowering, layer: Any, inputs: Names, shape: Shape) -> str:
    """Lower Keras's normalization of data: (x - mean) / deviation, or back again where it is inverted."""
    if not hasattr(layer, "mean") or layer.mean is None:
        raise Unsupported("it has no mean and variance yet: give them, or call adapt() before")
    mean = np.asarray(layer.mean, np.float64)
    # as Keras does (`Normalization.call`): its epsilon bounds the deviation from below
    deviation = np.maximum(np.sqrt(np.asarray(layer.variance, np.float64)), _epsilon())
    scale, offset = (deviation, mean) if layer.invert else (1.0 / deviation, -mean / deviation)
    return scaled(work, layer, inputs[0], scale, offset, shape)


def _epsilon() -> float:
    import keras

    return float(keras.backend.epsilon())


def _dropout(work: Lowering, layer: Any, inputs: Names, shape: Shape) -> str:
    """Keep Dropout for training; it is not in the firmware."""
    return work.add(layer, "dropout", inputs, shape, rate=float(layer.rate))


def _masking(work: Lowering, layer: Any, inputs: Names, shape: Shape) -> str:
    raise Unsupported(
        "Masking: the firmware computes every step, since hls4ml has no masks; leave it out and cut or pad "
        "the sequences in the data, as the network then sees them"
    )


def _nothing(work: Lowering, layer: Any, inputs: Names, shape: Shape) -> str:
    return inputs[0]


LAYERS: dict[str, Handler] = {
    "Dense": _dense,
    "TimeDistributed": _time_distributed,
    "DenseBatchnorm": _dense,
    "Conv1D": _conv,
    "Conv2D": _conv,
    "Conv2DBatchnorm": _conv,
    "DepthwiseConv1D": _depthwise,
    "DepthwiseConv2D": _depthwise,
    "DepthwiseConv2DBatchnorm": _depthwise,
    "SeparableConv1D": _separable,
    "SeparableConv2D": _separable,
    "LSTM": recurrent,
    "GRU": recurrent,
    "SimpleRNN": recurrent,
    "Bidirectional": bidirectional,
    "BatchNormalization": _batchnorm,
    "EinsumDense": einsum_dense,
    "LayerNormalization": layer_normalization,
    "MultiHeadAttention": multi_head_attention,
    **dict.fromkeys(("AddConstant", "Einsum", "Lookup"), exported),
    "Activation": _activation,
    "AdaptiveActivation": adaptive_activation,
    "ScaleShift": scale_shift,
    "FixedPointQuantizer": fixed_point,
    "ReLU": _relu,
    "LeakyReLU": _relu,
    "Softmax": _softmax,
    "MaxPooling1D": pool,
    "MaxPooling2D": pool,
    "AveragePooling1D": pool,
    "AveragePooling2D": pool,
    "GlobalMaxPooling1D": global_pool,
    "GlobalMaxPooling2D": global_pool,
    "GlobalAveragePooling1D": global_pool,
    "GlobalAveragePooling2D": global_pool,
    "Flatten": _reshape,
    "Reshape": _reshape,
    "ZeroPadding1D": _padding,
    "ZeroPadding2D": _padding,
    "Add": merge,
    "Subtract": merge,
    "Multiply": merge,
    "Average": merge,
    "Maximum": merge,
    "Minimum": merge,
    "Concatenate": concatenate,
    "Dot": dot,
    "UpSampling2D": _upsampling,
    "Rescaling": _rescaling,
    "Normalization": _normalization,
    "Dropout": _dropout,
    "Masking": _masking,
    "ActivityRegularization": _nothing,
    "ElementWidths": _nothing,
    "Identity": _nothing,
    "GaussianDropout": _nothing,
    "GaussianNoise": _nothing,
    "SpatialDropout1D": _nothing,
    "SpatialDropout2D": _nothing,
}
"""Class name of a Keras layer (of QKeras too, without its Q) -> how it is lowered."""
