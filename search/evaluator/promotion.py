"""Whether a candidate is worth its training: the hypervolume that it is expected to add, judged rung by rung.

The rungs are rounding (milliseconds), a short training (the first epochs), and the whole one. What the
candidates that were trained so far gained after a rung, against their score there and their cost, says what
the next ones may gain; the spread around that fit stands for what it doesn't know.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..trials.evaluation import Evaluation
from ..trials.front import Box, dominated, losses, pareto
from ..trials.objectives import SIGNS, Constraint, Objective, metric_violations

Rung = Literal["rounded", "short"]

LEAST_TRAINED = 10
"""Whole trainings from which on the fit is trusted; until then every candidate is trained."""
RIDGE = 1e-3
"""Weight of the ridge that keeps the fit sound while there are few trainings."""
QUANTILES = np.linspace(0.05, 0.95, 10)
"""Of the fit's errors: the gains that are averaged."""


@dataclass(frozen=True)
class Fit:
    """What training after a rung adds to the metric: linear in the score there, its square, and log2 of the
    EBOPs.
    """

    weights: NDArray[np.float64]
    errors: NDArray[np.float64]
    """Quantiles of what the fit missed."""

    @classmethod
    def of(cls, rows: Sequence[tuple[float, float, float]]) -> Fit:
        """Fit rows of (loss of metric to the float model at the rung, EBOPs, what training added)."""
        table = np.array([_features(gap, ebops) for gap, ebops, _ in rows])
        gains = np.array([gain for *_, gain in rows])
        ridge = RIDGE * len(rows) * np.eye(table.shape[1])
        weights = np.linalg.solve(table.T @ table + ridge, table.T @ gains)
        free = max(1, len(rows) - table.shape[1])
        missed = (gains - table @ weights) * math.sqrt(len(rows) / free)
        return cls(weights, np.quantile(missed, QUANTILES))

    def gains(self, gap: float, ebops: float) -> NDArray[np.float64]:
        """Return what training may add, equally likely values."""
        gains: NDArray[np.float64] = np.maximum(0.0, _features(gap, ebops) @ self.weights + self.errors)
        return gains


def _features(gap: float, ebops: float) -> NDArray[np.float64]:
    return np.array([1.0, gap, gap * gap, math.log2(1.0 + max(0.0, ebops)) / 20.0])


@dataclass(frozen=True)
class Promotion:
    """Decides on one candidate; it is sent to whoever evaluates."""

    objectives: tuple[Objective, ...]
    box: Box
    constraints: tuple[Constraint, ...]
    float_score: float
    front: NDArray[np.float64]
    """Losses of the feasible front, one row per member, on the box's scale."""
    fits: Mapping[Rung, Fit]
    least: float
    """Share of the front's hypervolume that a training must be expected to add."""
    short_epochs: int
    """Epochs of the short rung."""

    @classmethod
    def of(
        cls,
        evaluations: Sequence[Evaluation],
        objectives: Sequence[Objective],
        box: Box,
        constraints: Sequence[Constraint],
        float_score: float,
        *,
        least: float,
        short_epochs: int,
    ) -> Promotion | None:
        """Return what the trials so far say; None while too few were trained."""
        sign = _sign(objectives)
        rows: dict[Rung, list[tuple[float, float, float]]] = {"rounded": [], "short": []}
        for e in evaluations:
            if e.fidelity != "full" or e.status != "complete":
                continue
            seen = rung_scores(e, sign, short_epochs)
            best = max(sign * e.metrics["ptq"], sign * e.metrics["qat"])
            for rung, value in seen.items():
                rows[rung].append((sign * float_score - value, e.resources["ebops"], best - value))
        if len(rows["rounded"]) < LEAST_TRAINED:
            return None
        members = [e.uncorrected for e in pareto([e for e in evaluations if e.feasible], objectives)]
        return cls(
            tuple(objectives),
            box,
            tuple(constraints),
            float_score,
            box.normalise(losses(members, objectives)) if members else np.ones((0, len(objectives))),
            {rung: Fit.of(seen) for rung, seen in rows.items() if seen},
            least,
            short_epochs,
        )

    def worth(self, rung: Rung, score: float, resources: Mapping[str, float]) -> bool:
        """Whether training a candidate on from a rung is expected to add enough hypervolume."""
        return self.expected(rung, score, resources) > self.least * max(dominated(self.front), 1e-9)

    def expected(self, rung: Rung, score: float, resources: Mapping[str, float]) -> float:
        """Return the hypervolume that a candidate is expected to add once trained; 0 for scores that break a
        limit.
        """
        fit = self.fits.get(rung)
        if fit is None:
            return math.inf
        sign = _sign(self.objectives)
        gap = sign * (self.float_score - score)
        now = dominated(self.front)
        added = []
        for gain in fit.gains(gap, resources["ebops"]):
            likely = score + sign * gain
            if any(v > 0 for v in metric_violations(self.constraints, likely, self.float_score).values()):
                added.append(0.0)
                continue
            row = [o.scaled(self._value(o, likely, resources)) for o in self.objectives]
            point = self.box.normalise(np.array([row]))
            beaten = len(self.front) and bool((self.front <= point).all(axis=1).any())
            added.append(0.0 if beaten else dominated(np.vstack([self.front, point])) - now)
        return float(np.mean(added))

    def _value(self, objective: Objective, likely: float, resources: Mapping[str, float]) -> float:
        """Return an objective of a candidate with a likely score; what noise takes from it is not known
        before, so none.
        """
        if objective.is_metric:
            return likely
        if objective.is_scored:
            return max(0.0, _sign(self.objectives) * (self.float_score - likely))
        return resources[objective.key]


def rung_scores(evaluation: Evaluation, sign: int, short_epochs: int) -> dict[Rung, float]:
    """Return the best signed score that a wholly trained candidate had at each rung."""
    before = [sign * row["metric"] for row in evaluation.history if row["epoch"] == 0]
    short = [sign * row["metric"] for row in evaluation.history if row["epoch"] <= short_epochs]
    rounded = max([sign * evaluation.metrics["ptq"], *before])
    scores: dict[Rung, float] = {"rounded": rounded}
    if short and short_epochs < evaluation.history[-1]["epoch"]:
        scores["short"] = max(rounded, *short)
    return scores


def _sign(objectives: Sequence[Objective]) -> int:
    return SIGNS[next(o for o in objectives if o.is_metric).direction]
