"""Engine noise with and without a fault: UCR's FordA where a user brings it, else a synthetic stand-in."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitfront.spaces import UserError

from .datasets import CLIP, Dataset, split_dataset

SAMPLES, STEPS = 500, 20
"""Length of a recording, as FordA's, and patches that it is cut into."""
RECORDINGS = 4_800
"""Synthetic recordings, about as many as FordA has (3,601 and 1,320)."""


def load_engines(folder: str | Path | None = None) -> Dataset:
    """Load recordings as sequences of shape (n, 20, 25), zero mean and unit deviation each; 1 where the engine is faulty.

    Args:
        folder: with `FordA_TRAIN` and `FordA_TEST`, `.tsv` or `.txt` as the UCR archive has them; the latter tests. By
            default what `BITFRONT_FORDA` names. Without either, the synthetic recordings of `synthetic_engines`.

    Raises:
        UserError: the folder lacks a file, or a file holds something else.
    """
    source = folder or os.environ.get("BITFRONT_FORDA")
    if not source:
        x, y = synthetic_engines(RECORDINGS)
        return split_dataset(_patches(x), y)
    x, y = _ucr(Path(source), "FordA_TRAIN")
    data = split_dataset(_patches(x), y, (0.8, 0.1, 0.1))
    parts = {key[2:]: (data[key], data[f"y_{key[2:]}"]) for key in ("x_train", "x_val", "x_test")}
    # FordA comes with its own test recordings, so the split's third part validates as well
    both = [np.concatenate(pair) for pair in zip(parts["val"], parts["test"], strict=True)]
    x_test, y_test = _ucr(Path(source), "FordA_TEST")
    return data | {
        "x_val": both[0],
        "y_val": both[1],
        "x_test": _patches(x_test),
        "y_test": y_test.astype(np.int32),
    }


def synthetic_engines(recordings: int, seed: int = 0) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Make recordings (n, 500) of an engine, and labels, half of them 1.

    Synthetic, and no FordA: six harmonics of a rotation of 6 to 12 turns a recording, amplitudes falling with random
    phases, in pink noise. A faulty engine has a short knock at the same place of every second turn: a decaying
    oscillation, at first 0.6 to 1.2 deviations of the rest.
    """
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(recordings) % 2)
    time = np.arange(SAMPLES) / SAMPLES
    turns = rng.uniform(6, 12, (recordings, 1)) * (
        1 + 0.02 * np.cumsum(rng.normal(size=(recordings, SAMPLES)), 1) / SAMPLES
    )
    phase = 2 * np.pi * (turns * time + rng.uniform(size=(recordings, 1)))
    x = np.zeros((recordings, SAMPLES))
    for order in range(1, 7):
        amplitude = rng.uniform(0.3, 1, (recordings, 1)) / order
        x += amplitude * np.sin(order * phase + rng.uniform(0, 2 * np.pi, (recordings, 1)))
    spectrum = np.fft.rfft(rng.normal(size=x.shape))
    x += 0.5 * np.fft.irfft(spectrum / np.sqrt(1 + np.arange(spectrum.shape[1]) / 4), SAMPLES)
    since = np.mod(phase / (4 * np.pi), 1) * SAMPLES / (turns / 2)  # samples since the last knock
    knock = np.exp(-since / 12) * np.sin(2 * np.pi * since / 7)
    x += labels[:, None] * rng.uniform(0.6, 1.2, (recordings, 1)) * x.std(1, keepdims=True) * knock
    return (x - x.mean(1, keepdims=True)) / x.std(1, keepdims=True), labels


def _patches(x: NDArray[Any]) -> NDArray[np.float32]:
    return np.clip(x, -CLIP, CLIP).reshape(len(x), STEPS, -1).astype(np.float32)


def _ucr(folder: Path, name: str) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    file = next(
        (folder / f"{name}{end}" for end in (".tsv", ".txt") if (folder / f"{name}{end}").is_file()), None
    )
    if file is None:
        raise UserError(
            f"{folder} has neither {name}.tsv nor {name}.txt: fetch FordA from the UCR time series archive, or unset "
            "BITFRONT_FORDA for the synthetic recordings."
        )
    try:
        rows = np.loadtxt(file, ndmin=2)
    except (OSError, ValueError) as error:
        raise UserError(f"{file} can't be read as FordA ({error}): fetch it again.") from None
    if rows.shape[1] != SAMPLES + 1 or not np.isin(rows[:, 0], (-1, 1)).all():
        raise UserError(f"{file} is not FordA: each line must have a label of -1 or 1 and {SAMPLES} values.")
    return rows[:, 1:], (rows[:, 0] > 0).astype(np.int64)
