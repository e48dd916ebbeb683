"""A candidate as a `DesignDescription`: what an estimate needs to know of it."""

from __future__ import annotations

from collections.abc import Mapping

from bitfront.spaces import FixedPoint, Graph, Node, Weights

from ..operation import operation
from ..precision.resolve import Types
from .adder_graph import AdderGraph, adder_graph
from .as_built import as_built
from .layers import DesignDescription, LayerDescription
from .reuse import DISTRIBUTED, built_reuse_factors, built_strategy
from .weights import WeightContent


def describe(
    graph: Graph,
    types: Types,
    weights: Weights,
    *,
    name: str,
    part: str,
    clock_ns: float,
    io_type: str = "io_parallel",
    backend: str = "Vitis",
    strategy: Mapping[str, str] | None = None,
    reuse_factor: Mapping[str, int] | None = None,
    recurrent_reuse_factor: Mapping[str, int] | None = None,
    recurrent_mode: Mapping[str, str] | None = None,
    table_size: int = 1024,
) -> DesignDescription:
    """Return the design that hls4ml would write for these types and weights.

    `strategy`, the reuse factors and the mode are given by node name, the last two of recurrent nodes alone
    (`Candidate`); reuse factors that a layer can't be built with are moved to the nearest that it can (`hls.reuse`).
    """
    layers = [
        _layer(
            graph,
            node,
            types,
            weights,
            (strategy or {}).get(node.name, "Latency").lower(),
            (reuse_factor or {}).get(node.name, 1),
            (recurrent_reuse_factor or {}).get(node.name),
            table_size,
            io_type,
            static=(recurrent_mode or {}).get(node.name, "static") == "static",
        )
        for node in graph
        if node.traits.built
    ]
    stream = io_type == "io_stream"
    built = as_built(graph, layers, {i: types[f"{i}/result"] for i in graph.inputs}, stream=stream)
    return DesignDescription(
        name=name, layers=tuple(built), part=part, clock_ns=clock_ns, io_type=io_type, backend=backend
    )


def _layer(
    graph: Graph,
    node: Node,
    types: Types,
    weights: Weights,
    chosen: str,
    factor: int,
    recurrent_factor: int | None,
    table_size: int,
    io_type: str,
    *,
    static: bool,
) -> LayerDescription:
    own = {key.rpartition("/")[2]: kind for key, kind in types.items() if key.startswith(f"{node.name}/")}
    content = {
        role: WeightContent.of(own[role].integers(values))
        for role, values in weights.get(node.name, {}).items()
    }
    kinds = {role: kind for role, kind in own.items() if role != "result"}
    known = operation(node.op)
    options = known.options(node)
    if node.traits.family == "recurrent":
        options = {"static": static, **options}
    chosen = built_strategy(node, chosen)
    factor, recurrent_factor = built_reuse_factors(
        graph, node.name, factor, recurrent_factor, strategy=chosen, io_type=io_type
    )
    return LayerDescription(
        name=node.name,
        op=known.described_as(node),
        inputs=tuple(types[f"{i}/result"] for i in node.inputs),
        result=own["result"],
        sizes=known.sizes(graph, node, types, table_size=table_size),
        types=known.described_types(kinds, own["result"]),
        weights=known.described_weights(content),
        reuse_factor=factor,
        recurrent_reuse_factor=recurrent_factor,
        strategy=chosen,
        options=options,
        after=tuple(_built(graph, name) for name in node.inputs),
        adders=_adders(node, own, types[f"{node.inputs[0]}/result"], weights, chosen),
    )


def _adders(
    node: Node, own: Mapping[str, FixedPoint], data: FixedPoint, weights: Weights, strategy: str
) -> AdderGraph | None:
    """Return what da4ml makes of the kernel of a layer with distributed arithmetic."""
    if strategy != DISTRIBUTED or not operation(node.op).summed_by_adders:
        return None
    values = {role: own[role].quantize(array) for role, array in weights[node.name].items()}
    kernel = values["weight"].reshape(-1, values["weight"].shape[-1])
    return adder_graph(kernel, data, values.get("bias"))


def _built(graph: Graph, name: str) -> str:
    """Return the node that is built for `name`: a dropout is nothing, so what it reads."""
    node = graph[name]
    return name if node.traits.built or not node.inputs else _built(graph, node.inputs[0])
