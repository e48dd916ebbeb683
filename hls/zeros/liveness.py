"""Which values of a design may be other than zero, and which of those its outputs depend on.

Both follow from the zeros of the rounded weights alone, whatever the data: a value that only zeros lead to is zero, and one
that only zeros lead from changes nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from bitfront.spaces import MERGES, Graph, Node

Mask = NDArray[np.bool_]
Masks = dict[str, Mask]
"""Node name -> one entry for each value of its output, in its shape."""
Rounded = Mapping[str, Mapping[str, NDArray[np.floating]]]

_SAME = frozenset({"relu", "leaky_relu", "linear", "dropout"})
"""Operations that leave zero zero and see one value each."""
_EACH = _SAME | {"tanh", "sigmoid", "gelu", "silu"}
"""Operations that see one value each."""
_POOLS = frozenset({"max_pool", "avg_pool", "global_max_pool", "global_avg_pool", "zero_padding"})
"""Operations within a channel."""


def einsum_letters(node: Node) -> tuple[str, str, str]:
    """Return the axes of both operands of an einsum, and of its result, without the batch axis."""
    operands, result = node.attrs["equation"].split("->")
    first, second = operands.split(",")
    return first[1:], second if node.op == "einsum_dense" else second[1:], result[1:]


def nonzero(graph: Graph, weights: Rounded) -> Masks:
    """Return which values may be other than zero; `weights` are rounded to their types."""
    found: Masks = {}
    for node in graph:
        found[node.name] = reach(node, [found[i] for i in node.inputs], weights.get(node.name, {}))
    return found


def reach(node: Node, inputs: list[Mask], weights: Mapping[str, NDArray[np.floating]]) -> Mask:
    """Return which values of a node may be other than zero, given those of its inputs and its rounded weights."""
    own = {role: np.asarray(a) != 0 for role, a in weights.items()}
    return np.broadcast_to(_forward(node, inputs, own), node.shape)


def needed(graph: Graph, weights: Rounded, live: Masks) -> Masks:
    """Return which values the outputs depend on, given which may be other than zero."""
    found = {node.name: np.zeros(node.shape, bool) for node in graph}
    for name in graph.outputs:
        found[name] = np.ones(graph[name].shape, bool)
    for node in reversed(graph.nodes):
        own = {role: np.asarray(a) != 0 for role, a in weights.get(node.name, {}).items()}
        parts = _backward(node, found[node.name], [live[i] for i in node.inputs], own)
        for name, mask in zip(node.inputs, parts, strict=True):
            found[name] = found[name] | np.broadcast_to(mask, graph[name].shape)
    return found


def _einsum(equation: str, *masks: Mask) -> Mask:
    if "..." not in equation and all(mask.all() for mask in masks):
        operands, result = equation.split("->")
        size = {
            letter: length
            for letters, mask in zip(operands.split(","), masks, strict=True)
            for letter, length in zip(letters, mask.shape, strict=True)
        }
        return np.ones([size[letter] for letter in result], bool)
    return np.asarray(np.einsum(equation, *(m.astype(np.float32) for m in masks)) > 0)


def _channels(mask: Mask) -> Mask:
    """Return which channels, along the last axis, have any value."""
    return np.asarray(mask.reshape(-1, mask.shape[-1]).any(0))


def _forward(node: Node, x: list[Mask], own: Mapping[str, Mask]) -> Mask:
    everything = np.ones(node.shape, bool)
    bias = own.get("bias", np.zeros(1, bool))
    if node.op in _SAME:
        return x[0]
    if node.op == "dense":
        return _einsum("...i,io->...o", x[0], own["weight"]) | bias
    if node.op.startswith("conv"):
        return (
            _einsum("i,kio->o", _channels(x[0]), own["weight"].reshape(-1, *own["weight"].shape[-2:])) | bias
        )
    if node.op == "einsum_dense":
        first, second, result = einsum_letters(node)
        return _einsum(f"{first},{second}->{result}", x[0], own["weight"]) | bias
    if node.op == "einsum":
        first, second, result = einsum_letters(node)
        return _einsum(f"{first},{second}->{result}", *x)
    if node.op in MERGES:
        return x[0] & x[1] if node.op == "multiply" else x[0] | x[1]
    if node.op == "batchnorm":
        return (x[0] & own["scale"]) | bias
    if node.op == "layernorm":
        return everything & (own["scale"] | bias)
    if node.op == "add_constant":
        return x[0] | bias
    if node.op in _POOLS:
        return everything & _channels(x[0])
    if node.op == "reshape":
        return x[0].reshape(node.shape)
    if node.op == "concatenate":
        return np.concatenate(x, node.attrs["axis"])
    return everything


def _backward(node: Node, y: Mask, x: list[Mask], own: Mapping[str, Mask]) -> list[Mask]:
    if node.op in _EACH or node.op == "add_constant":
        return [y]
    if node.op == "dense":
        return [_einsum("...o,io->...i", y, own["weight"])]
    if node.op.startswith("conv"):
        kernel = own["weight"].reshape(-1, *own["weight"].shape[-2:])
        return [_einsum("o,kio->i", _channels(y), kernel)]
    if node.op == "einsum_dense":
        first, second, result = einsum_letters(node)
        return [_einsum(f"{result},{second}->{first}", y, own["weight"])]
    if node.op == "einsum":
        first, second, result = einsum_letters(node)
        return [
            _einsum(f"{result},{second}->{first}", y, x[1]),
            _einsum(f"{first},{result}->{second}", x[0], y),
        ]
    if node.op in MERGES:
        return [y & x[1], y & x[0]] if node.op == "multiply" else [y, y]
    if node.op == "batchnorm":
        return [y & own["scale"]]
    if node.op in {"layernorm", "softmax"}:
        return [np.broadcast_to(y.any(-1, keepdims=True), y.shape)]
    if node.op in _POOLS:
        return [_channels(y)]
    if node.op == "reshape":
        return [y.reshape(x[0].shape)]
    if node.op == "concatenate":
        axis = node.attrs["axis"]
        return np.split(y, np.cumsum([m.shape[axis] for m in x])[:-1], axis)
    return [np.broadcast_to(np.asarray(y.any()), m.shape) for m in x]


Axis = tuple[str, int]
"""A node and an axis of its output."""


class Ties:
    """Axes that have the same entries in every design: those of both sides of an elementwise operation, say.

    Some can't lose an entry: inputs, outputs, what a normalization or a window runs over. A flattened axis loses what
    the channels lose that it is made of.
    """

    def __init__(self, graph: Graph) -> None:
        self._parent: dict[Axis, Axis] = {}
        self._whole: set[Axis] = set()
        self._flat: list[tuple[Axis, Axis]] = []
        for node in graph:
            _TIES.get(node.op, _keep)(self, graph, node)
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
        """Let a flattened axis, channels running fastest, have the entries of these channels at each position."""
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
        """Return what stands for the axes that can't lose an entry: channels too whose flattened axis can't, or is several's."""
        whole = {self.root(axis) for axis in self._whole}
        times = Counter(self.root(flat) for _, flat in self._flat)
        for channels, flat in reversed(self._flat):
            if times[self.root(flat)] > 1 or self.root(flat) in whole:
                whole |= {self.root(channels), self.root(flat)}
        return whole


def _keep(ties: Ties, graph: Graph, node: Node) -> None:
    for name in (node.name, *node.inputs):
        ties.keep(name, range(len(graph[name].shape)))


def _tie_each(ties: Ties, graph: Graph, node: Node) -> None:
    if any(graph[i].shape != node.shape for i in node.inputs):
        _keep(ties, graph, node)
    for name in node.inputs:
        for axis in range(min(len(node.shape), len(graph[name].shape))):
            ties.tie((name, axis), (node.name, axis))


def _tie_rows(ties: Ties, graph: Graph, node: Node) -> None:
    for axis in range(len(node.shape) - 1):
        ties.tie((node.inputs[0], axis), (node.name, axis))


def _tie_all_but_last(ties: Ties, graph: Graph, node: Node) -> None:
    _tie_rows(ties, graph, node)
    for name in (node.name, node.inputs[0]):
        last = len(graph[name].shape) - 1
        ties.keep(name, range(last, last + 1))


def _tie_channels(ties: Ties, graph: Graph, node: Node) -> None:
    source = graph[node.inputs[0]]
    ties.tie((source.name, len(source.shape) - 1), (node.name, len(node.shape) - 1))
    _keep_space(ties, graph, node)


def _tie_flat(ties: Ties, graph: Graph, node: Node) -> None:
    source = graph[node.inputs[0]]
    if len(node.shape) != 1 or len(source.shape) < 2:
        _keep(ties, graph, node)
        return
    ties.keep(source.name, range(len(source.shape) - 1))
    ties.flatten((source.name, len(source.shape) - 1), (node.name, 0))


def _keep_space(ties: Ties, graph: Graph, node: Node) -> None:
    for name in (node.name, node.inputs[0]):
        ties.keep(name, range(len(graph[name].shape) - 1))


def _tie_einsum(ties: Ties, graph: Graph, node: Node) -> None:
    first, second, result = einsum_letters(node)
    operands = [(node.inputs[0], first)] + ([(node.inputs[1], second)] if node.op == "einsum" else [])
    seen: dict[str, Axis] = {letter: (node.name, axis) for axis, letter in enumerate(result)}
    for name, letters in operands:
        for axis, letter in enumerate(letters):
            ties.tie((name, axis), seen.setdefault(letter, (name, axis)))


_TIES: dict[str, Callable[[Ties, Graph, Node], None]] = {
    **dict.fromkeys(_EACH | MERGES | {"batchnorm", "add_constant"}, _tie_each),
    **dict.fromkeys(_POOLS, _tie_channels),
    "dense": _tie_rows,
    "reshape": _tie_flat,
    "conv1d": _keep_space,
    "conv2d": _keep_space,
    "einsum_dense": _tie_einsum,
    "einsum": _tie_einsum,
    "softmax": _tie_all_but_last,
    "layernorm": _tie_all_but_last,
}
