"""Axes of a design that have the same entries, so that they lose the same ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from bitfront.spaces import Graph

from ..operation import operation

Axis = tuple[str, int]
"""A node and an axis of its output."""


class Ties:
    """Axes that have the same entries in every design: those of both sides of an elementwise operation, say.

    Some can't lose an entry: inputs, outputs, what a normalization or a window runs over. A flattened axis
    loses what the channels lose that it is made of.
    """

    def __init__(self, graph: Graph) -> None:
        self._parent: dict[Axis, Axis] = {}
        self._whole: set[Axis] = set()
        self._flat: list[tuple[Axis, Axis]] = []
        for node in graph:
            operation(node.op).tie(self, graph, node)
        for name in (*graph.inputs, *graph.outputs):
            self.keep(name, range(len(graph[name].shape)))

    def root(self, axis: Axis) -> Axis:
        """Return the axis that stands for all that are tied to one."""
        while axis in self._parent:
            axis = self._parent[axis]
        return axis

    def tie(self, one: Axis, other: Axis) -> None:
        """Give two axes the same entries."""
        a, b = self.root(one), self.root(other)
        if a != b:
            self._parent[a] = b

    def keep(self, node: str, axes: range) -> None:
        """Let no entry be taken from these axes."""
        self._whole |= {(node, axis) for axis in axes}

    def flatten(self, channels: Axis, flat: Axis) -> None:
        """Let a flattened axis, channels running fastest, have the entries of these channels at each
        position.
        """
        self._flat.append((channels, flat))

    def groups(self, graph: Graph) -> Iterator[list[Axis]]:
        """Give the tied axes from which entries may be taken."""
        found = self._tied(graph)
        whole, flat = self._kept(), {self.root(flat) for _, flat in self._flat}
        yield from (axes for root, axes in found.items() if root not in whole | flat)

    def flattened(self, graph: Graph) -> Iterator[tuple[Axis, list[Axis]]]:
        """Give the channels that may lose entries, and the tied axes that are flattened from them."""
        found, whole = self._tied(graph), self._kept()
        for channels, flat in self._flat:
            if self.root(channels) not in whole:
                yield channels, found[self.root(flat)]

    def _tied(self, graph: Graph) -> dict[Axis, list[Axis]]:
        found: dict[Axis, list[Axis]] = {}
        for node in graph:
            for axis in range(len(node.shape)):
                found.setdefault(self.root((node.name, axis)), []).append((node.name, axis))
        return found

    def _kept(self) -> set[Axis]:
        """Return what stands for the axes that can't lose an entry: channels too whose flattened axis can't,
        or is several's.
        """
        whole = {self.root(axis) for axis in self._whole}
        times = Counter(self.root(flat) for _, flat in self._flat)
        for channels, flat in reversed(self._flat):
            if times[self.root(flat)] > 1 or self.root(flat) in whole:
                whole |= {self.root(channels), self.root(flat)}
        return whole
