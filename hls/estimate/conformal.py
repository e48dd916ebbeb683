"""Intervals from the errors of designs that an estimate had not seen: split conformal prediction.

An error is r = log((truth + 1) / (estimate + 1)), so that an estimate of nothing has one too. If a new design
and the n held-out ones are exchangeable, its error is as likely to fall before, between or behind theirs: the
k-th smallest holds it with probability k / (n + 1) (Vovk, Gammerman and Shafer, "Algorithmic Learning in a
Random World", 2005; Angelopoulos and Bates, "A Gentle Introduction to Conformal Prediction", 2021, section
1). So the new design counts as one more, with an error beyond all others. Designs of one author are alike,
and their errors weigh less: with weights w the new one has the share 1 / (m + 1), where m = (sum w)^2 /
sum w^2 is the effective number of designs (Kish, "Survey Sampling", 1965; Tibshirani et al., "Conformal
Prediction Under Covariate Shift", 2019, for weighted errors). Both tails are cut alike (Romano, Patterson and
Candes, "Conformalized Quantile Regression", 2019).
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from statistics import NormalDist
from typing import Any, Protocol

__all__ = ["Errors", "Normal", "Residuals", "interval", "intervals_of", "log_ratio", "upper"]

KEPT = 41
"""Most errors that a set keeps; more are thinned to as many of equal weight."""
_STANDARD = NormalDist()
Z80 = 1.2815515655446004
"""Half-width of a normal's central 80 %, in standard deviations."""


def log_ratio(truth: float, estimate: float) -> float:
    """Return the error of an estimate: log((truth + 1) / (estimate + 1))."""
    return math.log((truth + 1) / (estimate + 1))


class Errors(Protocol):
    """What is known of an estimate's errors."""

    def quantile(self, level: float) -> float:
        """Return the error that a new design's doesn't exceed with probability `level`, in 0..1.

        Infinite (or minus infinite, for a low level) where fewer designs are known than that takes.
        """


@dataclass(frozen=True)
class Residuals:
    """Errors of designs that were held out.

    Attributes:
        values: log((truth + 1) / (estimate + 1)), ascending.
        weights: of each, 1 in all.
        effective: how many equal, independent designs they are worth.
        designs, authors: how many there are of the family itself, and by how many authors.
        borrowed: share of the weight that designs of other families have.
    """

    values: tuple[float, ...]
    weights: tuple[float, ...]
    effective: float
    designs: int = 0
    authors: int = 0
    borrowed: float = 0.0

    @classmethod
    def of(
        cls,
        values: Sequence[float],
        weights: Sequence[float] | None = None,
        *,
        designs: int | None = None,
        authors: int = 0,
        borrowed: float = 0.0,
        kept: int = KEPT,
    ) -> Residuals:
        """Return errors in any order as a set; without weights they count alike.

        Raises:
            ValueError: no errors, or a weight that isn't positive.
        """
        weighed = [1.0] * len(values) if weights is None else list(weights)
        if len(values) == 0 or min(weighed) <= 0:
            raise ValueError("residuals need at least one error, and positive weights")
        total = sum(weighed)
        pairs = sorted(zip(values, (weight / total for weight in weighed), strict=True))
        effective = 1 / sum(weight**2 for _, weight in pairs)
        if len(pairs) > kept:
            pairs = _thinned(pairs, kept)
        ordered, shares = zip(*pairs, strict=True)
        count = len(values) if designs is None else designs
        return cls(ordered, shares, effective, count, authors, borrowed)

    def quantile(self, level: float) -> float:
        """See `Errors.quantile`: the new design has the weight 1 / (effective + 1), beyond all others."""
        if level < 0.5:  # the same from the other end, where the new design's error is below all
            return -self._mirrored.quantile(1 - level)
        wanted = level * (self.effective + 1) / self.effective
        at = bisect.bisect_left(self._below, wanted - 1e-9)
        return self.values[at] if at < len(self.values) else math.inf

    @cached_property
    def _below(self) -> tuple[float, ...]:
        """Share of the weight up to and with each error."""
        return tuple(accumulate(self.weights))

    @cached_property
    def _mirrored(self) -> Residuals:
        values = tuple(-value for value in reversed(self.values))
        return Residuals(values, self.weights[::-1], self.effective)

    def to_json(self) -> dict[str, Any]:
        """Plain values, rounded to a ten-thousandth."""
        plain: dict[str, Any] = {"log_ratios": [round(value, 4) for value in self.values]}
        if max(self.weights) - min(self.weights) > 1e-6:
            plain["weights"] = [round(weight, 5) for weight in self.weights]
        return plain | {
            "effective": round(self.effective, 2),
            "designs": self.designs,
            "authors": self.authors,
            "borrowed": round(self.borrowed, 3),
        }

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Residuals:
        """Read what `to_json` wrote."""
        values = tuple(float(value) for value in plain["log_ratios"])
        weights = [float(weight) for weight in plain.get("weights") or [1.0] * len(values)]
        total = sum(weights)
        return cls(
            values,
            tuple(weight / total for weight in weights),
            float(plain["effective"]),
            int(plain.get("designs", 0)),
            int(plain.get("authors", 0)),
            float(plain.get("borrowed", 0.0)),
        )


@dataclass(frozen=True)
class Normal:
    """Errors taken as normal around none, with a spread of their own on either side.

    What a study's own syntheses leave (`correction`), and what older files of coefficients say, which name
    two factors.
    """

    low: float
    high: float

    @classmethod
    def of_factors(cls, low: float, high: float) -> Normal:
        """Return the errors of which 80 % lie between two factors on estimate + 1, 1 between them."""
        return cls(max(0.0, -math.log(low)) / Z80, max(0.0, math.log(high)) / Z80)

    def quantile(self, level: float) -> float:
        """See `Errors.quantile`; finite for a level above 0 and below 1."""
        # 1 - 0.1 isn't 0.9 to the last bit, and inv_cdf not exact there: intervals stay as they were written
        tail = round(min(level, 1 - level), 12)
        reach = Z80 if tail == 0.1 else -_STANDARD.inv_cdf(tail)
        return -reach * self.low if level < 0.5 else reach * self.high


def interval(value: float, errors: Errors, share: float = 0.8) -> tuple[float, float]:
    """Return the ends between which a figure lies with probability `share`, its tails cut alike.

    They hold the estimate itself, also where most errors lie on one side: it is what is shown, and an
    interval beside it would look like a mistake. So the share is `share` at least. Zero at least; the upper
    end is infinite where too few designs are known.
    """
    tail = (1 - share) / 2
    low, high = min(0.0, errors.quantile(tail)), max(0.0, errors.quantile(1 - tail))
    return _moved(value, low), _moved(value, high)


def upper(value: float, errors: Errors, confidence: float) -> float:
    """Return what a design's figure doesn't exceed with probability `confidence`, never below the estimate.

    Infinite where too few designs are known for that.
    """
    return _moved(value, max(0.0, errors.quantile(confidence)))


def intervals_of(values: Mapping[str, float], errors: Mapping[str, Errors]) -> dict[str, tuple[float, float]]:
    """Return the 80 % interval of each quantity; none where too few designs are known for one."""
    found = {name: interval(values[name], known) for name, known in errors.items()}
    return {name: (low, high) for name, (low, high) in found.items() if math.isfinite(high)}


def _moved(value: float, error: float) -> float:
    return math.inf if error == math.inf else max(0.0, (value + 1) * math.exp(error) - 1)


def _thinned(pairs: Sequence[tuple[float, float]], kept: int) -> list[tuple[float, float]]:
    """Return the errors in the middle of so many parts of equal weight; the outermost ones stay."""
    below = list(accumulate(weight for _, weight in pairs))
    chosen = [
        pairs[min(bisect.bisect_left(below, (part + 0.5) / kept), len(pairs) - 1)][0] for part in range(kept)
    ]
    chosen[0], chosen[-1] = pairs[0][0], pairs[-1][0]
    return [(value, 1 / kept) for value in chosen]
