"""Batch normalization as a product and a sum per channel, and layer normalization."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bitfront.spaces import FixedPoint, Graph, Node, Traits

from ..design.layers import LayerDescription
from ..estimate import energy
from ..estimate.attention import layernorm_layer
from ..estimate.elementwise import normalize_layer
from ..operation import Mask, Settings, Types, Values
from ..precision import exact
from ..precision.attention import NORM_ADDRESS_BITS, NormTypes, inverse_roots, norm_mantissa_bits
from .base import BaseOperation, Elementwise, keep_last
from .kinds import Kind

if TYPE_CHECKING:
    import keras

    from ..bit_true.base import BitTrueLayer
    from ..bit_true.quantizer import Mode
    from ..design.weights import WeightContent
    from ..precision.resolve import Resolver
    from ..zeros.ties import Ties


class _Scaled(BaseOperation):
    """A normalization, whose scale its cost knows as its weight."""

    def described_types(self, kinds: dict[str, FixedPoint], result: FixedPoint) -> dict[str, FixedPoint]:
        """Return the types, the scale's last."""
        return _scale_as_weight(kinds)

    def described_weights(self, content: dict[str, WeightContent]) -> dict[str, WeightContent]:
        """Return the contents, the scale's last."""
        return _scale_as_weight(content)


def _scale_as_weight(by_role: dict[str, Any]) -> dict[str, Any]:
    return {role: one for role, one in by_role.items() if role != "scale"} | {"weight": by_role["scale"]}


class BatchNorm(_Scaled, Elementwise):
    """hls4ml's `normalize`: scale times input plus bias."""

    rtl_refusal = None

    def types(self, resolver: Resolver, node: Node, x: Sequence[FixedPoint]) -> dict[str, FixedPoint]:
        """Return the result, or all that scale and bias can give where an activation reads it."""
        quantized = resolver.quantized_weights(node)
        scale, bias = (resolver.types[f"{node.name}/{role}"] for role in ("scale", "bias"))
        bound = float(np.max(np.abs(quantized["scale"]) * exact.largest(x[0]) + np.abs(quantized["bias"])))
        lossless = exact.holding(bound, max(x[0].fraction + scale.fraction, bias.fraction))
        return {"result": resolver.result(node, lossless)}

    def mantissa_bits(self, node: Node, own: Types, x: Sequence[FixedPoint]) -> int:
        """Return the bits of the product and the sum."""
        scale, bias = own["scale"], own["bias"]
        fraction = max(x[0].fraction + scale.fraction, bias.fraction)
        return fraction + max(x[0].integer + scale.integer, bias.integer) + 1

    def layer(self, graph: Graph, node: Node, mode: Mode, settings: Settings) -> BitTrueLayer:
        """Return product and sum, rounded."""
        from ..bit_true.linear import BatchNorm

        return BatchNorm(graph, node, mode)

    def reaches(self, node: Node, x: Sequence[Mask], own: Mapping[str, Mask]) -> Mask:
        """Return values with a scale, and those with a bias."""
        return (x[0] & own["scale"]) | own.get("bias", np.zeros(1, bool))

    def needs(self, node: Node, y: Mask, x: Sequence[Mask], own: Mapping[str, Mask]) -> Sequence[Mask]:
        """Return values with a scale."""
        return [y & own["scale"]]

    def keras_layer(self, node: Node, values: Values, types: Types) -> keras.Layer:
        """Return BatchNormalization."""
        from keras import layers

        # variance 1 and epsilon 0: hls4ml divides by sqrt(1 + 0), so the scale stays the rounded one
        return layers.BatchNormalization(epsilon=0.0, name=node.name)

    def keras_weights(self, node: Node, values: Values) -> list[NDArray[Any]]:
        """Return scale, bias, a mean of zero and a variance of one."""
        ones = np.ones_like(values["scale"])
        return [values["scale"], values["bias"], np.zeros_like(ones), ones]

    def exact_in_keras(self, graph: Graph, node: Node) -> bool:
        """Return True: float32 holds product and sum."""
        return True

    def convert_with(self) -> None:
        """Keep a product whose rounded scale is one: hls4ml takes it out, and the rounding of its result with
        it.
        """
        from hls4ml.model.optimizer.passes.batchnorm_opt import RemoveNopBatchNormalization

        from ..backends.amd import passes

        class KeepRounding(RemoveNopBatchNormalization):
            def match(self, node: Any) -> bool:
                return False

        passes.replace_common_pass("remove_nop_batch_normalization", KeepRounding())

    def described_as(self, node: Node) -> str:
        """Return hls4ml's name."""
        return "normalize"

    def trace(self, node: Node, x: Sequence[Any], values: Values, own: Types, settings: Settings) -> Any:
        """Return product and sum with constants."""
        return x[0] * values["scale"] + values["bias"]


class LayerNorm(_Scaled):
    """Normalization over the last axis (`firmware/nnet_bit_true.h`)."""

    rtl_refusal = None

    def types(self, resolver: Resolver, node: Node, x: Sequence[FixedPoint]) -> dict[str, FixedPoint]:
        """Return the types of the statistics, the table and the result."""
        width, integer = resolver.calibrated(node, "normalized", signed=True)
        kinds = NormTypes(
            node.shape[-1],
            x[0],
            *resolver.calibrated(node, "mean", signed=x[0].signed),
            *resolver.calibrated(node, "variance", signed=False),
            FixedPoint(width, integer, True, "RND", "SAT"),
            resolver.width(f"{node.name}/table"),
        ).all()
        return kinds | {"result": resolver.result(node)}

    def mantissa_bits(self, node: Node, own: Types, x: Sequence[FixedPoint]) -> int:
        """Return the bits that it needs, beyond float64's alone: it is computed in that whatever the rest
        is.
        """
        from ..precision.resolve import FLOAT64_MANTISSA

        inner = norm_mantissa_bits(dict(own))
        return inner if inner > FLOAT64_MANTISSA else 0

    def layer(self, graph: Graph, node: Node, mode: Mode, settings: Settings) -> BitTrueLayer:
        """Return mean, variance and inverse root as the C++ computes them."""
        from ..bit_true.normalization import LayerNorm

        return LayerNorm(graph, node, mode)

    def reaches(self, node: Node, x: Sequence[Mask], own: Mapping[str, Mask]) -> Mask:
        """Return values with a scale or a bias."""
        return np.ones(node.shape, bool) & (own["scale"] | own.get("bias", np.zeros(1, bool)))

    def needs(self, node: Node, y: Mask, x: Sequence[Mask], own: Mapping[str, Mask]) -> Sequence[Mask]:
        """Return all values of a position that matters."""
        return [np.broadcast_to(y.any(-1, keepdims=True), y.shape)]

    def tie(self, ties: Ties, graph: Graph, node: Node) -> None:
        """Tie the positions."""
        keep_last(ties, graph, node)

    def keras_layer(self, node: Node, values: Values, types: Types) -> keras.Layer:
        """Return LayerNormalization, which hls4ml reads as ours."""
        from keras import layers

        return layers.LayerNormalization(epsilon=node.attrs["epsilon"], name=node.name)

    def sizes(self, graph: Graph, node: Node, types: Types, *, table_size: int) -> dict[str, int]:
        """Return values, positions and the entries of its table."""
        source = graph[node.inputs[0]].shape
        sizes = {"n_in": prod(source), "sequence": prod(source[:-1])}
        return sizes | {"table_size": 2**NORM_ADDRESS_BITS}

    def trace(self, node: Node, x: Sequence[Any], values: Values, own: Types, settings: Settings) -> Any:
        """Return the deviations times a table's inverse root, scaled and shifted; the table has an entry for
        each value of the variance's type.
        """
        from ..rtl.rounding import at_most, rounded
        from ..rtl.tables import looked_up

        n = node.shape[-1]
        share = float(own["reciprocal"].quantize(1.0 / n))
        positions = x[0].reshape(-1, 1, n)
        rows = []
        for row in (positions[i] for i in range(len(positions))):
            deviation = row[0] - rounded(np.sum(row, axis=1) * share, own["mean"])
            squares = np.sum((deviation * deviation).reshape(1, n), axis=1)
            variance = at_most(squares * share, own["variance"])
            inverse = looked_up(variance, lambda v: inverse_roots(v, node.attrs["epsilon"], own))
            rows.append(rounded(deviation * inverse, own["normalized"]))
        out = np.stack(rows).reshape(node.shape) * values["scale"]
        return out + values["bias"]


class NormalizeKind(Kind):
    """A product with a constant and a sum per value."""

    def __init__(self) -> None:
        super().__init__("normalize", normalize_layer)

    def multiplications(self, layer: LayerDescription) -> int:
        """Return one per value."""
        return layer.sizes["n_in"] * layer.size("outer")

    def ebops(self, layer: LayerDescription) -> float:
        """Return the products of the data's width and the constants'."""
        scale = layer.content("weight", 1, layer.sizes["n_in"])
        return layer.multiplications / scale.n * scale.bits * layer.inputs[0].width

    def energy(self, layer: LayerDescription) -> float:
        """Return the energy of the products and sums."""
        return energy.products(layer, layer.type("weight").width)


class LayerNormKind(Kind):
    """Mean, variance and inverse root of each position, and a product with a constant per value."""

    def __init__(self) -> None:
        super().__init__("layernorm", layernorm_layer, ("n_in", "sequence"), family="transformer")

    def positions(self, layer: LayerDescription) -> int:
        """Return the steps of the sequence."""
        return layer.sizes["sequence"]

    def multiplications(self, layer: LayerDescription) -> int:
        """Return three per value: its square, by the inverse root, by the scale."""
        return 3 * layer.sizes["n_in"]

    def ebops(self, layer: LayerDescription) -> float:
        """Return the products of the data's width and the scale's."""
        return float(layer.multiplications * layer.inputs[0].width * layer.type("weight").width)

    def energy(self, layer: LayerDescription) -> float:
        """Return the energy of the products and sums."""
        return energy.products(layer, layer.type("weight").width)


_BIAS = {"bias": ("beta",)}

OPERATIONS = (
    BatchNorm(
        Traits(
            op="batchnorm",
            family="normalization",
            hands_accumulator=True,
            takes_rounding=True,
            folds=True,
            variables=_BIAS,
        ),
        kinds=(NormalizeKind(),),
    ),
    LayerNorm(
        Traits(
            op="layernorm",
            family="normalization",
            inner=("mean", "variance", "normalized", "table"),
            normalizes=True,
            variables=_BIAS,
        ),
        kinds=(LayerNormKind(),),
    ),
)
