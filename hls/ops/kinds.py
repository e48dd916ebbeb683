"""Kinds of layers that a design is made of: what they share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod
from typing import TYPE_CHECKING, Literal

from ..design.layers import LayerDescription
from ..estimate import energy

if TYPE_CHECKING:
    from ..estimate.context import Context, LayerStructure

Rule = Callable[[LayerDescription, "Context"], "LayerStructure"]
ELEMENTS = ("n_in",)


class Kind:
    """A kind without a matrix: of `n_in` values, whose cost `rule` gives.

    Args:
        name: as in `LayerDescription.op`.
        rule: what it puts on the device.
        sizes: those that it must state.
        tables: whether what it computes is read from tables, which counts in its energy.
        family: of a design that has such a layer.
    """

    convolution = False
    partitioned = False
    recurrent = False
    shares = False

    def __init__(
        self,
        name: str,
        rule: Rule,
        sizes: tuple[str, ...] = ELEMENTS,
        *,
        tables: bool = False,
        family: Literal["", "cnn", "rnn", "transformer"] = "",
    ) -> None:
        self.name, self.rule, self.sizes, self.family = name, rule, sizes, family
        self.tables = tables

    def matrix(self, layer: LayerDescription) -> tuple[int, int]:
        """Return 0, 0: it has none."""
        return 0, 0

    def positions(self, layer: LayerDescription) -> int:
        """Return what the layer states, or 1."""
        return layer.size("positions")

    def multiplications(self, layer: LayerDescription) -> int:
        """Return those of its product at all positions."""
        n_in, n_out = self.matrix(layer)
        return n_in * n_out * self.positions(layer)

    def as_built(self, layer: LayerDescription) -> LayerDescription:
        """Return the layer as it is."""
        return layer

    def channels(self, layer: LayerDescription, before: int) -> int:
        """Return the channels that the layer states, or as many as before."""
        return layer.size("n_filt", before)

    def words(self, layer: LayerDescription, channels: int) -> int:
        """Return a word per slice and `channels` values, or per position where it doesn't state its
        values.
        """
        if "n_in" not in layer.sizes:
            return layer.positions
        return layer.size("n_in") * layer.size("outer") // max(1, channels)

    def structure(self, layer: LayerDescription, context: Context) -> LayerStructure:
        """Return what the rule says."""
        return self.rule(layer, context)

    def ebops(self, layer: LayerDescription) -> float:
        """Return 0: it multiplies nothing."""
        return 0.0

    def energy(self, layer: LayerDescription) -> float:
        """Return the energy of its tables or its comparisons."""
        return energy.tables(layer) if self.tables else energy.each(layer)


class TwoTensors(Kind):
    """A kind that multiplies values of tensors with each other, one for each of `count`."""

    def __init__(
        self,
        name: str,
        rule: Rule,
        sizes: tuple[str, ...],
        count: Callable[[Mapping[str, int]], int],
        *,
        family: Literal["", "cnn", "rnn", "transformer"] = "",
        shares: bool = False,
    ) -> None:
        super().__init__(name, rule, sizes, family=family)
        self.count, self.shares = count, shares

    def multiplications(self, layer: LayerDescription) -> int:
        """Return as many as its sizes ask for."""
        return self.count({**layer.sizes, "outer": layer.size("outer")})

    def ebops(self, layer: LayerDescription) -> float:
        """Return the products of the factors' widths."""
        return float(layer.multiplications * layer.inputs[0].width * layer.inputs[-1].width)

    def energy(self, layer: LayerDescription) -> float:
        """Return the energy of the products and their sums."""
        return energy.products(layer, layer.inputs[-1].width)


class Matrix(Kind):
    """A kind with a product with a constant matrix."""

    shares = True
    gates: tuple[tuple[str, str], ...] = ()

    def words(self, layer: LayerDescription, channels: int) -> int:
        """Return a word per position."""
        return layer.positions

    def channels(self, layer: LayerDescription, before: int) -> int:
        """Return the product's outputs."""
        return self.matrix(layer)[1]

    def arrays(self, layer: LayerDescription) -> list[energy.Array]:
        """Return the arrays of constants: name, rows, and the width of what they are multiplied with."""
        return [("weight", self.matrix(layer)[0], layer.inputs[0].width)]

    def gate_products(self, layer: LayerDescription) -> list[tuple[int, int]]:
        """Return the widths of the factors of the products of variables per unit and step."""
        return []

    def ebops(self, layer: LayerDescription) -> float:
        """Return the products of the operands' widths."""
        return energy.matrix_ebops(layer, self.arrays(layer), self.gate_products(layer))

    def energy(self, layer: LayerDescription) -> float:
        """Return the energy of the products, their sums and what is read of the constants."""
        return energy.matrix_energy(layer, self.arrays(layer), self.gate_products(layer))


class Windowed(Kind):
    """A pooling: positions are those of its output."""

    def positions(self, layer: LayerDescription) -> int:
        """Return the output's positions."""
        return output_positions(layer)


def output_positions(layer: LayerDescription) -> int:
    """Return the positions of a window's output."""
    return layer.size("out_height") * layer.size("out_width")


def elements(sizes: Mapping[str, int]) -> int:
    """Return how many values an element-wise layer has."""
    return sizes["n_in"] * sizes["outer"]


def all_sizes(*names: str) -> Callable[[Mapping[str, int]], int]:
    """Return what multiplies these sizes."""
    return lambda sizes: prod(sizes[name] for name in names)
