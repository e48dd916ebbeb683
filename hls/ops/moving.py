"""Operations that hand values on: inputs, reshaping, padding, concatenation, dropout."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from bitfront.spaces import FixedPoint, Graph, Node, Traits

from ..estimate.elementwise import move_layer
from ..operation import Mask, Settings, Types, Values
from ..precision import exact
from .base import BaseOperation, Elementwise, WithinChannels
from .kinds import Kind

if TYPE_CHECKING:
    import keras

    from ..bit_true.base import BitTrueLayer
    from ..bit_true.quantizer import Mode
    from ..precision.resolve import Resolver
    from ..zeros.ties import Ties


class Input(BaseOperation):
    """What enters the firmware, rounded to its type; where it holds numbers of entries, a type that has all
    of them.
    """

    narrows_elements = True

    def types(self, resolver: Resolver, node: Node, x: Sequence[FixedPoint]) -> dict[str, FixedPoint]:
        """Return the chosen type, or the narrowest unsigned whole numbers that count the entries."""
        entries = resolver.graph.entries(node)
        if not entries:
            return super().types(resolver, node, x)
        bits = max(1, (entries - 1).bit_length())
        return {"result": FixedPoint(bits, bits, False, "RND_CONV", "SAT")}

    def layer(self, graph: Graph, node: Node, mode: Mode, settings: Settings) -> BitTrueLayer:
        """Return what rounds."""
        from ..bit_true.elementwise import Entries, Input

        return Entries(graph, node, mode) if graph.entries(node) else Input(graph, node, mode)

    def configure(
        self, graph: Graph, node: Node, layer: dict[str, Any], types: Types, *, table_size: int
    ) -> None:
        """Give numbers of entries an integer's type, without which C++ can't choose an entry by them."""
        if graph.entries(node):
            layer["Precision"]["result"] = f"uint<{types[f'{node.name}/result'].width}>"


class _Passing(BaseOperation):
    """Values of the result are values of the inputs, whose types it must hold."""

    rtl_refusal = None

    def types(self, resolver: Resolver, node: Node, x: Sequence[FixedPoint]) -> dict[str, FixedPoint]:
        """Return a type that holds the inputs'."""
        return {"result": exact.union(*x)}

    def exact_in_keras(self, graph: Graph, node: Node) -> bool:
        """Return that Keras moves values as the firmware does."""
        return True


class Reshape(_Passing):
    """Values in another shape, in the same order."""

    left_out_last = True

    def layer(self, graph: Graph, node: Node, mode: Mode, settings: Settings) -> BitTrueLayer:
        """Return what reshapes."""
        import tensorflow as tf

        from ..bit_true.elementwise import Moving

        return Moving(graph, node, mode, lambda x: tf.reshape(x[0], (-1, *node.shape)))

    def reaches(self, node: Node, x: Sequence[Mask], own: Mapping[str, Mask]) -> Mask:
        """Return the input's values in the new shape."""
        return x[0].reshape(node.shape)

    def needs(self, node: Node, y: Mask, x: Sequence[Mask], own: Mapping[str, Mask]) -> Sequence[Mask]:
        """Return the result's values in the old shape."""
        return [y.reshape(x[0].shape)]

    def tie(self, ties: Ties, graph: Graph, node: Node) -> None:
        """Tie a flattened axis to the channels that it is made of."""
        source = graph[node.inputs[0]]
        if len(node.shape) != 1 or len(source.shape) < 2:
            super().tie(ties, graph, node)
            return
        ties.keep(source.name, range(len(source.shape) - 1))
        ties.flatten((source.name, len(source.shape) - 1), (node.name, 0))

    def keras_layer(self, node: Node, values: Values, types: Types) -> keras.Layer:
        """Return Flatten or Reshape."""
        from keras import layers

        return (
            layers.Flatten(name=node.name)
            if len(node.shape) == 1
            else layers.Reshape(node.shape, name=node.name)
        )

    def trace(self, node: Node, x: Sequence[Any], values: Values, own: Types, settings: Settings) -> Any:
        """Return the array in the new shape."""
        return x[0].reshape(node.shape)


class ZeroPadding(_Passing, WithinChannels):
    """Zeros around the positions."""

    def layer(self, graph: Graph, node: Node, mode: Mode, settings: Settings) -> BitTrueLayer:
        """Return what pads."""
        import tensorflow as tf

        from ..bit_true.elementwise import Moving

        pads = [[0, 0], *[list(p) for p in node.attrs["padding"]], [0, 0]]
        return Moving(graph, node, mode, lambda x: tf.pad(x[0], pads))

    def keras_layer(self, node: Node, values: Values, types: Types) -> keras.Layer:
        """Return ZeroPadding1D or ZeroPadding2D."""
        from keras import layers

        pads = node.attrs["padding"]
        return (
            layers.ZeroPadding1D(pads[0], name=node.name)
            if len(pads) == 1
            else layers.ZeroPadding2D(pads, name=node.name)
        )

    def sizes(self, graph: Graph, node: Node, types: Types, *, table_size: int) -> dict[str, int]:
        """Return how many values there are before and after."""
        source = graph[node.inputs[0]].shape
        return {"n_in": prod(source), "n_out": prod(node.shape), "n_filt": source[-1]}

    def trace(self, node: Node, x: Sequence[Any], values: Values, own: Types, settings: Settings) -> Any:
        """Return the array with constant zeros around it."""
        from ..rtl.windows import padded

        return padded(x[0], node.attrs["padding"])


class Concatenate(_Passing):
    """Two tensors, one behind the other along an axis."""

    def layer(self, graph: Graph, node: Node, mode: Mode, settings: Settings) -> BitTrueLayer:
        """Return what joins."""
        import tensorflow as tf

        from ..bit_true.elementwise import Moving

        return Moving(graph, node, mode, lambda x: tf.concat(list(x), node.attrs["axis"]))

    def reaches(self, node: Node, x: Sequence[Mask], own: Mapping[str, Mask]) -> Mask:
        """Return the inputs' values joined."""
        return np.concatenate(list(x), node.attrs["axis"])

    def needs(self, node: Node, y: Mask, x: Sequence[Mask], own: Mapping[str, Mask]) -> Sequence[Mask]:
        """Return each input's part."""
        axis = node.attrs["axis"]
        return np.split(y, np.cumsum([mask.shape[axis] for mask in x])[:-1], axis)

    def keras_layer(self, node: Node, values: Values, types: Types) -> keras.Layer:
        """Return Concatenate."""
        from keras import layers

        return layers.Concatenate(axis=node.attrs["axis"], name=node.name)

    def sizes(self, graph: Graph, node: Node, types: Types, *, table_size: int) -> dict[str, int]:
        """Return how many values there are behind it."""
        return super().sizes(graph, node, types, table_size=table_size) | {"n_in": prod(node.shape)}

    def trace(self, node: Node, x: Sequence[Any], values: Values, own: Types, settings: Settings) -> Any:
        """Return the arrays joined; they have no batch axis."""
        axis = node.attrs["axis"]
        return np.concatenate(list(x), axis=axis if axis < 0 else axis - 1)


class Dropout(_Passing, Elementwise):
    """Zeros at random while training, nothing in the firmware."""

    keeps_zero = True

    def layer(self, graph: Graph, node: Node, mode: Mode, settings: Settings) -> BitTrueLayer:
        """Return what drops values while the model trains."""
        import tensorflow as tf

        from ..bit_true.elementwise import Moving

        rate = node.attrs["rate"]

        def dropped(x: Sequence[Any]) -> Any:
            return tf.nn.dropout(x[0], rate) if mode.training and rate > 0 else x[0]

        return Moving(graph, node, mode, dropped)

    def exact_in_keras(self, graph: Graph, node: Node) -> bool:
        """Return False: it is no layer of an exported model."""
        return False

    def trace(self, node: Node, x: Sequence[Any], values: Values, own: Types, settings: Settings) -> Any:
        """Return the array as it is."""
        return x[0]


OPERATIONS = (
    Input(Traits(op="input", family="input", takes_rounding=True, built=False)),
    Reshape(
        Traits(op="reshape", family="moving", rounds=False, sign="kept"),
        kinds=(
            Kind("reshape", move_layer),
            Kind("transpose", partial(move_layer, stores=True)),
            Kind("clone", move_layer),
            Kind("slice", move_layer, ("n_in", "n_out")),
            Kind("resize", move_layer, ("n_in", "n_out")),
        ),
    ),
    ZeroPadding(
        Traits(op="zero_padding", family="moving", rounds=False, sign="kept"),
        kinds=(Kind("zero_padding", move_layer, ("n_in", "n_out")),),
    ),
    Concatenate(
        Traits(op="concatenate", family="moving", rounds=False, sign="kept"),
        kinds=(Kind("concatenate", move_layer),),
    ),
    Dropout(Traits(op="dropout", family="moving", rounds=False, sign="kept", built=False)),
)
