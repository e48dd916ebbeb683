"""Embedding: rows of a constant table, chosen by the whole numbers of an input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bitfront.spaces import FixedPoint, Graph, Node, Traits, Unsupported

from ..estimate.elementwise import embedding_layer
from ..operation import Mask, Settings, Types, Values
from .base import BaseOperation
from .kinds import Kind

if TYPE_CHECKING:
    from keras import Layer as KerasLayer

    from ..bit_true.base import BitTrueLayer
    from ..bit_true.quantizer import Mode
    from ..precision.resolve import Resolver
    from ..zeros.ties import Axis, Ties


class Embedding(BaseOperation):
    """A row of the table for each number of the input; values of the result are weights, of their type."""

    rtl_refusal = None

    def types(self, resolver: Resolver, node: Node, x: Sequence[FixedPoint]) -> dict[str, FixedPoint]:
        """Return the type of the table's values."""
        return {"result": resolver.types[f"{node.name}/weight"]}

    def layer(self, graph: Graph, node: Node, mode: Mode, settings: Settings) -> BitTrueLayer:
        """Return the rows."""
        import tensorflow as tf

        from ..bit_true.base import Layer

        class Rows(Layer):
            """Rows of the quantized table; numbers are rounded, since a float may be just below one."""

            def __init__(self) -> None:
                super().__init__(graph, node, mode)
                self.make("weight", graph.weights[node.name]["weight"])

            def __call__(self, inputs: Sequence[Any]) -> Any:
                """Return the rows, [batch, ..., values]."""
                chosen = tf.cast(tf.round(inputs[0]), tf.int32)
                return tf.gather(tf.cast(self.weight("weight"), mode.dtype), chosen)

        return Rows()

    def reaches(self, node: Node, x: Sequence[Mask], own: Mapping[str, Mask]) -> Mask:
        """Return the columns that any row has a value in."""
        return np.broadcast_to(own["weight"].any(0), node.shape)

    def needs(self, node: Node, y: Mask, x: Sequence[Mask], own: Mapping[str, Mask]) -> Sequence[Mask]:
        """Return the numbers whose row matters."""
        return [np.asarray(y.any(-1))]

    def tie(self, ties: Ties, graph: Graph, node: Node) -> None:
        """Tie all axes but that of a row to the input's."""
        for axis in range(len(node.shape) - 1):
            ties.tie((node.inputs[0], axis), (node.name, axis))

    def weight_axes(self, graph: Graph, node: Node, role: str, count: int) -> list[Axis | None]:
        """Return the result's last axis for the rows'."""
        return [None, (node.name, len(node.shape) - 1)]

    def keras_layer(self, node: Node, values: Values, types: Types) -> KerasLayer:
        """Return Embedding."""
        from keras import layers

        return layers.Embedding(node.attrs["entries"], node.shape[-1], name=node.name)

    def exact_in_keras(self, graph: Graph, node: Node) -> bool:
        """Return True: rows are moved."""
        return True

    def configure(
        self, graph: Graph, node: Node, layer: dict[str, Any], types: Types, *, table_size: int
    ) -> None:
        """Call the table's type by hls4ml's name."""
        layer["Precision"]["embeddings"] = layer["Precision"].pop("weight")

    def convert_with(self) -> None:
        """Register how hls4ml, which has the layer, reads it from Keras 3."""
        from hls4ml.converters.keras_v3._base import KerasV3LayerHandler

        class EmbeddingHandler(KerasV3LayerHandler):
            handles = ("keras.src.layers.core.embedding.Embedding",)

            def handle(self, layer: Any, in_tensors: Any, out_tensors: Any) -> dict[str, Any]:
                """Return hls4ml's embedding."""
                return {
                    "class_name": "Embedding",
                    "n_in": prod(in_tensors[0].shape[1:]),
                    "n_out": int(layer.output_dim),
                    "vocab_size": int(layer.input_dim),
                    "embeddings_data": self.load_weight(layer, "embeddings"),
                }

    def sizes(self, graph: Graph, node: Node, types: Types, *, table_size: int) -> dict[str, int]:
        """Return numbers, values of a row, and rows."""
        numbers = prod(graph[node.inputs[0]].shape)
        return {"n_in": numbers, "n_out": node.shape[-1], "vocabulary": node.attrs["entries"]}

    def trace(self, node: Node, x: Sequence[Any], values: Values, own: Types, settings: Settings) -> Any:
        """Return a table's entry for each value of a row."""
        from ..rtl.tables import looked_up

        last = len(values["weight"]) - 1

        def column(of: NDArray[np.float64]) -> Any:
            # an input's type may hold numbers beyond the last row, which no input is
            return looked_up(x[0], lambda v: of[np.clip(v, 0, last).astype(int)])

        return np.stack([column(of) for of in values["weight"].T], axis=-1)


def _lower(work: Any, layer: Any, inputs: tuple[str, ...], shape: tuple[int, ...]) -> str:
    """Lower `Embedding`, which must read an input of the model.

    Raises:
        Unsupported: when it reads something else, or masks.
    """
    if layer.mask_zero:
        raise Unsupported(
            "mask_zero=True: the firmware computes every step, since hls4ml has no masks; leave it out and "
            "cut or pad the sequences in the data"
        )
    source = next(node for node in work.nodes if node.name == inputs[0])
    if source.inputs:
        raise Unsupported("reads what a layer computes; it can read an input of the model alone")
    if getattr(layer, "lora_enabled", False):
        raise Unsupported("its table is changed by LoRA; merge it into the table before")
    table = np.asarray(layer.embeddings, np.float32)
    name: str = work.add(
        layer, "embedding", inputs, shape, weights={"weight": table}, entries=int(layer.input_dim)
    )
    return name


OPERATIONS = (
    Embedding(
        Traits(
            op="embedding",
            family="moving",
            rounds=False,
            entries="entries",
            variables={"weight": ("embeddings",)},
            layers={"Embedding": _lower},
        ),
        kinds=(Kind("embedding", embedding_layer, ("n_in", "n_out", "vocabulary")),),
    ),
)
