"""Types that lose nothing: what a sum, a product or a choice of values needs."""

from __future__ import annotations

import math
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from bitfront.spaces import FixedPoint, integer_bits


def holding(bound: float, fraction: int, *, signed: bool = True) -> FixedPoint:
    """Return the narrowest type with `fraction` bits whose range holds `bound` (in absolute value)."""
    integer = max(integer_bits(bound, signed=signed), 1 - fraction)
    return FixedPoint(integer + fraction, integer, signed)


def union(*types: FixedPoint) -> FixedPoint:
    """Return the narrowest type that holds every value of `types`."""

    def both(a: FixedPoint, b: FixedPoint) -> FixedPoint:
        signed = a.signed or b.signed
        integer = max(t.integer + (signed and not t.signed) for t in (a, b))
        fraction = max(a.fraction, b.fraction)
        return FixedPoint(integer + fraction, integer, signed)

    return reduce(both, (FixedPoint(t.width, t.integer, t.signed) for t in types))


def added(a: FixedPoint, b: FixedPoint, *, difference: bool = False) -> FixedPoint:
    """Return the type of `a + b`, or of `a - b`."""
    whole = union(a, b)
    signed = whole.signed or difference
    grow = 1 + (signed and not whole.signed)
    return FixedPoint(whole.width + grow, whole.integer + grow, signed)


def multiplied(a: FixedPoint, b: FixedPoint) -> FixedPoint:
    """Return the type of `a * b`."""
    return FixedPoint(a.width + b.width, a.integer + b.integer, a.signed or b.signed)


def averaged(window: int, x: FixedPoint) -> FixedPoint:
    """Return the accumulator of an average over `window` values: exact where `window` is a power of two."""
    bits = math.ceil(math.log2(window)) if window > 1 else 0
    return FixedPoint(x.width + 2 * bits, x.integer + bits, x.signed)


def largest(x: FixedPoint) -> float:
    """Return the largest absolute value of a type."""
    return max(x.max, -x.min)


def largest_by_channel(x: FixedPoint, shape: tuple[int, ...]) -> float | NDArray[np.float64]:
    """Return the largest absolute value of a tensor of `shape`, of each channel where it has elements."""
    if not x.elements:
        return largest(x)
    bits = x.channels(shape)
    steps = 2.0 ** (bits - 1) if x.signed else 2.0**bits - 1
    return np.where(bits > 0, steps, 0.0) * x.step


def sum_bound(
    weights: NDArray[np.floating],
    bias: NDArray[np.floating] | None,
    x_max: float | NDArray[np.floating],
    *,
    depthwise: bool,
) -> float:
    """Return the largest |sum of products + bias| that inputs up to `x_max` can reach.

    `weights` has the output channels last (depthwise: the last two axes, channels and multiplier); `x_max` is
    that of all inputs, or of each input channel.
    """
    kept = weights.shape[-2:] if depthwise else weights.shape[-1:]
    reach = np.abs(weights)
    if isinstance(x_max, np.ndarray):
        reach, x_max = reach * x_max[:, None], 1.0
    column = reach.reshape(-1, math.prod(kept)).sum(0, dtype=np.float64) * x_max
    if bias is not None:
        column = column + np.abs(bias).ravel()
    return float(column.max(initial=0.0))
