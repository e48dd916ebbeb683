"""The data of this study: simulated jets of bottom, charm and light quarks, as sequences of tracks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

# simulated jets, made by bitfront.experiments.jets.flavour; read your own here
from bitfront.experiments.jets import read_flavours

CLIP = 4.0
"""Standardised features stop at this many standard deviations, so that three integer bits hold them all."""


def load(path: str | Path | None = None, seed: int = 0) -> dict[str, NDArray[Any]]:
    """Return x_train, y_train, x_val, y_val, x_test and y_test; only the report reads the test part.

    Jets of light quarks or gluons (0), charm (1) and bottom (2) as tracks, shape (jets, 15, 6), the most
    displaced first.

    Args:
        path: a file of the generator; by default the 18,000 jets that ship with bitfront.
        seed: of the split.

    Raises:
        UserError: the file is missing or is not a sample of the generator.
    """
    x, y = read_flavours(path)
    # impact parameters (mm) and their significances span decades: sign(v) ln(1 + |v| / unit)
    for column, unit in enumerate((0.05, 1.0, 0.05, 1.0)):
        x[..., column] = np.sign(x[..., column]) * np.log1p(np.abs(x[..., column]) / unit)
    data: dict[str, NDArray[Any]] = {}
    for part, rows in zip(("train", "val", "test"), split(y, seed=seed), strict=True):
        data[f"x_{part}"], data[f"y_{part}"] = x[rows].astype(np.float32), y[rows].astype(np.int32)
    # the distance to the axis is positive for every track and zero only where padding is
    present = {key: data[key][..., 5] > 0 for key in ("x_train", "x_val", "x_test")}
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
