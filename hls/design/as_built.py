"""What hls4ml makes of a graph's layers before it writes them: sequence layers, and a stream's copies and
paddings.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from math import prod

from bitfront.spaces import FixedPoint, Graph, Node

from ..operation import operation
from .layers import LayerDescription

__all__ = ["as_built"]

_AXES = ("width", "height")


def as_built(
    graph: Graph, layers: Iterable[LayerDescription], inputs: dict[str, FixedPoint], *, stream: bool
) -> Iterator[LayerDescription]:
    """Yield the layers of the firmware for those of the graph, in order; `inputs` are the types of its
    inputs.

    A Dense on a sequence is a convolution with a kernel of 1. On streams (passes `conv_same_pad`, `clone` and
    `inplace_stream_flatten` of hls4ml 1.3) a padded convolution reads a layer that pads, a tensor with
    several readers is copied, and flattening costs nothing.
    """
    reads: dict[str, str] = {}
    if stream:
        for name, kind in inputs.items():
            yield from _copies(graph, graph[name], kind, reads)
    for layer in layers:
        node = graph[layer.name]
        built = layer.kind.as_built(layer)
        built = replace(built, after=tuple(reads.get(name, name) for name in layer.after or ()))
        if not stream:
            yield built
            continue
        if operation(node.op).left_out_last and len(node.shape) == 1:
            reads[node.name] = built.after[0] if built.after else ""
            continue
        padding = _padding(graph, node, built)
        if padding is not None:
            yield padding
            built = replace(built, after=(padding.name,), sizes={**built.sizes, **_padded(built)})
        yield built
        yield from _copies(graph, node, built.result, reads)


def _copies(graph: Graph, node: Node, kind: FixedPoint, reads: dict[str, str]) -> Iterator[LayerDescription]:
    if len(graph.consumers(node.name)) < 2:
        return
    before, reads[node.name] = reads.get(node.name, node.name), f"{node.name}_copy"
    yield LayerDescription(
        name=reads[node.name],
        op="clone",
        inputs=(kind,),
        result=kind,
        sizes={"n_in": prod(node.shape), "n_filt": node.shape[-1]},
        after=(before,),
    )


def _padded(layer: LayerDescription) -> dict[str, int]:
    """Return the input's sizes with the rows and columns that a convolution's padding adds."""
    found = {}
    for axis in _AXES:
        if f"in_{axis}" in layer.sizes:
            reach = (layer.size(f"out_{axis}") - 1) * layer.size(f"stride_{axis}") + layer.size(
                f"filt_{axis}"
            )
            found[f"in_{axis}"] = max(layer.size(f"in_{axis}"), reach)
    return found


def _padding(graph: Graph, node: Node, layer: LayerDescription) -> LayerDescription | None:
    """Return the layer that pads a convolution's stream; None where nothing is padded."""
    if node.attrs.get("padding") not in ("same", "causal") or not layer.kind.convolution:
        return None
    source = graph[node.inputs[0]].shape
    cells = prod(_padded(layer).values())
    if cells <= prod(source[:-1]):
        return None
    return LayerDescription(
        name=f"{node.name}_padding",
        op="zero_padding",
        inputs=layer.inputs,
        result=layer.inputs[0],
        sizes={"n_in": prod(source), "n_out": cells * source[-1], "n_filt": source[-1]},
        after=layer.after,
    )
