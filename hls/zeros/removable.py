"""Parts of a design that a search may take out: of an attention, of recurrent layers, of depthwise
convolutions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bitfront.spaces import Graph, Weights

from ..operation import operation
from .ties import Axis, Ties

_TINY = 1e-12

_CONSTANT_PRODUCTS = frozenset({"linear", "einsum", "recurrent"})
"""Families of operations that multiply one tensor, and a state, with constants, where they have a kernel."""


@dataclass(frozen=True)
class Removable:
    """Entries of tied axes that a design is built without once the weights that lead to and from them are
    zero.
    """

    arrays: tuple[tuple[str, str, int], ...]
    """Node, role and axis of each array that leads to or from them."""
    entries: tuple[int, ...]
    whole: bool = False
    """Whether these are all entries."""
    places: tuple[tuple[int, ...], ...] = ()
    """The entries of each array's axis that belong to them, where these are others: a unit's columns of all
    gates.
    """

    @property
    def kernels(self) -> tuple[str, ...]:
        """Tensor keys of the kernels among the arrays."""
        return tuple(f"{name}/{role}" for name, role, _ in self.arrays if role == "weight")

    def left(self, weights: Weights) -> bool:
        """Whether any of these weights isn't zero."""
        return any(np.take(weights[n][r], places, axis).any() for n, r, axis, places in self._parts)

    def erased(self, weights: Weights) -> Weights:
        """Return the weights with these zero."""
        found = {name: dict(roles) for name, roles in weights.items()}
        for name, role, axis, places in self._parts:
            array = np.moveaxis(np.array(found[name][role], np.float32), axis, 0)
            array[list(places)] = 0.0
            found[name][role] = np.moveaxis(array, 0, axis)
        return found

    @property
    def _parts(self) -> list[tuple[str, str, int, tuple[int, ...]]]:
        """Return node, role, axis of each array, and the entries of that axis."""
        places = self.places or (self.entries,) * len(self.arrays)
        return [(*array, place) for array, place in zip(self.arrays, places, strict=True)]

    def size(self, weights: Weights) -> float:
        """Return the product of what its weights have of each kernel, as a logarithm: least where it matters
        least.
        """
        found = 0.0
        for name, role, axis, places in self._parts:
            if places and role.endswith("weight"):
                squares = np.square(np.asarray(weights[name][role], np.float64))
                found += np.log((np.take(squares, places, axis).sum() + _TINY) / (squares.sum() + _TINY))
        return found

    @staticmethod
    def together(parts: Sequence[Removable]) -> Removable:
        """Return parts of the same axes as one."""
        places = zip(*(part.places for part in parts), strict=True)
        return Removable(
            parts[0].arrays,
            tuple(entry for part in parts for entry in part.entries),
            places=tuple(tuple(one for place in array for one in place) for array in places),
        )


def removable(graph: Graph) -> tuple[Removable, ...]:
    """Return the keys, values and heads of all attentions, each by itself, and all of a kind together."""
    multiplied = {
        name for node in graph if node.traits.multiplies_tensors for name in (node.name, *node.inputs)
    }
    found = []
    for axes in Ties(graph).groups(graph):
        if not any(name in multiplied for name, _ in axes):
            continue
        arrays, size = _arrays(graph, axes), _size(graph, axes)
        found += [Removable(arrays, (entry,), size == 1) for entry in range(size)]
        found += [Removable(arrays, tuple(range(size)), True)] if size > 1 else []
    return tuple(found)


Directions = tuple[tuple[Removable, ...], ...]
"""Units of each direction of a recurrent layer, of which as many are built; channels have one direction."""


def removable_units(graph: Graph) -> tuple[Directions, ...]:
    """Return the units of each recurrent layer and the channels of each depthwise convolution, with all that
    makes and reads them.

    Those of layers that are tied (one adds what both give) go together.
    """
    ties = Ties(graph)
    flattened = list(ties.flattened(graph))
    found = []
    for axes in ties.groups(graph):
        directions = max(_directions(graph, *axis) for axis in axes)
        if not directions:
            continue
        size = _size(graph, axes)
        # of a flattened axis, an entry goes at each position
        reached = [axes, *(flat for channels, flat in flattened if channels in axes)]
        arrays = [(_size(graph, one), array) for one in reached for array in _arrays(graph, one, read=True)]
        parts = []
        for entry in range(size):
            places = [_places(graph, *array, np.arange(entry, all_, size)) for all_, array in arrays]
            parts.append(Removable(tuple(a for _, a in arrays), (entry,), size == 1, tuple(places)))
        step = size // directions
        found.append(tuple(tuple(parts[first : first + step]) for first in range(0, size, step)))
    return tuple(found)


def _directions(graph: Graph, name: str, axis: int) -> int:
    """Return how many directions' units an axis has side by side; 1 for a depthwise convolution's channels,
    0 for any other axis.
    """
    node = graph[name]
    if axis != len(node.shape) - 1:
        return 0
    if node.traits.family == "recurrent":
        return int(node.shape[axis] // node.attrs["units"])
    return int("depthwise_kernel" in node.traits.variables.get("weight", ()))


def _arrays(graph: Graph, axes: Sequence[Axis], *, read: bool = False) -> tuple[tuple[str, str, int], ...]:
    """Return node, role and axis of each array of constants that leads to these axes, or that reads them."""
    wanted, nodes = set(axes), {name for name, _ in axes}
    return tuple(
        (node.name, role, position)
        for node in graph
        if node.traits.family in _CONSTANT_PRODUCTS and (read or node.name in nodes)
        for role, array in graph.weights.get(node.name, {}).items()
        for position, of in enumerate(operation(node.op).weight_axes(graph, node, role, np.ndim(array)))
        if of in wanted and (read or of[0] == node.name)
    )


def _places(graph: Graph, name: str, role: str, axis: int, entries: NDArray[np.intp]) -> tuple[int, ...]:
    """Return the entries of an array's axis that belong to these of the axis that it leads to or from."""
    found = operation(graph[name].op).weight_entries(graph, graph[name], role, axis, entries)
    return tuple(int(one) for one in found)


def _size(graph: Graph, axes: Sequence[Axis]) -> int:
    name, axis = axes[0]
    return graph[name].shape[axis]
