"""What hls4ml 1.3 can build: by operation, interface and strategy; asked before anything is trained."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bitfront.spaces import Graph, Node, Row, UserError, survey

from .backends import IO_TYPES, STRATEGIES, backend_named
from .design.reuse import DISTRIBUTED, built_strategy
from .operation import operation

if TYPE_CHECKING:
    import keras

MAX_READERS = 7
"""How many layers may read one stream, an output of the model counted as one: hls4ml's `clone_stream` ends
there.
"""


@dataclass(frozen=True)
class LayerSupport:
    """Whether one Keras layer can be searched and built."""

    layer: str
    kind: str
    """The layer's class."""
    nodes: tuple[str, ...]
    """The firmware's operations that it turns into; empty for layers that vanish (Dropout, Flatten of a
    vector).
    """
    io_types: tuple[str, ...]
    """Interfaces for which it can be built."""
    strategies: tuple[str, ...]
    """Strategies with which it can be built."""
    reason: str | None
    """Why not, where an interface or a strategy is missing."""

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
    nodes = {n.name: n for n in lowered.nodes}
    return tuple(_row(r, nodes) for r in rows)


def _row(row: Row, nodes: Mapping[str, Node]) -> LayerSupport:
    if row.fault:
        return LayerSupport(row.layer, row.kind, row.nodes, (), (), row.fault)
    own = [nodes[name] for name in row.nodes]
    where = {
        io: reason
        for node in own
        if node.inputs
        for io in IO_TYPES
        if (reason := operation(node.op).refused(node, nodes[node.inputs[0]].shape, io))
    }
    how = {
        s: reason
        for node in own
        for s in STRATEGIES
        if (reason := operation(node.op).refused_strategy(s.lower()))
    }
    multiplied = [node for node in own if node.traits.family in {"linear", "einsum"}]
    if multiplied and all(built_strategy(node, DISTRIBUTED) == "latency" for node in multiplied):
        how[DISTRIBUTED] = "Latency is built where distributed arithmetic is asked for"
    return LayerSupport(
        row.layer,
        row.kind,
        row.nodes,
        tuple(io for io in IO_TYPES if io not in where),
        tuple(s for s in STRATEGIES if s not in how),
        "; ".join(dict.fromkeys([*where.values(), *how.values()])) or None,
    )


def check_hardware(
    graph: Graph,
    *,
    io_type: str,
    backend: str = "Vitis",
    strategies: Iterable[str] | Mapping[str, Iterable[str]] = ("Latency",),
    reuse_factors: Iterable[int] = (1,),
    narrow_accumulators: Iterable[str] = (),
) -> None:
    """Refuse what hls4ml can't build for an interface and the strategies that may be chosen.

    `narrow_accumulators` names the Keras layers whose accumulator may be narrower than lossless.

    `strategies` hold for all nodes, or by the Keras layer that a node comes from. Reuse factors that a layer
    can't be built with are no fault: it gets the nearest (`bitfront.hls.design.reuse`), but for distributed
    arithmetic alone, which shares nothing.

    Raises:
        UserError: naming every node, and why.
    """
    tool = backend_named(backend)
    faults = [
        f"{node.name!r} ({node.op}): {reason}" for node in graph if (reason := tool.refused.get(node.op))
    ]
    faults += [
        f"{node.name!r} ({node.op}): {reason}"
        for node in graph
        if node.inputs and (reason := operation(node.op).refused(node, graph[node.inputs[0]].shape, io_type))
    ]
    per_layer = (
        strategies
        if isinstance(strategies, Mapping)
        else dict.fromkeys((node.layer for node in graph), tuple(strategies))
    )
    chosen = {layer: {s.lower() for s in own} for layer, own in per_layer.items()}
    lacking = sorted(set().union(*chosen.values()) - {s.lower() for s in tool.strategies})
    faults += [f"{tool.name} has no strategy {strategy}" for strategy in lacking]
    faults += [
        f"{node.name!r} ({node.op}): {reason}"
        for node in graph
        for s in sorted(chosen.get(node.layer, ()))
        if (reason := operation(node.op).refused_strategy(s))
    ]
    if set().union(*chosen.values()) == {"distributed_arithmetic"} and max(reuse_factors) > 1:
        faults.append("distributed arithmetic needs reuse factor 1")
    narrow = frozenset(narrow_accumulators)
    faults += [
        f"{node.name!r} ({node.op}): distributed arithmetic sums exactly whatever the accumulator, so set "
        "accumulators: exact for it, or another strategy"
        for node in graph
        if operation(node.op).summed_by_adders
        and node.layer in narrow
        and "distributed_arithmetic" in chosen.get(node.layer, ())
    ]
    faults += _outputs_without_firmware(graph)
    if io_type == "io_stream":
        faults += [
            f"{node.name!r} ({node.op}): {readers} layers read its output and hls4ml splits a stream into at "
            f"most {MAX_READERS}, so let them share a layer or use io_parallel"
            for node in graph
            if (readers := _readers(graph, node.name)) > MAX_READERS
        ]
        faults += [
            f"no layer reads the input {name!r}, whose stream would fill up, so leave it out or use "
            f"io_parallel"
            for name in graph.inputs
            if not _readers(graph, name)
        ]
    if faults:
        raise UserError(f"hls4ml can't build this model with {io_type}: " + "; ".join(faults) + ".")


def buildable_with(graph: Graph) -> dict[str, tuple[str, ...]]:
    """Return the strategies with which the whole model can be built, by interface; only interfaces that have
    any.

    A layer may ask for a strategy of its own in a study, so that a strategy that is missing here can still be
    mixed.

    Raises:
        UserError: where there is none, with what stands in the way of each interface.
    """
    found: dict[str, list[str]] = {}
    faults: dict[str, str] = {}
    for io_type in IO_TYPES:
        for strategy in STRATEGIES:
            try:
                check_hardware(graph, io_type=io_type, strategies=(strategy,))
            except UserError as fault:
                faults.setdefault(io_type, str(fault))
            else:
                found.setdefault(io_type, []).append(strategy)
    if not found:
        raise UserError(" ".join(faults.values()))
    return {io_type: tuple(strategies) for io_type, strategies in found.items()}


def _outputs_without_firmware(graph: Graph) -> list[str]:
    """Return what is wrong with outputs that hls4ml has no layer for: inputs, and one tensor given out
    twice.
    """
    made = [_computed_by(graph, output) for output in graph.outputs]
    faults = [
        f"its output {output!r} is the input {source!r} as it is, so leave it out"
        for output, source in zip(graph.outputs, made, strict=True)
        if not graph[source].inputs
    ]
    return faults + [
        f"its outputs {', '.join(map(repr, same))} are one tensor, so give it out once"
        for source in dict.fromkeys(made)
        if len(same := [o for o, m in zip(graph.outputs, made, strict=True) if m == source]) > 1
        and graph[source].inputs
    ]


def _computed_by(graph: Graph, name: str) -> str:
    """Return the node whose values an output has: a dropout changes none, and a last reshape is left out."""
    node = graph[name]
    while node.inputs and (operation(node.op).left_out_last or not node.traits.built):
        node = graph[node.inputs[0]]
    return node.name


def _readers(graph: Graph, name: str) -> int:
    return len(graph.consumers(name)) + (name in graph.outputs)
