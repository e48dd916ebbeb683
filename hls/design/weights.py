"""What a weight array asks of the fabric: non-zeros, signed digits, bit lengths."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitfront.spaces import FixedPoint, UserError

__all__ = ["DesignError", "WeightContent", "typical_content"]

SHORT = 4
"""Constants of this many bits or less seldom take a DSP slice: at most two adders build them."""


class DesignError(UserError):
    """A design can't be described or read; the message says which layer or record, and why."""


@dataclass(frozen=True, kw_only=True)
class WeightContent:
    """What a weight array asks of the fabric, whatever its shape.

    Weights are counted as integers in units of their type's step.

    Attributes:
        n: elements.
        nonzero: elements that are not zero.
        powers_of_two: elements whose magnitude is a power of two (no adder needed).
        csd_digits: non-zero digits in canonical signed digit form, summed over the array.
        bits: bits of the magnitudes without trailing zeros, summed.
        histogram: how many non-zero elements have a magnitude of 1, 2, ... bits (`{bits: count}`).
        multiplied: elements with three signed digits or more, which HLS multiplies with; None where only the
            sums above were counted (see `multipliers`).
        long_multiplied: those among them of more than `SHORT` bits without trailing zeros.
        long_digits: signed digits of the latter, summed.
    """

    n: int
    nonzero: int
    powers_of_two: int
    csd_digits: int
    bits: int
    histogram: Mapping[int, int]
    multiplied: int | None = None
    long_multiplied: int = 0
    long_digits: int = 0

    @cached_property
    def multipliers(self) -> tuple[float, float, float]:
        """Elements that are multiplied with, the long ones among them, and the digits of those, summed.

        Where nobody counted them they follow from the digits that were: magnitudes of each length have the
        digits that all integers of that length have, tilted by exp(lambda digits) to the mean that is known.
        """
        if self.multiplied is not None:
            return float(self.multiplied), float(self.long_multiplied), float(self.long_digits)
        lengths = tuple(sorted(self.histogram.items()))
        return _expected_multipliers(lengths, self.nonzero, self.powers_of_two, self.csd_digits)

    @classmethod
    def of(cls, integers: NDArray[Any]) -> WeightContent:
        """Count an array of any shape of weights given in units of their type's step (integers, or whole
        floats).

        Magnitudes above 2^52 are refused: they aren't exact in float64.

        Raises:
            DesignError: a weight is not finite, not whole, or too large.
        """
        flat = np.abs(np.asarray(integers, dtype=np.float64).ravel())
        if flat.size and not (np.isfinite(flat).all() and flat.max() < 2**52):
            raise DesignError(
                "Weights must be finite and below 2^52 steps of their type: quantize them first."
            )
        whole = flat.astype(np.int64)
        if not np.array_equal(whole, flat):
            raise DesignError(
                "Weights must be whole steps of their type: quantize them and divide by the step first."
            )
        magnitude = whole[whole > 0]
        lowest = magnitude & -magnitude
        lengths = np.frexp(magnitude.astype(np.float64))[1]
        stripped = lengths - np.frexp(lowest.astype(np.float64))[1] + 1
        # The non-adjacent form of x has a digit wherever x and 3x differ (Reitwiesner 1960; Muller,
        # Elementary
        # Functions, 2016).
        digits = np.bitwise_count(magnitude ^ (3 * magnitude))
        counts = np.bincount(lengths) if magnitude.size else np.zeros(0, np.int64)
        multiplied = digits >= 3
        long = multiplied & (stripped > SHORT)
        return cls(
            n=int(flat.size),
            nonzero=int(magnitude.size),
            powers_of_two=int((lowest == magnitude).sum()),
            csd_digits=int(digits.sum()),
            bits=int(stripped.sum()),
            histogram={length: int(count) for length, count in enumerate(counts) if count},
            multiplied=int(multiplied.sum()),
            long_multiplied=int(long.sum()),
            long_digits=int(digits[long].sum()),
        )

    @classmethod
    def typical(cls, n: int, type_: FixedPoint, fan_in: int) -> WeightContent:
        """Content to assume for `n` weights of `type_` that nobody has seen.

        They are taken as normal with variance 1 / `fan_in` (Glorot and Bengio 2010, LeCun et al. 1998), cut
        to the type; a magnitude of L bits has L/3 + 7/9 CSD digits on average (Reitwiesner 1960).
        """
        top = max(type_.width - type_.signed, 1)
        scale = 2.0**type_.fraction / math.sqrt(max(fan_in, 1))
        below = [math.erf(2.0**length / scale / math.sqrt(2)) for length in range(top)]
        shares = {
            length: high - low
            for length, (low, high) in enumerate(zip(below, [*below[1:], 1.0], strict=True), 1)
        }
        histogram = {length: round(n * share) for length, share in shares.items() if round(n * share)}
        return cls(
            n=n,
            nonzero=min(n, sum(histogram.values())),
            powers_of_two=sum(round(count * 2.0 ** (1 - length)) for length, count in histogram.items()),
            csd_digits=round(
                sum(count * max(1.0, length / 3 + 7 / 9) for length, count in histogram.items())
            ),
            bits=round(
                sum(count * max(1.0, length - 1 + 2.0 ** (1 - length)) for length, count in histogram.items())
            ),
            histogram=histogram,
        )

    def to_json(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "n": self.n,
            "nonzero": self.nonzero,
            "powers_of_two": self.powers_of_two,
            "csd_digits": self.csd_digits,
            "bits": self.bits,
            "histogram": {str(length): count for length, count in self.histogram.items()},
            **(
                {}
                if self.multiplied is None
                else {name: getattr(self, name) for name in ("multiplied", "long_multiplied", "long_digits")}
            ),
        }

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> WeightContent:
        """Read what `to_json` wrote."""
        histogram = {int(length): int(count) for length, count in plain["histogram"].items()}
        return cls(**{key: int(plain[key]) for key in plain if key != "histogram"}, histogram=histogram)


LONGEST = 16
"""Longer magnitudes are taken as this long where their digits are guessed."""


@lru_cache(maxsize=1)
def _digit_shares() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Shares of the magnitudes of 1 to `LONGEST` bits (rows) that have 0, 1, ... signed digits (columns), and
    among them of those with more than `SHORT` bits without trailing zeros.
    """
    shares, long = (np.zeros((LONGEST, LONGEST // 2 + 2)) for _ in range(2))
    for length in range(1, LONGEST + 1):
        numbers = np.arange(2 ** (length - 1), 2**length)
        digits = np.bitwise_count(numbers ^ (3 * numbers))
        stretched = numbers // (numbers & -numbers) >= 2**SHORT
        for table, counted in ((shares, digits), (long, digits[stretched])):
            counts = np.bincount(counted)
            table[length - 1, : len(counts)] = counts / len(numbers)
    return shares, long


@lru_cache(maxsize=4096)
def _expected_multipliers(
    lengths: tuple[tuple[int, int], ...], nonzero: int, powers: int, csd_digits: int
) -> tuple[float, float, float]:
    rest = nonzero - powers
    if rest <= 0 or not lengths:
        return 0.0, 0.0, 0.0
    counts = np.zeros(LONGEST)
    for length, count in lengths:
        counts[min(length, LONGEST) - 1] += count
    whole, stretched = _digit_shares()
    shares = whole.copy()
    shares[:, :2] = 0.0
    share = counts * shares.sum(axis=1)
    if not share.sum():
        return 0.0, 0.0, 0.0
    share /= share.sum()
    digits = np.arange(shares.shape[1], dtype=np.float64)
    goal, tilt = (csd_digits - powers) / rest, 0.0
    for _ in range(12):
        weighed = shares * np.exp(np.clip(tilt * digits, -40, 40))
        rows = weighed.sum(axis=1, keepdims=True)
        inside = weighed / np.where(rows > 0, rows, 1.0)
        means = inside @ digits
        spread = float(share @ (inside @ digits**2 - means**2))
        step = (goal - float(share @ means)) / max(spread, 1e-3)
        tilt += float(np.clip(step, -2.0, 2.0))
        if abs(step) < 1e-3:
            break
    many = rest * share[:, None] * inside[:, 3:]
    part = np.divide(stretched, whole, out=np.zeros_like(whole), where=whole > 0)
    long = (many * part[:, 3:]).sum(axis=0)
    return float(many.sum()), float(long.sum()), float(long @ digits[3:])


@lru_cache(maxsize=4096)
def typical_content(n: int, width: int, integer: int, signed: bool, fan_in: int) -> WeightContent:
    """`WeightContent.typical`, remembered (the arguments are those of the type, so that they hash
    quickly).
    """
    return WeightContent.typical(n, FixedPoint(width, integer, signed), fan_in)
