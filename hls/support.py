"""What hls4ml 1.3 can build: by operation, interface and strategy; asked before anything is trained."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import TYPE_CHECKING

from bitfront.spaces import Graph, Node, Row, UserError, survey
from bitfront.spaces.graph import RECURRENT

if TYPE_CHECKING:
    import keras

IO_TYPES = ("io_parallel", "io_stream")
STRATEGIES = ("Latency", "Resource", "distributed_arithmetic")
MAX_READERS = 7
"""How many layers may read one stream, an output of the model counted as one: hls4ml's `clone_stream` ends there."""

REFUSED: Mapping[tuple[str, str], str] = {
    ("bidirectional", "io_stream"): "hls4ml builds bidirectional layers with io_parallel only",
    (
        "einsum_dense",
        "io_stream",
    ): "hls4ml builds EinsumDense, and so attention's projections, with io_parallel only",
    ("einsum", "io_stream"): "hls4ml builds attention's products with io_parallel only",
}
"""(operation, io_type) -> why it can't be built."""
_DEPTHWISE = "hls4ml has no Resource strategy for depthwise convolutions, use Latency"
_NO_RESOURCE = "hls4ml has Latency and distributed arithmetic for it, not Resource"
_NO_DA = "hls4ml has no distributed arithmetic for recurrent layers"
REFUSED_STRATEGIES: Mapping[tuple[str, str], str] = {
    ("depthwise_conv1d", "resource"): _DEPTHWISE,
    ("depthwise_conv2d", "resource"): _DEPTHWISE,
    ("einsum_dense", "resource"): _NO_RESOURCE,
    ("einsum", "resource"): _NO_RESOURCE,
    **{(op, "distributed_arithmetic"): _NO_DA for op in sorted(RECURRENT)},
}
"""(operation, strategy in lower case) -> why it can't be built."""


def interface_refusal(node: Node, source: tuple[int, ...], io_type: str) -> str | None:
    """Return why a node can't be built for an interface, None where it can; `source` is its input's shape."""
    if io_type == "io_stream" and node.op in {"max_pool", "avg_pool"}:
        return _streamed_pooling(node, source)
    return REFUSED.get((node.op, io_type))


def _streamed_pooling(node: Node, source: tuple[int, ...]) -> str | None:
    """hls4ml's streamed pooling (`nnet_pooling_stream.h`) asserts that nothing is padded, and in 2D disjoint windows."""
    pool, strides = node.attrs["pool_size"], node.attrs["strides"]
    padded = node.attrs["padding"] == "same" and any(
        (-(-size // stride) - 1) * stride + window > size
        for size, window, stride in zip(source[:-1], pool, strides, strict=True)
    )
    if padded:
        return "hls4ml pools padded windows with io_parallel only: use io_parallel, or padding='valid'"
    if len(pool) == 2 and tuple(pool) != tuple(strides):
        return "hls4ml streams a 2D pooling only where strides equal pool_size: use io_parallel, or equal strides"
    return None


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
        if (reason := interface_refusal(node, nodes[node.inputs[0]].shape, io))
    }
    how = {
        s: REFUSED_STRATEGIES[node.op, s.lower()]
        for node in own
        for s in STRATEGIES
        if (node.op, s.lower()) in REFUSED_STRATEGIES
    }
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
    strategies: Iterable[str] = ("Latency",),
    reuse_factors: Iterable[int] = (1,),
) -> None:
    """Refuse what hls4ml can't build for an interface and the strategies that may be chosen.

    Raises:
        UserError: naming every node, and why.
    """
    faults = [
        f"{node.name!r} ({node.op}): {reason}"
        for node in graph
        if node.inputs and (reason := interface_refusal(node, graph[node.inputs[0]].shape, io_type))
    ]
    chosen = {s.lower() for s in strategies}
    faults += [
        f"{node.name!r} ({node.op}): {REFUSED_STRATEGIES[node.op, s]}"
        for node in graph
        for s in sorted(chosen)
        if (node.op, s) in REFUSED_STRATEGIES
    ]
    if "distributed_arithmetic" in chosen and max(reuse_factors) > 1:
        faults.append("distributed arithmetic needs reuse factor 1")
    if io_type == "io_stream":
        faults += [
            f"{node.name!r} ({node.op}): {readers} layers read its output and hls4ml splits a stream into at most "
            f"{MAX_READERS}, so let them share a layer or use io_parallel"
            for node in graph
            if (readers := _readers(graph, node.name)) > MAX_READERS
        ]
    if faults:
        raise UserError(f"hls4ml can't build this model with {io_type}: " + "; ".join(faults) + ".")


def _readers(graph: Graph, name: str) -> int:
    return len(graph.consumers(name)) + (name in graph.outputs)


def legal_reuse_factor(graph: Graph, name: str, wanted: int) -> int:
    """Return the reuse factor nearest to `wanted` that node `name` can really be built with (Resource strategy)."""
    return built_reuse_factors(graph, name, wanted)[0]


def built_reuse_factors(
    graph: Graph, name: str, wanted: int, recurrent: int | None = None
) -> tuple[int, int | None]:
    """Return the reuse factors that node `name` is built with (Resource strategy), the second of a recurrent kernel.

    hls4ml moves illegal factors to the nearest legal one, of the kernel and of the recurrent kernel each by itself:
    `wanted` for both, unless `recurrent` is given. For bidirectional layers it lists legal factors for three gates and
    takes one code for both kernels: only one factor that is legal for all of these matrices builds.
    """
    node = graph[name]
    source = graph[node.inputs[0]].shape
    if node.op in RECURRENT:
        cell = node.attrs.get("cell", node.op)
        units, gates = node.attrs["units"], {"lstm": 4, "gru": 3, "simple_rnn": 1}[cell]
        if node.op == "bidirectional":
            shapes = [(n, g * units) for g in {gates, 3} for n in (source[-1], units)]
            common = _nearest_common(tuple(shapes), wanted)
            return common, common
        kernel = _nearest_common(((source[-1], gates * units),), wanted)
        return kernel, _nearest_common(((units, gates * units),), wanted if recurrent is None else recurrent)
    if node.op == "dense":
        return _nearest_common(((source[-1], node.shape[-1]),), wanted), None
    window = prod(node.attrs["kernel_size"])
    inputs = window * (1 if node.op.startswith("depthwise") else source[-1])
    return _nearest_common(((inputs, node.shape[-1]),), wanted), None


@lru_cache(maxsize=4096)
def _nearest_common(shapes: tuple[tuple[int, int], ...], wanted: int) -> int:
    from .estimate import legal_reuse_factors

    common = set.intersection(*(set(legal_reuse_factors(*shape)) for shape in shapes))
    return min(common, key=lambda factor: (abs(factor - wanted), factor))
