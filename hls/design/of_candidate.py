"""A candidate as a `DesignDescription`: what an estimate needs to know of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import prod

import numpy as np

from bitfront.spaces import FixedPoint, Graph, LayerHardware, Node, Weights, hardware_of

from ..operation import operation
from ..precision.resolve import Types
from ..target import Target
from .adder_graph import AdderGraph, adder_graph
from .as_built import as_built
from .layers import DesignDescription, LayerDescription
from .reuse import DISTRIBUTED, built_reuse_factors, built_strategy
from .weights import WeightContent


def describe(
    graph: Graph,
    types: Types,
    weights: Weights,
    hardware: LayerHardware | Mapping[str, LayerHardware],
    target: Target,
) -> DesignDescription:
    """Return the design, named `design`, that hls4ml would write for these types and weights.

    `hardware` holds for all nodes, or is given by node name (`Candidate`); reuse factors that a layer can't
    be built with are moved to the nearest that it can (`design.reuse`).
    """
    layers = [
        _layer(graph, node, types, weights, hardware_of(hardware, node.name), target)
        for node in graph
        if node.traits.built
    ]
    stream = target.io_type == "io_stream"
    inputs = {i: types[f"{i}/result"] for i in graph.inputs}
    layers = [_narrowed(graph[i], kind) for i, kind in inputs.items() if kind.elements] + layers
    built = as_built(graph, layers, {i: k for i, k in inputs.items() if not k.elements}, stream=stream)
    return DesignDescription(
        name="design",
        layers=tuple(built),
        part=target.part,
        clock_ns=target.clock_ns,
        io_type=target.io_type,
        backend=target.backend,
    )


def _layer(
    graph: Graph,
    node: Node,
    types: Types,
    weights: Weights,
    hardware: LayerHardware,
    target: Target,
) -> LayerDescription:
    own = {key.rpartition("/")[2]: kind for key, kind in types.items() if key.startswith(f"{node.name}/")}
    x = types[f"{node.inputs[0]}/result"]
    rows: dict[int, WeightContent] = {}
    if x.elements and node.traits.family == "linear":
        widths = x.channels(graph[node.inputs[0]].shape)
        integers = own["weight"].integers(weights[node.name]["weight"])
        rows = {int(bits): WeightContent.of(integers[..., widths == bits, :]) for bits in np.unique(widths)}
    content = {
        role: WeightContent.of(own[role].integers(values))
        for role, values in weights.get(node.name, {}).items()
    }
    kinds = {role: kind for role, kind in own.items() if role != "result"}
    known = operation(node.op)
    options = known.options(node)
    if node.traits.family == "recurrent":
        options = {"static": hardware.static, **options}
    strategy = built_strategy(node, (hardware.strategy or "Latency").lower())
    factor, recurrent_factor = built_reuse_factors(
        graph,
        node.name,
        hardware.reuse_factor or 1,
        hardware.recurrent_reuse_factor,
        strategy=strategy,
        io_type=target.io_type,
    )
    return LayerDescription(
        name=node.name,
        op=known.described_as(node),
        inputs=tuple(types[f"{i}/result"] for i in node.inputs),
        result=own["result"],
        sizes=known.sizes(graph, node, types, table_size=target.table_size),
        types=known.described_types(kinds, own["result"]),
        weights=known.described_weights(content),
        reuse_factor=factor,
        recurrent_reuse_factor=recurrent_factor,
        strategy=strategy,
        options=options,
        after=tuple(_built(graph, name) for name in node.inputs),
        adders=_adders(node, own, _of_rows(graph, node, x), weights, strategy),
        rows=rows,
    )


def _of_rows(graph: Graph, node: Node, x: FixedPoint) -> FixedPoint:
    """Return a layer's input type with elements for the rows of its kernel, where it has elements."""
    if not x.elements or node.traits.family != "linear":
        return x.container
    channels = x.channels(graph[node.inputs[0]].shape)
    windows = prod(np.shape(graph.weights[node.name]["weight"])[:-2])
    return replace(x, elements=tuple(int(bits) for bits in np.tile(channels, windows)))


def _narrowed(node: Node, kind: FixedPoint) -> LayerDescription:
    """Return the rounding of an input's elements, each to a width of its own, behind the interface."""
    return LayerDescription(
        name=node.name,
        op="linear",
        inputs=(kind.container,),
        result=kind,
        sizes={"n_in": prod(node.shape)} | ({"n_filt": node.shape[-1]} if len(node.shape) > 1 else {}),
        after=(),
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
