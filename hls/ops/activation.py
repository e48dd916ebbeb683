"""Activations that hls4ml computes: ReLU and rounding, leaky ReLU, and through tables sigmoid, tanh and
softmax.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from bitfront.spaces import FixedPoint, Graph, Node, Traits

from ..design.layers import LayerDescription
from ..estimate.elementwise import linear_layer, relu_layer, softmax_layer, table_layer
from ..operation import LayerKind, Mask, Settings, Types, Values
from ..precision.attention import softmax_types
from .base import BaseOperation, Elementwise, keep_last
from .kinds import Kind

if TYPE_CHECKING:
    import keras

    from ..bit_true.base import BitTrueLayer
    from ..bit_true.quantizer import Mode
    from ..precision.resolve import Resolver
    from ..zeros.ties import Ties


class _Rounding(Elementwise):
    """ReLU, or nothing but the rounding to the result's type."""

    keeps_zero = True
    narrows_elements = True
    rtl_refusal = None

    def __init__(self, traits: Traits, *, clips: bool, kinds: Sequence[LayerKind]) -> None:
        super().__init__(traits, kinds=kinds)
        self.clips = clips

    def layer(self, graph: Graph, node: Node, mode: Mode, settings: Settings) -> BitTrueLayer:
        """Return a QKeras activation with our quantizer."""
        from ..bit_true.elementwise import Rounding

        return Rounding(graph, node, mode, clips=self.clips)

    def keras_layer(self, node: Node, values: Values, types: Types) -> keras.Layer:
        """Return Activation."""
        from keras import layers

        return layers.Activation(node.op, name=node.name)

    def exact_in_keras(self, graph: Graph, node: Node) -> bool:
        """Return True."""
        return True

    def qkeras_layer(self, node: Node, values: Values, own: Types) -> keras.Layer | None:
        """Return QActivation for ReLU, whose unsigned type clips at zero; it rounds its result itself."""
        import qkeras

        from ..export.quantizer import quantizer_of

        return qkeras.QActivation(quantizer_of(own["result"]), name=node.name) if self.clips else None

    def configure(
        self, graph: Graph, node: Node, layer: dict[str, Any], types: Types, *, table_size: int
    ) -> None:
        """Let a result whose elements are rounded behind it keep every bit of its input."""
        if types[f"{node.name}/result"].elements:
            x = types[f"{node.inputs[0]}/result"]
            sign = int(x.signed and self.clips)
            layer["Precision"]["result"] = str(
                FixedPoint(max(1, x.width - sign), x.integer - sign, x.signed and not self.clips)
            )

    def trace(self, node: Node, x: Sequence[Any], values: Values, own: Types, settings: Settings) -> Any:
        """Return the array, below zero 0 where it clips."""
        return x[0].relu() if self.clips else x[0]


class LeakyReLU(Elementwise):
    """Negative values times a constant of a type of its own."""

    keeps_zero = True
    rtl_refusal = None

    def types(self, resolver: Resolver, node: Node, x: Sequence[FixedPoint]) -> dict[str, FixedPoint]:
        """Return the slope's type and the result's."""
        from ..precision.resolve import weight_type

        slope = weight_type(np.array([node.attrs["slope"]]), resolver.width(f"{node.name}/slope"), "max")
        return {"slope": slope, "result": resolver.result(node)}

    def mantissa_bits(self, node: Node, own: Types, x: Sequence[FixedPoint]) -> int:
        """Return the bits of the product."""
        return x[0].width + own["slope"].width

    def layer(self, graph: Graph, node: Node, mode: Mode, settings: Settings) -> BitTrueLayer:
        """Return the product with the rounded slope, rounded."""
        from ..bit_true.elementwise import LeakyReLU

        return LeakyReLU(graph, node, mode)

    def keras_layer(self, node: Node, values: Values, types: Types) -> keras.Layer:
        """Return LeakyReLU."""
        from keras import layers

        return layers.LeakyReLU(negative_slope=node.attrs["slope"], name=node.name)

    def trace(self, node: Node, x: Sequence[Any], values: Values, own: Types, settings: Settings) -> Any:
        """Return max(x, s x), which is x above zero and s x below it for slopes of at most one; else the
        smaller.
        """
        slope = float(own["slope"].quantize(np.array(node.attrs["slope"])))
        return np.maximum(x[0], x[0] * slope) if slope <= 1 else np.minimum(x[0], x[0] * slope)


class TableActivation(Elementwise):
    """Sigmoid or tanh through hls4ml's table, addressed by the leading bits of its input."""

    rtl_refusal = None

    def types(self, resolver: Resolver, node: Node, x: Sequence[FixedPoint]) -> dict[str, FixedPoint]:
        """Return the entries' type and the result's."""
        table = FixedPoint(resolver.width(f"{node.name}/table"), 1)
        return {"table": table, "result": resolver.result(node)}

    def layer(self, graph: Graph, node: Node, mode: Mode, settings: Settings) -> BitTrueLayer:
        """Return the look-up, rounded."""
        from ..bit_true.elementwise import TableActivation

        return TableActivation(graph, node, mode, table_size=settings.table_size)

    def keras_layer(self, node: Node, values: Values, types: Types) -> keras.Layer:
        """Return Activation."""
        from keras import layers

        return layers.Activation(node.op, name=node.name)

    def configure(
        self, graph: Graph, node: Node, layer: dict[str, Any], types: Types, *, table_size: int
    ) -> None:
        """Say how many entries the table has."""
        layer["TableSize"] = table_size

    def sizes(self, graph: Graph, node: Node, types: Types, *, table_size: int) -> dict[str, int]:
        """Return values and entries."""
        return super().sizes(graph, node, types, table_size=table_size) | {"table_size": table_size}

    def trace(self, node: Node, x: Sequence[Any], values: Values, own: Types, settings: Settings) -> Any:
        """Return the entry of each value, already of the result's type: its index is the value, cut to the
        table's step and range.
        """
        from ..bit_true.tables import address, rounded_entries
        from ..rtl.rounding import toward_zero
        from ..rtl.tables import looked_up

        table = rounded_entries(node.op, settings.table_size, own["table"])
        index = address(node.op, settings.table_size)
        places = toward_zero(x[0], index)
        kept = own["result"].container
        return looked_up(places, lambda v: kept.quantize(table[((v - index.min) / index.step).astype(int)]))


class Softmax(BaseOperation):
    """Softmax over the last axis, with tables of exp(-x) and 1 / x."""

    rtl_refusal = None

    def types(self, resolver: Resolver, node: Node, x: Sequence[FixedPoint]) -> dict[str, FixedPoint]:
        """Return the types of addresses, tables, their sum and the result."""
        widths = (resolver.width(f"{node.name}/{role}") for role in self.traits.inner)
        return softmax_types(node.shape[-1], *widths) | {"result": resolver.result(node)}

    def mantissa_bits(self, node: Node, own: Types, x: Sequence[FixedPoint]) -> int:
        """Return the bits of an exponential times the inverse of their sum."""
        return own["accum"].width + own["inv_table"].width

    def layer(self, graph: Graph, node: Node, mode: Mode, settings: Settings) -> BitTrueLayer:
        """Return the look-ups and the product, rounded."""
        from ..bit_true.softmax import Softmax

        return Softmax(graph, node, mode)

    def needs(self, node: Node, y: Mask, x: Sequence[Mask], own: Mapping[str, Mask]) -> Sequence[Mask]:
        """Return all values of a position that matters."""
        return [np.broadcast_to(y.any(-1, keepdims=True), y.shape)]

    def tie(self, ties: Ties, graph: Graph, node: Node) -> None:
        """Tie the positions."""
        keep_last(ties, graph, node)

    def keras_layer(self, node: Node, values: Values, types: Types) -> keras.Layer:
        """Return Softmax."""
        from keras import layers

        return layers.Softmax(name=node.name)

    def configure(
        self, graph: Graph, node: Node, layer: dict[str, Any], types: Types, *, table_size: int
    ) -> None:
        """Choose hls4ml's stable form, with an entry for every address; its sum's type is no precision to
        hls4ml.
        """
        layer["Implementation"] = "stable"
        layer["exp_table_size"] = 2 ** types[f"{node.name}/inp_norm"].width
        layer["inv_table_size"] = 2 ** types[f"{node.name}/inv_inp"].width
        layer["accum_t"] = str(types[f"{node.name}/accum"])
        layer["Precision"].pop("accum", None)

    def sizes(self, graph: Graph, node: Node, types: Types, *, table_size: int) -> dict[str, int]:
        """Return the values of a position, the positions and the entries of the first table."""
        source = graph[node.inputs[0]].shape
        sizes = {"n_in": source[-1], "outer": max(1, prod(source[:-1]))}
        return sizes | {"table_size": 2 ** types[f"{node.name}/inp_norm"].width}

    def options(self, node: Node) -> dict[str, str | bool | int]:
        """Return the form that is built."""
        return {"implementation": "stable"}

    def trace(self, node: Node, x: Sequence[Any], values: Values, own: Types, settings: Settings) -> Any:
        """Return each exponential, from a table, times the inverse of their sum, from another."""
        from ..bit_true.softmax import exponentials, inverses
        from ..rtl.rounding import at_most
        from ..rtl.tables import looked_up

        classes = x[0].shape[-1]
        positions = x[0].reshape(-1, 1, classes)
        rows = []
        for row in (positions[i] for i in range(len(positions))):
            distance = at_most(np.amax(row, axis=1) - row[0], own["inp_norm"])
            one = looked_up(distance, lambda v: own["exp_table"].quantize(exponentials(v)))
            total = at_most(np.sum(one.reshape(1, classes), axis=1), own["inv_inp"])
            inverse = looked_up(total, lambda v: own["inv_table"].quantize(inverses(v)))
            rows.append(one * inverse)
        return np.stack(rows).reshape(node.shape)


class SoftmaxKind(Kind):
    """A look-up and a product per value."""

    def multiplications(self, layer: LayerDescription) -> int:
        """Return one per value."""
        return layer.sizes["n_in"] * layer.size("outer")


_TABLE: dict[str, Any] = {"family": "activation", "inner": ("table",), "reads_accumulator": True}

OPERATIONS = (
    _Rounding(
        Traits(
            op="relu",
            family="activation",
            reads_accumulator=True,
            sign="nonnegative",
            activations={"relu": {}},
        ),
        clips=True,
        kinds=(Kind("relu", relu_layer), Kind("hard_activation", partial(relu_layer, scales=True))),
    ),
    _Rounding(
        Traits(op="linear", family="activation", activations={"linear": {}}),
        clips=False,
        kinds=(Kind("linear", linear_layer),),
    ),
    LeakyReLU(
        Traits(
            op="leaky_relu",
            family="activation",
            inner=("slope",),
            reads_accumulator=True,
            activations={"leaky_relu": {"slope": 0.2}},  # keras.activations.leaky_relu's default
        ),
        kinds=(Kind("leaky_relu", partial(relu_layer, scales=True)),),
    ),
    TableActivation(
        Traits(op="tanh", activations={"tanh": {}}, **_TABLE),
        kinds=(Kind("tanh", table_layer, tables=True),),
    ),
    TableActivation(
        Traits(
            op="sigmoid",
            activations={"sigmoid": {}},
            sign="nonnegative",
            probabilities="logits",
            **_TABLE,
        ),
        kinds=(Kind("sigmoid", table_layer, tables=True),),
    ),
    Softmax(
        Traits(
            op="softmax",
            family="activation",
            inner=("inp_norm", "exp_table", "inv_table"),
            sign="nonnegative",
            probabilities="auto",
            activations={"softmax": {}},
        ),
        kinds=(SoftmaxKind("softmax", softmax_layer, tables=True), Kind("argmax", softmax_layer)),
    ),
)
