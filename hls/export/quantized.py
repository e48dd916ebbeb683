"""A candidate as a QKeras model with constant quantizers.

Dense, convolutions, merges, ReLU and pooling predict what the firmware computes. Two things differ, since QKeras
has no equivalent: sigmoid, tanh and softmax are computed, not looked up (a table of n entries over [-r, r) is off by
at most 2 r / n times the slope, 1/64 for hls4ml's 1024 entries), and QLSTM and QGRU round a state when it is read,
with gates in float. An average over a window that is no power of two is truncated by the firmware only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from bitfront.spaces import FixedPoint, Graph, Node, Weights

from .plain import Rounded, build, make_layer, rounded_weights

if TYPE_CHECKING:
    import keras

    from ..types import Types


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


def to_qkeras(graph: Graph, weights: Weights, types: Types) -> keras.Model:
    """Return the candidate as a QKeras model; weights are values of their types already."""

    def factory(node: Node, values: Rounded) -> Any:
        own = {key.rpartition("/")[2]: kind for key, kind in types.items() if key.startswith(f"{node.name}/")}
        layer = _layer(node, values, own)
        rounds = any(t.role == "result" for t in graph.tensors(node))
        if not rounds or node.op == "relu":
            return layer
        return _Chain(layer, own["result"], f"{node.name}_result")

    values = rounded_weights(graph, weights, types)
    return build(graph, values, factory, name="bitfront_qkeras", input_factory=_input_rounding(types))


def _input_rounding(types: Types) -> Callable[[Node, Any], Any]:
    import qkeras

    def rounded(node: Node, tensor: Any) -> Any:
        return qkeras.QActivation(quantizer_of(types[f"{node.name}/result"]), name=f"{node.name}_result")(
            tensor
        )

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
        case "lstm" | "gru" | "simple_rnn":
            kind = {"lstm": qkeras.QLSTM, "gru": qkeras.QGRU, "simple_rnn": qkeras.QSimpleRNN}[node.op]
            gates: dict[str, Any] = {} if node.op == "simple_rnn" else {"recurrent_activation": "sigmoid"}
            if node.op == "gru":
                gates["reset_after"] = True
            return kind(
                attrs["units"],
                activation="tanh",
                kernel_quantizer=kernel,
                recurrent_quantizer=quantizer_of(own["recurrent_weight"]),
                bias_quantizer=quantizer_of(own["bias"]),
                state_quantizer=quantizer_of(own["result"]),
                return_sequences=attrs["return_sequences"],
                name=name,
                **gates,
            )
        case "relu":
            return qkeras.QActivation(quantizer_of(own["result"]), name=name)
        case _:
            return make_layer(node, values)
