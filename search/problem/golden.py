"""The inputs on which a bundle's firmware is compared with its model: a study's samples, and, where these are
too few, further ones within what the model is fed with.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .data import MIN_SAMPLES, Dataset, Inputs

GOLDEN_SAMPLES = 256
"""Samples kept for bundles, with their labels."""


def golden_arrays(data: Dataset) -> dict[str, Any]:
    """Return the golden inputs `x0`, `x1`, ... and the labels `y0`, ... of those that are samples.

    Validation samples come first, then test, then training ones: they compare firmware with model and score
    nothing, so other splits may fill up a small one. Where all splits hold fewer than `MIN_SAMPLES`,
    perturbed inputs follow, which have no labels: to agree in every bit needs none. The labels are as many as
    the samples.
    """
    x: Inputs = tuple(_first(parts) for parts in zip(data.x_val, data.x_test, data.x_train, strict=True))
    y = [_first(parts) for parts in zip(data.y_val, data.y_test, data.y_train, strict=True)]
    if len(x[0]) < MIN_SAMPLES:
        x = tuple(np.concatenate([one, more]) for one, more in zip(x, perturbed(x), strict=True))
    return {f"x{i}": one for i, one in enumerate(x)} | {f"y{i}": one for i, one in enumerate(y)}


def perturbed(x: Inputs, seed: int = 0) -> Inputs:
    """Return as many inputs as `x` lacks of `GOLDEN_SAMPLES`, within the ranges that its samples span.

    Each mixes two samples: every one of its positions along the first axis (features, time steps, rows) has
    what one of the two has there, steps of a mask and categories of an embedding included. So each value is
    one that the model is fed with at that place: signs, ranges and integers stay as they are.
    """
    rng = np.random.default_rng(seed)
    count, wanted = len(x[0]), GOLDEN_SAMPLES - len(x[0])
    first, second = rng.integers(count, size=(2, wanted))
    found = []
    for one in x:
        positions = one.shape[1:2]
        taken = rng.integers(2, size=(wanted, *positions)).astype(bool)
        taken = taken.reshape(taken.shape + (1,) * (one.ndim - taken.ndim))
        found.append(np.where(taken, one[first], one[second]))
    return tuple(found)


def _first(parts: tuple[NDArray[Any], ...]) -> NDArray[Any]:
    found: NDArray[Any] = np.concatenate([one[:GOLDEN_SAMPLES] for one in parts])[:GOLDEN_SAMPLES]
    return found
