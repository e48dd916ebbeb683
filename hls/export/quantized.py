"""A candidate as a Keras model that predicts what its firmware outputs, of QKeras layers as far as these are exact.

Dense, convolutions, merges, ReLU, maxima and moved values are QKeras's (or Keras's own) with constant quantizers: every sum
is exact in float32 as far as 24 bits go. What QKeras computes otherwise is a `FirmwareLayer`: tables of sigmoid, tanh and
softmax, QLSTM and QGRU, which round a state when it is read, averages over a window that is no power of two, narrow
accumulators, normalizations. Where 24 bits don't hold every sum, all layers are such, in float64.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import prod
from typing import TYPE_CHECKING, Any

from bitfront.spaces import LINEAR, MERGES, FixedPoint, Graph, Node, Weights

from ..precision.resolve import mantissa_bits
from .plain import Rounded, build, make_layer, rounded_weights

if TYPE_CHECKING:
    import keras

    from ..precision.resolve import Types


def quantizer_of(kind: FixedPoint) -> Any:
    """Return a QKeras quantizer that rounds to `kind` (round half to even, saturate), with alpha = 1.

    `quantized_bits` and `quantized_relu` where they can express the type, else our own, as a constant.
    """
    import qkeras

    from ..bit_true import VariableFixedPoint

    if kind.signed and kind.width >= 2 and 1 <= kind.integer <= kind.width:
        return qkeras.quantized_bits(kind.width, kind.integer - 1, symmetric=0, keep_negative=True, alpha=1.0)
    if not kind.signed and 0 <= kind.integer <= kind.width:
        return qkeras.quantized_relu(kind.width, kind.integer)
    return VariableFixedPoint(kind.width, kind.integer, signed=kind.signed)


_EXACT = (
    LINEAR
    | MERGES
    | {"relu", "linear", "batchnorm", "einsum_dense", "einsum", "add_constant", "max_pool", "global_max_pool"}
    | {"reshape", "zero_padding", "concatenate"}
)
"""Operations that QKeras or Keras itself computes as the firmware does, given rounded inputs and weights."""


def to_qkeras(
    graph: Graph,
    weights: Weights,
    types: Types,
    *,
    table_size: int = 1024,
    narrow_accumulators: frozenset[str] = frozenset(),
) -> keras.Model:
    """Return the candidate as a Keras model whose outputs are the firmware's; weights are values of their types already.

    `bitfront.hls.keras_layers` lets Keras load it. `table_size` and `narrow_accumulators` are those of `BitTrue`.
    """
    from ..bit_true.model import FLOAT32_MANTISSA

    wide = mantissa_bits(graph, types) > FLOAT32_MANTISSA

    def factory(node: Node, values: Rounded) -> Any:
        own = {key.rpartition("/")[2]: kind for key, kind in types.items() if key.startswith(f"{node.name}/")}
        roles = {tensor.role for tensor in graph.tensors(node)}
        if wide or node.name in narrow_accumulators or not _exact(graph, node):
            kept = {role: str(kind) for role, kind in own.items() if role != "result" or role in roles}
            narrow = node.name in narrow_accumulators
            return _firmware_layer(node, values, kept, wide=wide, table_size=table_size, narrow=narrow)
        layer = _layer(node, values, own)
        if "result" not in roles or node.op == "relu":
            return layer
        return _Chain(layer, own["result"], f"{node.name}_result")

    values = rounded_weights(graph, weights, types)
    return build(
        graph,
        values,
        factory,
        name="bitfront_qkeras",
        input_factory=_input_rounding(types, wide),
        dtype="float64" if wide else "float32",
    )


def _exact(graph: Graph, node: Node) -> bool:
    """Return whether Keras computes `node` as the firmware does; an average is divided by a shift then."""
    if node.op in {"avg_pool", "global_avg_pool"}:
        shape = graph[node.inputs[0]].shape
        window = prod(shape[:-1]) if node.op.startswith("global") else prod(node.attrs["pool_size"])
        return window & (window - 1) == 0
    return node.op in _EXACT


def _firmware_layer(
    node: Node,
    values: Rounded,
    types: dict[str, str],
    *,
    wide: bool,
    table_size: int = 1024,
    narrow: bool = False,
) -> Any:
    from .firmware_layer import FirmwareLayer

    return FirmwareLayer(
        node.op,
        node.attrs,
        node.shape,
        types,
        {role: value.shape for role, value in values.items()},
        table_size,
        narrow,
        name=node.name,
        dtype="float64" if wide else "float32",
    )


def _input_rounding(types: Types, wide: bool) -> Callable[[Node, Any], Any]:
    import qkeras

    def rounded(node: Node, tensor: Any) -> Any:
        kind = types[f"{node.name}/result"]
        if wide:
            layer = _firmware_layer(
                replace(node, name=f"{node.name}_result"), {}, {"result": str(kind)}, wide=True
            )
        else:
            layer = qkeras.QActivation(quantizer_of(kind), name=f"{node.name}_result")
        return layer(tensor)

    return rounded


class _Chain:
    """A layer followed by the rounding of its result; weights belong to the first."""

    def __init__(self, layer: Any, kind: FixedPoint, name: str) -> None:
        import qkeras

        self.layer = layer
        self.rounding = qkeras.QActivation(quantizer_of(kind), name=name)

    def __call__(self, x: Any) -> Any:
        return self.rounding(self.layer(x))

    def set_weights(self, values: Any) -> None:
        self.layer.set_weights(values)


def _layer(node: Node, values: Rounded, own: dict[str, FixedPoint]) -> Any:
    """Return the QKeras layer of a node, or the plain one where QKeras has none."""
    import qkeras

    attrs, name = node.attrs, node.name
    bias = {
        "use_bias": "bias" in values,
        "bias_quantizer": quantizer_of(own["bias"]) if "bias" in values else None,
    }
    kernel = quantizer_of(own["weight"]) if "weight" in values else None
    match node.op:
        case "dense":
            return qkeras.QDense(attrs["units"], kernel_quantizer=kernel, name=name, **bias)
        case "conv1d" | "conv2d" if attrs["padding"] != "causal":
            kind = qkeras.QConv1D if node.op == "conv1d" else qkeras.QConv2D
            shape = {"strides": attrs["strides"], "padding": attrs["padding"], "name": name}
            return kind(attrs["filters"], attrs["kernel_size"], kernel_quantizer=kernel, **shape, **bias)
        case "depthwise_conv2d":
            shape = {"strides": attrs["strides"], "padding": attrs["padding"], "name": name}
            return qkeras.QDepthwiseConv2D(attrs["kernel_size"], depthwise_quantizer=kernel, **shape, **bias)
        case "relu":
            return qkeras.QActivation(quantizer_of(own["result"]), name=name)
        case _:
            return make_layer(node, values)
