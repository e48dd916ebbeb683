"""What a multiplication becomes: DSP slices, or adders and LUTs in the fabric.

Rules seen in Vivado HLS 2018-2020 and Vitis HLS 2021-2024 reports of hls4ml designs (the calibration set):

- a product with a constant is shifts and adds where the constant has at most two non-zero signed digits; this
  is how LLVM-based HLS reduces strength, and the count of constants with three digits or more gives the
  reported DSPs of unrolled layers within 5 %;
- data of 10 bits or less multiply in the fabric (constants), as do products of variables below a sum of 16
  bits (Vitis) or where neither operand exceeds 10 bits (Vivado HLS);
- one slice multiplies 25 x 18 (DSP48E1), 27 x 18 (DSP48E2) or 27 x 24 bits (DSP58), signed: UG479, UG579,
  AM004;
- data one bit wider than the port fall back to the fabric for most constants (a GRU's sweep over widths uses
  2.4 times fewer DSPs at 28 bits than at 22, and 2.5 times more again at 34).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from bitfront.hls.design.weights import WeightContent
from bitfront.hls.parts import Part

__all__ = ["ConstantProducts", "constant_products", "tiles", "variable_product"]

FABRIC_DATA = 10
"""Widest data whose products with constants stay in the fabric."""
NARROW_CONSTANT = 4
"""Constants of this many bits or less never take a DSP."""


def _digit_shares(least: int) -> tuple[float, ...]:
    """Share of magnitudes of 0, 1, ... 16 bits with at least `least` canonical signed digits."""
    shares = [0.0]
    for length in range(1, 17):
        numbers = np.arange(2 ** (length - 1), 2**length)
        shares.append(float((np.bitwise_count(numbers ^ (3 * numbers)) >= least).mean()))
    return tuple(shares)


_THREE = _digit_shares(3)
_TWO = _digit_shares(2)


@dataclass(frozen=True)
class ConstantProducts:
    """How the products of a constant matrix split.

    Attributes:
        multipliers: products that need a multiplier: three signed digits or more.
        dsp: DSP slices where each of them has its own.
        fabric_digits: signed digits beyond the first of the products in the fabric (one adder each).
        fabric_bits: operand widths multiplied, of whole multipliers in the fabric.
        nonzero: all products with a non-zero constant.
    """

    multipliers: float
    dsp: float
    fabric_digits: float
    fabric_bits: float
    nonzero: int


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


def constant_products(content: WeightContent, width: int, part: Part) -> ConstantProducts:
    """Split the products of data of `width` bits with the constants counted in `content`."""
    multipliers = pairs = 0.0
    dsp = fabric_bits = 0.0
    wide = part.multiplier_ports[0]
    for length, count in content.histogram.items():
        three = count * _THREE[min(length, 16)]
        multipliers += three
        if width > FABRIC_DATA and length > NARROW_CONSTANT:
            # One bit over the port: HLS keeps about two thirds of the products in the fabric.
            share = 1 / 3 if width == wide + 1 else 1.0
            dsp += three * share * tiles(width if width != wide + 1 else wide, length + 1, part)
            pairs += count * _TWO[min(length, 16)] - three
            # Those aren't taken apart into shifts and adds: whole multipliers in the fabric.
            fabric_bits += three * (1 - share) * width * length
        else:
            pairs += count * max(0.0, length / 3 + 7 / 9 - 1)
    seen = max(0, content.csd_digits - content.nonzero)
    fabric = float(seen) if dsp == 0.0 else min(max(pairs, 0.0), float(seen))
    return ConstantProducts(multipliers, dsp, fabric, fabric_bits, content.nonzero)
