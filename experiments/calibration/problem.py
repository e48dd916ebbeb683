"""One fit: weights of features and factors of the tools' eras, from what reports say of one quantity."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from .priors import COUNTED, COUNTED_SPREAD
from .samples import Sample

__all__ = ["ERAS", "Fitted", "Problem", "Pull", "fit", "pulls"]

Array = NDArray[np.float64]
ERAS = ("vivado", "vitis")
OFFSET = {"lut": 30.0, "ff": 30.0, "bram18": 1.0}
"""Added to prediction and truth before the logarithm: below it, differences don't matter."""
ERA_SPREAD = 0.15
MODULE_WEIGHT = 0.4
STRENGTH = 0.3
"""Spread of a report's error against which the spreads of the weights stand."""
PULL = 1.2
"""Factor beyond which a sample that moves a weight alone is named."""
TRIED = 40
"""Most samples that are left out one by one, those with the largest first step."""


@dataclass(frozen=True)
class Fitted:
    """Weights of one quantity and the eras' factors."""

    weights: Mapping[str, float]
    era: Mapping[str, float]

    def predict(self, sample: Sample) -> float:
        """Predict the quantity for one sample."""
        total = sum(self.weights.get(name, 0.0) * value for name, value in sample.features.items())
        return total * self.era[sample.era]


@dataclass(frozen=True)
class Problem:
    """A quantity's maximum a posteriori fit with a robust loss.

    Attributes:
        used: the samples that have the quantity measured.
        quantity, kind: `lut`, `ff` or `bram18`; `csynth` or `implemented`.
        prior: starting weights; spread: standard deviation allowed to their logarithms.
    """

    used: Sequence[Sample]
    quantity: str
    kind: str
    prior: Mapping[str, float]
    spread: float

    @classmethod
    def of(
        cls, samples: Sequence[Sample], quantity: str, kind: str, prior: Mapping[str, float], spread: float
    ) -> Problem:
        """Return the fit of those samples that have the quantity measured."""
        used = [sample for sample in samples if quantity in sample.measured(kind)]
        return cls(used, quantity, kind, prior, spread)

    def without(self, sample: Sample) -> Problem:
        """Return the fit without a sample."""
        return Problem(
            [one for one in self.used if one is not sample],
            self.quantity, self.kind, self.prior, self.spread,
        )  # fmt: skip

    @cached_property
    def _matrix(self) -> Array:
        return np.array([[sample.features.get(name, 0.0) for name in self.prior] for sample in self.used])

    @cached_property
    def _eras(self) -> Array:
        return np.array([[sample.era == era for era in ERAS] for sample in self.used], dtype=np.float64)

    @cached_property
    def _start(self) -> Array:
        return np.array(list(self.prior.values()))

    @cached_property
    def _goal(self) -> Array:
        truth = np.array([sample.measured(self.kind)[self.quantity] for sample in self.used])
        return np.log(truth + OFFSET[self.quantity])

    @cached_property
    def _strength(self) -> Array:
        """A repository counts with the root of its size: a sweep of one network doesn't outvote the
        others.
        """
        counts = Counter((sample.repo, sample.module) for sample in self.used)
        return np.array(
            [(MODULE_WEIGHT if s.module else 1.0) * counts[s.repo, s.module] ** -0.25 for s in self.used]
        )

    @cached_property
    def _stiffness(self) -> Array:
        spreads = [
            min(self.spread, COUNTED_SPREAD) if name in COUNTED else self.spread for name in self.prior
        ]
        tight = min(ERA_SPREAD, self.spread)
        return np.concatenate([STRENGTH / np.array(spreads), np.full(len(ERAS), STRENGTH / tight)])

    def _parts(self, theta: Array) -> tuple[Array, Array]:
        count = len(self.prior)
        return self._matrix * (self._start * np.exp(theta[:count])), np.exp(self._eras @ theta[count:])

    def _error(self, theta: Array) -> Array:
        costs, factor = self._parts(theta)
        return (np.log(costs.sum(axis=1) * factor + OFFSET[self.quantity]) - self._goal) * self._strength

    def residuals(self, theta: Array) -> Array:
        """Return what least squares makes small: robust errors of the samples, then those of the priors."""
        error = self._error(theta)
        # soft_l1 by hand, so that the priors stay quadratic
        robust = np.sign(error) * np.sqrt(0.5 * (np.sqrt(1 + 4 * error**2) - 1))
        return np.concatenate([robust, theta * self._stiffness])

    def jacobian(self, theta: Array) -> Array:
        """Return the derivatives of `residuals`."""
        costs, factor = self._parts(theta)
        total = costs.sum(axis=1) * factor
        error = self._error(theta)
        root = np.sqrt(1 + 4 * error**2)
        size = np.sqrt(0.5 * (root - 1))
        slope = np.where(np.abs(error) < 1e-6, 1.0, np.abs(error) / (np.maximum(size, 1e-12) * root))
        by_total = (slope * self._strength / (total + OFFSET[self.quantity]))[:, None]
        upper = np.hstack([costs * factor[:, None] * by_total, self._eras * total[:, None] * by_total])
        return np.vstack([upper, np.diag(self._stiffness)])

    def solve(self, start: Array | None = None) -> Array:
        """Return the logarithms of the weights over their priors, and of the eras' factors."""
        from scipy.optimize import least_squares

        first = np.zeros(len(self._stiffness)) if start is None else start
        if not self.used:
            return first
        solution = least_squares(self.residuals, first, jac=self.jacobian, method="trf", max_nfev=60)
        return np.asarray(solution.x)

    def fitted(self, theta: Array) -> Fitted:
        """Return the weights and factors of a solution, to four digits."""
        weights = self._start * np.exp(theta[: len(self.prior)])
        factors = np.exp(theta[len(self.prior) :])
        return Fitted(
            {name: float(f"{weight:.4g}") for name, weight in zip(self.prior, weights, strict=True)},
            {era: float(f"{factor:.4g}") for era, factor in zip(ERAS, factors, strict=True)},
        )


def fit(
    samples: Sequence[Sample], quantity: str, kind: str, prior: Mapping[str, float], spread: float
) -> Fitted:
    """Fit one quantity to the samples that have it measured; see `Problem`."""
    problem = Problem.of(samples, quantity, kind, prior, spread)
    return problem.fitted(problem.solve())


@dataclass(frozen=True)
class Pull:
    """A weight that one sample moves alone: by the `factor` that it has with it over that without it."""

    kind: str
    quantity: str
    feature: str
    sample: str
    factor: float


def pulls(problem: Problem, least: float = PULL) -> list[Pull]:
    """Return the weights that a single sample moves by more than a factor of `least`, the largest first.

    Samples are chosen by one Gauss-Newton step and then really left out.
    """
    theta = problem.solve()
    jacobian, errors = problem.jacobian(theta), problem.residuals(theta)
    inverse = np.linalg.inv(jacobian.T @ jacobian)
    count = len(problem.used)
    steps = (jacobian[:count] * errors[:count, None]) @ inverse
    leverage = np.einsum("ij,jk,ik->i", jacobian[:count], inverse, jacobian[:count])
    steps /= np.maximum(1 - leverage, 0.1)[:, None]
    chosen = np.argsort(-np.abs(steps).max(axis=1))[:TRIED]
    found = []
    for index in chosen:
        sample = problem.used[index]
        moved = theta - problem.without(sample).solve(theta)
        for name, change in zip(problem.prior, moved, strict=False):
            if abs(change) > np.log(least):
                found.append(Pull(problem.kind, problem.quantity, name, sample.name, float(np.exp(change))))
    return sorted(found, key=lambda one: -abs(np.log(one.factor)))
