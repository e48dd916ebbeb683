"""Views: values of the result are values of the input in other places, cut, repeated or reversed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bitfront.spaces import FixedPoint, Graph, Node, Traits
from bitfront.spaces.lowering import VIEWS, View, moved

from ..design.layers import LayerDescription
from ..estimate.elementwise import move_layer
from ..operation import Mask, Settings, Types, Values
from ..precision import exact
from .base import BaseOperation
from .kinds import Kind

if TYPE_CHECKING:
    import keras

    from ..bit_true.base import BitTrueLayer
    from ..bit_true.quantizer import Mode
    from ..precision.resolve import Resolver


class StridedView(BaseOperation):
    """A permutation, a slice, a repetition, a reversal: whatever strides over the input give
    (`bitfront.spaces.lowering.views`).

    hls4ml has a layer for some of them, each for some shapes and interfaces; this is one node of our own for
    all (`firmware/nnet_view.h`): wires with io_parallel, a buffer of the whole input in a stream.
    """

    rtl_refusal = None

    def types(self, resolver: Resolver, node: Node, x: Sequence[FixedPoint]) -> dict[str, FixedPoint]:
        """Return a type that holds the input's values."""
        return {"result": exact.union(*x)}

    def layer(self, graph: Graph, node: Node, mode: Mode, settings: Settings) -> BitTrueLayer:
        """Return what picks the values."""
        import tensorflow as tf

        from ..bit_true.elementwise import Moving

        numbers, size = _numbers(node), prod(graph[node.inputs[0]].shape)

        def picked(x: Sequence[Any]) -> Any:
            return tf.reshape(tf.gather(tf.reshape(x[0], (-1, size)), numbers, axis=1), (-1, *node.shape))

        return Moving(graph, node, mode, picked)

    def reaches(self, node: Node, x: Sequence[Mask], own: Mapping[str, Mask]) -> Mask:
        """Return the input's values where they are put."""
        found: Mask = x[0].ravel()[_numbers(node)].reshape(node.shape)
        return found

    def needs(self, node: Node, y: Mask, x: Sequence[Mask], own: Mapping[str, Mask]) -> Sequence[Mask]:
        """Return the values that are put where the result matters."""
        needed = np.zeros(x[0].size, bool)
        needed[_numbers(node)[y.ravel()]] = True
        return [needed.reshape(x[0].shape)]

    def keras_layer(self, node: Node, values: Values, types: Types) -> keras.Layer:
        """Return Keras's layer, or our own where it has none."""
        from keras import layers

        from ..export import layers as own

        kind = node.attrs["keras"]
        made: keras.Layer = getattr(own if kind == "View" else layers, kind)(
            **node.attrs["arguments"], name=node.name
        )
        return made

    def exact_in_keras(self, graph: Graph, node: Node) -> bool:
        """Return that Keras moves values as the firmware does."""
        return True

    def convert_with(self) -> None:
        """Register our node, and how hls4ml reads it."""
        from ..hls4ml_project.view import register_view

        register_view()

    def sizes(self, graph: Graph, node: Node, types: Types, *, table_size: int) -> dict[str, int]:
        """Return how many values there are before and after, and in a word of its stream."""
        return {
            "n_in": prod(graph[node.inputs[0]].shape),
            "n_out": prod(node.shape),
            "n_filt": node.shape[-1],
        }

    def trace(self, node: Node, x: Sequence[Any], values: Values, own: Types, settings: Settings) -> Any:
        """Return the array's values in their new places."""
        return x[0].reshape(-1)[_numbers(node)].reshape(node.shape)


def _numbers(node: Node) -> NDArray[np.int64]:
    """Return which value of the input each value of the result is, both flat."""
    attrs = node.attrs
    return View(tuple(attrs["sizes"]), tuple(attrs["strides"]), attrs["offset"]).numbers()


class ViewKind(Kind):
    """A view, whose stream has a word for each of its own positions."""

    def words(self, layer: LayerDescription, channels: int) -> int:
        """Return the words of its result."""
        return layer.sizes["n_out"] // max(1, channels)


OPERATIONS = (
    StridedView(
        Traits(op="view", family="moving", rounds=False, sign="kept", layers=dict.fromkeys(VIEWS, moved)),
        kinds=(ViewKind("view", partial(move_layer, stores=True), ("n_in", "n_out")),),
    ),
)
