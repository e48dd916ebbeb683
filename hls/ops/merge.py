"""Operations on two tensors of one shape, value by value."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from bitfront.spaces import FixedPoint, Graph, Node, Traits

from ..estimate.elementwise import add_layer, multiply_layer, sum_layer
from ..operation import Mask, Settings, Types, Values
from ..precision import exact
from .base import Elementwise
from .kinds import ELEMENTS, Kind, TwoTensors, elements

if TYPE_CHECKING:
    import keras

    from ..bit_true.base import BitTrueLayer
    from ..bit_true.quantizer import Mode
    from ..precision.resolve import Resolver


class _Merge(Elementwise):
    """Two tensors, of which either gives a value other than zero; `described_as` names what it costs."""

    rtl_refusal = None
    kind = "add"
    copies = False
    """Whether its result is one of its inputs as they are."""

    @abstractmethod
    def whole(self, a: FixedPoint, b: FixedPoint) -> FixedPoint:
        """Return the type that holds every result."""

    @abstractmethod
    def merge(self, a: Any, b: Any) -> Any:
        """Return the merged tensors of TensorFlow."""

    def types(self, resolver: Resolver, node: Node, x: Sequence[FixedPoint]) -> dict[str, FixedPoint]:
        """Return the result's type, or that of every result where an activation reads it."""
        copied = x if self.copies else ()
        return {"result": resolver.result(node, self.whole(*x), copied)}

    def mantissa_bits(self, node: Node, own: Types, x: Sequence[FixedPoint]) -> int:
        """Return the bits of a sum."""
        return exact.added(*x).width + 1

    def layer(self, graph: Graph, node: Node, mode: Mode, settings: Settings) -> BitTrueLayer:
        """Return the merged tensors, rounded."""
        from ..bit_true.elementwise import Merge

        return Merge(graph, node, mode, self.merge)

    def reaches(self, node: Node, x: Sequence[Mask], own: Mapping[str, Mask]) -> Mask:
        """Return the values of either."""
        return x[0] | x[1]

    def keras_layer(self, node: Node, values: Values, types: Types) -> keras.Layer:
        """Return Keras's layer of that name."""
        from keras import layers

        made: keras.Layer = getattr(layers, node.op.capitalize())(name=node.name)
        return made

    def exact_in_keras(self, graph: Graph, node: Node) -> bool:
        """Return True: float32 holds every result."""
        return True

    def described_as(self, node: Node) -> str:
        """Return `add`, what all but a product cost, or `multiply`."""
        return self.kind

    def trace(self, node: Node, x: Sequence[Any], values: Values, own: Types, settings: Settings) -> Any:
        """Return the merged arrays."""
        return self.merge(*x)


class Add(_Merge):
    """A sum; without one of its inputs, the other, or that plus a constant."""

    def whole(self, a: FixedPoint, b: FixedPoint) -> FixedPoint:
        """Return the sum's type."""
        return exact.added(a, b)

    def merge(self, a: Any, b: Any) -> Any:
        """Return a + b."""
        return a + b

    def without(self, node: Node, other: str, *, constant: bool) -> Node | None:
        """Return a rounding of the other input, or the sum of that with the constant."""
        return replace(node, op="add_constant" if constant else "linear", inputs=(other,), attrs={})


class Subtract(_Merge):
    """A difference."""

    def whole(self, a: FixedPoint, b: FixedPoint) -> FixedPoint:
        """Return the difference's type."""
        return exact.added(a, b, difference=True)

    def merge(self, a: Any, b: Any) -> Any:
        """Return a - b."""
        return a - b


class Average(_Merge):
    """Half a sum."""

    def whole(self, a: FixedPoint, b: FixedPoint) -> FixedPoint:
        """Return the sum's type, its point one place to the left."""
        total = exact.added(a, b)
        return FixedPoint(total.width, total.integer - 1, total.signed)

    def merge(self, a: Any, b: Any) -> Any:
        """Return (a + b) / 2."""
        return (a + b) * 0.5


class Multiply(_Merge):
    """A product, zero where either is."""

    kind = "multiply"

    def whole(self, a: FixedPoint, b: FixedPoint) -> FixedPoint:
        """Return the product's type."""
        return exact.multiplied(a, b)

    def mantissa_bits(self, node: Node, own: Types, x: Sequence[FixedPoint]) -> int:
        """Return the bits of a product."""
        return exact.multiplied(*x).width

    def merge(self, a: Any, b: Any) -> Any:
        """Return a b."""
        return a * b

    def reaches(self, node: Node, x: Sequence[Mask], own: Mapping[str, Mask]) -> Mask:
        """Return the values of both."""
        return x[0] & x[1]

    def needs(self, node: Node, y: Mask, x: Sequence[Mask], own: Mapping[str, Mask]) -> Sequence[Mask]:
        """Return where the other isn't zero."""
        return [y & x[1], y & x[0]]


class _Choice(_Merge):
    """The larger or the smaller of two values."""

    copies = True

    def __init__(self, traits: Traits, traced: Callable[[Any, Any], Any]) -> None:
        super().__init__(traits)
        self.traced = traced

    def whole(self, a: FixedPoint, b: FixedPoint) -> FixedPoint:
        """Return a type that holds both."""
        return exact.union(a, b)

    def merge(self, a: Any, b: Any) -> Any:
        """Return TensorFlow's maximum or minimum."""
        import tensorflow as tf

        return getattr(tf, self.traits.op)(a, b)

    def trace(self, node: Node, x: Sequence[Any], values: Values, own: Types, settings: Settings) -> Any:
        """Return NumPy's, which da4ml's arrays take."""
        return self.traced(*x)


_MERGE: dict[str, Any] = {"family": "merge", "hands_accumulator": True, "takes_rounding": True}

OPERATIONS = (
    Add(
        Traits(op="add", sign="kept", residual=True, **_MERGE),
        kinds=(Kind("add", add_layer), Kind("sum", sum_layer, ("n_in", "n_out"))),
    ),
    Subtract(Traits(op="subtract", **_MERGE)),
    Multiply(
        Traits(op="multiply", sign="kept", **_MERGE),
        kinds=(TwoTensors("multiply", multiply_layer, ELEMENTS, elements),),
    ),
    Average(Traits(op="average", sign="kept", **_MERGE)),
    _Choice(Traits(op="maximum", sign="kept", **_MERGE), np.maximum),
    _Choice(Traits(op="minimum", sign="kept", **_MERGE), np.minimum),
)
