"""Learn from syntheses that finished: correct the estimates of a study's other candidates.

Designs of one study are alike, so their errors are too. With r = log(measured / estimated) the study's bias
is taken as normal around 0 with the estimate's own spread, and the designs around that bias with a smaller
one, learned from the study as far as it has designs; the usual normal posterior gives the correction and its
interval (Gelman et al., Bayesian Data Analysis, section 2.5).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from .coefficients import QUANTITIES
from .conformal import Z80, Errors, Normal, interval, intervals_of, upper
from .estimator import Estimate

__all__ = ["Correction", "Figures"]

Figures = tuple[Mapping[str, float], Mapping[str, tuple[float, float]]]
"""Quantities of a design, and the 80 % interval of each."""

INSIDE = 0.5
"""Spread inside a study as a share of the spread between designs of different origin, before any is seen."""
BELIEF = 4.0
"""How many designs that share counts as."""
_TIMES = (("latency_cycles", "latency_ns"), ("ii_cycles", "ii_ns"))


@dataclass(frozen=True)
class _Quantity:
    n: int
    bias: float
    bias_variance: float
    inside: float

    @property
    def errors(self) -> Normal:
        """Errors of a corrected estimate: of the bias that is left, and inside the study."""
        spread = math.sqrt(self.bias_variance + self.inside**2)
        return Normal(spread, spread)


@dataclass(frozen=True)
class Correction:
    """A study's correction, by quantity.

    Attributes:
        n: designs that it was learned from.
        quantities: what was learned, by quantity.
    """

    n: int
    quantities: Mapping[str, _Quantity]

    @classmethod
    def of(cls, pairs: Iterable[tuple[Estimate, Mapping[str, float]]]) -> Correction:
        """Learn from pairs of a design's uncorrected estimate and what was measured of it; see
        `of_figures`.
        """
        return cls.of_figures((_figures(found), measured) for found, measured in pairs)

    @classmethod
    def of_figures(cls, pairs: Iterable[tuple[Figures, Mapping[str, float]]]) -> Correction:
        """Learn from pairs of a design's uncorrected figures and what was measured of it.

        Those count that are measured under a name that has an interval, `QUANTITIES` among them.
        """
        known = list(pairs)
        learned: dict[str, _Quantity] = {}
        for name in dict.fromkeys(name for (_, intervals), _ in known for name in intervals):
            ratios, spreads = [], []
            for (values, intervals), measured in known:
                if name in measured and name in intervals:
                    ratios.append(math.log((measured[name] + 1) / (values[name] + 1)))
                    low, high = intervals[name]
                    spreads.append(math.log((high + 1) / (max(low, 0.0) + 1)) / (2 * Z80))
            if ratios:
                learned[name] = _learn(ratios, max(sum(spreads) / len(spreads), 0.02))
        return cls(len(known), learned)

    def factor(self, name: str) -> float:
        """Return what an estimate of the quantity is multiplied with."""
        return math.exp(self.quantities[name].bias) if name in self.quantities else 1.0

    def apply(self, found: Estimate) -> Estimate:
        """Return the estimate with its totals corrected, its intervals renewed and `calibrated_on` set.

        The layers keep their parts: a correction says nothing of where in a design the error lies.
        """
        if found.calibrated_on or not self.quantities:
            return found
        values, _ = self.apply_figures(*_figures(found))
        errors = {**found.errors, **self.errors}
        totals = {name: round(values[name]) for name in self.quantities}
        return replace(
            found, intervals=intervals_of(values, errors), errors=errors, calibrated_on=self.n,
            **totals,  # type: ignore[arg-type]
        )  # fmt: skip

    @property
    def errors(self) -> dict[str, Errors]:
        """What is known of the errors of corrected estimates."""
        return {name: learned.errors for name, learned in self.quantities.items()}

    def upper_ends(
        self, values: Mapping[str, float], confidence: float, clock_ns: float | None = None
    ) -> dict[str, float]:
        """Return what each corrected quantity of `values` doesn't exceed with probability `confidence`.

        `values` are as `apply_figures` returns them; with a clock period, times follow from the cycles.
        """
        ends = {
            name: upper(values[name], errors, confidence)
            for name, errors in self.errors.items()
            if name in values
        }
        for cycles, nanoseconds in _TIMES:
            if clock_ns and cycles in ends:
                ends[nanoseconds] = ends[cycles] * clock_ns
        return ends

    def apply_figures(
        self,
        values: Mapping[str, float],
        intervals: Mapping[str, tuple[float, float]],
        clock_ns: float | None = None,
    ) -> tuple[dict[str, float], dict[str, tuple[float, float]]]:
        """Return quantities, in whole units, and their intervals corrected; what it says nothing of stays.

        With a clock period, `latency_ns` and `ii_ns` follow from the corrected cycles.
        """
        values, intervals = dict(values), dict(intervals)
        for name, learned in self.quantities.items():
            if name not in values:
                continue
            value = max(0.0, (values[name] + 1) * math.exp(learned.bias) - 1)
            values[name] = float(round(value))
            intervals[name] = interval(value, learned.errors)
        for cycles, nanoseconds in _TIMES:
            if clock_ns and cycles in self.quantities and cycles in values:
                values[nanoseconds] = values[cycles] * clock_ns
                low, high = intervals[cycles]
                intervals[nanoseconds] = (low * clock_ns, high * clock_ns)
        return values, intervals


def _figures(found: Estimate) -> Figures:
    return {name: float(getattr(found, name)) for name in QUANTITIES}, found.intervals


def _learn(ratios: list[float], spread: float) -> _Quantity:
    n = len(ratios)
    mean = sum(ratios) / n
    scatter = sum((ratio - mean) ** 2 for ratio in ratios)
    inside = math.sqrt((BELIEF * (INSIDE * spread) ** 2 + scatter) / (BELIEF + n - 1))
    precision = 1 / spread**2 + n / inside**2
    return _Quantity(n, n / inside**2 * mean / precision, 1 / precision, inside)
