"""Which values of a design may be other than zero, and which of those its outputs depend on.

Both follow from the zeros of the rounded weights alone, whatever the data: a value that only zeros lead to is
zero, and one that only zeros lead from changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from bitfront.spaces import Graph, Node

from ..operation import Mask, operation

Masks = dict[str, Mask]
"""Node name -> one entry for each value of its output, in its shape."""
Rounded = Mapping[str, Mapping[str, NDArray[np.floating]]]


def nonzero(graph: Graph, weights: Rounded) -> Masks:
    """Return which values may be other than zero; `weights` are rounded to their types."""
    live: Masks = {}
    for node in graph:
        live[node.name] = reach(node, [live[i] for i in node.inputs], weights.get(node.name, {}))
    return live


def reach(node: Node, inputs: Sequence[Mask], weights: Mapping[str, NDArray[np.floating]]) -> Mask:
    """Return which values of a node may be other than zero, given those of its inputs and its rounded
    weights.
    """
    own = {role: np.asarray(a) != 0 for role, a in weights.items()}
    return np.broadcast_to(operation(node.op).reaches(node, inputs, own), node.shape)


def needed(graph: Graph, weights: Rounded, live: Masks) -> Masks:
    """Return which values the outputs depend on, given which may be other than zero."""
    used = {node.name: np.zeros(node.shape, bool) for node in graph}
    for name in graph.outputs:
        used[name] = np.ones(graph[name].shape, bool)
    for node in reversed(graph.nodes):
        own = {role: np.asarray(a) != 0 for role, a in weights.get(node.name, {}).items()}
        known = operation(node.op)
        # what is always zero needs nothing to be so
        mask = used[node.name] = known.computes(node, used[node.name] & live[node.name], own)
        parts = known.needs(node, mask, [live[i] for i in node.inputs], own)
        for name, mask in zip(node.inputs, parts, strict=True):
            used[name] = used[name] | np.broadcast_to(mask, graph[name].shape)
    return used
