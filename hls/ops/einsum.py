"""Products over any axes: of a tensor and constant weights, of two tensors; and the sum with a constant of
its shape.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from bitfront.spaces import FixedPoint, Graph, Node, Traits

from ..design.layers import LayerDescription
from ..estimate.attention import attention_layer, einsum_layer
from ..estimate.products import product_layer
from ..operation import Mask, Settings, Types, Values
from ..precision import exact
from ..precision.attention import product_sum
from .base import BaseOperation, Elementwise, einsum_mask
from .kinds import Matrix, TwoTensors, all_sizes
from .linear import lossless_sum

if TYPE_CHECKING:
    import keras

    from ..bit_true.base import BitTrueLayer
    from ..bit_true.quantizer import Mode
    from ..precision.resolve import Resolver
    from ..zeros.ties import Axis, Ties

_NO_RESOURCE = "hls4ml has Latency and distributed arithmetic for it, not Resource"


class EinsumDense(BaseOperation):
    """An einsum of a tensor and a constant kernel, with a bias that broadcasts."""

    distributable = True
    gives_bias = True
    rtl_refusal = None
    stream_refusal = "hls4ml builds EinsumDense, and so attention's projections, with io_parallel only"
    resource_refusal = _NO_RESOURCE

    def types(self, resolver: Resolver, node: Node, x: Sequence[FixedPoint]) -> dict[str, FixedPoint]:
        """Return the lossless accumulator and the result."""
        operands, output = node.attrs["equation"].split("->")
        letters = operands.split(",")[1]
        summed = tuple(i for i, c in enumerate(letters) if c not in output)
        quantized = resolver.quantized_weights(node)
        bound = float(np.abs(quantized["weight"]).sum(summed).max(initial=0.0)) * exact.largest(x[0])
        fraction = x[0].fraction + resolver.types[f"{node.name}/weight"].fraction
        if "bias" in quantized:
            bound += float(np.abs(quantized["bias"]).max(initial=0.0))
            fraction = max(fraction, resolver.types[f"{node.name}/bias"].fraction)
        accum = exact.holding(bound, fraction)
        return {"accum": accum, "result": resolver.result(node, accum)}

    def mantissa_bits(self, node: Node, own: Types, x: Sequence[FixedPoint]) -> int:
        """Return the bits of a sum of products."""
        return lossless_sum(own["accum"], x[0].fraction + own["weight"].fraction)

    def layer(self, graph: Graph, node: Node, mode: Mode, settings: Settings) -> BitTrueLayer:
        """Return the exact product, rounded."""
        from ..bit_true.attention import EinsumDense

        return EinsumDense(graph, node, mode)

    def products(self, node: Node) -> int:
        """Return how many positions of a sequence there are, which come first."""
        return node.shape[0] if len(node.shape) > 1 else 1

    def reaches(self, node: Node, x: Sequence[Mask], own: Mapping[str, Mask]) -> Mask:
        """Return the sums that have a product, or a bias."""
        first, second, result = einsum_axes(node)
        made = einsum_mask(f"{first},{second}->{result}", x[0], own["weight"])
        return made | own.get("bias", np.zeros(1, bool))

    def needs(self, node: Node, y: Mask, x: Sequence[Mask], own: Mapping[str, Mask]) -> Sequence[Mask]:
        """Return the inputs that a weight leads from."""
        first, second, result = einsum_axes(node)
        return [einsum_mask(f"{result},{second}->{first}", y, own["weight"])]

    def tie(self, ties: Ties, graph: Graph, node: Node) -> None:
        """Tie axes of one letter."""
        first, _, result = einsum_axes(node)
        _tie_letters(ties, node, result, [(node.inputs[0], first)])

    def weight_axes(self, graph: Graph, node: Node, role: str, count: int) -> list[Axis | None]:
        """Return the axes of the same letters for the kernel's."""
        if role != "weight":
            return super().weight_axes(graph, node, role, count)
        first, second, result = einsum_axes(node)
        of: dict[str, Axis | None] = {letter: (node.inputs[0], axis) for axis, letter in enumerate(first)}
        of |= {letter: (node.name, axis) for axis, letter in enumerate(result)}
        return [of[letter] for letter in second]

    def keras_layer(self, node: Node, values: Values, types: Types) -> keras.Layer:
        """Return EinsumDense."""
        from keras import layers

        bias_axes = node.attrs["bias_axes"] if "bias" in values else None
        return layers.EinsumDense(node.attrs["equation"], node.shape, bias_axes=bias_axes, name=node.name)

    def exact_in_keras(self, graph: Graph, node: Node) -> bool:
        """Return True: float32 holds every sum."""
        return True

    def sizes(self, graph: Graph, node: Node, types: Types, *, table_size: int) -> dict[str, int]:
        """Return the products of its axes by what becomes of them."""
        source = graph[node.inputs[0]].shape
        return _spans(node.attrs["equation"], source, graph.weights[node.name]["weight"].shape)

    def trace(self, node: Node, x: Sequence[Any], values: Values, own: Types, settings: Settings) -> Any:
        """Return products with a constant matrix, and the bias."""
        product = _traced(node, x[0], values["weight"])
        return product + np.broadcast_to(values["bias"], node.shape) if "bias" in values else product


class Einsum(BaseOperation):
    """An einsum of two tensors: the scores or the context of an attention."""

    rtl_refusal = None
    stream_refusal = "hls4ml builds products of two tensors, and so attention's, with io_parallel only"
    resource_refusal = _NO_RESOURCE

    def types(self, resolver: Resolver, node: Node, x: Sequence[FixedPoint]) -> dict[str, FixedPoint]:
        """Return the lossless accumulator and the result."""
        return self.retyped(resolver.graph, node, x) | {"result": resolver.result(node)}

    def retyped(self, graph: Graph, node: Node, x: Sequence[FixedPoint]) -> dict[str, FixedPoint]:
        """Return the accumulator of as many products as an output sums."""
        operands, output = node.attrs["equation"].split("->")
        letters, shape = operands.split(",")[0], graph[node.inputs[0]].shape
        terms = prod(size for c, size in zip(letters[1:], shape, strict=True) if c not in output)
        return {"accum": product_sum(x[0], x[1], terms)}

    def layer(self, graph: Graph, node: Node, mode: Mode, settings: Settings) -> BitTrueLayer:
        """Return the exact product, rounded."""
        from ..bit_true.attention import Einsum

        return Einsum(graph, node, mode)

    def reaches(self, node: Node, x: Sequence[Mask], own: Mapping[str, Mask]) -> Mask:
        """Return the sums that have a product."""
        first, second, result = einsum_axes(node)
        return einsum_mask(f"{first},{second}->{result}", *x)

    def needs(self, node: Node, y: Mask, x: Sequence[Mask], own: Mapping[str, Mask]) -> Sequence[Mask]:
        """Return what a value of the other operand leads from."""
        first, second, result = einsum_axes(node)
        return [
            einsum_mask(f"{result},{second}->{first}", y, x[1]),
            einsum_mask(f"{first},{result}->{second}", x[0], y),
        ]

    def tie(self, ties: Ties, graph: Graph, node: Node) -> None:
        """Tie axes of one letter."""
        first, second, result = einsum_axes(node)
        _tie_letters(ties, node, result, [(node.inputs[0], first), (node.inputs[1], second)])

    def keras_layer(self, node: Node, values: Values, types: Types) -> keras.Layer:
        """Return our einsum layer."""
        from ..export.layers import Einsum

        return Einsum(node.attrs["equation"], name=node.name)

    def exact_in_keras(self, graph: Graph, node: Node) -> bool:
        """Return True: float32 holds every sum."""
        return True

    def sizes(self, graph: Graph, node: Node, types: Types, *, table_size: int) -> dict[str, int]:
        """Return the products of its axes by what becomes of them."""
        shapes = [graph[name].shape for name in node.inputs]
        names = {"n_free_data": "n_free0", "n_free_kernel": "n_free1"}
        return {names.get(k, k): size for k, size in _spans(node.attrs["equation"], *shapes).items()}

    def trace(self, node: Node, x: Sequence[Any], values: Values, own: Types, settings: Settings) -> Any:
        """Return sums of products of two variables."""
        return _traced(node, *x)


class AddConstant(Elementwise):
    """The input plus a constant of its own shape: a positional encoding."""

    rtl_refusal = None

    def mantissa_bits(self, node: Node, own: Types, x: Sequence[FixedPoint]) -> int:
        """Return the bits of the sum."""
        return exact.added(x[0], own["bias"]).width

    def layer(self, graph: Graph, node: Node, mode: Mode, settings: Settings) -> BitTrueLayer:
        """Return the sum, rounded."""
        from ..bit_true.attention import AddConstant

        return AddConstant(graph, node, mode)

    def reaches(self, node: Node, x: Sequence[Mask], own: Mapping[str, Mask]) -> Mask:
        """Return the values of either."""
        return x[0] | own["bias"]

    def keras_layer(self, node: Node, values: Values, types: Types) -> keras.Layer:
        """Return our layer of such a sum."""
        from ..export.layers import AddConstant

        return AddConstant(name=node.name)

    def exact_in_keras(self, graph: Graph, node: Node) -> bool:
        """Return True: float32 holds every sum."""
        return True

    def described_as(self, node: Node) -> str:
        """Return `add`: it costs what a sum costs."""
        return "add"

    def trace(self, node: Node, x: Sequence[Any], values: Values, own: Types, settings: Settings) -> Any:
        """Return the sum."""
        return x[0] + values["bias"]


def _traced(node: Node, a: Any, b: Any) -> Any:
    """Return the einsum of da4ml's array `a` and another, or constants, without the batch axis."""
    first, second, result = einsum_axes(node)
    return np.einsum(f"{first},{second}->{result}", a, b).reshape(node.shape)


def einsum_axes(node: Node) -> tuple[str, str, str]:
    """Return the letters of both operands of an einsum, and of its result, without the batch axis."""
    operands, result = node.attrs["equation"].split("->")
    first, second = operands.split(",")
    return first[1:], second[1:] if second[:1] == first[:1] else second, result[1:]


def _tie_letters(ties: Ties, node: Node, result: str, operands: Sequence[tuple[str, str]]) -> None:
    seen: dict[str, Axis] = {letter: (node.name, axis) for axis, letter in enumerate(result)}
    for name, letters in operands:
        for axis, letter in enumerate(letters):
            ties.tie((name, axis), seen.setdefault(letter, (name, axis)))


def _spans(equation: str, *shapes: tuple[int, ...]) -> dict[str, int]:
    """Return the sizes of an einsum's axes by what becomes of them; a kernel's shape has no batch axis to
    leave out.
    """
    operands, output = equation.split("->")
    first, second = operands.split(",")
    size: dict[str, int] = {}
    for letters, shape in zip((first, second), shapes, strict=True):
        size |= dict(zip(letters[len(letters) - len(shape) :], shape, strict=True))

    def span(letters: set[str]) -> int:
        return prod(size[c] for c in letters if c in size)

    shared = set(first) & set(second)
    return {
        "n_free_data": span(set(first) - shared),
        "n_free_kernel": span(set(second) - shared),
        "n_contract": span(shared - set(output)),
        "n_inplace": span(shared & set(output)),
    }


class EinsumDenseKind(Matrix):
    """An einsum with a constant kernel, every position at once unless the layer says otherwise."""

    def __init__(self) -> None:
        sizes = ("n_free_data", "n_free_kernel", "n_contract", "n_inplace")
        rule = partial(product_layer, at_once=True)
        super().__init__("einsum_dense", rule, sizes, family="transformer")

    def matrix(self, layer: LayerDescription) -> tuple[int, int]:
        """Return the summed values, and the results of a position."""
        sizes = layer.sizes
        return sizes["n_contract"], sizes["n_free_kernel"] * sizes["n_inplace"]

    def positions(self, layer: LayerDescription) -> int:
        """Return the data's own axes."""
        return layer.sizes["n_free_data"]


def _attention(sizes: Mapping[str, int]) -> int:
    """Return the multiplications of all pairs of a sequence, in every head: scores, values and distances."""
    return sizes["sequence"] ** 2 * sizes["heads"] * (2 * sizes["head_size"] + sizes["coordinates"])


_SPANS = ("n_free0", "n_free1", "n_contract", "n_inplace")
_HEADS = ("sequence", "heads", "head_size", "coordinates")
_HARDWARE: dict[str, Any] = {"hardware": frozenset({"strategy", "reuse_factor"})}

OPERATIONS = (
    EinsumDense(
        Traits(
            op="einsum_dense",
            family="einsum",
            hands_accumulator=True,
            takes_rounding=True,
            projects=True,
            **_HARDWARE,
        ),
        kinds=(EinsumDenseKind(),),
    ),
    Einsum(
        Traits(op="einsum", family="einsum", multiplies_tensors=True, **_HARDWARE),
        kinds=(
            TwoTensors("einsum", einsum_layer, _SPANS, all_sizes(*_SPANS), family="transformer", shares=True),
            TwoTensors("hept_attention", attention_layer, _HEADS, _attention, family="transformer"),
        ),
    ),
    AddConstant(Traits(op="add_constant", family="merge")),
)
