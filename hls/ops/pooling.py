"""Maximum and average over windows or over all positions."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from bitfront.spaces import FixedPoint, Graph, Node, Traits

from ..design.layers import LayerDescription
from ..estimate.elementwise import pooling_layer
from ..operation import LayerKind, Settings, Types, Values
from ..precision import exact
from .base import WithinChannels, window_sizes
from .kinds import Windowed

if TYPE_CHECKING:
    import keras

    from ..bit_true.base import BitTrueLayer
    from ..bit_true.quantizer import Mode
    from ..precision.resolve import Resolver


class Pooling(WithinChannels):
    """A pooling within each channel: `average` or maximum, `whole` (all positions) or over windows."""

    rtl_refusal = None

    def __init__(
        self, traits: Traits, *, average: bool, whole: bool, kinds: Sequence[LayerKind] = ()
    ) -> None:
        super().__init__(traits, kinds=kinds)
        self.average, self.whole = average, whole

    def window(self, graph: Graph, node: Node) -> int:
        """Return how many values each result is of."""
        return prod(graph[node.inputs[0]].shape[:-1]) if self.whole else prod(node.attrs["pool_size"])

    def types(self, resolver: Resolver, node: Node, x: Sequence[FixedPoint]) -> dict[str, FixedPoint]:
        """Return the accumulator of an average and its result; a maximum has its input's type."""
        if self.average:
            accum = exact.averaged(self.window(resolver.graph, node), x[0])
            return {"accum": accum, "result": resolver.result(node)}
        kind = exact.union(*x)
        return {"result": kind, "accum": kind}

    def layer(self, graph: Graph, node: Node, mode: Mode, settings: Settings) -> BitTrueLayer:
        """Return the pooling, an average rounded."""
        from ..bit_true.pooling import Pool

        return Pool(
            graph, node, mode, average=self.average, whole=self.whole, window=self.window(graph, node)
        )

    def refused(self, node: Node, source: tuple[int, ...], io_type: str) -> str | None:
        """Refuse streams that are padded or, in 2D, whose windows overlap (asserted in
        `nnet_pooling_stream.h`).
        """
        if io_type != "io_stream" or self.whole:
            return None
        pool, strides = node.attrs["pool_size"], node.attrs["strides"]
        padded = node.attrs["padding"] == "same" and any(
            (-(-size // stride) - 1) * stride + window > size
            for size, window, stride in zip(source[:-1], pool, strides, strict=True)
        )
        if padded:
            return "hls4ml pools padded windows with io_parallel only: use io_parallel, or padding='valid'"
        if len(pool) == 2 and tuple(pool) != tuple(strides):
            return (
                "hls4ml streams a 2D pooling only where strides equal pool_size: use io_parallel, or "
                "equal strides"
            )
        return None

    def keras_layer(self, node: Node, values: Values, types: Types) -> keras.Layer:
        """Return Keras's pooling layer; of all positions, the one that fits what it is called on."""
        from keras import layers

        kind = "Average" if self.average else "Max"
        if self.whole:
            return _GlobalPooling(kind, node.name)
        attrs = node.attrs
        layer = getattr(layers, f"{kind}Pooling{len(attrs['pool_size'])}D")
        return layer(attrs["pool_size"], strides=attrs["strides"], padding=attrs["padding"], name=node.name)

    def exact_in_keras(self, graph: Graph, node: Node) -> bool:
        """Return True for a maximum, and for an average that is divided by a shift."""
        window = self.window(graph, node)
        return not self.average or window & (window - 1) == 0

    def described_as(self, node: Node) -> str:
        """Return hls4ml's kind."""
        return "global_pooling" if self.whole else f"pooling{len(node.attrs['pool_size'])}d"

    def sizes(self, graph: Graph, node: Node, types: Types, *, table_size: int) -> dict[str, int]:
        """Return positions and channels, and the window's sizes."""
        source = graph[node.inputs[0]].shape
        if self.whole:
            return {"n_in": prod(source[:-1]), "n_filt": source[-1]}
        sizes = window_sizes(source, node, node.attrs["pool_size"], node.attrs["strides"], "pool")
        return {name: size for name, size in sizes.items() if name != "n_chan"}

    def options(self, node: Node) -> dict[str, str | bool | int]:
        """Return what it computes of a window."""
        return {"pool_op": "average" if self.average else "max"}

    def trace(self, node: Node, x: Sequence[Any], values: Values, own: Types, settings: Settings) -> Any:
        """Return the largest value of each window, or the truncated quotient of its sum and its values'
        count.
        """
        (data,) = x
        from ..rtl.tables import divided
        from ..rtl.windows import pooled_windows

        windows = [data] if self.whole else pooled_windows(node, data)
        pooled = []
        for window in windows:
            rows = window.reshape(-1, window.shape[-1])
            if self.average:
                pooled.append(divided(np.sum(rows, axis=0), rows.shape[0], own["accum"].step))
            else:
                pooled.append(np.amax(rows, axis=0))
        return np.stack(pooled).reshape(node.shape)


class WholePoolingKind(Windowed):
    """A pooling of all positions, which gives one word."""

    def words(self, layer: LayerDescription, channels: int) -> int:
        """Return 1."""
        return 1


class _GlobalPooling:
    """Chooses the global pooling layer by the rank of what it is called on."""

    def __init__(self, kind: str, name: str) -> None:
        self.kind, self.name = kind, name

    def __call__(self, x: Any) -> Any:
        from keras import layers

        return getattr(layers, f"Global{self.kind}Pooling{len(x.shape) - 2}D")(name=self.name)(x)


_ROW = ("in_width", "n_filt", "pool_width", "out_width")
_AREA = ("in_height", "in_width", "n_filt", "pool_height", "pool_width", "out_height", "out_width")

OPERATIONS = (
    Pooling(
        Traits(op="max_pool", family="pooling", rounds=False, sign="kept"),
        average=False,
        whole=False,
        kinds=(
            Windowed("pooling1d", pooling_layer, _ROW, family="cnn"),
            Windowed("pooling2d", pooling_layer, _AREA, family="cnn"),
        ),
    ),
    Pooling(Traits(op="avg_pool", family="pooling", sign="kept"), average=True, whole=False),
    Pooling(
        Traits(op="global_max_pool", family="pooling", rounds=False, sign="kept"),
        average=False,
        whole=True,
        kinds=(
            WholePoolingKind(
                "global_pooling", partial(pooling_layer, whole=True), ("n_in", "n_filt"), family="cnn"
            ),
        ),
    ),
    Pooling(Traits(op="global_avg_pool", family="pooling", sign="kept"), average=True, whole=True),
)
