"""Gaussian processes as the search needs them: lengths fitted at intervals by scikit-learn, conditioned on
every trial here, since its checks of each call take longer than the algebra of some hundred rows.
"""

from __future__ import annotations

import warnings
from copy import copy
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve, solve_triangular
from scipy.spatial.distance import cdist

Array = NDArray[np.float64]

LENGTHS = (0.05, 20.0)
"""Of the kernel, in units of a dimension's range: bounds."""
NOISES = (1e-6, 1.0)
"""Variance of the noise over that of what is learnt: bounds."""
_LEAST_SPREAD = 1e-9
_JITTER = 1e-10
"""Of the diagonal, which keeps its decomposition sound: scikit-learn's."""


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
        self.different = len(np.unique(y)) / len(y)
        self._middle, self._spread = float(y.mean()), max(float(y.std()), _LEAST_SPREAD)
        self._amplitude, self._noise = float(np.exp(theta[0])), float(np.exp(theta[-1]))
        self._lengths = np.exp(theta[1:-1])
        self._condition(x / self._lengths, _standard(y))

    def _condition(self, scaled: Array, standard: Array) -> None:
        """Take these rows, in units of the lengths, with these values as known."""
        kernel = self._kernel_of(scaled, scaled)
        kernel[np.diag_indices_from(kernel)] += self._noise + _JITTER
        self._known, self._values = scaled, standard
        self._lower = np.linalg.cholesky(kernel)
        self._weights = cho_solve((self._lower, True), standard, check_finite=False)

    def _kernel_of(self, one: Array, other: Array) -> Array:
        far = np.sqrt(5.0) * cdist(one, other)
        kernel: Array = self._amplitude * (1.0 + far + far * far / 3.0) * np.exp(-far)
        return kernel

    def mean(self, x: Array) -> Array:
        """Return the expected value of each row."""
        mean: Array = self._kernel_of(x / self._lengths, self._known) @ self._weights
        return mean * self._spread + self._middle

    def upper(self, x: Array) -> Array:
        """Return the expected value of each row and one standard deviation, with the noise."""
        mean, variance = self._predicted(x)
        upper: Array = (mean + np.sqrt(variance + self._noise)) * self._spread + self._middle
        return upper

    def believing(self, x: Array) -> Process:
        """Return the process as it would be if these rows turned out as expected: surer near them, no other
        mean.

        Ginsbourger, Le Riche and Carraro, "Kriging is well-suited to parallelize optimization", 2010.
        """
        found, scaled = copy(self), x / self._lengths
        expected = self._kernel_of(scaled, self._known) @ self._weights
        found._condition(np.vstack([self._known, scaled]), np.concatenate([self._values, expected]))
        return found

    def predict(self, x: Array) -> tuple[Array, Array]:
        """Return the expected value of each row, and the standard deviation of it without the noise."""
        mean, variance = self._predicted(x)
        return mean * self._spread + self._middle, np.sqrt(np.maximum(variance, 1e-10)) * self._spread

    def _predicted(self, x: Array) -> tuple[Array, Array]:
        """Return the mean and the variance without the noise of each row, on the standard scale."""
        kernel = self._kernel_of(x / self._lengths, self._known)
        explained = solve_triangular(self._lower, kernel.T, lower=True, check_finite=False)
        variance = self._amplitude - np.einsum("ij,ij->j", explained, explained)
        return kernel @ self._weights, np.maximum(variance, 0.0)


def _standard(y: Array) -> Array:
    standard: Array = (y - y.mean()) / max(float(y.std()), _LEAST_SPREAD)
    return standard


def _kernel(columns: int) -> Any:
    from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

    smooth = ConstantKernel(1.0, (1e-2, 1e2)) * Matern(np.ones(columns), LENGTHS, nu=2.5)
    return smooth + WhiteKernel(1e-2, NOISES)
