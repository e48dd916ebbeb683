"""The data of this study: drawings of Google's Quick, Draw!, as sequences of strokes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

# reads Google's .ndjson, sketch-rnn's .npz, and one file for all classes
from bitfront.experiments import PER_CLASS, read_drawings

POINTS = 100
"""Points kept of a drawing, its first ones; shorter drawings are preceded by zeros."""
SCALE = 64.0
"""Steps of a drawing of 256 by 256 units are divided by this and clipped at four times it."""


def load(
    path: str | Path | None = None, classes: Sequence[str] | None = None, per_class: int = PER_CLASS
) -> dict[str, NDArray[Any]]:
    """Return x_train, y_train, x_val, y_val, x_test and y_test; only the report reads the test part.

    Drawings as sequences of shape (drawings, 100, 3): steps in x and y, and 1 where the pen lifts afterwards.
    Zeros come first, so that a recurrent network's last steps are a drawing's and not padding.

    Args:
        path: a folder with one `CLASS.ndjson` or `CLASS.npz` (sketch-rnn) for each class, or an `.npz` with X
            (drawings, points, 3), y and classes. By default what `BITFRONT_QUICKDRAW` names, else the shared
            data's file.
        classes: their labels follow this order; by default the five of Khoda et al. 2023 where there are all
            of them.
        per_class: drawings that are read of each at most.

    Raises:
        UserError: the data are missing, lack a class or hold something else.
    """
    drawings = read_drawings(path, classes, per_class)
    x = np.stack([sequence(one) for rows in drawings for one in rows])
    y = np.repeat(np.arange(len(drawings)), [len(rows) for rows in drawings])
    data: dict[str, NDArray[Any]] = {}
    for part, rows in zip(("train", "val", "test"), split(y), strict=True):
        data[f"x_{part}"], data[f"y_{part}"] = x[rows].astype(np.float32), y[rows].astype(np.int32)
    return data


def sequence(strokes: NDArray[Any]) -> NDArray[np.float32]:
    """Return steps and pen lifts (n, 3), in units of 256 for a drawing, as (100, 3): scaled, clipped, zeros
    in front.
    """
    kept = strokes[:POINTS].astype(np.float32)
    kept[:, :2] = np.clip(kept[:, :2] / SCALE, -4.0, 4.0)
    return np.concatenate([np.zeros((POINTS - len(kept), 3), np.float32), kept])


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
