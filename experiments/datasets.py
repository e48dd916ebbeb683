"""The data of the ready studies: one dictionary of train, validation and test arrays each."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitfront.spaces import UserError

Dataset = dict[str, NDArray[Any]]
"""Keys x_train, y_train, x_val, y_val, x_test, y_test: float32 inputs, integer labels, same first axis."""

Fractions = tuple[float, float, float]
"""Shares of the train, validation and test parts; they sum to one."""

CLIP = 4.0
"""Standardised features stop at this many standard deviations, so that three integer bits hold them all."""


def brought(variable: str, shared: str) -> Path:
    """Return where data that a user brings are looked for: what the variable names, else a file of the shared folder.

    The shared folder is `BITFRONT_SHARED`, else `shared` beside the checkout.
    """
    named = os.environ.get(variable)
    if named:
        return Path(named)
    folder = os.environ.get("BITFRONT_SHARED") or Path(__file__).resolve().parents[2] / "shared"
    return Path(folder) / "data" / shared


def stratified_split(
    y: NDArray[Any], fractions: Fractions = (0.6, 0.2, 0.2), seed: int = 0
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Shuffle and split the indices of `y` so that every part holds the classes in equal shares.

    Args:
        y: labels of shape (samples,).
        fractions: shares of the three parts.
        seed: equal seeds give equal splits.

    Returns:
        Indices of the train, validation and test parts; disjoint, together all of them.

    Raises:
        UserError: the fractions are not positive or do not sum to one.
    """
    if min(fractions) <= 0 or abs(sum(fractions) - 1) > 1e-9:
        raise UserError(f"The split {fractions} must be three positive fractions that sum to 1.")
    rng = np.random.default_rng(seed)
    parts: list[list[NDArray[np.int64]]] = [[], [], []]
    for label in np.unique(y):
        members = rng.permutation(np.flatnonzero(y == label))
        ends = np.round(np.cumsum(fractions[:2]) * len(members)).astype(int)
        for part, piece in zip(parts, np.split(members, ends), strict=True):
            part.append(piece)
    train, val, test = (rng.permutation(np.concatenate(pieces)) for pieces in parts)
    return train, val, test


def split_dataset(
    x: NDArray[Any], y: NDArray[Any], fractions: Fractions = (0.6, 0.2, 0.2), seed: int = 0
) -> Dataset:
    """Split (x, y) with `stratified_split` into a `Dataset` of float32 inputs and int32 labels."""
    data: Dataset = {}
    for name, rows in zip(("train", "val", "test"), stratified_split(y, fractions, seed), strict=True):
        data[f"x_{name}"] = x[rows].astype(np.float32)
        data[f"y_{name}"] = y[rows].astype(np.int32)
    return data


def standardise(data: Dataset, present: dict[str, NDArray[np.bool_]] | None = None) -> Dataset:
    """Scale the last axis to zero mean and unit deviation over the training part, and clip at `CLIP`.

    Args:
        data: a `Dataset`; its inputs are replaced in the returned copy.
        present: for sequences, masks of shape (samples, steps) under the keys x_train, x_val, x_test. Absent
            steps take no part in the statistics and are zero afterwards.
    """
    masks = present or {}
    rows = data["x_train"][masks["x_train"]] if masks else data["x_train"]
    # Sums in float64: float32 means would depend on the order of the rows.
    mean, deviation = rows.mean(0, dtype=np.float64), rows.std(0, dtype=np.float64)
    deviation[deviation == 0] = 1.0
    scaled = dict(data)
    for key in ("x_train", "x_val", "x_test"):
        x = np.clip((data[key] - mean) / deviation, -CLIP, CLIP)
        scaled[key] = (x * masks[key][..., None] if masks else x).astype(np.float32)
    return scaled


def load_digits(fractions: Fractions = (0.6, 0.2, 0.2), seed: int = 0) -> Dataset:
    """Load scikit-learn's 1,797 handwritten digits: inputs (samples, 8, 8, 1) in [0, 1], labels 0 to 9.

    The pixels are multiples of 1/16, so `ufixed<5, 1>` holds them exactly.
    """
    from sklearn import datasets

    digits = datasets.load_digits()
    return split_dataset(digits.images[..., None] / 16.0, digits.target, fractions, seed)
