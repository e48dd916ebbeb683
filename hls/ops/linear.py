"""Operations that sum products of one tensor and constant weights: dense layers and convolutions."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from bitfront.spaces import FixedPoint, Graph, Node, Traits

from ..design.layers import LayerDescription
from ..design.reuse import legal_reuse_factors
from ..estimate.products import product_layer
from ..operation import LayerKind, Mask, Settings, Types, Values
from ..precision import exact
from .base import BaseOperation, channels, einsum_mask, keep_positions, tie_positions, window_sizes
from .kinds import Matrix, output_positions

if TYPE_CHECKING:
    import keras

    from ..bit_true.base import BitTrueLayer
    from ..bit_true.quantizer import Mode
    from ..precision.resolve import Resolver
    from ..zeros.ties import Axis, Ties


class _Linear(BaseOperation):
    """Products of one tensor and a constant kernel, summed in an accumulator that is lossless unless it is
    searched.
    """

    depthwise = False
    rtl_refusal = None

    def types(self, resolver: Resolver, node: Node, x: Sequence[FixedPoint]) -> dict[str, FixedPoint]:
        """Return the accumulator, which holds every sum that these weights can give, and the result."""
        quantized = resolver.quantized_weights(node)
        bias = resolver.types.get(f"{node.name}/bias")
        fraction = x[0].fraction + resolver.types[f"{node.name}/weight"].fraction
        bound = exact.sum_bound(
            quantized["weight"],
            quantized.get("bias"),
            exact.largest_by_channel(x[0], resolver.graph[node.inputs[0]].shape),
            depthwise=self.depthwise,
        )
        lossless = exact.holding(bound, max(fraction, bias.fraction) if bias else fraction)
        accum = resolver.accumulator(node, lossless)
        return {"accum": accum, "result": resolver.result(node, accum)}

    def mantissa_bits(self, node: Node, own: Types, x: Sequence[FixedPoint]) -> int:
        """Return the bits of a sum of products before it is stored."""
        return lossless_sum(own["accum"], x[0].fraction + own["weight"].fraction)

    def weight_axes(self, graph: Graph, node: Node, role: str, count: int) -> list[Axis | None]:
        """Return the input's channels and the output's for the kernel's last two axes; those of a depthwise
        one are the same, on the first of the two.
        """
        if role != "weight":
            return super().weight_axes(graph, node, role, count)
        if self.depthwise:
            return [None] * (count - 2) + [(node.name, len(node.shape) - 1), None]
        source = node.inputs[0]
        read: Axis = (source, len(graph[source].shape) - 1)
        return [None] * (count - 2) + [read, (node.name, len(node.shape) - 1)]

    def resized(self, node: Node, shape: tuple[int, ...]) -> Mapping[str, Any]:
        """Return its attributes with another number of outputs."""
        sizes = {"units": shape[-1], "filters": shape[-1]}
        return {key: sizes.get(key, value) for key, value in node.attrs.items()}

    def exact_in_keras(self, graph: Graph, node: Node) -> bool:
        """Return True: float32 holds every sum."""
        return True

    def reuse_factors(
        self, graph: Graph, node: Node, io_type: str, *, recurrent: bool
    ) -> tuple[int, ...] | None:
        """Return the factors of hls4ml's list; a convolution's C++ with io_parallel takes none above its
        window.
        """
        inputs, convolution = self._product(graph, node)
        legal = legal_reuse_factors(inputs, node.shape[-1])
        if convolution and io_type == "io_parallel":
            return tuple(factor for factor in legal if factor <= inputs)
        return legal

    @abstractmethod
    def _product(self, graph: Graph, node: Node) -> tuple[int, bool]:
        """Return how many inputs an output sums, and whether hls4ml builds a convolution."""


class Dense(_Linear):
    """A dense layer, at every position of a sequence if there is one."""

    distributable = True
    summed_by_adders = True
    gives_bias = True

    def layer(self, graph: Graph, node: Node, mode: Mode, settings: Settings) -> BitTrueLayer:
        """Return a QKeras layer with our quantizer, or the same sum in a narrow accumulator."""
        from ..bit_true.linear import Linear, dense

        return Linear(graph, node, mode, dense, narrow=settings.narrow)

    def reaches(self, node: Node, x: Sequence[Mask], own: Mapping[str, Mask]) -> Mask:
        """Return the sums that have a product, or a bias."""
        bias = own.get("bias", np.zeros(1, bool))
        return einsum_mask("...i,io->...o", x[0], own["weight"]) | bias

    def needs(self, node: Node, y: Mask, x: Sequence[Mask], own: Mapping[str, Mask]) -> Sequence[Mask]:
        """Return the inputs that a weight leads from."""
        return [einsum_mask("...o,io->...i", y, own["weight"])]

    def tie(self, ties: Ties, graph: Graph, node: Node) -> None:
        """Tie the positions."""
        tie_positions(ties, graph, node)

    def _product(self, graph: Graph, node: Node) -> tuple[int, bool]:
        source = graph[node.inputs[0]].shape
        return source[-1], len(source) > 1

    def keras_layer(self, node: Node, values: Values, types: Types) -> keras.Layer:
        """Return Dense."""
        from keras import layers

        return layers.Dense(node.attrs["units"], use_bias="bias" in values, name=node.name)

    def qkeras_layer(self, node: Node, values: Values, own: Types) -> keras.Layer | None:
        """Return QDense."""
        import qkeras

        from ..export.quantizer import kernel_quantizers

        return qkeras.QDense(node.attrs["units"], name=node.name, **kernel_quantizers(own, values))

    def sizes(self, graph: Graph, node: Node, types: Types, *, table_size: int) -> dict[str, int]:
        """Return inputs, outputs and positions."""
        source = graph[node.inputs[0]].shape
        sizes = {"n_in": source[-1], "n_out": node.shape[-1]}
        return sizes | ({"positions": prod(source[:-1])} if len(source) > 1 else {})

    def trace(self, node: Node, x: Sequence[Any], values: Values, own: Types, settings: Settings) -> Any:
        """Return a constant product per position."""
        rows = x[0].reshape(-1, x[0].shape[-1])
        return with_bias(node, [rows[i] @ values["weight"] for i in range(rows.shape[0])], values)


class Convolution(_Linear):
    """A convolution over one or two axes of positions, channels last; `depthwise` with a kernel for each
    channel.
    """

    def __init__(self, traits: Traits, axes: int, *, depthwise: bool = False) -> None:
        kinds: tuple[LayerKind, ...] = (ConvolutionKind(traits.op, axes, depthwise=depthwise),)
        super().__init__(traits, kinds=kinds)
        self.axes, self.depthwise = axes, depthwise
        self.distributable = self.summed_by_adders = not depthwise
        if depthwise:
            self.resource_refusal = "hls4ml has no Resource strategy for depthwise convolutions, use Latency"

    def layer(self, graph: Graph, node: Node, mode: Mode, settings: Settings) -> BitTrueLayer:
        """Return a QKeras layer with our quantizer, or the same sum in a narrow accumulator."""
        from ..bit_true.linear import Linear, convolution

        kind = convolution(self.axes, depthwise=self.depthwise)
        return Linear(graph, node, mode, kind, narrow=settings.narrow)

    def products(self, node: Node) -> int:
        """Return how many positions there are."""
        return prod(node.shape[:-1])

    def reaches(self, node: Node, x: Sequence[Mask], own: Mapping[str, Mask]) -> Mask:
        """Return the channels that have a product at any position, or a bias."""
        kernel = own["weight"].reshape(-1, *own["weight"].shape[-2:])
        summed = "i,kij->i" if self.depthwise else "i,kio->o"
        return einsum_mask(summed, channels(x[0]), kernel) | own.get("bias", np.zeros(1, bool))

    def needs(self, node: Node, y: Mask, x: Sequence[Mask], own: Mapping[str, Mask]) -> Sequence[Mask]:
        """Return the channels that a weight leads from."""
        kernel = own["weight"].reshape(-1, *own["weight"].shape[-2:])
        return [einsum_mask("i,kij->i" if self.depthwise else "o,kio->i", channels(y), kernel)]

    def tie(self, ties: Ties, graph: Graph, node: Node) -> None:
        """Let positions lose nothing; a depthwise one has its input's channels."""
        keep_positions(ties, graph, node)
        if self.depthwise:
            ties.tie((node.inputs[0], len(node.shape) - 1), (node.name, len(node.shape) - 1))

    def refused(self, node: Node, source: tuple[int, ...], io_type: str) -> str | None:
        """Refuse a stream whose rows hls4ml wouldn't skip: a kernel 1 pixel high, wider than 1, and a
        vertical stride.
        """
        if io_type != "io_stream" or self.axes != 2:
            return None
        height, width = node.attrs["kernel_size"]
        # `pointwise_conv_2d_cl` counts rows; there is none of it for depthwise convolutions
        pointwise = not self.depthwise and width == 1
        if height == 1 and node.attrs["strides"][0] > 1 and not pointwise:
            return (
                "hls4ml's streams compute every row where the kernel is 1 pixel high, whatever the stride "
                "is: make the vertical stride 1 or the kernel higher, or use io_parallel"
            )
        return None

    def _product(self, graph: Graph, node: Node) -> tuple[int, bool]:
        window = prod(node.attrs["kernel_size"])
        return window * (1 if self.depthwise else graph[node.inputs[0]].shape[-1]), True

    def _arguments(self, node: Node) -> dict[str, Any]:
        attrs = node.attrs
        filters = {} if self.depthwise else {"filters": attrs["filters"]}
        shape = {key: attrs[key] for key in ("kernel_size", "strides", "padding")}
        return {**filters, **shape, "name": node.name}

    def keras_layer(self, node: Node, values: Values, types: Types) -> keras.Layer:
        """Return Conv1D, Conv2D or its depthwise form."""
        from keras import layers

        kind = getattr(layers, f"{'Depthwise' if self.depthwise else ''}Conv{self.axes}D")
        return kind(use_bias="bias" in values, **self._arguments(node))

    def qkeras_layer(self, node: Node, values: Values, own: Types) -> keras.Layer | None:
        """Return QConv1D, QConv2D or QDepthwiseConv2D; None for a causal one and for a depthwise one over one
        axis.
        """
        import qkeras

        from ..export.quantizer import kernel_quantizers

        if node.attrs["padding"] == "causal" or (self.depthwise and self.axes == 1):
            return None
        if self.depthwise:
            quantizers = kernel_quantizers(own, values, kernel="depthwise")
            return qkeras.QDepthwiseConv2D(**self._arguments(node), **quantizers)
        kind = qkeras.QConv1D if self.axes == 1 else qkeras.QConv2D
        return kind(**self._arguments(node), **kernel_quantizers(own, values))

    def sizes(self, graph: Graph, node: Node, types: Types, *, table_size: int) -> dict[str, int]:
        """Return the window's and the positions' sizes."""
        source = graph[node.inputs[0]].shape
        return window_sizes(source, node, node.attrs["kernel_size"], node.attrs["strides"], "filt")

    def trace(self, node: Node, x: Sequence[Any], values: Values, own: Types, settings: Settings) -> Any:
        """Return a constant product per position."""
        from ..rtl.windows import windows

        kernel = values["weight"]
        sums = [self._sum(window, kernel) for window in windows(node, x[0])]
        return with_bias(node, sums, values)

    def _sum(self, window: Any, kernel: Any) -> Any:
        if not self.depthwise:
            return window.reshape(-1) @ kernel.reshape(-1, kernel.shape[-1])
        flat = kernel.reshape(-1, window.shape[-1])  # kernels of one multiplier: (cells, channels)
        cells = window.reshape(-1, window.shape[-1])
        return np.concatenate([cells[:, c] @ flat[:, c : c + 1] for c in range(flat.shape[1])])


class DenseKind(Matrix):
    """A dense layer, at `positions` of a sequence."""

    def __init__(self) -> None:
        super().__init__("dense", product_layer, ("n_in", "n_out"))

    def matrix(self, layer: LayerDescription) -> tuple[int, int]:
        """Return inputs and outputs."""
        return layer.sizes["n_in"], layer.sizes["n_out"]

    def as_built(self, layer: LayerDescription) -> LayerDescription:
        """Return the convolution with a kernel of 1 that hls4ml makes of a dense layer on a sequence."""
        positions = layer.positions
        if positions == 1:
            return layer
        sizes = {
            "in_width": positions,
            "n_chan": layer.sizes["n_in"],
            "filt_width": 1,
            "n_filt": layer.sizes["n_out"],
            "out_width": positions,
        }
        return replace(layer, op="conv1d", sizes=sizes)


class ConvolutionKind(Matrix):
    """A convolution: its matrix is a window by the filters, `get_layer_mult_size` in hls4ml's FPGA
    backend.
    """

    convolution = True

    def __init__(self, name: str, axes: int, *, depthwise: bool) -> None:
        sides = ("width",) if axes == 1 else ("height", "width")
        sizes = (
            *(f"in_{side}" for side in sides),
            "n_chan",
            *(f"filt_{side}" for side in sides),
            "n_filt",
            *(f"out_{side}" for side in sides),
        )
        super().__init__(name, product_layer, sizes, family="cnn")
        self.depthwise, self.partitioned = depthwise, not depthwise

    def matrix(self, layer: LayerDescription) -> tuple[int, int]:
        """Return the window's values, those of one channel where each has its own kernel, and the filters."""
        window = layer.sizes["filt_width"] * layer.size("filt_height")
        return window * (1 if self.depthwise else layer.sizes["n_chan"]), layer.sizes["n_filt"]

    def positions(self, layer: LayerDescription) -> int:
        """Return the output's positions."""
        return output_positions(layer)


def lossless_sum(accum: FixedPoint, fraction: int) -> int:
    """Return the mantissa bits of a sum of products with so many fraction bits, before an accumulator stores
    it.
    """
    return accum.integer - accum.signed + max(accum.fraction, fraction)


def with_bias(node: Node, sums: Sequence[Any], values: Values) -> Any:
    """Return da4ml's array of a node's sums, one per position, with its bias."""
    out = np.stack(sums)
    return (out + values["bias"] if "bias" in values else out).reshape(node.shape)


_LINEAR: dict[str, Any] = {
    "family": "linear",
    "accumulator": True,
    "hands_accumulator": True,
    "takes_rounding": True,
    "hardware": frozenset({"strategy", "reuse_factor"}),
}
_POINTWISE = {"weight": ("pointwise_kernel", "kernel")}
_DEPTHWISE: dict[str, Any] = {
    "channel_axes": 2,
    "variables": {"weight": ("depthwise_kernel", "kernel")},
}

OPERATIONS = (
    Dense(Traits(op="dense", projects=True, **_LINEAR), kinds=(DenseKind(),)),
    Convolution(Traits(op="conv1d", variables=_POINTWISE, **_LINEAR), 1),
    Convolution(Traits(op="conv2d", variables=_POINTWISE, **_LINEAR), 2),
    Convolution(Traits(op="depthwise_conv1d", **_LINEAR, **_DEPTHWISE), 1, depthwise=True),
    Convolution(Traits(op="depthwise_conv2d", **_LINEAR, **_DEPTHWISE), 2, depthwise=True),
)
