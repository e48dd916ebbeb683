"""A Keras model as the firmware sees it: one node an hls4ml layer, with the tensors that carry a precision."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Weights = Mapping[str, Mapping[str, NDArray[np.float32]]]
"""Node name -> role -> array."""

WEIGHTED = frozenset(
    {
        "dense",
        "conv1d",
        "conv2d",
        "depthwise_conv1d",
        "depthwise_conv2d",
        "batchnorm",
        "lstm",
        "gru",
        "simple_rnn",
        "bidirectional",
        "einsum_dense",
        "layernorm",
        "add_constant",
    }
)
"""Operations that hold weights."""
RECURRENT = frozenset({"lstm", "gru", "simple_rnn", "bidirectional"})
"""Operations with a state."""
LINEAR = frozenset({"dense", "conv1d", "conv2d", "depthwise_conv1d", "depthwise_conv2d"})
"""Operations that accumulate products of one input tensor and constant weights."""
EINSUMS = frozenset({"einsum_dense", "einsum"})
"""Operations of an attention that multiply: with constant weights, and two tensors with each other."""
LOOKUPS = frozenset({"gelu", "silu"})
"""Activations that are looked up by every bit of their input."""
MERGES = frozenset({"add", "subtract", "multiply", "average", "maximum", "minimum"})
"""Elementwise operations on two tensors."""
ACTIVATIONS = frozenset({"relu", "leaky_relu", "tanh", "sigmoid", "softmax", "linear"}) | LOOKUPS
"""Elementwise operations on one tensor (softmax: along the last axis)."""
PASSING = frozenset({"max_pool", "global_max_pool", "reshape", "concatenate", "zero_padding", "dropout"})
"""Operations whose output values are values of their inputs: they carry no precision of their own."""
_INNER: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("tanh", "sigmoid", *sorted(RECURRENT)), ("table",)),
    "softmax": ("inp_norm", "exp_table", "inv_table"),
    "layernorm": ("mean", "variance", "normalized", "table"),
}
"""Operation -> what carries a precision inside it: tables, what addresses them, statistics."""
_NEVER_NEGATIVE = frozenset({"relu", "sigmoid", "softmax"})
_KEEP_SIGN = PASSING | {"avg_pool", "global_avg_pool", "add", "multiply", "average", "maximum", "minimum"}


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
    `frozen` holds the tensor keys of the weights that the Keras model doesn't train: they are rounded, never trained.
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
        return tuple(n.name for n in self.nodes if n.op == "input")

    def consumers(self, name: str) -> tuple[Node, ...]:
        """Return the nodes that read the output of `name`."""
        return tuple(n for n in self.nodes if name in n.inputs)

    def fused(self, node: Node) -> bool:
        """Return whether the result of `node` goes, unrounded, into the activation that alone reads it.

        hls4ml writes the accumulator straight into an activation's input, so rounding there would only cost accuracy.
        """
        if node.op not in LINEAR | MERGES | {"batchnorm", "einsum_dense"} or node.name in self.outputs:
            return False
        readers = self.consumers(node.name)
        return len(readers) == 1 and readers[0].op in ACTIVATIONS - LOOKUPS - {"softmax", "linear"}

    def nonnegative(self, name: str) -> bool:
        """Return whether the output of node `name` can't be negative, whatever the data."""
        node = self[name]
        if node.op == "input":
            return name in self.nonnegative_inputs
        if node.op in _NEVER_NEGATIVE:
            return True
        return node.op in _KEEP_SIGN and all(self.nonnegative(i) for i in node.inputs)

    def tensors(self, node: Node) -> tuple[Tensor, ...]:
        """Return the tensors of `node` whose precision may be chosen, weights first, the result last."""
        found = [Tensor(node.name, role) for role in self.weights.get(node.name, {})]
        if node.op in LINEAR | RECURRENT:
            found.append(Tensor(node.name, "accum"))
        found += [Tensor(node.name, role) for role in _INNER.get(node.op, ())]
        if node.op == "leaky_relu":
            found.append(Tensor(node.name, "slope"))
        if node.op not in PASSING and not self.fused(node):
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
