"""How da4ml's values become those of a fixed-point type."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bitfront.spaces import FixedPoint, UserError

__all__ = ["array_of", "at_most", "kif", "rounded", "toward_zero", "without_sign"]

Array = Any
"""da4ml's `FixedVariableArray`, without a batch axis."""


def kif(kind: FixedPoint) -> tuple[int, int, int]:
    """Return da4ml's three numbers: sign, integer bits without it, fraction bits."""
    return int(kind.signed), kind.integer - kind.signed, kind.fraction


def rounded(x: Array, kind: FixedPoint) -> Array:
    """Return `x` as an assignment to `kind` leaves it.

    da4ml rounds halves up only; half to even (`RND_CONV`) is that half, less one step of `x`, plus one step
    where the lowest bit that stays is set. An element of fewer bits saturates at its own.
    """
    signed, whole, fraction = kif(kind)
    overflow = kind.overflow
    if kind.rounding == "TRN" and not kind.elements:
        return x.quantize(signed, whole, fraction, overflow, "TRN")
    if kind.rounding not in ("RND", "RND_CONV") or overflow not in ("WRAP", "SAT"):
        raise UserError(f"The RTL flow rounds as TRN, RND and RND_CONV with WRAP or SAT, not as {kind}.")
    step = kind.step
    found = []
    for one, bits in zip(x._vars.ravel(), kind.spread(x.shape).ravel(), strict=True):
        fine = float(one.step)
        if bits and fine < step:
            if kind.rounding == "RND_CONV":
                odd = one.quantize(0, 1 - fraction, fraction, "WRAP", "TRN")
                one = one + (step / 2 - fine) + odd * (fine / step)
            else:
                one = one + step / 2
        sign = signed if bits else 0
        found.append(one.quantize(sign, int(bits) - sign - fraction, fraction, overflow, "TRN"))
    return array_of(found, x)


def at_most(x: Array, kind: FixedPoint) -> Array:
    """Return non-negative values rounded half up to the unsigned `kind`, saturating."""
    found = [
        one.quantize(0, kind.integer, kind.fraction, "SAT", "RND") for one in without_sign(x)._vars.ravel()
    ]
    return array_of(found, x)


def without_sign(x: Array) -> Array:
    """Return values that are never below zero, though their interval says that they may be: without a sign.

    Interval arithmetic doesn't know, say, that the largest of some values is no smaller than any of them.
    """
    found = []
    for one in x._vars.ravel():
        sign, whole, fraction = one.kif
        found.append(one.quantize(0, whole, fraction, "WRAP", "TRN") if sign else one)
    return array_of(found, x)


def toward_zero(x: Array, kind: FixedPoint) -> Array:
    """Return values truncated toward zero to the step of the signed `kind`, saturating at its ends."""
    found = []
    for one in x._vars.ravel():
        fine = float(one.step)
        if fine < kind.step and one.low < 0:
            one = one + one.is_negative() * (kind.step - fine)
        found.append(one.quantize(1, kind.integer - 1, kind.fraction, "SAT", "TRN"))
    return array_of(found, x)


def array_of(found: Sequence[Any], like: Array) -> Array:
    """Return single values as an array of the shape of `like`."""
    from da4ml.trace import FixedVariableArray

    cells = np.empty(len(found), dtype=object)
    cells[:] = found
    return FixedVariableArray(cells.reshape(like.shape), like.solver_options)
