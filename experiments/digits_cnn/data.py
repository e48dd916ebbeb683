"""The data of this study: scikit-learn's 1,797 handwritten digits."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def load() -> dict[str, NDArray[Any]]:
    """Return x_train, y_train, x_val, y_val, x_test and y_test; only the report reads the test part.

    Images of shape (samples, 8, 8, 1) in [0, 1], labels 0 to 9. Pixels are multiples of 1/16: `ufixed<5, 1>`
    holds them exactly.
    """
    from sklearn.datasets import load_digits

    digits = load_digits()
    x = digits.images[..., None] / 16.0
    data: dict[str, NDArray[Any]] = {}
    for part, rows in zip(("train", "val", "test"), split(digits.target), strict=True):
        data[f"x_{part}"], data[f"y_{part}"] = (
            x[rows].astype(np.float32),
            digits.target[rows].astype(np.int32),
        )
    return data


def split(
    y: NDArray[Any], shares: tuple[float, float, float] = (0.6, 0.2, 0.2), seed: int = 0
) -> list[NDArray[np.int64]]:
    """Return three sets of rows of `y`, shuffled, each with the classes in equal shares; `shares` sum to
    1.
    """
    rng = np.random.default_rng(seed)
    parts: list[list[NDArray[np.int64]]] = [[], [], []]
    for label in np.unique(y):
        members = rng.permutation(np.flatnonzero(y == label))
        ends = np.round(np.cumsum(shares[:2]) * len(members)).astype(int)
        for part, piece in zip(parts, np.split(members, ends), strict=True):
            part.append(piece)
    return [rng.permutation(np.concatenate(pieces)) for pieces in parts]
