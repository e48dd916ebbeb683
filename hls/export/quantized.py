"""A candidate as a Keras model that predicts what its firmware outputs, of QKeras layers as far as these are
exact.

Dense, convolutions, merges, ReLU, maxima and moved values are QKeras's (or Keras's own) with constant
quantizers: every sum is exact in float32 as far as 24 bits go. What QKeras computes otherwise is a
`FirmwareLayer`: tables of sigmoid, tanh and softmax, QLSTM and QGRU, which round a state when it is read,
averages over a window that is no power of two, narrow accumulators, normalizations. Where 24 bits don't hold
every sum, all layers are such, in float64.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bitfront.spaces import FixedPoint, Graph, Node, Weights

from ..operation import operation
from ..precision.resolve import mantissa_bits
from .plain import Rounded, build, rounded_weights
from .quantizer import quantizer_of

if TYPE_CHECKING:
    import keras

    from ..precision.resolve import Types


def to_qkeras(
    graph: Graph,
    weights: Weights,
    types: Types,
    *,
    table_size: int = 1024,
    narrow_accumulators: frozenset[str] = frozenset(),
) -> keras.Model:
    """Return the candidate as a Keras model whose outputs are the firmware's; weights are values of their
    types already.

    `bitfront.hls.keras_layers` lets Keras load it. `table_size` and `narrow_accumulators` are those of
    `BitTrue`.
    """
    from ..bit_true.model import FLOAT32_MANTISSA

    wide = mantissa_bits(graph, types) > FLOAT32_MANTISSA

    def factory(node: Node, values: Rounded) -> Any:
        own = {key.rpartition("/")[2]: kind for key, kind in types.items() if key.startswith(f"{node.name}/")}
        roles = {tensor.role for tensor in graph.tensors(node)}
        if wide or node.name in narrow_accumulators or not operation(node.op).exact_in_keras(graph, node):
            kept = {role: str(kind) for role, kind in own.items() if role != "result" or role in roles}
            narrow = node.name in narrow_accumulators
            return _firmware_layer(node, values, kept, wide=wide, table_size=table_size, narrow=narrow)
        rounded = operation(node.op).qkeras_layer(node, values, own)
        layer = rounded or operation(node.op).keras_layer(node, values, types)
        if "result" not in roles or (rounded is not None and node.traits.family == "activation"):
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
