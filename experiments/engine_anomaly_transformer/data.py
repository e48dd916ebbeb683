"""The data of this study: engine noise with and without a fault, UCR's FordA or synthetic recordings."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

# the synthetic recordings, where no FordA is brought
from bitfront.experiments import RECORDINGS, SAMPLES, synthetic_engines
from bitfront.spaces import UserError

STEPS = 20
"""Patches that a recording is cut into."""
CLIP = 4.0
"""Recordings stop at this many of their standard deviations, so that three integer bits hold them."""


def load(folder: str | Path | None = None) -> dict[str, NDArray[Any]]:
    """Return x_train, y_train, x_val, y_val, x_test and y_test; only the report reads the test part.

    Recordings as sequences of shape (n, 20, 25), zero mean and unit deviation each; 1 where the engine is
    faulty.

    Args:
        folder: with `FordA_TRAIN` and `FordA_TEST`, `.tsv` or `.txt` as the UCR archive has them; the latter
            tests. By default what `BITFRONT_FORDA` names. Without either, the recordings of
            `synthetic_engines`.

    Raises:
        UserError: the folder lacks a file, or a file holds something else.
    """
    source = folder or os.environ.get("BITFRONT_FORDA")
    if not source:
        x, y = synthetic_engines(RECORDINGS)
        parts = {
            part: (x[rows], y[rows]) for part, rows in zip(("train", "val", "test"), split(y), strict=True)
        }
    else:
        x, y = _ucr(Path(source), "FordA_TRAIN")
        train, *held = split(y, (0.8, 0.1, 0.1))
        # FordA comes with its own test recordings, so the split's third part validates as well
        val = np.concatenate(held)
        parts = {
            "train": (x[train], y[train]),
            "val": (x[val], y[val]),
            "test": _ucr(Path(source), "FordA_TEST"),
        }
    data: dict[str, NDArray[Any]] = {}
    for part, (x, y) in parts.items():
        data[f"x_{part}"] = np.clip(x, -CLIP, CLIP).reshape(len(x), STEPS, -1).astype(np.float32)
        data[f"y_{part}"] = y.astype(np.int32)
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


def _ucr(folder: Path, name: str) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    file = next(
        (folder / f"{name}{end}" for end in (".tsv", ".txt") if (folder / f"{name}{end}").is_file()), None
    )
    if file is None:
        raise UserError(
            f"{folder} has neither {name}.tsv nor {name}.txt: fetch FordA from the UCR time series archive, "
            "or unset BITFRONT_FORDA for the synthetic recordings."
        )
    try:
        rows = np.loadtxt(file, ndmin=2)
    except (OSError, ValueError) as error:
        raise UserError(f"{file} can't be read as FordA ({error}): fetch it again.") from None
    if rows.shape[1] != SAMPLES + 1 or not np.isin(rows[:, 0], (-1, 1)).all():
        raise UserError(f"{file} is not FordA: each line must have a label of -1 or 1 and {SAMPLES} values.")
    return rows[:, 1:], (rows[:, 0] > 0).astype(np.int64)
