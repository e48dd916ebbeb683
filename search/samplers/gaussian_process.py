"""Gaussian processes of scikit-learn as the search needs them: lengths fitted at intervals, conditioned on
every trial.
"""

from __future__ import annotations

import warnings
from copy import copy
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

LENGTHS = (0.05, 20.0)
"""Of the kernel, in units of a dimension's range: bounds."""
NOISES = (1e-6, 1.0)
"""Variance of the noise over that of what is learnt: bounds."""
_LEAST_SPREAD = 1e-9


def fitted_lengths(x: Array, y: Array) -> Array:
    """Return the logarithms of amplitude, lengths and noise that are likeliest for rows of `x` with values
    `y`.
    """
    from sklearn.gaussian_process import GaussianProcessRegressor

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a length at its bound says that the dimension doesn't matter
        process = GaussianProcessRegressor(_kernel(x.shape[1])).fit(x, _standard(y))
    return np.asarray(process.kernel_.theta, np.float64)


class Process:
    """A Gaussian process (Matern 5/2, one length per dimension) conditioned on rows `x` with values `y`.

    Args:
        x: one row per candidate, one column per dimension.
        y: one value per row.
        theta: what `fitted_lengths` gave, for these or fewer rows.

    Attributes:
        different: different values over rows.
    """

    def __init__(self, x: Array, y: Array, theta: Array) -> None:
        from sklearn.gaussian_process import GaussianProcessRegressor

        self.different = len(np.unique(y)) / len(y)
        self._middle, self._spread = float(y.mean()), max(float(y.std()), _LEAST_SPREAD)
        self._noise = float(np.exp(theta[-1]))
        kernel = _kernel(x.shape[1]).clone_with_theta(theta)
        self._process = GaussianProcessRegressor(kernel, optimizer=None).fit(x, _standard(y))

    def mean(self, x: Array) -> Array:
        """Return the expected value of each row."""
        mean: Array = self._process.predict(x) * self._spread + self._middle
        return mean

    def upper(self, x: Array) -> Array:
        """Return the expected value of each row and one standard deviation, with the noise."""
        mean, deviation = self._process.predict(x, return_std=True)
        upper: Array = (mean + deviation) * self._spread + self._middle
        return upper

    def believing(self, x: Array) -> Process:
        """Return the process as it would be if these rows turned out as expected: surer near them, no other
        mean.

        Ginsbourger, Le Riche and Carraro, "Kriging is well-suited to parallelize optimization", 2010.
        """
        from sklearn.gaussian_process import GaussianProcessRegressor

        then, found = self._process, copy(self)
        known, values = np.vstack([then.X_train_, x]), np.concatenate([then.y_train_, then.predict(x)])
        found._process = GaussianProcessRegressor(then.kernel_, optimizer=None).fit(known, values)
        return found

    def predict(self, x: Array) -> tuple[Array, Array]:
        """Return the expected value of each row, and the standard deviation of it without the noise."""
        mean, deviation = self._process.predict(x, return_std=True)
        noiseless = np.sqrt(np.maximum(deviation**2 - self._noise, 1e-10))
        return mean * self._spread + self._middle, noiseless * self._spread


def _standard(y: Array) -> Array:
    standard: Array = (y - y.mean()) / max(float(y.std()), _LEAST_SPREAD)
    return standard


def _kernel(columns: int) -> Any:
    from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

    smooth = ConstantKernel(1.0, (1e-2, 1e2)) * Matern(np.ones(columns), LENGTHS, nu=2.5)
    return smooth + WhiteKernel(1e-2, NOISES)
