"""The hypervolume that candidates are expected to add, where their costs are known and their score is not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr
from scipy.stats.qmc import Sobol

Array = NDArray[np.float64]

FEW, MANY = 9, 12
"""Logarithms (base 2) of the numbers of points by which a gain is integrated over the costs: at first, and of
the best.
"""
LINE = 10
"""The same of points along a single cost, which lie evenly."""
BEST = 24
"""Candidates whose gain is integrated anew with many points."""


@dataclass(frozen=True, eq=False)
class ExpectedImprovement:
    """Expected gains over a front; losses are on the box's scale, at most 1, the metric's in the first
    column.

    At a point of the cost space, the front has the least loss of metric among its members that cost no more
    anywhere: a height. A candidate gains, at every point that costs no less than it, by how far its loss lies
    below that height.
    """

    front: Array
    """Losses, one row per member; may have none."""
    most_loss: float = np.inf
    """Of the metric, beyond which a candidate breaks a limit: gains are counted from there, not from the
    box's end.

    Else what lies between the limit and the end, which every candidate within the limit gets, would weigh
    more than the differences that a user looks at.
    """

    def expected(self, mean: Array, deviation: Array, costs: Array) -> Array:
        """Return the gain of each candidate with a loss of metric so distributed (normally) and these costs
        (a row each).
        """
        gains = self._expected(mean, deviation, costs, FEW if costs.shape[1] > 1 else LINE)
        if costs.shape[1] > 1 and len(gains) > 1:
            best = np.argsort(-gains)[:BEST]
            finer = self._expected(mean[best], deviation[best], costs[best], MANY)
            rest = np.setdiff1d(np.arange(len(gains)), best)
            gains[best] = finer
            # none of the others may pass the best for the chance of few points
            gains[rest] = np.minimum(gains[rest], finer.min())
        return gains

    def sequence(
        self, first: int, mean: Array, deviation: Array, costs: Array, weight: Array, count: int
    ) -> list[int]:
        """Return `first` and others, at most `count` in all, each of which is expected to gain most after
        those before it.

        Those are thought to have got the loss that is expected of them. `weight` multiplies gains.
        """
        chosen = [first]
        points, volume = self._points(costs, MANY if costs.shape[1] > 1 else LINE)
        heights = self._heights(points)
        reached = np.asarray((costs[:, None, :] <= points[None]).all(axis=2), np.bool_)
        while len(chosen) < min(count, len(mean)):
            latest = chosen[-1]
            heights = np.where(reached[latest], np.minimum(heights, mean[latest]), heights)
            gains = self._gains(heights, reached, mean, deviation) * volume * weight
            gains[chosen] = -1.0
            chosen.append(int(np.argmax(gains)))
        return chosen

    def _expected(self, mean: Array, deviation: Array, costs: Array, power: int) -> Array:
        points, volume = self._points(costs, power)
        reached = np.asarray((costs[:, None, :] <= points[None]).all(axis=2), np.bool_)
        return self._gains(self._heights(points), reached, mean, deviation) * volume

    def _points(self, costs: Array, power: int) -> tuple[Array, float]:
        """Return points of the cost space that costs and front reach into, and the volume that they fill."""
        low = np.minimum(costs.min(axis=0), self.front[:, 1:].min(axis=0, initial=1.0))
        low = np.minimum(low, 1.0 - 1e-9)
        return low + (1.0 - low) * _spread_points(costs.shape[1], power), float(np.prod(1.0 - low))

    def _heights(self, points: Array) -> Array:
        within = (self.front[:, None, 1:] <= points[None]).all(axis=2)
        heights: Array = np.where(within, self.front[:, :1], 1.0).min(axis=0, initial=1.0)
        return heights

    def _gains(self, heights: Array, reached: NDArray[np.bool_], mean: Array, deviation: Array) -> Array:
        """Return the mean gain over all points, of each of which `reached` says which candidates (rows) reach
        it.
        """
        order = np.argsort(heights, kind="stable")
        levels, starts = np.unique(heights[order], return_index=True)
        share = np.add.reduceat(reached[:, order], starts, axis=1) / len(heights)
        return np.asarray((share * self._below(mean, deviation, levels)).sum(axis=1), np.float64)

    def _below(self, mean: Array, deviation: Array, levels: Array) -> Array:
        """Return how far each candidate's loss is expected to be below each level, and below the limit."""
        capped = np.minimum(levels, self.most_loss)
        z = (capped[None] - mean[:, None]) / deviation[:, None]
        density = np.exp(-0.5 * z * z) / np.sqrt(2 * np.pi)
        probability = ndtr(z)
        below: Array = deviation[:, None] * density + (capped[None] - mean[:, None]) * probability
        return np.maximum(below, 0.0)


_points: dict[tuple[int, int], Array] = {}


def _spread_points(dimensions: int, power: int) -> Array:
    """Return 2**power points that fill the unit cube evenly, always the same."""
    key = (dimensions, power)
    if key not in _points:
        if dimensions == 1:
            _points[key] = ((np.arange(2**power) + 0.5) / 2**power)[:, None]
        else:
            _points[key] = np.asarray(Sobol(dimensions, seed=1).random_base2(power), np.float64)
    return _points[key]
