"""A width for each element of an activation: high bits that training data leave empty are not built.

The step stays that of the tensor, so that nothing is rounded twice: an element's type is the tensor's with
fewer integer bits, and what lies beyond saturates. An element that is zero on all training data has no bits,
and what reads it loses its weights for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bitfront.spaces import FixedPoint, Graph, Node, Weights

from ..operation import Settings, operation

__all__ = ["Elements", "Ranges", "carried", "elements_of", "has_elements", "narrowable", "without_empty"]

Elements = Mapping[str, tuple[int, ...]]
"""Tensor key of a result -> bits of its elements, as in `FixedPoint.elements`."""
Ranges = Mapping[str, tuple[NDArray[np.floating], NDArray[np.floating]]]
"""Tensor key of a result -> lowest and highest value of each element, in the tensor's shape."""


def narrowable(graph: Graph) -> tuple[str, ...]:
    """Return the nodes whose results may have elements: those that something reads with constant weights."""
    return tuple(
        node.name
        for node in graph
        if operation(node.op).narrows_elements
        and node.name not in graph.outputs
        and not graph.entries(node)
        and node.shape
        and _products(graph, node.name)
    )


def _products(graph: Graph, name: str) -> list[Node]:
    """Return the nodes with constant kernels that a result reaches without being computed with on the way."""
    found = []
    for reader in graph.consumers(name):
        if reader.traits.family == "linear":
            found.append(reader)
        elif _carries(reader):
            found += _products(graph, reader.name)
    return found


def _carries(node: Node) -> bool:
    """Whether a node hands values on as they are, so that its elements' types follow from its input's."""
    known = node.traits
    return not known.rounds and known.family in {"moving", "pooling"} and len(node.inputs) == 1


def carried(node: Node, x: FixedPoint, shape: tuple[int, ...], result: FixedPoint) -> FixedPoint:
    """Return the type of a node's result with the elements that it has from its input of this type and shape.

    Moving values and taking the largest give, for the elements' bits, the bits of the result's elements.
    """
    if not x.elements or not _carries(node):
        return result
    if not node.traits.built:
        return replace(result, elements=x.elements)
    bits = np.asarray(operation(node.op).trace(node, [x.spread(shape)], {}, {}, Settings()))
    return result.with_elements(bits.reshape(node.shape))


def has_elements(types: Mapping[str, FixedPoint]) -> bool:
    """Whether any type has elements."""
    return any(kind.elements for kind in types.values())


def elements_of(graph: Graph, types: Mapping[str, FixedPoint], ranges: Ranges, io_type: str) -> Elements:
    """Return the bits that the elements of results need for the values that they took.

    Each value of a tensor has its own with io_parallel, if only dense layers without positions read it; else
    each channel has.
    """
    found = {}
    for name in narrowable(graph):
        key, node = f"{name}/result", graph[name]
        kind = types[key].container
        low, high = (np.round(end / kind.step) for end in ranges[key])
        bits = np.maximum(_length(high), _length(-low - 1)) + kind.signed
        bits = np.where((low == 0) & (high == 0), 0, np.minimum(bits, kind.width)).astype(np.int64)
        shared = io_type == "io_stream" or any(
            reader.op != "dense" or len(graph[reader.inputs[0]].shape) > 1
            for reader in _products(graph, name)
        )
        if shared:
            bits = np.broadcast_to(bits.reshape(-1, bits.shape[-1]).max(0), node.shape)
        narrow = kind.with_elements(bits)
        if narrow.elements:
            found[key] = narrow.elements
    return found


def _length(steps: NDArray[np.floating]) -> NDArray[np.int64]:
    """Return the bits of whole numbers, 0 of those below one."""
    return np.where(steps > 0, np.frexp(np.maximum(steps, 0))[1], 0).astype(np.int64)


def without_empty(graph: Graph, weights: Weights, types: Mapping[str, FixedPoint]) -> Weights:
    """Return the weights without those that multiply an element without bits."""
    found = dict(weights)
    for node in graph:
        if node.traits.family != "linear" or not types[f"{node.inputs[0]}/result"].elements:
            continue
        there = types[f"{node.inputs[0]}/result"].channels(graph[node.inputs[0]].shape) > 0
        if not there.all():
            kernel = np.asarray(weights[node.name]["weight"])
            cut = (kernel * there[:, None]).astype(np.float32)
            found[node.name] = {**weights[node.name], "weight": cut}
    return found
