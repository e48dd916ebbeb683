"""What operations share: the answers of one that sees its values one by one, rounds its result and has no
weights.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bitfront.spaces import FixedPoint, Graph, Node, Traits, UserError

from ..design.reuse import DISTRIBUTED
from ..operation import LayerKind, Mask, Settings, Types, Values

if TYPE_CHECKING:
    import keras

    from ..bit_true.base import BitTrueLayer
    from ..bit_true.quantizer import Mode
    from ..design.weights import WeightContent
    from ..precision.resolve import Resolver
    from ..zeros.ties import Axis, Ties


class BaseOperation(ABC):
    """Defaults of `bitfront.hls.operation.Operation`; what an operation does otherwise, it says itself.

    The defaults are safe rather than tight: every value may be other than zero, every value of the inputs
    matters to every value of the result, no axis loses an entry, QKeras has no exact layer of it, and the RTL
    flow none at all.
    """

    left_out_last: bool = False
    distributable: bool = False
    summed_by_adders: bool = False
    gives_bias: bool = False
    narrows_elements: bool = False
    rtl_refusal: str | None = "it has no form of additions, comparisons and tables yet"
    stream_refusal: str | None = None
    resource_refusal: str | None = None
    distributed_refusal: str | None = None

    def __init__(self, traits: Traits, *, kinds: Sequence[LayerKind] = ()) -> None:
        self._traits, self._kinds = traits, tuple(kinds)

    @property
    def traits(self) -> Traits:
        """What a graph must know of it."""
        return self._traits

    # -- precision -------------------------------------------------------------------------------------------

    def types(self, resolver: Resolver, node: Node, x: Sequence[FixedPoint]) -> dict[str, FixedPoint]:
        """Return the result's type, as the candidate chooses it."""
        return {"result": resolver.result(node, copied=x)}

    def mantissa_bits(self, node: Node, own: Types, x: Sequence[FixedPoint]) -> int:
        """Return 0: its own types hold all that it computes."""
        return 0

    # -- what it computes ------------------------------------------------------------------------------------

    @abstractmethod
    def layer(self, graph: Graph, node: Node, mode: Mode, settings: Settings) -> BitTrueLayer:
        """Return what computes the node as the firmware does."""

    def products(self, node: Node) -> int:
        """Return 1: without positions, a weight has one product."""
        return 1

    # -- zeros -----------------------------------------------------------------------------------------------

    def reaches(self, node: Node, x: Sequence[Mask], own: Mapping[str, Mask]) -> Mask:
        """Return that every value may be other than zero."""
        return np.ones(node.shape, bool)

    def computes(self, node: Node, y: Mask, own: Mapping[str, Mask]) -> Mask:
        """Return these values: none is kept for a later step."""
        return y

    def needs(self, node: Node, y: Mask, x: Sequence[Mask], own: Mapping[str, Mask]) -> Sequence[Mask]:
        """Return that any value of the result depends on all of the inputs'."""
        return [np.broadcast_to(np.asarray(y.any()), mask.shape) for mask in x]

    def tie(self, ties: Ties, graph: Graph, node: Node) -> None:
        """Let nothing be taken from the node's axes and from its inputs'."""
        for name in (node.name, *node.inputs):
            ties.keep(name, range(len(graph[name].shape)))

    def weight_axes(self, graph: Graph, node: Node, role: str, count: int) -> list[Axis | None]:
        """Return the output's last axes, as a bias is added; none of a kernel's."""
        if role == "weight":
            return [None] * count
        own: list[Axis | None] = [(node.name, axis) for axis in range(len(node.shape))]
        return own[len(own) - count :]

    def weight_entries(
        self, graph: Graph, node: Node, role: str, axis: int, entries: NDArray[np.intp]
    ) -> NDArray[np.intp]:
        """Return the same entries."""
        return entries

    def evened(self, node: Node, stays: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return these entries."""
        return stays

    def resized(self, node: Node, shape: tuple[int, ...]) -> Mapping[str, Any]:
        """Return its attributes as they are."""
        return node.attrs

    def retyped(self, graph: Graph, node: Node, x: Sequence[FixedPoint]) -> dict[str, FixedPoint]:
        """Return no type: none follows from the shapes of its inputs."""
        return {}

    def without(self, node: Node, other: str, *, constant: bool) -> Node | None:
        """Return None: what is left of it isn't known."""
        return None

    # -- what hls4ml builds ----------------------------------------------------------------------------------

    def refused(self, node: Node, source: tuple[int, ...], io_type: str) -> str | None:
        """Return the class's reason for streams, None for io_parallel."""
        return self.stream_refusal if io_type == "io_stream" else None

    def refused_strategy(self, strategy: str) -> str | None:
        """Return the class's reason, None where hls4ml builds it with the strategy."""
        reasons = {"resource": self.resource_refusal, DISTRIBUTED: self.distributed_refusal}
        return reasons.get(strategy)

    def reuse_factors(
        self, graph: Graph, node: Node, io_type: str, *, recurrent: bool
    ) -> tuple[int, ...] | None:
        """Return None: it has no product to share."""
        return None

    def keras_layer(self, node: Node, values: Values, types: Types) -> keras.Layer:
        """Refuse: there is no layer of it in an exported model.

        Raises:
            UserError: always.
        """
        raise UserError(f"{node.name!r} ({node.op}) is no layer of an exported model.")

    def keras_weights(self, node: Node, values: Values) -> list[NDArray[Any]]:
        """Return kernel and bias, as far as there are any."""
        return [values[role] for role in ("weight", "scale", "bias", "table") if role in values]

    def keras_values(self, node: Node, types: Types) -> dict[str, NDArray[Any]]:
        """Return no array."""
        return {}

    def exact_in_keras(self, graph: Graph, node: Node) -> bool:
        """Return that Keras computes something else than the firmware."""
        return False

    def qkeras_layer(self, node: Node, values: Values, own: Types) -> keras.Layer | None:
        """Return None: QKeras has no layer of it."""
        return None

    def configure(
        self, graph: Graph, node: Node, layer: dict[str, Any], types: Types, *, table_size: int
    ) -> None:
        """Add nothing to hls4ml's configuration."""
        return

    def convert_with(self) -> None:
        """Teach hls4ml nothing: it reads and builds the operation as it is."""
        return

    # -- what it costs ---------------------------------------------------------------------------------------

    def described_as(self, node: Node) -> str:
        """Return the operation's own name."""
        return node.op

    def sizes(self, graph: Graph, node: Node, types: Types, *, table_size: int) -> dict[str, int]:
        """Return how many values the input has, and how many at a position."""
        source = graph[node.inputs[0]].shape
        return {"n_in": prod(source)} | ({"n_filt": source[-1]} if len(source) > 1 else {})

    def options(self, node: Node) -> dict[str, str | bool | int]:
        """Return no option."""
        return {}

    def described_types(self, kinds: dict[str, FixedPoint], result: FixedPoint) -> dict[str, FixedPoint]:
        """Return the types as they are called in the design."""
        return kinds

    def described_weights(self, content: dict[str, WeightContent]) -> dict[str, WeightContent]:
        """Return the contents as they are called in the design."""
        return content

    @property
    def kinds(self) -> Sequence[LayerKind]:
        """The kinds of layers whose home it is."""
        return self._kinds

    # -- RTL -------------------------------------------------------------------------------------------------

    def trace(self, node: Node, x: Sequence[Any], values: Values, own: Types, settings: Settings) -> Any:
        """Refuse, with the reason.

        Raises:
            UserError: always.
        """
        raise UserError(f"The RTL flow can't build {node.name!r} ({node.op}): {self.rtl_refusal}.")


class Elementwise(BaseOperation):
    """An operation that computes each value of its result from the value at its place in each input."""

    keeps_zero: bool = False
    """Whether zero in is zero out."""

    def reaches(self, node: Node, x: Sequence[Mask], own: Mapping[str, Mask]) -> Mask:
        """Return the input's values where zero stays zero, else all."""
        return x[0] if self.keeps_zero else np.ones(node.shape, bool)

    def needs(self, node: Node, y: Mask, x: Sequence[Mask], own: Mapping[str, Mask]) -> Sequence[Mask]:
        """Return that each value depends on the one at its place."""
        return [y for _ in x]

    def tie(self, ties: Ties, graph: Graph, node: Node) -> None:
        """Tie every axis to its inputs'."""
        if any(graph[name].shape != node.shape for name in node.inputs):
            super().tie(ties, graph, node)
        for name in node.inputs:
            for axis in range(min(len(node.shape), len(graph[name].shape))):
                ties.tie((name, axis), (node.name, axis))


class WithinChannels(BaseOperation):
    """An operation over positions that computes each channel from its own values; of zeros, zero."""

    def reaches(self, node: Node, x: Sequence[Mask], own: Mapping[str, Mask]) -> Mask:
        """Return the channels that have any value."""
        return np.ones(node.shape, bool) & channels(x[0])

    def needs(self, node: Node, y: Mask, x: Sequence[Mask], own: Mapping[str, Mask]) -> Sequence[Mask]:
        """Return the channels that matter."""
        return [channels(y)]

    def tie(self, ties: Ties, graph: Graph, node: Node) -> None:
        """Tie the channels to the input's; positions lose nothing."""
        source = graph[node.inputs[0]]
        ties.tie((source.name, len(source.shape) - 1), (node.name, len(node.shape) - 1))
        keep_positions(ties, graph, node)


def channels(mask: Mask) -> Mask:
    """Return which channels, along the last axis, have any value."""
    return np.asarray(mask.reshape(-1, mask.shape[-1]).any(0))


def einsum_mask(equation: str, *masks: Mask) -> Mask:
    """Return which sums of products of these values may be other than zero."""
    if "..." not in equation and all(mask.all() for mask in masks):
        operands, result = equation.split("->")
        size = {
            letter: length
            for letters, mask in zip(operands.split(","), masks, strict=True)
            for letter, length in zip(letters, mask.shape, strict=True)
        }
        return np.ones([size[letter] for letter in result], bool)
    return np.asarray(np.einsum(equation, *(m.astype(np.float32) for m in masks)) > 0)


def keep_positions(ties: Ties, graph: Graph, node: Node) -> None:
    """Let nothing be taken from the axes before the last, of the node and its input."""
    for name in (node.name, node.inputs[0]):
        ties.keep(name, range(len(graph[name].shape) - 1))


def tie_positions(ties: Ties, graph: Graph, node: Node) -> None:
    """Tie the axes before the last to the input's."""
    for axis in range(len(node.shape) - 1):
        ties.tie((node.inputs[0], axis), (node.name, axis))


def keep_last(ties: Ties, graph: Graph, node: Node) -> None:
    """Tie the positions; let nothing be taken from the last axis, over which all is summed."""
    tie_positions(ties, graph, node)
    for name in (node.name, node.inputs[0]):
        last = len(graph[name].shape) - 1
        ties.keep(name, range(last, last + 1))


def window_sizes(
    source: tuple[int, ...], node: Node, size: Sequence[int], strides: Sequence[int], kind: str
) -> dict[str, int]:
    """Return the sizes of a convolution or pooling, in hls4ml's names; `kind`: `filt` or `pool`."""
    axes = ("width",) if len(size) == 1 else ("height", "width")
    found = {"n_chan": source[-1], "n_filt": node.shape[-1]}
    for axis, n_in, n_out, window, stride in zip(axes, source, node.shape, size, strides, strict=False):
        found |= {
            f"in_{axis}": n_in,
            f"out_{axis}": n_out,
            f"{kind}_{axis}": window,
            f"stride_{axis}": stride,
        }
    return found
