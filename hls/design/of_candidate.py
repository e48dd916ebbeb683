"""A candidate as a `DesignDescription`: what an estimate needs to know of it."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

from bitfront.spaces import LINEAR, LOOKUPS, RECURRENT, FixedPoint, Graph, Node, Weights

from ..precision.attention import NORM_ADDRESS_BITS
from ..precision.resolve import Types
from .adder_graph import AdderGraph, adder_graph
from .as_built import as_built
from .layers import DesignDescription, LayerDescription
from .reuse import built_reuse_factors, built_strategy
from .weights import WeightContent

_OPS = {
    "batchnorm": "normalize",
    "add_constant": "add",
    "gelu": "table_activation",
    "silu": "table_activation",
    "subtract": "add",
    "average": "add",
    "maximum": "add",
    "minimum": "add",
    "global_max_pool": "global_pooling",
    "global_avg_pool": "global_pooling",
}


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
        if node.op not in {"input", "dropout"}
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
    if node.op in {"batchnorm", "layernorm"}:
        kinds["weight"], content["weight"] = kinds.pop("scale"), content.pop("scale")
    if node.op in LOOKUPS:
        kinds["table"] = own["result"]
    if node.op == "bidirectional":
        kinds, content = _both_directions(kinds, content)
    options: dict[str, str | bool | int] = {}
    if node.op in RECURRENT:
        options = {
            "static": static,
            "return_sequences": bool(node.attrs["return_sequences"]),
            "activation": "tanh",
            "recurrent_activation": "sigmoid",
        }
    elif node.op == "softmax":
        options = {"implementation": "stable"}
    elif node.op.endswith("pool"):
        options = {"pool_op": "max" if "max" in node.op else "average"}
    chosen = built_strategy(node, chosen)
    factor, recurrent_factor = built_reuse_factors(
        graph, node.name, factor, recurrent_factor, strategy=chosen, io_type=io_type
    )
    return LayerDescription(
        name=node.name,
        op=_op(node),
        inputs=tuple(types[f"{i}/result"] for i in node.inputs),
        result=own["result"],
        sizes=_sizes(graph, node, table_size) | _inner_sizes(node, types),
        types=kinds,
        weights=content,
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
    if strategy != "distributed_arithmetic" or node.op not in {"dense", "conv1d", "conv2d"}:
        return None
    values = {role: own[role].quantize(array) for role, array in weights[node.name].items()}
    kernel = values["weight"].reshape(-1, values["weight"].shape[-1])
    return adder_graph(kernel, data, values.get("bias"))


def _built(graph: Graph, name: str) -> str:
    """Return the node that is built for `name`: a dropout is nothing, so what it reads."""
    return _built(graph, graph[name].inputs[0]) if graph[name].op == "dropout" else name


def _both_directions(
    kinds: dict[str, FixedPoint], content: dict[str, WeightContent]
) -> tuple[dict[str, FixedPoint], dict[str, WeightContent]]:
    """Name the forward direction's tensors as one direction's; the second keeps its prefix in the contents."""
    merged = {
        role.removeprefix("forward_"): kind
        for role, kind in kinds.items()
        if not role.startswith("backward_")
    }
    return merged, {role.removeprefix("forward_"): value for role, value in content.items()}


def _op(node: Node) -> str:
    if node.op == "bidirectional":
        return str(node.attrs["cell"])
    if node.op in {"max_pool", "avg_pool"}:
        return f"pooling{len(node.attrs['pool_size'])}d"
    return _OPS.get(node.op, node.op)


def _inner_sizes(node: Node, types: Types) -> dict[str, int]:
    """Return the sizes that follow from types: entries of a table that is addressed by all bits of a value."""
    if node.op == "softmax":
        return {"table_size": 2 ** types[f"{node.name}/inp_norm"].width}
    if node.op in LOOKUPS:
        return {"table_size": 2 ** types[f"{node.inputs[0]}/result"].width}
    return {"table_size": 2**NORM_ADDRESS_BITS} if node.op == "layernorm" else {}


def _einsum_sizes(equation: str, *shapes: tuple[int, ...]) -> dict[str, int]:
    """Return the sizes of an einsum's axes by what becomes of them; a kernel's shape has no batch axis to leave out."""
    operands, output = equation.split("->")
    first, second = operands.split(",")
    size: dict[str, int] = {}
    for letters, shape in zip((first, second), shapes, strict=True):
        size |= dict(zip(letters[len(letters) - len(shape) :], shape, strict=True))

    def span(letters: set[str]) -> int:
        return prod(size[c] for c in letters if c in size)

    shared = set(first) & set(second)
    return {
        "n_free_data": span(set(first) - shared),
        "n_free_kernel": span(set(second) - shared),
        "n_contract": span(shared - set(output)),
        "n_inplace": span(shared & set(output)),
    }


def _sizes(graph: Graph, node: Node, table_size: int) -> dict[str, int]:
    source = graph[node.inputs[0]].shape
    op, attrs = node.op, node.attrs
    if op == "einsum_dense":
        return _einsum_sizes(attrs["equation"], source, graph.weights[node.name]["weight"].shape)
    if op == "einsum":
        found = _einsum_sizes(attrs["equation"], source, graph[node.inputs[1]].shape)
        renamed = {"n_free_data": "n_free0", "n_free_kernel": "n_free1"}
        return {renamed.get(name, name): size for name, size in found.items()}
    if op == "layernorm":
        return {"n_in": prod(source), "sequence": prod(source[:-1])}
    if op == "dense":
        sizes = {"n_in": source[-1], "n_out": node.shape[-1]}
        return sizes | ({"positions": prod(source[:-1])} if len(source) > 1 else {})
    if op in LINEAR:
        return _window(source, node.shape, attrs["kernel_size"], attrs["strides"], "filt")
    if op in RECURRENT:
        sizes = {
            "n_in": source[-1],
            "n_state": attrs["units"],
            "sequence": source[0],
            "table_size": table_size,
        }
        return sizes | ({"directions": 2} if op == "bidirectional" else {})
    if op in {"max_pool", "avg_pool"}:
        sizes = _window(source, node.shape, attrs["pool_size"], attrs["strides"], "pool")
        sizes.pop("n_chan")
        return sizes
    if op.startswith("global"):
        return {"n_in": prod(source[:-1]), "n_filt": source[-1]}
    if op == "zero_padding":
        return {"n_in": prod(source), "n_out": prod(node.shape), "n_filt": source[-1]}
    sizes = {"n_in": prod(source) if op != "concatenate" else prod(node.shape)}
    if len(source) > 1 and op != "softmax":
        sizes["n_filt"] = source[-1]
    if op == "softmax":
        sizes = {"n_in": source[-1], "outer": max(1, prod(source[:-1]))}
    if op in {"tanh", "sigmoid"}:
        sizes["table_size"] = table_size
    return sizes


def _window(
    source: tuple[int, ...],
    target: tuple[int, ...],
    size: tuple[int, ...],
    strides: tuple[int, ...],
    kind: str,
) -> dict[str, int]:
    """Return the sizes of a convolution or pooling, in hls4ml's names."""
    axes = ("width",) if len(size) == 1 else ("height", "width")
    found = {"n_chan": source[-1], "n_filt": target[-1]}
    for axis, n_in, n_out, window, stride in zip(axes, source, target, size, strides, strict=False):
        found |= {
            f"in_{axis}": n_in,
            f"out_{axis}": n_out,
            f"{kind}_{axis}": window,
            f"stride_{axis}": stride,
        }
    return found
