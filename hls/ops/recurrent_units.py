"""Which units of a recurrent layer have an effect, and its arrays without the others.

A state begins with zeros. It stays zero where its candidate does, whatever the other gates say: the new value
of an LSTM's cell, a GRU's or a simple cell's state is a tanh of sums, and hls4ml's table gives 0 for 0. A
unit has an effect where its state is read behind the layer, or at the next step by a gate of a unit that has
one.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bitfront.spaces import Graph, Node

from ..operation import Mask
from .base import BaseOperation, channels, keep_positions

if TYPE_CHECKING:
    from ..zeros.ties import Axis, Ties

CANDIDATE = {"lstm": 2, "gru": 2, "simple_rnn": 0}
"""Which block of a kernel's columns gives a cell's new value, counted in gates."""


class RecurrentUnits(BaseOperation):
    """What zeros leave of a layer of cells; its result has the units of one direction, or of two side by
    side.
    """

    prefixes: tuple[str, ...] = ("",)

    @abstractmethod
    def cell(self, node: Node) -> str:
        """Return the cell, `lstm` say."""

    def reaches(self, node: Node, x: Sequence[Mask], own: Mapping[str, Mask]) -> Mask:
        """Return the units whose new value has a product, a bias or a state that may be other than zero."""
        features, found = channels(x[0]), []
        for prefix in self.prefixes:
            kernel, recurrent = own[f"{prefix}weight"], own[f"{prefix}recurrent_weight"]
            units = len(recurrent)
            block = slice(CANDIDATE[self.cell(node)] * units, (CANDIDATE[self.cell(node)] + 1) * units)
            live: Mask = np.asarray(kernel[features, block].any(0))
            for role in (f"{prefix}bias", f"{prefix}recurrent_bias"):
                live = live | own.get(role, np.zeros(block.stop, bool))[block]
            found.append(_closed(live, recurrent[:, block]))
        return np.broadcast_to(np.concatenate(found), node.shape)

    def computes(self, node: Node, y: Mask, own: Mapping[str, Mask]) -> Mask:
        """Return the units that are read, and all whose states reach a gate of one."""
        found = []
        for prefix, units in zip(self.prefixes, self._directions(channels(y)), strict=True):
            found.append(_closed(units, self._any_gate(own[f"{prefix}recurrent_weight"]).T))
        return np.broadcast_to(np.concatenate(found), node.shape)

    def needs(self, node: Node, y: Mask, x: Sequence[Mask], own: Mapping[str, Mask]) -> Sequence[Mask]:
        """Return the features that a weight leads from to a gate of a unit that matters."""
        needed = np.zeros(x[0].shape[-1], bool)
        for prefix, units in zip(self.prefixes, self._directions(channels(y)), strict=True):
            needed |= self._any_gate(own[f"{prefix}weight"], len(units))[:, units].any(1)
        return [np.broadcast_to(needed, x[0].shape)]

    def tie(self, ties: Ties, graph: Graph, node: Node) -> None:
        """Let steps lose nothing."""
        keep_positions(ties, graph, node)

    def weight_axes(self, graph: Graph, node: Node, role: str, count: int) -> list[Axis | None]:
        """Return the input's features and the units for a kernel's axes, the units for all others."""
        units: Axis = (node.name, len(node.shape) - 1)
        if role.endswith("recurrent_weight") or not role.endswith("weight"):
            return [units] * count
        source = node.inputs[0]
        return [(source, len(graph[source].shape) - 1), units]

    def weight_entries(
        self, graph: Graph, node: Node, role: str, axis: int, entries: NDArray[np.intp]
    ) -> NDArray[np.intp]:
        """Return the units' columns of all gates; of a recurrent kernel's rows, the units; each of its own
        direction.
        """
        recurrent = role.endswith("recurrent_weight")
        if axis == 0 and role.endswith("weight") and not recurrent:
            return entries
        units = node.attrs["units"]
        first = units * next(i for i, prefix in enumerate(self.prefixes) if role.startswith(prefix))
        own = entries[(entries >= first) & (entries < first + units)] - first
        if recurrent and axis == 0:
            return own
        gates = np.shape(graph.weights[node.name][role])[-1] // units
        return (units * np.arange(gates)[:, None] + own).ravel()

    def evened(self, node: Node, stays: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Let as many units stay of each direction: hls4ml builds both alike."""
        halves = [half.copy() for half in self._directions(stays)]
        most = max(1, *(int(half.sum()) for half in halves))
        for half in halves:
            half[np.flatnonzero(~half)[: most - int(half.sum())]] = True
        return np.concatenate(halves)

    def resized(self, node: Node, shape: tuple[int, ...]) -> Mapping[str, Any]:
        """Return its attributes with another number of units."""
        return {**node.attrs, "units": shape[-1] // len(self.prefixes)}

    def _directions(self, units: NDArray[np.bool_]) -> list[NDArray[np.bool_]]:
        """Return the units of each direction."""
        return np.split(units, len(self.prefixes))

    @staticmethod
    def _any_gate(kernel: Mask, units: int | None = None) -> Mask:
        """Return where rows reach any gate of each unit ([rows, units])."""
        rows = len(kernel)
        return np.asarray(kernel.reshape(rows, -1, units or rows).any(1))


def _closed(units: Mask, leads: Mask) -> Mask:
    """Return the units, and all that they lead to, one after the other (`leads`: [from, to])."""
    while True:
        more = units | leads[units].any(0)
        if (more == units).all():
            return units
        units = more
