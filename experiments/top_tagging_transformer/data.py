"""The data of this study: simulated jets of top quarks and of lighter ones, as sequences of constituents."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

# simulated jets, made by bitfront.experiments.jets.generate; read your own here
from bitfront.experiments.jets import read_sample

CLIP = 4.0
"""Standardised features stop at this many standard deviations, so that three integer bits hold them all."""


def load(path: str | Path | None = None, seed: int = 0) -> dict[str, NDArray[Any]]:
    """Return x_train, y_train, x_val, y_val, x_test and y_test; only the report reads the test part.

    Top against QCD jets as sequences of shape (jets, 20, 6), hardest constituent first; labels 1 and 0.

    Args:
        path: a file of the generator; by default the 12,000 jets that ship with bitfront.
        seed: of the split.

    Raises:
        UserError: the file is missing or is not a sample of the generator.
    """
    jets = read_sample(path)
    data: dict[str, NDArray[Any]] = {}
    for part, rows in zip(("train", "val", "test"), split(jets.y, seed=seed), strict=True):
        data[f"x_{part}"], data[f"y_{part}"] = jets.X[rows].astype(np.float32), jets.y[rows].astype(np.int32)
    # ln(pT / jet pT) is negative for every constituent and zero only where padding is
    present = {key: data[key][..., 1] < 0 for key in ("x_train", "x_val", "x_test")}
    return standardise(data, present)


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


def standardise(
    data: dict[str, NDArray[Any]], present: dict[str, NDArray[np.bool_]]
) -> dict[str, NDArray[Any]]:
    """Return features with zero mean and unit deviation over the training part, clipped at `CLIP`; absent
    steps are zero.

    `present` has, for each input, which of its steps are there, of shape (samples, steps).
    """
    rows = data["x_train"][present["x_train"]]
    # sums in float64: float32 means would depend on the order of the rows
    mean, deviation = rows.mean(0, dtype=np.float64), rows.std(0, dtype=np.float64)
    deviation[deviation == 0] = 1.0
    scaled = {
        key: np.clip((data[key] - mean) / deviation, -CLIP, CLIP) * there[..., None]
        for key, there in present.items()
    }
    return data | {key: x.astype(np.float32) for key, x in scaled.items()}
