"""What hls4ml 1.3 can build: by operation, interface and strategy; asked before anything is trained."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bitfront.spaces import Graph, UserError, survey
from bitfront.spaces.graph import LINEAR, RECURRENT

if TYPE_CHECKING:
    import keras

IO_TYPES = ("io_parallel", "io_stream")

REFUSED: Mapping[tuple[str, str], str] = {
    ("bidirectional", "io_stream"): "hls4ml builds bidirectional layers with io_parallel only",
    ("simple_rnn", "io_parallel"): "hls4ml 1.3 has no SimpleRNN for Vitis or Vivado; use GRU or LSTM",
    ("simple_rnn", "io_stream"): "hls4ml 1.3 has no SimpleRNN for Vitis or Vivado; use GRU or LSTM",
}
"""(operation, io_type) -> why it can't be built."""


@dataclass(frozen=True)
class LayerSupport:
    """Whether one Keras layer can be searched and built."""

    layer: str
    kind: str
    """The layer's class."""
    nodes: tuple[str, ...]
    """The firmware's operations that it turns into; empty for layers that vanish (Dropout, Flatten of a vector)."""
    io_types: tuple[str, ...]
    """Interfaces for which it can be built."""
    reason: str | None
    """Why not, where an interface is missing."""

    @property
    def supported(self) -> bool:
        """Whether it can be built at all."""
        return bool(self.io_types)


def support_table(model: keras.Model) -> tuple[LayerSupport, ...]:
    """Return a row for every layer of `model`, in the order of computation.

    Raises:
        UserError: when the model's layers can't be read.
    """
    rows, lowered = survey(model)
    ops = {n.name: n.op for n in lowered.nodes}
    return tuple(_row(r.layer, r.kind, tuple(ops[n] for n in r.nodes), r.nodes, r.fault) for r in rows)


def _row(
    layer: str, kind: str, ops: Iterable[str], nodes: tuple[str, ...], fault: str | None
) -> LayerSupport:
    if fault:
        return LayerSupport(layer, kind, nodes, (), fault)
    refused = {io: REFUSED[op, io] for op in ops for io in IO_TYPES if (op, io) in REFUSED}
    reason = next(iter(refused.values()), None)
    return LayerSupport(layer, kind, nodes, tuple(io for io in IO_TYPES if io not in refused), reason)


def check_hardware(
    graph: Graph,
    *,
    io_type: str,
    strategies: Iterable[str] = ("Latency",),
    reuse_factors: Iterable[int] = (1,),
) -> None:
    """Refuse what hls4ml can't build for an interface and the strategies that may be chosen.

    Raises:
        UserError: naming every node, and why.
    """
    faults = [
        f"{node.name!r} ({node.op}): {REFUSED[node.op, io_type]}"
        for node in graph
        if (node.op, io_type) in REFUSED
    ]
    if "distributed_arithmetic" in {s.lower() for s in strategies}:
        faults += [
            f"{node.name!r} ({node.op}): hls4ml has no distributed arithmetic for recurrent layers"
            for node in graph
            if node.op in RECURRENT
        ]
        if max(reuse_factors) > 1:
            faults.append("distributed arithmetic needs reuse factor 1")
    if faults:
        raise UserError(f"hls4ml can't build this model with {io_type}: " + "; ".join(faults) + ".")


def linear_or_recurrent(graph: Graph) -> tuple[str, ...]:
    """Return the names of the nodes that have a reuse factor and a strategy."""
    return tuple(n.name for n in graph if n.op in LINEAR | RECURRENT)
