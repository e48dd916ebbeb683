"""What a multiplication becomes: DSP slices, or adders and LUTs in the fabric.

Rules seen in Vivado HLS 2018-2020 and Vitis HLS 2021-2024 reports of hls4ml designs (the calibration set):

- a product with a constant is shifts and adds where the constant has at most two non-zero signed digits, and
  half of the time where it has at most four bits; this is how LLVM-based HLS reduces strength, and the count
  of the other constants gives the reported DSPs of unrolled layers with data of 11 bits and more within 3 %;
- data of 10 bits or less mostly multiply in the fabric (constants), as do products of variables below a sum
  of 16 bits (Vitis) or where neither operand exceeds 10 bits (Vivado HLS);
- one slice multiplies 25 x 18 (DSP48E1), 27 x 18 (DSP48E2) or 27 x 24 bits (DSP58), signed: UG479, UG579,
  AM004;
- data one bit wider than the port fall back to the fabric for most constants (a GRU's sweep over widths uses
  2.4 times fewer DSPs at 28 bits than at 22, and 2.5 times more again at 34).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from bitfront.hls.design.weights import SHORT, WeightContent
from bitfront.hls.parts import Part
from bitfront.spaces import FixedPoint

__all__ = ["ConstantProducts", "checks", "constant_products", "tiles", "together", "variable_product"]

FABRIC_DATA = 10
"""Widest data whose products with constants stay in the fabric, but for Vitis HLS's narrow ones."""
NARROW_DATA = (7, 8)
NARROW_SHARE = 0.28
"""Vitis HLS builds products of data of so many bits either way: all of them in DSPs in one of three sources
with one version (2023.1), none in the others. The share keeps both within a factor of about two. Data of 9
and 10 bits take none (31 of 887 products).
"""
SHORT_SHARE = 0.5
"""Of the constants of at most four bits that need three digits (11, 13) as many take a DSP: all of them by
data of 12 bits, none by data of 16.
"""


@dataclass(frozen=True)
class ConstantProducts:
    """How the products of a constant matrix split.

    Attributes:
        multipliers: products that need a multiplier, wherever it is.
        taking: those that take a DSP slice where they take any.
        dsp: DSP slices where each of them has its own.
        fabric_digits: signed digits beyond the first of the products in the fabric (one adder each).
        fabric_bits: operand widths multiplied, of whole multipliers in the fabric.
        nonzero: all products with a non-zero constant.
    """

    multipliers: float
    taking: float
    dsp: float
    fabric_digits: float
    fabric_bits: float
    nonzero: int


def together(parts: Iterable[ConstantProducts]) -> ConstantProducts:
    """Return the products of several matrices as one."""
    one, *others = parts
    for other in others:
        sums = (getattr(one, name) + getattr(other, name) for name in ConstantProducts.__match_args__)
        one = ConstantProducts(*sums)
    return one


def tiles(a: int, b: int, part: Part) -> int:
    """DSP slices that hold an `a` by `b` bit signed product: the fewest tiles of the slice's ports."""
    wide, narrow = part.multiplier_ports
    return (
        min(
            math.ceil((a - 1) / (wide - 1)) * math.ceil((b - 1) / (narrow - 1)),
            math.ceil((b - 1) / (wide - 1)) * math.ceil((a - 1) / (narrow - 1)),
        )
        or 1
    )


def variable_product(a: int, b: int, part: Part, *, vitis: bool) -> int:
    """DSP slices of a product of two variables; 0 where it stays in the fabric."""
    fabric = a + b < 16 if vitis else max(a, b) <= FABRIC_DATA
    return 0 if fabric else tiles(a, b, part)


def checks(accum: FixedPoint) -> bool:
    """Whether a sum in this type rounds or saturates at each addition."""
    return accum.overflow != "WRAP" or accum.rounding != "TRN"


def constant_products(
    content: WeightContent, width: int, part: Part, *, vitis: bool = True, core: str = ""
) -> ConstantProducts:
    """Split the products of data of `width` bits with the constants counted in `content`.

    `core` is what the design binds its multipliers to, `fabric` or `dsp` (`config_op mul -impl`); without it
    the tool chooses.
    """
    multipliers, long, digits = content.multipliers
    wide = part.multiplier_ports[0]
    if core:
        share = float(core == "dsp")
    elif width > FABRIC_DATA:
        # One bit over the port: HLS keeps about two thirds of the products in the fabric.
        share = 1 / 3 if width == wide + 1 else 1.0
    else:
        share = NARROW_SHARE if vitis and NARROW_DATA[0] <= width <= NARROW_DATA[1] else 0.0
    whole = width == wide + 1 and not core
    port = wide if whole else width
    lengths = {length: count for length, count in content.histogram.items() if length > SHORT}
    each = sum(count * tiles(port, length + 1, part) for length, count in lengths.items()) / max(
        1, sum(lengths.values())
    )
    taking = long + SHORT_SHARE * (multipliers - long)
    mean = sum(length * count for length, count in lengths.items()) / max(1, sum(lengths.values()))
    # Those over the port aren't taken apart into shifts and adds: whole multipliers in the fabric.
    fabric_bits = long * (1 - share) * width * mean if whole else 0.0
    taken = (digits - long) * (1.0 if whole else share)
    fabric = max(0.0, content.csd_digits - content.nonzero - taken)
    return ConstantProducts(multipliers, taking, taking * share * each, fabric, fabric_bits, content.nonzero)
