"""A Keras model as the firmware sees it: one node an hls4ml layer, with the tensors that carry a
precision.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .operations import Traits, traits

Weights = Mapping[str, Mapping[str, NDArray[np.float32]]]
"""Node name -> role -> array."""


@dataclass(frozen=True, kw_only=True)
class Node:
    """One operation of the firmware.

    `shape` is the output's, without the batch axis. `layer` names the Keras layer that it comes from.
    `attrs` holds what the operation needs besides its weights (`strides`, `units`, ...).
    """

    name: str
    op: str
    inputs: tuple[str, ...]
    shape: tuple[int, ...]
    layer: str
    attrs: Mapping[str, Any] = field(default_factory=dict)

    @property
    def traits(self) -> Traits:
        """What is known of its operation.

        Raises:
            UserError: when no package offers that operation.
        """
        return traits(self.op)


@dataclass(frozen=True, order=True)
class Tensor:
    """Something that carries a precision: the weights, the result, the accumulator or a table of a node."""

    node: str
    role: str
    signed: bool = True

    @property
    def key(self) -> str:
        """The tensor's name in candidates and files, `lstm/recurrent_weight` say."""
        return f"{self.node}/{self.role}"


@dataclass(frozen=True, kw_only=True)
class Graph:
    """The nodes in the order of computation, the names of inputs and outputs, and the float weights.

    `dropped_head` is the activation that was left off the hardware (`softmax`, say), or None.
    `nonnegative_inputs` names the inputs whose data never go below zero: their type is unsigned.
    `frozen` holds the tensor keys of the weights that the Keras model doesn't train: they are rounded, never
    trained.
    """

    nodes: tuple[Node, ...]
    outputs: tuple[str, ...]
    weights: Weights
    dropped_head: str | None = None
    nonnegative_inputs: frozenset[str] = frozenset()
    frozen: frozenset[str] = frozenset()

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes)

    def __getitem__(self, name: str) -> Node:
        return self._index[name]

    @property
    def _index(self) -> dict[str, Node]:
        cached: dict[str, Node] | None = self.__dict__.get("_by_name")
        if cached is None:
            cached = {n.name: n for n in self.nodes}
            object.__setattr__(self, "_by_name", cached)
        return cached

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the input nodes, in the order in which the model takes them."""
        return tuple(n.name for n in self.nodes if n.traits.family == "input")

    def consumers(self, name: str) -> tuple[Node, ...]:
        """Return the nodes that read the output of `name`."""
        return tuple(n for n in self.nodes if name in n.inputs)

    def fused(self, node: Node) -> bool:
        """Return whether the result of `node` goes, unrounded, into the activation that alone reads it.

        hls4ml writes the accumulator straight into an activation's input, so rounding there would only cost
        accuracy.
        """
        if not node.traits.hands_accumulator or node.name in self.outputs:
            return False
        readers = self.consumers(node.name)
        return len(readers) == 1 and readers[0].traits.reads_accumulator

    def nonnegative(self, name: str) -> bool:
        """Return whether the output of node `name` can't be negative, whatever the data."""
        node = self[name]
        if node.traits.family == "input":
            return name in self.nonnegative_inputs
        if node.traits.sign == "nonnegative":
            return True
        return node.traits.sign == "kept" and all(self.nonnegative(i) for i in node.inputs)

    def entries(self, node: Node) -> int:
        """Return how many entries the numbers at an input choose from; 0 where it holds other values."""
        if node.inputs:
            return 0
        readers = (one for one in self.consumers(node.name) if one.traits.entries)
        return max((int(one.attrs[one.traits.entries]) for one in readers), default=0)

    def tensors(self, node: Node) -> tuple[Tensor, ...]:
        """Return the tensors of `node` whose precision may be chosen, weights first, the result last."""
        found = [Tensor(node.name, role) for role in self.weights.get(node.name, {})]
        known = node.traits
        if known.accumulator:
            found.append(Tensor(node.name, "accum"))
        found += [Tensor(node.name, role) for role in known.inner]
        if known.rounds and not self.fused(node) and not self.entries(node):
            found.append(Tensor(node.name, "result", signed=not self.nonnegative(node.name)))
        return tuple(found)

    def all_tensors(self) -> tuple[Tensor, ...]:
        """Return the tensors of all nodes, in network order."""
        return tuple(t for n in self.nodes for t in self.tensors(n))

    def with_data(self, minima: Mapping[str, float]) -> Graph:
        """Return the graph knowing the smallest value seen at each input (`minima`: input name -> value)."""
        return replace(self, nonnegative_inputs=frozenset(n for n, low in minima.items() if low >= 0))

    def with_weights(self, weights: Weights) -> Graph:
        """Return the graph with other weights of the same shapes."""
        return replace(self, weights=weights)
