"""LSTM, GRU and simple recurrent layers, in one direction or two."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bitfront.spaces import FixedPoint, Graph, Hardware, Node, Traits

from ..design.layers import LayerDescription
from ..design.reuse import legal_reuse_factors
from ..estimate.energy import Array
from ..estimate.recurrent import Cell, recurrent_layer
from ..operation import Settings, Types, Values
from ..precision import exact
from .kinds import Matrix
from .recurrent_units import RecurrentUnits

if TYPE_CHECKING:
    import keras

    from ..bit_true.base import BitTrueLayer
    from ..bit_true.quantizer import Mode
    from ..design.weights import WeightContent
    from ..precision.resolve import Resolver

CELLS = {
    "lstm": Cell(gates=4, products=3, gate_lookups=(3, 1), state_lookups=1, states=2, summed=True),
    "gru": Cell(gates=3, products=3, gate_lookups=(2, 1)),
    "simple_rnn": Cell(gates=1, products=0, gate_lookups=(0, 1)),
}
_LAYERS = {"lstm": "LSTM", "gru": "GRU", "simple_rnn": "SimpleRNN"}


class Recurrent(RecurrentUnits):
    """One direction, whose operation is its cell."""

    distributed_refusal = "hls4ml has no distributed arithmetic for recurrent layers"
    rtl_refusal = "it has a state, and the RTL flow unrolls what has none"

    def cell(self, node: Node) -> str:
        """Return the cell, `lstm` say."""
        return node.op

    def types(self, resolver: Resolver, node: Node, x: Sequence[FixedPoint]) -> dict[str, FixedPoint]:
        """Return the accumulator, which holds what input and state can give a gate, the tables' entries and
        the state.
        """
        result = resolver.result(node)
        table = FixedPoint(resolver.width(f"{node.name}/table"), 1)
        bound, fraction = 1.0, table.fraction
        for prefix in self.prefixes:
            q = resolver.quantized_weights(node, prefix)
            kinds = {r: resolver.types[f"{node.name}/{prefix}{r}"] for r in q}
            input_part = exact.sum_bound(q["weight"], q["bias"], exact.largest(x[0]), depthwise=False)
            state_part = exact.sum_bound(
                q["recurrent_weight"], q.get("recurrent_bias"), exact.largest(result), depthwise=False
            )
            bound = max(bound, input_part + state_part)
            fraction = max(
                fraction,
                x[0].fraction + kinds["weight"].fraction,
                result.fraction + kinds["recurrent_weight"].fraction,
                *(kinds[r].fraction for r in kinds if r.endswith("bias")),
            )
        accum = resolver.accumulator(node, exact.holding(bound, fraction))
        return {"accum": accum, "table": table, "result": result}

    def mantissa_bits(self, node: Node, own: Types, x: Sequence[FixedPoint]) -> int:
        """Return the bits of both products' sum, and of gates times states; a state saturates, so more needs
        none.
        """
        result, table, accum = own["result"], own["table"], own["accum"]
        gated = max(2 * table.fraction, result.fraction + table.fraction) + result.integer - result.signed
        products = max(
            accum.fraction,
            *(x[0].fraction + own[f"{prefix}weight"].fraction for prefix in self.prefixes),
            *(result.fraction + own[f"{prefix}recurrent_weight"].fraction for prefix in self.prefixes),
        )
        return max(gated, accum.integer - accum.signed + products)

    def layer(self, graph: Graph, node: Node, mode: Mode, settings: Settings) -> BitTrueLayer:
        """Return the cells, their gates from tables."""
        from ..bit_true.recurrent import Recurrent

        return Recurrent(
            graph,
            node,
            mode,
            self.cell(node),
            both=len(self.prefixes) == 2,
            table_size=settings.table_size,
            narrow=settings.narrow,
        )

    def reuse_factors(
        self, graph: Graph, node: Node, io_type: str, *, recurrent: bool
    ) -> tuple[int, ...] | None:
        """Return the factors of hls4ml's list, of the kernel or the recurrent one."""
        units = node.attrs["units"]
        inputs = units if recurrent else graph[node.inputs[0]].shape[-1]
        return legal_reuse_factors(inputs, CELLS[self.cell(node)].gates * units)

    def keras_layer(self, node: Node, values: Values, types: Types) -> keras.Layer:
        """Return LSTM, GRU or SimpleRNN."""
        from keras import layers

        kind = getattr(layers, _LAYERS[self.cell(node)])
        return kind(node.attrs["units"], return_sequences=node.attrs["return_sequences"], name=node.name)

    def keras_weights(self, node: Node, values: Values) -> list[NDArray[Any]]:
        """Return kernel, recurrent kernel and bias; a GRU's has two rows."""
        found = []
        for prefix in self.prefixes:
            bias = values[f"{prefix}bias"]
            if f"{prefix}recurrent_bias" in values:
                bias = np.stack([bias, values[f"{prefix}recurrent_bias"]])
            found += [values[f"{prefix}weight"], values[f"{prefix}recurrent_weight"], bias]
        return found

    def configure(
        self, graph: Graph, node: Node, layer: dict[str, Any], types: Types, *, table_size: int
    ) -> None:
        """Say how many entries the tables have; a second bias that hls4ml adds is zero, and of the first's
        type.
        """
        layer["TableSize"] = table_size
        for prefix in self.prefixes:
            if f"{node.name}/{prefix}recurrent_bias" not in types:
                layer["Precision"][f"{prefix}recurrent_bias"] = str(types[f"{node.name}/{prefix}bias"])

    def described_as(self, node: Node) -> str:
        """Return the cell."""
        return self.cell(node)

    def sizes(self, graph: Graph, node: Node, types: Types, *, table_size: int) -> dict[str, int]:
        """Return inputs, units, steps, the tables' entries, and directions where there are two."""
        steps, features = graph[node.inputs[0]].shape
        sizes = {
            "n_in": features,
            "n_state": node.attrs["units"],
            "sequence": steps,
            "table_size": table_size,
        }
        return sizes | ({"directions": 2} if len(self.prefixes) == 2 else {})

    def options(self, node: Node) -> dict[str, str | bool | int]:
        """Return what is computed of the sequence, and with which functions."""
        return {
            "return_sequences": bool(node.attrs["return_sequences"]),
            "activation": "tanh",
            "recurrent_activation": "sigmoid",
        }


class Bidirectional(Recurrent):
    """Two directions side by side; the cell is an attribute of the node."""

    prefixes = ("forward_", "backward_")
    stream_refusal = "hls4ml builds bidirectional layers with io_parallel only"

    def cell(self, node: Node) -> str:
        """Return the cell of both."""
        return str(node.attrs["cell"])

    def reuse_factors(
        self, graph: Graph, node: Node, io_type: str, *, recurrent: bool
    ) -> tuple[int, ...] | None:
        """Return the factors that are right for both products: hls4ml takes one for them, from a list for
        three gates.
        """
        units = node.attrs["units"]
        inputs = graph[node.inputs[0]].shape[-1]
        gates = {CELLS[self.cell(node)].gates, CELLS["gru"].gates}
        return _common(tuple((n, g * units) for g in sorted(gates) for n in (inputs, units)))

    def keras_layer(self, node: Node, values: Values, types: Types) -> keras.Layer:
        """Return Bidirectional."""
        from keras import layers

        inner = getattr(layers, _LAYERS[self.cell(node)])
        sequences = node.attrs["return_sequences"]
        return layers.Bidirectional(inner(node.attrs["units"], return_sequences=sequences), name=node.name)

    def described_types(self, kinds: dict[str, FixedPoint], result: FixedPoint) -> dict[str, FixedPoint]:
        """Return the forward direction's types as one direction's."""
        return {
            role.removeprefix("forward_"): kind
            for role, kind in kinds.items()
            if not role.startswith("backward_")
        }

    def described_weights(self, content: dict[str, WeightContent]) -> dict[str, WeightContent]:
        """Return the forward direction's contents as one direction's; the second keeps its prefix."""
        return {role.removeprefix("forward_"): one for role, one in content.items()}


class RecurrentKind(Matrix):
    """Cells of a kind, `sequence` steps after each other; its kernel is its matrix."""

    recurrent = True

    def __init__(self, name: str) -> None:
        self.cell = CELLS[name]
        rule = partial(recurrent_layer, cell=self.cell)
        super().__init__(name, rule, ("n_in", "n_state", "sequence"), family="rnn")

    def matrix(self, layer: LayerDescription) -> tuple[int, int]:
        """Return inputs and all gates of all units; the recurrent kernel is `n_state` by as many."""
        return layer.sizes["n_in"], layer.sizes["n_state"] * self.cell.gates

    def positions(self, layer: LayerDescription) -> int:
        """Return the steps."""
        return layer.sizes["sequence"]

    def multiplications(self, layer: LayerDescription) -> int:
        """Return those of both kernels and of the gates."""
        n_in, n_out = self.matrix(layer)
        units = layer.sizes["n_state"]
        cell = n_in * n_out + units * n_out + self.cell.products * units
        return cell * layer.sizes["sequence"] * layer.size("directions")

    def channels(self, layer: LayerDescription, before: int) -> int:
        """Return the units."""
        return layer.sizes["n_state"]

    def arrays(self, layer: LayerDescription) -> list[Array]:
        """Return kernel and recurrent kernel."""
        state = ("recurrent_weight", layer.sizes["n_state"], layer.result.width)
        return [*super().arrays(layer), state]

    def gate_products(self, layer: LayerDescription) -> list[tuple[int, int]]:
        """Return the widths of the gates' products.

        The C++ keeps what gates read from their tables in the accumulator's type, of which it then has only
        the table's bits.
        """
        table = layer.type("table", layer.type("accum")).width
        state, accum = layer.result.width, layer.type("accum").width
        own = {
            "lstm": [(table, table), (table, state), (table, table)],
            "gru": [(table, accum), (table, table), (table, state)],
        }
        return own.get(self.name, [])


@lru_cache(maxsize=4096)
def _common(shapes: tuple[tuple[int, int], ...]) -> tuple[int, ...]:
    """Return the factors that are legal for products of all these sizes."""
    return tuple(sorted(set.intersection(*(set(legal_reuse_factors(*shape)) for shape in shapes))))


_RECURRENT: dict[str, Any] = {"family": "recurrent", "accumulator": True, "inner": ("table",)}
_KERNELS: frozenset[Hardware] = frozenset({"strategy", "reuse_factor"})

OPERATIONS = (
    Recurrent(
        Traits(
            op="lstm",
            hardware=_KERNELS | {"recurrent_reuse_factor", "recurrent_mode"},
            **_RECURRENT,
        ),
        kinds=(RecurrentKind("lstm"),),
    ),
    Recurrent(
        Traits(
            op="gru",
            hardware=_KERNELS | {"recurrent_reuse_factor", "recurrent_mode"},
            **_RECURRENT,
        ),
        kinds=(RecurrentKind("gru"),),
    ),
    Recurrent(
        Traits(op="simple_rnn", hardware=_KERNELS | {"recurrent_reuse_factor"}, **_RECURRENT),
        kinds=(RecurrentKind("simple_rnn"),),
    ),
    # hls4ml lists the factors of both directions of a bidirectional layer together
    Bidirectional(Traits(op="bidirectional", hardware=_KERNELS | {"recurrent_mode"}, **_RECURRENT)),
)
