"""A design without the steps of recurrent layers that nothing reads.

A layer of one direction computes a step from the steps before it alone. Where views read no more than its
first steps, it gets no more of its input; where they read one step, the last that it computes, it gives only
that.
"""

from __future__ import annotations

from dataclasses import replace
from math import prod

from bitfront.spaces import FixedPoint, Graph, Node
from bitfront.spaces.lowering import View

from ..precision import exact


def without_unread_steps(graph: Graph, types: dict[str, FixedPoint]) -> Graph:
    """Return the graph without these steps, the graph itself where all are read; types of what is new are
    added.
    """
    for node in reversed(graph.nodes):
        graph = _cut(graph, graph[node.name], types)
    return graph


def _cut(graph: Graph, node: Node, types: dict[str, FixedPoint]) -> Graph:
    readers = [other for other in graph if node.name in other.inputs]
    one_direction = node.traits.family == "recurrent" and node.shape[-1] == node.attrs["units"]
    if not one_direction or not node.attrs["return_sequences"] or node.name in graph.outputs or not readers:
        return graph
    if any(reader.op != "view" for reader in readers):
        return graph
    steps, units = node.shape
    read = {int(number) // units for reader in readers for number in _view(reader).numbers()}
    first, last = min(read), max(read)
    if last + 1 == steps and first < last:
        return graph
    changed: dict[str, list[Node]] = {}
    source, sequences = graph[node.inputs[0]], first < last
    shape = (last + 1, units) if sequences else (units,)
    cut = replace(node, shape=shape, attrs={**node.attrs, "return_sequences": sequences})
    changed[node.name] = [cut]
    if last + 1 < steps:
        part = _first(source, last + 1, name=f"{node.name}_steps")
        types[f"{part.name}/result"] = exact.union(types[f"{source.name}/result"])
        changed[node.name] = [part, replace(cut, inputs=(part.name,))]
    if not sequences:
        changed |= {reader.name: [_earlier(reader, last * units)] for reader in readers}
    nodes = tuple(new for old in graph for new in changed.get(old.name, [old]))
    return replace(graph, nodes=nodes)


def _view(node: Node) -> View:
    attrs = node.attrs
    return View(tuple(attrs["sizes"]), tuple(attrs["strides"]), attrs["offset"])


def _first(source: Node, steps: int, *, name: str) -> Node:
    """Return a view of the first steps of a sequence."""
    shape = (steps, *source.shape[1:])
    return _of(
        Node(name=name, op="view", inputs=(source.name,), shape=shape, layer=name), (prod(shape),), (1,), 0
    )


def _earlier(view: Node, values: int) -> Node:
    """Return a view of a tensor without its first values."""
    found = _view(view)
    return _of(view, found.sizes, found.strides, found.offset - values)


def _of(node: Node, sizes: tuple[int, ...], strides: tuple[int, ...], offset: int) -> Node:
    own = {"sizes": sizes, "strides": strides, "offset": offset}
    arguments = {**own, "shape": tuple(node.shape)}
    return replace(node, attrs={**node.attrs, **own, "keras": "View", "arguments": arguments})
