"""Types inside a softmax and a layer normalization, and what a product of two variables needs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bitfront.spaces import FixedPoint, integer_bits

from . import exact

SOFTMAX_ADDRESS_BITS = 12
"""Most address bits of softmax' tables, 4096 entries."""
SOFTMAX_DISTANCE_BITS = 4
"""Integer bits of the distance to the largest input: e^-16 is below any table entry."""
NORM_ADDRESS_BITS = 8
"""Address bits of the inverse square root's table, of which a quarter is never used."""
RECIPROCAL_BITS = 14
"""Width of the constant 1/n that a mean is multiplied with, where n is no power of two."""


def softmax_types(classes: int, address: int, exp_table: int, inv_table: int) -> dict[str, FixedPoint]:
    """Return the inner types of a `stable` softmax over `classes` values.

    `address`: bits that address the exponential table, and the inverse table as far as the sum fits;
    `exp_table`, `inv_table`: widths of the entries.
    """
    sum_integer = math.ceil(math.log2(classes)) + 1 if classes > 1 else 1
    address = min(address, SOFTMAX_ADDRESS_BITS)
    exp = FixedPoint(exp_table, 1, False, "RND", "SAT")
    return {
        "inp_norm": FixedPoint(address, SOFTMAX_DISTANCE_BITS, False, "RND", "SAT"),
        "exp_table": exp,
        "inv_inp": FixedPoint(max(address, sum_integer), sum_integer, False, "RND", "SAT"),
        "inv_table": FixedPoint(inv_table, 1, False, "RND", "SAT"),
        "accum": FixedPoint(exp.fraction + sum_integer, sum_integer, False),
    }


def product_sum(a: FixedPoint, b: FixedPoint, terms: int) -> FixedPoint:
    """Return the type of the sum of `terms` products of two variables."""
    return exact.holding(terms * exact.largest(a) * exact.largest(b), a.fraction + b.fraction)


@dataclass(frozen=True)
class NormTypes:
    """Types of a layer normalization over `size` values of type `x` (see `firmware/nnet_bit_true.h`).

    mean = sum / n; variance = sum of squares of (x - mean), / n, + epsilon; its inverse root is a table's
    entry, addressed by the leading bits of the variance, and shifted; then normalized * scale + bias.
    """

    size: int
    x: FixedPoint
    mean_width: int
    mean_integer: int
    variance_width: int
    variance_integer: int
    normalized: FixedPoint
    table_width: int

    def all(self) -> dict[str, FixedPoint]:
        """Return the types by role."""
        mean = self._mean()
        deviation = exact.added(self.x, mean, difference=True)
        variance = FixedPoint(self.variance_width, self.variance_integer, False, "RND", "SAT")
        table = FixedPoint(self.table_width, 1, False, "RND", "SAT")
        return {
            "sum": exact.holding(self.size * exact.largest(self.x), self.x.fraction, signed=self.x.signed),
            "reciprocal": reciprocal(self.size),
            "mean": mean,
            "deviation": deviation,
            "squares": exact.holding(
                self.size * exact.largest(deviation) ** 2, 2 * deviation.fraction, signed=False
            ),
            "variance": variance,
            "table": table,
            "inverse_root": shifted(table, variance),
            "normalized": self.normalized,
        }

    def _mean(self) -> FixedPoint:
        """Return the mean's type, no finer than needed: at most two bits below the input's step."""
        finest = self.x.fraction + min(2, max(0, 16 - self.x.width))
        integer = max(self.mean_integer, self.mean_width - finest)
        return FixedPoint(self.mean_width, integer, self.x.signed, "RND", "SAT")


def reciprocal(n: int) -> FixedPoint:
    """Return the type of the constant 1/n: one bit for a power of two, else `RECIPROCAL_BITS` significant
    ones.
    """
    power = n & (n - 1) == 0
    return FixedPoint(1 if power else RECIPROCAL_BITS, integer_bits(1 / n, signed=False), False, "RND", "SAT")


def pairs(variance: FixedPoint) -> tuple[int, int]:
    """Return how many pairs of bits a variance has once its integer bits are even, and those integer bits.

    At least as many pairs as the table's address needs.
    """
    integer = variance.integer + variance.integer % 2
    bits = max(integer + variance.fraction, NORM_ADDRESS_BITS)
    return (bits + 1) // 2, integer


def epsilon_steps(epsilon: float, variance: FixedPoint) -> int:
    """Return epsilon in steps of the variance: one or more, so that no variance is zero."""
    return max(1, round(epsilon / variance.step))


def shifted(table: FixedPoint, variance: FixedPoint) -> FixedPoint:
    """Return the exact type of 1 / sqrt(variance): a table entry times a power of two."""
    count, integer = pairs(variance)
    return FixedPoint(table.width + count - 1, 1 + count - 1 - integer // 2, False)


def inverse_root_table(kind: FixedPoint) -> NDArray[np.float64]:
    """Return the table: entry i is 1 / sqrt(m) at the middle of [i, i + 1) / 2^bits, values of type
    `kind`.
    """
    middle = (np.arange(2**NORM_ADDRESS_BITS) + 0.5) / 2**NORM_ADDRESS_BITS
    return kind.quantize(1.0 / np.sqrt(middle))


def inverse_roots(
    variances: NDArray[np.float64], epsilon: float, kinds: Mapping[str, FixedPoint]
) -> NDArray[np.float64]:
    """Return 1 / sqrt(variance + epsilon) for values of the variance's type, as the firmware's table has it.

    The variance's leading bits address the table: variance = m * 4^h * 4^-shift with m in [1/4, 1).
    """
    variance = kinds["variance"]
    highest = 2**variance.width - 1
    steps = np.minimum(variances / variance.step + epsilon_steps(epsilon, variance), highest)
    half = pairs(variance)[1] // 2
    value = steps * variance.step * 4.0**-half
    power = 2.0 ** -((np.frexp(value)[1] + 1) // 2)
    entry = np.floor(value * power * power * 2**NORM_ADDRESS_BITS).astype(int)
    return np.asarray(inverse_root_table(kinds["table"])[entry] * power * 2.0**-half)


def norm_mantissa_bits(kinds: dict[str, FixedPoint]) -> int:
    """Return the bits of the widest product inside a layer normalization."""
    return max(
        kinds["sum"].width + kinds["reciprocal"].width,
        kinds["squares"].width + kinds["reciprocal"].width,
        kinds["deviation"].width + kinds["inverse_root"].width,
    )
