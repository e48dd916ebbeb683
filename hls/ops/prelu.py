"""PReLU: negative values times weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bitfront.spaces import FixedPoint, Graph, Node, Traits

from ..operation import Settings, Types, Values
from .base import Elementwise

if TYPE_CHECKING:
    from keras import Layer as KerasLayer

    from ..bit_true.base import BitTrueLayer
    from ..bit_true.quantizer import Mode
    from ..zeros.ties import Axis, Ties


class PReLU(Elementwise):
    """Negative values times a weight of their own, or of their channel.

    The weights are flat, so that they are no kernel; `Node.attrs["slopes"]` is their shape, 1 along axes that
    share them.
    """

    keeps_zero = True
    rtl_refusal = None

    def mantissa_bits(self, node: Node, own: Types, x: Sequence[FixedPoint]) -> int:
        """Return the bits of the product."""
        return x[0].width + own["slope"].width

    def layer(self, graph: Graph, node: Node, mode: Mode, settings: Settings) -> BitTrueLayer:
        """Return the product with the rounded slopes, rounded."""
        from ..bit_true.elementwise import PReLU

        return PReLU(graph, node, mode)

    def tie(self, ties: Ties, graph: Graph, node: Node) -> None:
        """Tie the axes to the input's, channels alone where each has one slope."""
        super().tie(ties, graph, node)
        if not _by_channel(node):
            ties.keep(node.name, range(len(node.shape)))

    def weight_axes(self, graph: Graph, node: Node, role: str, count: int) -> list[Axis | None]:
        """Return the channels where each has one slope."""
        return [(node.name, len(node.shape) - 1)] if _by_channel(node) else [None]

    def resized(self, node: Node, shape: tuple[int, ...]) -> Mapping[str, Any]:
        """Return its attributes with a slope for each channel that is left."""
        slopes = node.attrs["slopes"]
        return {**node.attrs, "slopes": (*slopes[:-1], shape[-1])} if _by_channel(node) else node.attrs

    def keras_layer(self, node: Node, values: Values, types: Types) -> KerasLayer:
        """Return PReLU."""
        from keras import layers

        shared = [
            axis
            for axis, (slopes, size) in enumerate(zip(node.attrs["slopes"], node.shape, strict=True), 1)
            if slopes != size
        ]
        return layers.PReLU(shared_axes=shared or None, name=node.name)

    def keras_weights(self, node: Node, values: Values) -> list[NDArray[Any]]:
        """Return the slopes in their shape."""
        return [values["slope"].reshape(node.attrs["slopes"])]

    def exact_in_keras(self, graph: Graph, node: Node) -> bool:
        """Return True: float32 holds every product."""
        return True

    def convert_with(self) -> None:
        """Register how hls4ml, which has the layer, reads it: with a slope for each value."""
        from hls4ml.converters.keras_v3._base import KerasV3LayerHandler

        class PReLUHandler(KerasV3LayerHandler):
            handles = ("keras.src.layers.activations.prelu.PReLU",)

            def handle(self, layer: Any, in_tensors: Any, out_tensors: Any) -> dict[str, Any]:
                """Return hls4ml's PReLU."""
                shape = tuple(in_tensors[0].shape[1:])
                return {
                    "class_name": "PReLU",
                    "activation": "prelu",
                    "n_in": prod(shape),
                    "param_data": np.broadcast_to(self.load_weight(layer, "alpha"), shape).ravel(),
                }

    def described_as(self, node: Node) -> str:
        """Return `leaky_relu`, which costs as much."""
        return "leaky_relu"

    def trace(self, node: Node, x: Sequence[Any], values: Values, own: Types, settings: Settings) -> Any:
        """Return the positive part less the slopes' products with the negative one."""
        slopes = np.broadcast_to(values["slope"].reshape(node.attrs["slopes"]), node.shape)
        return x[0].relu() - (-x[0]).relu() * slopes


def _by_channel(node: Node) -> bool:
    """Whether each channel has one slope at all positions."""
    slopes: tuple[int, ...] = tuple(node.attrs["slopes"])
    return prod(slopes[:-1]) == 1 and slopes[-1] == node.shape[-1]


def _lower(work: Any, layer: Any, inputs: tuple[str, ...], shape: tuple[int, ...]) -> str:
    slopes = np.asarray(layer.alpha, np.float32)
    name: str = work.add(
        layer, "prelu", inputs, shape, weights={"slope": slopes.ravel()}, slopes=slopes.shape
    )
    return name


OPERATIONS = (
    PReLU(
        Traits(
            op="prelu",
            family="activation",
            reads_accumulator=True,
            variables={"slope": ("alpha",)},
            layers={"PReLU": _lower},
        )
    ),
)
