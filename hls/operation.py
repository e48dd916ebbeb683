"""What `bitfront.hls` asks of an operation: the seam between the stages of a design and the kinds of its
nodes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from bitfront.spaces import FixedPoint, Graph, Node, Traits, offered, registered

if TYPE_CHECKING:
    import keras

    from .bit_true.base import BitTrueLayer
    from .bit_true.quantizer import Mode
    from .design.layers import LayerDescription
    from .design.weights import WeightContent
    from .estimate.context import Context, LayerStructure
    from .precision.resolve import Resolver
    from .zeros.ties import Axis, Ties

Types = Mapping[str, FixedPoint]
"""Type by role, or by tensor key (`node/role`)."""
Mask = NDArray[np.bool_]
"""One entry for each value of a tensor, without the batch axis."""
Values = Mapping[str, NDArray[Any]]
"""Array by role."""


@dataclass(frozen=True)
class Settings:
    """What a bit-true layer is built with beside its node.

    Attributes:
        table_size: entries of sigmoid and tanh tables.
        narrow: whether the accumulator may be narrower than lossless.
    """

    table_size: int = 1024
    narrow: bool = False


class LayerKind(Protocol):
    """How one kind of layer of a design is sized, and what it costs; named in `LayerDescription.op`.

    A design may come from a candidate, a project or a published record, so that there are kinds which no node
    becomes. Sizes and counts are of one inference.
    """

    @property
    def name(self) -> str:
        """Its name."""
        ...

    @property
    def sizes(self) -> tuple[str, ...]:
        """The sizes that a layer of it must state."""
        ...

    @property
    def family(self) -> Literal["", "cnn", "rnn", "transformer"]:
        """The family that a design with such a layer is counted with; empty where it says nothing."""
        ...

    @property
    def convolution(self) -> bool:
        """Whether it slides a window over positions, of which hls4ml computes some at once
        (`parallelization`).
        """
        ...

    @property
    def partitioned(self) -> bool:
        """Whether hls4ml splits its positions into partitions, computed one after the other."""
        ...

    def matrix(self, layer: LayerDescription) -> tuple[int, int]:
        """Return inputs and outputs of its product with a constant matrix; 0, 0 where there is none."""
        ...

    def positions(self, layer: LayerDescription) -> int:
        """Return how often that product is applied."""
        ...

    def multiplications(self, layer: LayerDescription) -> int:
        """Return its multiplications, zeros and all."""
        ...

    def as_built(self, layer: LayerDescription) -> LayerDescription:
        """Return the layer that hls4ml makes of it before it writes it."""
        ...

    def channels(self, layer: LayerDescription, before: int) -> int:
        """Return the values in a word of the stream behind it, of which there are `before` in front of it."""
        ...

    def words(self, layer: LayerDescription, channels: int) -> int:
        """Return the words of that stream."""
        ...

    def structure(self, layer: LayerDescription, context: Context) -> LayerStructure:
        """Return what it puts on the device, before the fit."""
        ...

    def ebops(self, layer: LayerDescription) -> float:
        """Return its effective bit operations: products of operand widths, summed over the multiplications.

        A constant counts the bits between its first and last one (HGQ, arXiv 2405.00645); zeros nothing.
        """
        ...

    def energy(self, layer: LayerDescription) -> float:
        """Return its energy, in picojoules (see `bitfront.hls.estimate.energy`)."""
        ...

    @property
    def shares(self) -> bool:
        """Whether a reuse factor lets its multipliers be shared."""
        ...

    @property
    def recurrent(self) -> bool:
        """Whether it has a recurrent product beside its own."""
        ...


class Operation(Protocol):
    """All that is known of one kind of node; the only place that knows it.

    Lifecycle: an object without state, registered once (`bitfront.spaces.register`, or the entry-point group
    `bitfront.operations`). `traits` tell the graph which tensors a node has. Then, for each node, in this
    order: `refused` before anything is built; `layer` once per study; `types`, `mantissa_bits`, `describe_*`
    per candidate; `reaches`, `needs`, `tie` and `without` where zeros are taken out; `keras`, `qkeras`,
    `configure` and `trace` when one is exported. `bitfront.hls.ops.base.BaseOperation` has a default for
    each; `tests/test_operations.py` holds what every one must keep.
    """

    @property
    def traits(self) -> Traits:
        """What a graph must know of it."""
        ...

    # -- precision -------------------------------------------------------------------------------------------

    def types(self, resolver: Resolver, node: Node, x: Sequence[FixedPoint]) -> dict[str, FixedPoint]:
        """Return the types of a node by role, `result` among them, but those of its weights; `x` are its
        inputs'.
        """
        ...

    def mantissa_bits(self, node: Node, own: Types, x: Sequence[FixedPoint]) -> int:
        """Return how many mantissa bits hold every value on the way to the result, beyond those of its
        types.
        """
        ...

    @property
    def narrows_elements(self) -> bool:
        """Whether each value of its result may have fewer integer bits than the tensor: it rounds values, and
        hls4ml can leave that to a node behind it.
        """
        ...

    # -- what it computes ------------------------------------------------------------------------------------

    def layer(self, graph: Graph, node: Node, mode: Mode, settings: Settings) -> BitTrueLayer:
        """Return what computes the node as the firmware does."""
        ...

    def products(self, node: Node) -> int:
        """Return how many products each weight of its kernel has in a design."""
        ...

    # -- zeros -----------------------------------------------------------------------------------------------

    def reaches(self, node: Node, x: Sequence[Mask], own: Mapping[str, Mask]) -> Mask:
        """Return which values may be other than zero, given those of its inputs, and its weights that aren't
        zero.
        """
        ...

    def computes(self, node: Node, y: Mask, own: Mapping[str, Mask]) -> Mask:
        """Return which values of the result have to be there for its values `y`: these, and others that a
        state of a later step comes from.
        """
        ...

    def needs(self, node: Node, y: Mask, x: Sequence[Mask], own: Mapping[str, Mask]) -> Sequence[Mask]:
        """Return, for each input, which values the values `y` of the result depend on."""
        ...

    def tie(self, ties: Ties, graph: Graph, node: Node) -> None:
        """Say which axes of the node and of its inputs have the same entries, and which can't lose any."""
        ...

    def weight_axes(self, graph: Graph, node: Node, role: str, count: int) -> list[Axis | None]:
        """Return the axis of a node's output that each axis of a weight array belongs to; None for those of a
        window.
        """
        ...

    def weight_entries(
        self, graph: Graph, node: Node, role: str, axis: int, entries: NDArray[np.intp]
    ) -> NDArray[np.intp]:
        """Return the entries of an axis of a weight array that belong to these entries of the axis that
        `weight_axes` gives for it.
        """
        ...

    def evened(self, node: Node, stays: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return which entries of its result's last axis can be left where `stays` have to."""
        ...

    def resized(self, node: Node, shape: tuple[int, ...]) -> Mapping[str, Any]:
        """Return its attributes where its output has another shape."""
        ...

    def retyped(self, graph: Graph, node: Node, x: Sequence[FixedPoint]) -> dict[str, FixedPoint]:
        """Return the types that change with the shapes of its inputs."""
        ...

    def without(self, node: Node, other: str, *, constant: bool) -> Node | None:
        """Return what is left of a node where one of its inputs is always the same; None where that isn't
        known.

        `other` is the input that is left; `constant` says whether the one that is gone is other than zero,
        which the node's `bias` then holds.
        """
        ...

    @property
    def gives_bias(self) -> bool:
        """Whether it gives its bias alone where its kernel is zero."""
        ...

    # -- what hls4ml builds ----------------------------------------------------------------------------------

    def refused(self, node: Node, source: tuple[int, ...], io_type: str) -> str | None:
        """Return why a node can't be built for an interface, None where it can; `source` is its input's
        shape.
        """
        ...

    def refused_strategy(self, strategy: str) -> str | None:
        """Return why it can't be built with a strategy (in lower case), None where it can."""
        ...

    @property
    def left_out_last(self) -> bool:
        """Whether it is left out where it is an output: hls4ml's outputs are flat."""
        ...

    @property
    def distributable(self) -> bool:
        """Whether hls4ml has distributed arithmetic for it; else it takes the Latency strategy."""
        ...

    @property
    def summed_by_adders(self) -> bool:
        """Whether distributed arithmetic turns its sums into an adder graph, exact whatever its accumulator
        is.
        """
        ...

    def reuse_factors(
        self, graph: Graph, node: Node, io_type: str, *, recurrent: bool
    ) -> tuple[int, ...] | None:
        """Return the reuse factors, ascending, with which its Resource firmware is right; None: any."""
        ...

    def keras_layer(self, node: Node, values: Values, types: Types) -> keras.Layer:
        """Return the plain Keras layer that hls4ml reads for a node; `values`: its rounded weights, `types`
        by tensor key.
        """
        ...

    def keras_weights(self, node: Node, values: Values) -> list[NDArray[Any]]:
        """Return the weights in Keras's order."""
        ...

    def keras_values(self, node: Node, types: Types) -> dict[str, NDArray[Any]]:
        """Return arrays that the Keras layer holds beside the weights, by role; `types` by tensor key."""
        ...

    def exact_in_keras(self, graph: Graph, node: Node) -> bool:
        """Whether QKeras or Keras itself computes the node as the firmware does, given rounded inputs and
        weights.
        """
        ...

    def qkeras_layer(self, node: Node, values: Values, own: Types) -> keras.Layer | None:
        """Return the QKeras layer of a node; None where QKeras has none."""
        ...

    def configure(
        self, graph: Graph, node: Node, layer: dict[str, Any], types: Types, *, table_size: int
    ) -> None:
        """Add to hls4ml's configuration of the node what isn't one of its types; `types` by tensor key."""
        ...

    def convert_with(self) -> None:
        """Teach hls4ml what it lacks to read or build the operation; called once, before a conversion."""
        ...

    # -- what it costs ---------------------------------------------------------------------------------------

    def described_as(self, node: Node) -> str:
        """Return the kind of layer that its cost is estimated as, one of `layer_kinds()`."""
        ...

    def sizes(self, graph: Graph, node: Node, types: Types, *, table_size: int) -> dict[str, int]:
        """Return the sizes of that layer; `types` by tensor key."""
        ...

    def options(self, node: Node) -> dict[str, str | bool | int]:
        """Return the options of that layer."""
        ...

    def described_types(self, kinds: dict[str, FixedPoint], result: FixedPoint) -> dict[str, FixedPoint]:
        """Return the types by the names that the layer's cost knows them by."""
        ...

    def described_weights(self, content: dict[str, WeightContent]) -> dict[str, WeightContent]:
        """Return the contents of its weights by those names."""
        ...

    @property
    def kinds(self) -> Sequence[LayerKind]:
        """The kinds of layers whose home it is: what it is described as, and relatives in published
        records.
        """
        ...

    # -- RTL -------------------------------------------------------------------------------------------------

    @property
    def rtl_refusal(self) -> str | None:
        """Why the RTL flow can't build it, None where it can."""
        ...

    def trace(self, node: Node, x: Sequence[Any], values: Values, own: Types, settings: Settings) -> Any:
        """Return the node's output, before it is rounded, for da4ml's arrays `x`."""
        ...


def operation(op: str) -> Operation:
    """Return the operation of this name.

    Raises:
        UserError: when no package offers it.
    """
    return cast(Operation, offered(op))


def layer_kinds() -> Mapping[str, LayerKind]:
    """Return every kind of layer by its name."""
    known = operations()
    if _kinds.get("of") is not known:
        found: dict[str, LayerKind] = {}
        for one in known.values():
            found |= {kind.name: kind for kind in one.kinds}
        _kinds.update(of=known, kinds=found)
    return cast(Mapping[str, LayerKind], _kinds["kinds"])


_kinds: dict[str, Any] = {}
"""The kinds of the operations that are registered now."""


def operations() -> Mapping[str, Operation]:
    """Return every operation by its name."""
    return cast(Mapping[str, Operation], registered())
