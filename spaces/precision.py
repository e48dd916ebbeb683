"""Fixed-point precisions, as `ap_fixed` defines them."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import groupby
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
    r"^\s*(?:ap_)?(?P<u>u?)(?P<kind>fixed|int)\s*<\s*(?P<args>[^<>]*)\s*>\s*"
    r"(?:\[(?P<elements>[\d x]*)\]\s*)?$",
)


@dataclass(frozen=True, order=True)
class FixedPoint:
    """An `ap_fixed<width, integer, rounding, overflow>` type, or `ap_ufixed` where `signed` is false.

    `width` counts all bits; `integer` counts the bits left of the binary point, the sign bit among them,
    and may be negative or larger than `width` (Xilinx UG1399, "Arbitrary Precision Fixed-Point Data Types").
    The elements of a tensor may be narrower than that, each by high bits of its own: all have one step.

    Raises:
        UserError: when `width` is not within 1..64, `integer` not within -256..256, a mode is unknown, or an
            element is wider than the type.
    """

    width: int
    """Total bits."""
    integer: int
    """Bits left of the binary point, sign included."""
    signed: bool = True
    rounding: Rounding = "TRN"
    overflow: Overflow = "WRAP"
    elements: tuple[int, ...] = ()
    """Bits of each value of the tensor, or of each channel (last axis) at all positions; 0 is always zero.
    Empty: all have `width`.
    """

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

        if any(not 0 <= bits <= self.width for bits in self.elements):
            raise UserError(
                f"An element of {self.container} has {max(self.elements)} bits: give it 0 to its width."
            )

    @property
    def container(self) -> FixedPoint:
        """The type that holds every element: this one, where all have its width."""
        return replace(self, elements=()) if self.elements else self

    @property
    def mean_width(self) -> float:
        """Bits of an element, on average."""
        return sum(self.elements) / len(self.elements) if self.elements else float(self.width)

    @property
    def summary(self) -> str:
        """The type with what there is to say of its elements in a line."""
        if not self.elements:
            return str(self)
        return (
            f"{self.container}, elements of {min(self.elements)} to {max(self.elements)} bits, "
            f"{self.mean_width:.1f} on average"
        )

    def spread(self, shape: tuple[int, ...]) -> NDArray[np.int64]:
        """Return the bits of every value of a tensor of `shape` (without a batch axis).

        Raises:
            UserError: when the type has elements for another shape.
        """
        if not self.elements:
            return np.full(shape, self.width, np.int64)
        bits = np.array(self.elements, np.int64)
        if shape and len(bits) == shape[-1]:
            return np.broadcast_to(bits, shape)
        if len(bits) != math.prod(shape):
            raise UserError(
                f"{self.container} has {len(bits)} elements, for which a tensor of {shape} has no place."
            )
        return bits.reshape(shape)

    def channels(self, shape: tuple[int, ...]) -> NDArray[np.int64]:
        """Return the bits of each channel of a tensor of `shape`: those of its widest position."""
        bits: NDArray[np.int64] = self.spread(shape).reshape(-1, shape[-1]).max(0)
        return bits

    def with_elements(self, bits: NDArray[np.integer]) -> FixedPoint:
        """Return the type with these bits for the values of a tensor (in its shape), as short as they can be
        told.
        """
        if (bits == self.width).all():
            return self.container
        rows = bits.reshape(-1, bits.shape[-1])
        told = rows[0] if (rows == rows[0]).all() else rows.ravel()
        return replace(self, elements=tuple(int(one) for one in told))

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
        """Return the form that hls4ml reads, `fixed<8,3,RND_CONV,SAT>` say.

        Elements of 7, 7, 0 and 4 bits stand behind it: `[2x7 0 4]`.
        """
        modes = (
            "" if (self.rounding, self.overflow) == ("TRN", "WRAP") else f",{self.rounding},{self.overflow}"
        )
        counts = [(bits, len(list(run))) for bits, run in groupby(self.elements)]
        runs = " ".join(f"{count}x{bits}" if count > 1 else str(bits) for bits, count in counts)
        elements = f"[{runs}]" if runs else ""
        return f"{'' if self.signed else 'u'}fixed<{self.width},{self.integer}{modes}>{elements}"

    @classmethod
    def parse(cls, text: str) -> FixedPoint:
        """Read `fixed<8,3>`, `ap_ufixed<15,0,AP_RND_CONV,AP_SAT>`, `ap_int<4>`, `uint<1>` or a `str`.

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
            elements = _elements(match["elements"] or "")
            return cls(width, integer, signed, rounding, overflow, elements)  # type: ignore[arg-type]
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
            **({"elements": list(self.elements)} if self.elements else {}),
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
                tuple(int(bits) for bits in data.get("elements", ())),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise UserError(
                f"{data!r} is not a precision: it needs width, integer, signed, rounding, overflow."
            ) from error

    def integers(self, x: ArrayLike) -> NDArray[np.float64]:
        """Return `x` quantized, in units of `step` (whole numbers held in float64)."""
        scaled = np.asarray(x, np.float64) * 2.0**self.fraction
        low, high = self.limits(scaled.shape)
        q = _ROUND[self.rounding](scaled)
        if self.overflow == "WRAP":
            return np.mod(q - low, high - low + 1) + low
        if self.overflow == "SAT_ZERO":
            return np.where((q < low) | (q > high), 0.0, q)
        return np.clip(q, low, high)

    def limits(self, shape: tuple[int, ...]) -> tuple[Any, Any]:
        """Return the lowest and the highest value in steps, for an array whose last axes are the tensor's."""
        if not self.elements:
            return self.min / self.step, self.max / self.step
        behind = next(
            (axis for axis in reversed(range(len(shape))) if math.prod(shape[axis:]) == len(self.elements)), 0
        )
        bits = self.spread(shape[behind:])
        size = 2.0 ** np.maximum(bits - self.signed, 0)
        there = bits > 0
        low = -size + (self.overflow == "SAT_SYM") if self.signed else np.zeros_like(size)
        return np.where(there, low, 0.0), np.where(there, size - 1, 0.0)

    def quantize(self, x: ArrayLike) -> NDArray[np.float64]:
        """Return the values of this type that `x` becomes when it is assigned to it (any shape, float64)."""
        return self.integers(x) * self.step


def _elements(text: str) -> tuple[int, ...]:
    """Read `2x7 0 4` as 7, 7, 0, 4."""
    runs = [run.rpartition("x") for run in text.split()]
    return tuple(int(bits) for count, _, bits in runs for _ in range(int(count or 1)))


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
