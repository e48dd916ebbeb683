"""Fixed-point precisions, as `ap_fixed` defines them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import UserError

Rounding = Literal["TRN", "TRN_ZERO", "RND", "RND_ZERO", "RND_INF", "RND_MIN_INF", "RND_CONV"]
Overflow = Literal["WRAP", "SAT", "SAT_ZERO", "SAT_SYM"]

MAX_WIDTH = 64
"""Widest type that is accepted; ap_fixed itself allows 1024, but no emulation here is exact beyond 53
bits.
"""

MAX_INTEGER = 256
"""Most bits between a type's point and its first bit, on either side: doubles hold every value of it then."""

_TEXT = re.compile(
    r"^\s*(?:ap_)?(?P<u>u?)(?P<kind>fixed|int)\s*<\s*(?P<args>[^<>]*)\s*>\s*$",
)


@dataclass(frozen=True, order=True)
class FixedPoint:
    """An `ap_fixed<width, integer, rounding, overflow>` type, or `ap_ufixed` where `signed` is false.

    `width` counts all bits; `integer` counts the bits left of the binary point, the sign bit among them,
    and may be negative or larger than `width` (Xilinx UG1399, "Arbitrary Precision Fixed-Point Data Types").

    Raises:
        UserError: when `width` is not within 1..64, `integer` not within -256..256, or a mode is unknown.
    """

    width: int
    """Total bits."""
    integer: int
    """Bits left of the binary point, sign included."""
    signed: bool = True
    rounding: Rounding = "TRN"
    overflow: Overflow = "WRAP"

    def __post_init__(self) -> None:
        if not 1 <= self.width <= MAX_WIDTH:
            raise UserError(
                f"A precision of {str(self.width)[:20]} bits can't be built: choose a width within "
                f"1..{MAX_WIDTH}."
            )
        if abs(self.integer) > MAX_INTEGER:
            raise UserError(
                f"A precision with {str(self.integer)[:20]} integer bits can't be built: choose some within "
                f"-{MAX_INTEGER}..{MAX_INTEGER}."
            )
        if self.rounding not in get_args(Rounding) or self.overflow not in get_args(Overflow):
            raise UserError(
                f"Rounding {self.rounding!r} or overflow {self.overflow!r} is unknown: "
                f"use one of {', '.join(get_args(Rounding))} and one of {', '.join(get_args(Overflow))}."
            )

    @property
    def fraction(self) -> int:
        """Bits right of the binary point (negative where the step is larger than one)."""
        return self.width - self.integer

    @property
    def step(self) -> float:
        """Distance of neighbouring values."""
        return float(2.0**-self.fraction)

    @property
    def max(self) -> float:
        """Largest value."""
        return float(2 ** (self.width - self.signed) - 1) * self.step

    @property
    def min(self) -> float:
        """Smallest value."""
        if not self.signed:
            return 0.0
        low = -(2 ** (self.width - 1)) + (self.overflow == "SAT_SYM")
        return float(low) * self.step

    def __str__(self) -> str:
        """Return the form that hls4ml reads, `fixed<8,3,RND_CONV,SAT>` say."""
        modes = (
            "" if (self.rounding, self.overflow) == ("TRN", "WRAP") else f",{self.rounding},{self.overflow}"
        )
        return f"{'' if self.signed else 'u'}fixed<{self.width},{self.integer}{modes}>"

    @classmethod
    def parse(cls, text: str) -> FixedPoint:
        """Read `fixed<8,3>`, `ap_ufixed<15,0,AP_RND_CONV,AP_SAT>`, `ap_int<4>` or `uint<1>`.

        Raises:
            UserError: when `text` is none of these.
        """
        match = _TEXT.match(text)
        parts = [p.strip() for p in match["args"].split(",")] if match else []
        try:
            if match is None:
                raise ValueError(text)
            signed = not match["u"]
            if match["kind"] == "int":
                (width,) = (int(p) for p in parts)
                return cls(width, width, signed)
            width, integer = int(parts[0]), int(parts[1])
            modes = [p.removeprefix("AP_") for p in parts[2:4]]
            rounding, overflow = (modes + ["TRN", "WRAP"][len(modes) :])[:2]
            return cls(width, integer, signed, rounding, overflow)  # type: ignore[arg-type]
        except (ValueError, IndexError):
            raise UserError(
                f"{text!r} is not a fixed-point type: write fixed<8,3> or ufixed<8,0,RND_CONV,SAT>."
            ) from None

    def to_json(self) -> dict[str, Any]:
        """Return the type as plain values."""
        return {
            "width": self.width,
            "integer": self.integer,
            "signed": self.signed,
            "rounding": self.rounding,
            "overflow": self.overflow,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> FixedPoint:
        """Read what `to_json` wrote.

        Raises:
            UserError: when a key is missing or has the wrong kind.
        """
        try:
            return cls(
                int(data["width"]),
                int(data["integer"]),
                bool(data["signed"]),
                data["rounding"],
                data["overflow"],
            )
        except (KeyError, TypeError, ValueError) as error:
            raise UserError(
                f"{data!r} is not a precision: it needs width, integer, signed, rounding, overflow."
            ) from error

    def integers(self, x: ArrayLike) -> NDArray[np.float64]:
        """Return `x` quantized, in units of `step` (whole numbers held in float64)."""
        scaled = np.asarray(x, np.float64) * 2.0**self.fraction
        low, high = self.min / self.step, self.max / self.step
        q = _ROUND[self.rounding](scaled)
        if self.overflow == "WRAP":
            span = 2.0**self.width
            base = -(2.0 ** (self.width - 1)) if self.signed else 0.0
            return np.mod(q - base, span) + base
        if self.overflow == "SAT_ZERO":
            return np.where((q < low) | (q > high), 0.0, q)
        return np.clip(q, low, high)

    def quantize(self, x: ArrayLike) -> NDArray[np.float64]:
        """Return the values of this type that `x` becomes when it is assigned to it (any shape, float64)."""
        return self.integers(x) * self.step


def _half(x: NDArray[np.float64], up: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Round to nearest; exact halves go up where `up` holds."""
    floor = np.floor(x)
    rest = x - floor
    return floor + ((rest > 0.5) | ((rest == 0.5) & up))


_ROUND: dict[str, Callable[[NDArray[np.float64]], NDArray[np.float64]]] = {
    "TRN": np.floor,
    "TRN_ZERO": np.trunc,
    "RND": lambda x: _half(x, np.ones_like(x, bool)),
    "RND_ZERO": lambda x: _half(x, x < 0),
    "RND_INF": lambda x: _half(x, x >= 0),
    "RND_MIN_INF": lambda x: _half(x, np.zeros_like(x, bool)),
    "RND_CONV": np.round,
}


def integer_bits(max_abs: float, *, signed: bool = True) -> int:
    """Return the fewest integer bits (sign included) whose range holds `max_abs`.

    A power of two itself needs one bit more, since the largest value of a type lies one step below it.
    """
    if not max_abs > 0:
        return int(signed)
    return int(np.floor(np.log2(max_abs))) + 1 + int(signed)
