"""Numbers with a unit, as study files and commands write them: the one place that reads limits.

Every function takes what YAML or a command line gives (a number or text) and raises `ValueError` with half a
sentence that says what is accepted; whoever calls it puts the name of the key before it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

_NUMBER = re.compile(
    r"^\s*(?P<number>[-+]?(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*(?P<unit>[a-zA-Zµ%]*)\s*$"
)

UNITS: Mapping[str, Mapping[str, float]] = {
    "": {"": 1.0, "k": 1e3, "M": 1e6},
    "ns": {"ns": 1.0, "us": 1e3, "µs": 1e3, "ms": 1e6, "s": 1e9},
    "pJ": {"pJ": 1.0, "nJ": 1e3, "uJ": 1e6, "µJ": 1e6, "mJ": 1e9},
}
"""What each unit that a quantity is kept in may be written as, with the factor to it; case doesn't matter."""
_EXPECTED = {
    "": "a number such as 20000 or 20k",
    "ns": "a time with its unit, such as 400ns or 2us",
    "pJ": "an energy with its unit, such as 500pJ or 2nJ",
}


@dataclass(frozen=True)
class Limit:
    """An upper bound (a lower one for a metric that should be high)."""

    value: float
    unit: str = ""
    """`%` of the device, `ns`, `cycles`, `pJ`, or nothing for a plain number."""
    given: str = field(default="", compare=False)
    """The words in which it was given, `2us` say; empty where it came as a bare value."""
    confidence: float | None = None
    """How sure it is to be kept, in 0..1; None where the estimate itself is to keep it."""

    def plain(self) -> int | float | str:
        """Return the value as a resolved study file writes it: `2us` as `2000ns`."""
        number = int(self.value) if float(self.value).is_integer() else float(self.value)
        return f"{number}{self.unit}" if self.unit else number

    @property
    def text(self) -> str:
        """The limit as it was said."""
        return self.given or str(self.plain())

    def absolute(self, stock: float = 0.0, clock_ns: float = 0.0) -> Limit:
        """Return it without `%` (of a `stock`) and without `cycles` (of a clock of `clock_ns`), said in the
        same words.
        """
        scale, unit = {"%": (stock, ""), "cycles": (clock_ns, "ns")}.get(self.unit, (None, self.unit))
        if scale is None:
            return self
        value = self.value / 100 * scale if self.unit == "%" else self.value * scale
        return Limit(value, unit, self.text, self.confidence)

    def __str__(self) -> str:
        return str(self.plain())


def split(value: object) -> tuple[float, str] | None:
    """Return the number and the unit of `5`, `'2us'` or `'50 %'`; None for what isn't a finite number."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        number, unit = float(value), ""
    elif isinstance(value, str) and (match := _NUMBER.match(value)):
        number, unit = float(match["number"].replace("_", "")), match["unit"]
    else:
        return None
    return (number, unit) if math.isfinite(number) else None


def in_unit(value: object, unit: str = "") -> float:
    """Return a number in `unit`, one of `UNITS`, from one in any that stands for the same: 1500.0 for `1.5us`
    in ns.

    Raises:
        ValueError: when it isn't a finite number, or its unit is another quantity's.
    """
    parsed = split(value)
    known = {one.lower(): factor for units in UNITS.values() for one, factor in units.items()}
    if parsed is None or (parsed[1].lower() not in known and parsed[1] != "%"):
        raise ValueError(f"is not a limit: write {_EXPECTED[unit]}")
    factors = {one.lower(): factor for one, factor in UNITS[unit].items()} | {"": 1.0}
    if parsed[1].lower() not in factors:
        raise ValueError(f"has the wrong unit: write {_EXPECTED[unit]}")
    return parsed[0] * factors[parsed[1].lower()]


def share_or_count(value: object) -> Limit:
    """Read a count of LUTs, flip-flops, DSPs or memories, or a percentage of the device."""
    parsed = split(_plain(value))
    try:
        number, unit = (parsed[0], "%") if parsed and parsed[1] == "%" else (in_unit(_plain(value)), "")
    except ValueError:
        raise ValueError(
            "isn't a limit: write a count such as 20000, or a share of the device such as 50%"
        ) from None
    if number < 0:
        raise ValueError("is negative: write zero or more")
    if unit == "%" and number > 100:
        raise ValueError("is more than the whole device: write at most 100%")
    return _said(Limit(number, unit), value)


def time(value: object) -> Limit:
    """Read a latency or an initiation interval; the result is in `ns` or in `cycles`."""
    parsed = split(_plain(value))
    if parsed and parsed[1] in ("cycles", "cycle"):
        return _said(Limit(_above_zero(parsed[0], "a time such as 400ns, 2us or 80cycles"), "cycles"), value)
    try:
        number = in_unit(_plain(value), "ns")
    except ValueError:
        raise ValueError("isn't a time: write it with its unit, such as 400ns, 2us or 80cycles") from None
    return _said(Limit(_above_zero(number, "a time such as 400ns, 2us or 80cycles"), "ns"), value)


def energy(value: object) -> Limit:
    """Read an energy per inference; the result is in `pJ`."""
    try:
        number = in_unit(_plain(value), "pJ")
    except ValueError:
        raise ValueError("isn't an energy: write it with its unit, such as 500pJ or 2nJ") from None
    return _said(Limit(_above_zero(number, "an energy such as 500pJ or 2nJ"), "pJ"), value)


LEAST_CONFIDENCE = 0.5
"""What an estimate itself is worth where it errs as often one way as the other."""


def confidence(value: object) -> float:
    """Read a share of designs, `90%` or `0.9`, as a number: half of them at least, and not all."""
    expected = "write a share such as 90%, from 50% to below 100%"
    parsed = split(value)
    if parsed is None or parsed[1] not in ("", "%"):
        raise ValueError(f"isn't a share: {expected}")
    share = parsed[0] / 100 if parsed[1] else parsed[0]
    if not LEAST_CONFIDENCE <= share < 1:
        raise ValueError(f"is out of range: {expected}")
    return round(share, 6)


def share_text(share: float) -> str:
    """Return a share as a study file writes it: `90%`."""
    return f"{100 * share:.6g}%"


def plain_number(value: object, least: float = -math.inf) -> Limit:
    """Read a finite number without a unit."""
    parsed = split(_plain(value))
    if parsed is not None and parsed[1] == "%":
        raise ValueError(f"has a percent sign, which is for shares of the device: write {parsed[0] / 100:g}")
    if parsed is None or parsed[1]:
        raise ValueError("isn't a number: write one without a unit")
    if parsed[0] < least:
        raise ValueError(f"is below {least:g}: write {least:g} or more")
    return _said(Limit(parsed[0]), value)


def _plain(value: object) -> object:
    return value.plain() if isinstance(value, Limit) else value


def _said(limit: Limit, value: object) -> Limit:
    """Return the limit with the words that it was read from."""
    return replace(limit, given=value.text if isinstance(value, Limit) else str(value).strip())


def _above_zero(number: float, what: str) -> float:
    if number <= 0:
        raise ValueError(f"is not above zero: write {what}")
    return number
