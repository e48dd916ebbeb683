"""The data of this study: simulated jets of top quarks and of lighter ones, as 16 features of their
substructure.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

# simulated jets, made by bitfront.experiments.jets.generate, and what is computed of them; put your own here
from bitfront.experiments.jets import SUBSTRUCTURE, read_sample, substructure

HEAVY_TAILED = (
    "c1_b1",
    "c1_b2",
    "c2_b1",
    "c2_b2",
    "d2_b1",
    "d2_b2",
    "m2_b1",
    "m2_b2",
    "n2_b1",
    "n2_b2",
    "mass",
)
"""Features that enter as logarithms."""

CLIP = 4.0
"""Standardised features stop at this many standard deviations, so that three integer bits hold them all."""


def load(path: str | Path | None = None, seed: int = 0) -> dict[str, NDArray[Any]]:
    """Return x_train, y_train, x_val, y_val, x_test and y_test; only the report reads the test part.

    Jets of shape (jets, 16), in the order of `SUBSTRUCTURE`; labels 1 for top and 0 for QCD.

    Args:
        path: a file of the generator; by default the 12,000 jets that ship with bitfront.
        seed: of the split.

    Raises:
        UserError: the file is missing or is not a sample of the generator.
    """
    jets = read_sample(path)
    x = substructure(jets.X, jets.jet)
    tails = [SUBSTRUCTURE.index(name) for name in HEAVY_TAILED]
    # a jet with fewer than three constituents has no three-point correlation: keep its logarithm finite
    x[:, tails] = np.log(np.maximum(x[:, tails], 1e-8))
    data: dict[str, NDArray[Any]] = {}
    for part, rows in zip(("train", "val", "test"), split(jets.y, seed=seed), strict=True):
        data[f"x_{part}"], data[f"y_{part}"] = x[rows].astype(np.float32), jets.y[rows].astype(np.int32)
    return standardise(data)


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


def standardise(data: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Return features with zero mean and unit deviation over the training part, clipped at `CLIP`."""
    rows = data["x_train"]
    # sums in float64: float32 means would depend on the order of the rows
    mean, deviation = rows.mean(0, dtype=np.float64), rows.std(0, dtype=np.float64)
    deviation[deviation == 0] = 1.0
    scaled = {
        key: np.clip((data[key] - mean) / deviation, -CLIP, CLIP) for key in ("x_train", "x_val", "x_test")
    }
    return data | {key: x.astype(np.float32) for key, x in scaled.items()}
