"""Values a study file writes as a range, a mapping or with a unit: widths, class weights, durations, sizes.

Every parser takes what YAML gives (a number or text) and raises `ValueError` with half a sentence that says
what is accepted; `load.explain` completes it with the file and the key.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..quantities.limits import split

MIN_WIDTH = 2
"""Narrowest type that may be asked for: a signed type of one bit holds nothing but 0 and -1."""
MAX_WIDTH = 32
"""Widest weight, activation or table; beyond it no emulation in float arithmetic is worth its cost."""
MAX_ACCUMULATOR = 48
"""Widest accumulator: the adder of a DSP48 (AMD UG579)."""

_RANGE = re.compile(r"^\s*(-?\d+)\s*\.\.\s*(-?\d+)\s*$")
_WHOLE = re.compile(r"-?[0-9]{1,18}")
"""What `int` reads; `str.isdigit` holds for superscripts too."""
_BYTES = {"B": 1, "kiB": 2**10, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}
_BYTES |= {"kB": 10**3, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_SECONDS = {"s": 1.0, "min": 60.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


@dataclass(frozen=True)
class Widths:
    """The widths, in bits, that a tensor may take: `low` to `high`, both included."""

    low: int
    high: int

    @property
    def fixed(self) -> bool:
        """Whether there's nothing to search."""
        return self.low == self.high

    def plain(self) -> int | str:
        """Return the value as a study file writes it: an int where fixed, else `low..high`."""
        return self.low if self.fixed else f"{self.low}..{self.high}"

    def __str__(self) -> str:
        return str(self.plain())


def widths(value: object, most: int = MAX_WIDTH) -> Widths:
    """Read an int or `low..high`."""
    if isinstance(value, Widths):
        low, high = value.low, value.high
    elif isinstance(value, int) and not isinstance(value, bool):
        low = high = value
    elif isinstance(value, str) and (match := _RANGE.match(value)):
        low, high = int(match[1]), int(match[2])
    elif isinstance(value, str) and _WHOLE.fullmatch(value.strip()):
        low = high = int(value)
    else:
        raise ValueError("isn't a width: write an int, or a range such as 2..12")
    if low < MIN_WIDTH or high < MIN_WIDTH:
        raise ValueError(f"asks for a width below {MIN_WIDTH} bits: choose within {MIN_WIDTH}..{most}")
    if low > high:
        raise ValueError(f"starts above its end: write {high}..{low}")
    if high > most:
        raise ValueError(f"asks for more than {most} bits: choose within {MIN_WIDTH}..{most}")
    return Widths(low, high)


def class_weights(value: object) -> str | dict[int, float] | dict[str, str | dict[int, float]]:
    """Read `none`, `balanced`, a weight by class number, or one of these by the name of an output."""
    if not isinstance(value, dict) or not value:
        return _rule(value)
    numbered = [_class(key) is not None for key in value]
    if all(numbered):
        return _by_class(value)
    if any(numbered):
        raise ValueError(
            "has class numbers and names side by side: name classes by number, or outputs by name"
        )
    found: dict[str, str | dict[int, float]] = {}
    for name, inner in value.items():
        if isinstance(inner, int | float):
            raise ValueError(f"names the class {name!r}: name classes by number, from 0, as the labels do")
        if isinstance(inner, dict) and any(_class(key) is None for key in inner):
            raise ValueError(f"has no class numbers for {name!r}: write {{{name}: {{0: 1, 1: 5}}}}, say")
        found[str(name)] = _by_class(inner) if isinstance(inner, dict) and inner else _rule(inner)
    return found


def _rule(value: object) -> str:
    if value is None or value in ("none", "balanced"):
        return str(value or "none")
    raise ValueError("isn't known: write none, balanced, or a weight by class number such as {0: 1, 1: 5}")


def _by_class(value: dict[object, object]) -> dict[int, float]:
    found: dict[int, float] = {}
    for key, weight in value.items():
        one, parsed = _class(key), split(weight)
        if parsed is None or parsed[1] or parsed[0] <= 0:
            raise ValueError(f"gives class {key} the weight {weight!r}: write a number above 0")
        if one is None or one in found:
            raise ValueError(f"has class {key} twice: keep one")
        found[one] = parsed[0]
    return found


def _class(key: object) -> int | None:
    """Return the class that a key stands for: a whole number, however YAML or JSON wrote it; else None."""
    if isinstance(key, bool | int):
        return int(key)
    if isinstance(key, float) and key.is_integer():
        return int(key)
    if isinstance(key, str) and _WHOLE.fullmatch(key.strip()):
        return int(key)
    return None


def duration(value: object) -> float:
    """Read a wall-clock time such as `5m`, `1.5h` or `90` (seconds) and return seconds."""
    parsed = split(value)
    if parsed is None or parsed[1] not in ("", *_SECONDS):
        raise ValueError("isn't a duration: write it with its unit, such as 90s, 5m or 2h")
    seconds = parsed[0] * _SECONDS[parsed[1] or "s"]
    if seconds <= 0:
        raise ValueError("is not above zero: write a duration such as 90s, 5m or 2h")
    return seconds


def plain_duration(seconds: float) -> str:
    """Return a duration as a study file writes it, in the largest unit that leaves an integer."""
    for unit in ("h", "m"):
        if seconds % _SECONDS[unit] == 0:
            return f"{seconds / _SECONDS[unit]:.0f}{unit}"
    return f"{seconds:g}s"


def size(value: object) -> int:
    """Read an amount of memory or disk such as `4GiB` or `500MB` and return bytes."""
    parsed = split(value)
    if parsed is None or parsed[1] not in ("", *_BYTES):
        raise ValueError("isn't an amount of memory: write it with its unit, such as 500MiB or 4GiB")
    amount = parsed[0] * _BYTES[parsed[1] or "B"]
    if amount < 0:
        raise ValueError("is negative: write zero or more")
    return round(amount)


def plain_size(amount: int) -> str:
    """Return an amount of bytes as a study file writes it, in the largest unit that leaves an integer."""
    for unit in ("TiB", "GiB", "MiB", "KiB"):
        if amount and amount % _BYTES[unit] == 0:
            return f"{amount // _BYTES[unit]}{unit}"
    return f"{amount}B"
