"""The inputs with the seeded noise that a study asks for: the same for all of its candidates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from ..config.noise import NoiseConfig

Inputs = tuple[NDArray[np.float32], ...]


def disturbed(
    inputs: Sequence[NDArray[Any]], training: Sequence[NDArray[Any]], noise: NoiseConfig, seed: int
) -> list[Inputs]:
    """Return a copy of the inputs for each draw, with noise of mean 0 added.

    Args:
        inputs: what is disturbed, one array an input of the model, samples first.
        training: the training samples, whose standard deviations `size` may be a share of.
        noise: size, unit, distribution and draws.
        seed: of the study.
    """
    rng = np.random.default_rng([seed, 0x6E6F])  # a stream of its own beside the study's other draws
    scales = [noise.size * _deviation(one, noise.relative_to) for one in training]

    def draw(shape: tuple[int, ...]) -> NDArray[np.float64]:
        if noise.distribution == "normal":
            return rng.standard_normal(shape)
        return rng.uniform(-math.sqrt(3), math.sqrt(3), shape)  # of standard deviation 1

    return [
        tuple(
            (one + scale * draw(one.shape)).astype(np.float32)
            for one, scale in zip(inputs, scales, strict=True)
        )
        for _ in range(noise.draws)
    ]


def _deviation(training: NDArray[Any], relative_to: str) -> NDArray[np.float64]:
    if relative_to == "one":
        return np.ones((), np.float64)
    axis = 0 if relative_to == "feature" else None
    return np.asarray(training.std(axis=axis, dtype=np.float64))
