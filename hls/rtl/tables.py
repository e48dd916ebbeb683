"""Functions of one variable in da4ml's logic: a table with an entry for each value that the variable can
have.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitfront.spaces import UserError

from .rounding import array_of

__all__ = ["MOST_ENTRIES", "divided", "looked_up"]

Array = Any
"""da4ml's `FixedVariableArray`, without a batch axis."""
Entries = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""Returns a table's entries, values of its type, for ascending inputs."""

MOST_ENTRIES = 2**16
"""Largest table: 16 bits of address are already some thousand LUTs for each value that is looked up."""
_ENTRY_BITS = 31
"""da4ml keeps entries as 32-bit integers, and says nothing where they don't fit."""


def looked_up(x: Array, entries: Entries) -> Array:
    """Return the function of each value.

    Raises:
        UserError: the table would be larger than `MOST_ENTRIES`, or an entry wider than da4ml holds.
    """
    known: dict[tuple[float, float, float], NDArray[np.float64]] = {}
    found = [_looked_up(one, entries, known) for one in x._vars.ravel()]
    return array_of(found, x)


def _looked_up(x: Any, entries: Entries, known: dict[tuple[float, float, float], NDArray[np.float64]]) -> Any:
    from da4ml.trace.fixed_variable import FixedVariable

    low, high, step = (float(v) for v in (x.low, x.high, x.step))
    if (low, high, step) not in known:
        count = round((high - low) / step) + 1
        if count > MOST_ENTRIES:
            raise UserError(
                f"The RTL flow can't build a table of {count} entries, more than {MOST_ENTRIES}: narrow what "
                "is looked up."
            )
        known[low, high, step] = _held(entries(low + step * np.arange(count, dtype=np.float64)))
    table = known[low, high, step]
    if (table == table[0]).all():
        return FixedVariable.from_const(float(table[0]), hwconf=x.hwconf)
    return x.lookup(table)


def _held(table: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the table if da4ml holds each entry as it is."""
    fraction = next(f for f in range(-64, 65) if (np.mod(table * 2.0**f, 1) == 0).all())
    if np.abs(table).max(initial=0.0) * 2.0**fraction >= 2.0**_ENTRY_BITS:
        raise UserError(f"The RTL flow can't build a table whose entries need more than {_ENTRY_BITS} bits.")
    return table


def divided(x: Array, count: int, step: float) -> Array:
    """Return x / count, truncated toward zero to a multiple of `step`, of which each x is one.

    A quotient of whole numbers below 2^n is a product with ceil(2^k / count), cut below 2^k, where k is
    large enough (Granlund and Montgomery, "Division by invariant integers using multiplication", 1994). A
    multiple of the count, added before and taken away after, makes all numbers positive.
    """
    if count == 1:
        return x
    return array_of([_quotient(one, count, step) for one in x._vars.ravel()], x)


def _quotient(x: Any, count: int, step: float) -> Any:
    whole = x * (1 / step)
    if whole.low < 0:
        whole = whole + whole.is_negative() * (count - 1)
    raised = -(int(whole.low) // count)
    numerator = whole + raised * count
    most = int(numerator.high)
    power = next(k for k in range(64) if most * (-(2**k) % count) < 2**k)
    quotient = numerator * -(-(2**power) // count) * 2.0**-power
    sign, integer, _ = quotient.kif
    return (quotient.quantize(sign, integer, 0, "WRAP", "TRN") + -raised) * step
