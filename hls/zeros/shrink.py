"""A design without what the zeros of its weights leave without effect.

A product with a constant zero costs nothing as it is. But units that nothing reads, the keys, values and
heads of an attention that come from zeros or lead to them, or a whole branch that adds nothing, would still
be built, and cost most where two variables are multiplied: hls4ml writes each layer as a process of its own,
and no tool looks for zeros across them. What is left computes the same outputs, bit for bit, with the same
types.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bitfront.spaces import FixedPoint, Graph, Node, Weights

from ..operation import operation
from ..precision.elements import has_elements, without_empty
from ..precision.resolve import Types
from .liveness import Masks, needed, nonzero, reach
from .steps import without_unread_steps
from .ties import Axis, Ties

Arrays = dict[str, dict[str, NDArray[np.floating]]]


@dataclass(frozen=True, eq=False)
class Shrunk:
    """What is left of a design: a graph, which holds the float weights of what is left, weights and types."""

    graph: Graph
    weights: Weights
    types: Types


def shrunk(graph: Graph, weights: Weights, types: Types) -> Shrunk:
    """Return a design without what has no effect, given these weights rounded to their types; inputs and
    outputs stay. A weight that multiplies an element without bits has none.

    Every kept axis keeps one entry at least.
    """
    weights, kinds, before = without_empty(graph, weights, types), dict(types), graph
    if not has_elements(types):  # these say what is read at every step
        graph = without_unread_steps(graph, kinds)
    if not _has_gaps(graph, weights, types):
        return Shrunk(graph, weights, types if graph is before else kinds)
    values: Arrays = {
        name: {role: types[f"{name}/{role}"].quantize(a) for role, a in roles.items()}
        for name, roles in weights.items()
    }
    kept: Arrays = {name: {r: np.asarray(a) for r, a in roles.items()} for name, roles in weights.items()}
    graph = _reached(_without_empty_branches(graph, values, kept, kinds))
    live = nonzero(graph, values)
    used = needed(graph, values, live)
    entries = _entries(graph, {name: live[name] & used[name] for name in live})
    return _taken(graph, kept, kinds, entries)


def _has_gaps(graph: Graph, weights: Weights, types: Types) -> bool:
    """Whether any row or column of a kernel is zero: without one, everything has an effect."""
    for name, roles in weights.items():
        for role in (role for role in roles if role.endswith("weight")):
            array = np.asarray(roles[role])
            there = np.abs(array) > types[f"{name}/{role}"].step / 2
            if there.all():
                continue
            for axis in range(array.ndim):
                if not there.any(tuple(a for a in range(array.ndim) if a != axis)).all():
                    return True
    return False


# -- branches ------------------------------------------------------------------------------------------------


def _without_empty_branches(
    graph: Graph, values: Arrays, kept: Arrays, kinds: dict[str, FixedPoint]
) -> Graph:
    """Return the graph where a sum with what is always zero is its other operand, and with a constant adds
    that one.

    Weights and types of what is new are added to the dictionaries.
    """
    live = nonzero(graph, values)
    nodes = []
    for node in graph:
        if len(node.inputs) != 2:
            nodes.append(node)
            continue
        for this, other in zip(node.inputs, reversed(node.inputs), strict=True):
            constant = _constant(graph, this, values, live, kinds)
            if constant is None or graph[other].shape != node.shape:
                continue
            left = operation(node.op).without(node, other, constant=bool(constant.any()))
            if left is None:
                break
            if constant.any():
                bias = np.broadcast_to(constant, node.shape).astype(np.float32)
                kept[node.name] = {"bias": bias}
                values[node.name] = {"bias": bias}
                kinds[f"{node.name}/bias"] = kinds[f"{this}/result"].container
            node = left
            break
        nodes.append(node)
    return replace(graph, nodes=tuple(nodes))


def _constant(
    graph: Graph, name: str, values: Arrays, live: Masks, kinds: Mapping[str, FixedPoint]
) -> NDArray[np.floating] | None:
    """Return what a node gives whatever the data, where that is seen: zeros, or a bias alone."""
    if not live[name].any():
        return np.zeros(graph[name].shape, np.float32)
    node = graph[name]
    if not operation(node.op).gives_bias or graph.fused(node):
        return None
    if reach(node, [live[i] for i in node.inputs], {"weight": values[name]["weight"]}).any():
        return None
    bias = kinds[f"{name}/result"].container.quantize(values[name]["bias"])
    return np.broadcast_to(bias, node.shape)


def _reached(graph: Graph) -> Graph:
    """Return the graph without nodes that no output depends on; inputs stay."""
    wanted = {*graph.outputs, *graph.inputs}
    for node in reversed(graph.nodes):
        if node.name in wanted:
            wanted |= set(node.inputs)
    weights = {name: roles for name, roles in graph.weights.items() if name in wanted}
    return replace(graph, nodes=tuple(n for n in graph if n.name in wanted), weights=weights)


# -- entries of axes -----------------------------------------------------------------------------------------


def _entries(graph: Graph, alive: Masks) -> dict[Axis, NDArray[np.intp]]:
    """Return the entries that stay of the axes that lose some."""
    ties = Ties(graph)
    found: dict[Axis, NDArray[np.intp]] = {}
    for axes in ties.groups(graph):
        stays = np.zeros(graph[axes[0][0]].shape[axes[0][1]], bool)
        for name, axis in axes:
            stays |= np.moveaxis(alive[name], axis, 0).reshape(len(stays), -1).any(1)
        for name, _ in axes:
            stays = operation(graph[name].op).evened(graph[name], stays)
        if not stays.all():
            left = np.flatnonzero(stays) if stays.any() else np.zeros(1, np.intp)
            found |= dict.fromkeys(axes, left)
    for (name, axis), flat in ties.flattened(graph):
        if (name, axis) in found:
            channels = graph[name].shape[axis]
            entries = np.arange(np.prod(graph[name].shape)).reshape(-1, channels)[:, found[name, axis]]
            found |= dict.fromkeys(flat, entries.ravel())
    return found


def _taken(
    graph: Graph, weights: Arrays, kinds: dict[str, FixedPoint], entries: Mapping[Axis, NDArray[np.intp]]
) -> Shrunk:
    """Return the design with these entries alone."""
    nodes, kept = [], {}
    for node in graph:
        if node.name in weights:
            kept[node.name] = _sliced(graph, node, weights[node.name], entries)
        shape = tuple(
            len(entries.get((node.name, axis), range(size))) for axis, size in enumerate(node.shape)
        )
        nodes.append(replace(node, shape=shape, attrs=operation(node.op).resized(node, shape)))
        key = f"{node.name}/result"
        if kinds[key].elements:
            bits = kinds[key].spread(node.shape)
            for axis in range(bits.ndim):
                if (node.name, axis) in entries:
                    bits = np.take(bits, entries[node.name, axis], axis)
            kinds[key] = kinds[key].with_elements(bits)
    made = replace(graph, nodes=tuple(nodes), weights=kept)
    for node in made:  # fewer products need a narrower sum
        x = [kinds[f"{name}/result"] for name in node.inputs]
        own = operation(node.op).retyped(made, node, x)
        kinds |= {f"{node.name}/{role}": kind for role, kind in own.items()}
    names = {node.name for node in made}
    return Shrunk(made, kept, {key: kind for key, kind in kinds.items() if key.rpartition("/")[0] in names})


def _sliced(
    graph: Graph,
    node: Node,
    arrays: Mapping[str, NDArray[np.floating]],
    entries: Mapping[Axis, NDArray[np.intp]],
) -> dict[str, NDArray[np.float32]]:
    found, known = {}, operation(node.op)
    for role, array in arrays.items():
        value = np.asarray(array, np.float32)
        for axis, of in enumerate(known.weight_axes(graph, node, role, value.ndim)):
            if (
                of is not None and of in entries and value.shape[axis] > 1
            ):  # a bias of one entry along an axis is added to all
                value = np.take(value, known.weight_entries(graph, node, role, axis, entries[of]), axis)
        found[role] = value
    return found
