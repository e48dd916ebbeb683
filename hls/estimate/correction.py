"""Learn from syntheses that finished: correct the estimates of a study's other candidates.

Designs of one study are alike, so their errors are too. With r = log(measured / estimated) the study's bias is taken
as normal around 0 with the estimate's own spread, and the designs around that bias with a smaller one, learned from
the study as far as it has designs; the usual normal posterior gives the correction and its interval (Gelman et al.,
Bayesian Data Analysis, section 2.5).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from .estimator import QUANTITIES, Estimate

__all__ = ["Correction"]

Z80 = 1.2815515655446004
"""Half-width of a normal's central 80 %, in standard deviations."""
INSIDE = 0.5
"""Spread inside a study as a share of the spread between designs of different origin, before any is seen."""
BELIEF = 4.0
"""How many designs that share counts as."""


@dataclass(frozen=True)
class _Quantity:
    n: int
    bias: float
    bias_variance: float
    inside: float


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
        """Learn from pairs of a design's uncorrected estimate and what was measured of it.

        The measured figures go by the names in `QUANTITIES`; those that a report lacks are left out.
        """
        known = list(pairs)
        learned: dict[str, _Quantity] = {}
        for name in QUANTITIES:
            ratios, spreads = [], []
            for found, measured in known:
                if name in measured and name in found.intervals:
                    ratios.append(math.log((measured[name] + 1) / (getattr(found, name) + 1)))
                    low, high = found.intervals[name]
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
        totals: dict[str, Any] = {}
        intervals = dict(found.intervals)
        for name, learned in self.quantities.items():
            before = getattr(found, name)
            value = max(0.0, (before + 1) * math.exp(learned.bias) - 1)
            reach = Z80 * math.sqrt(learned.bias_variance + learned.inside**2)
            totals[name] = round(value)
            intervals[name] = (
                max(0.0, (value + 1) * math.exp(-reach) - 1),
                (value + 1) * math.exp(reach) - 1,
            )
        return replace(found, intervals=intervals, calibrated_on=self.n, **totals)


def _learn(ratios: list[float], spread: float) -> _Quantity:
    n = len(ratios)
    mean = sum(ratios) / n
    scatter = sum((ratio - mean) ** 2 for ratio in ratios)
    inside = math.sqrt((BELIEF * (INSIDE * spread) ** 2 + scatter) / (BELIEF + n - 1))
    precision = 1 / spread**2 + n / inside**2
    return _Quantity(n, n / inside**2 * mean / precision, 1 / precision, inside)
