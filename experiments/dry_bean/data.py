"""The data of this study: UCI's Dry Bean, which a user brings as an `.npz` or the archive's `.arff`."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitfront.experiments import brought
from bitfront.spaces import UserError


def default_path() -> Path:
    """Return what `BITFRONT_DRY_BEAN` names, else the shared data's file."""
    return brought("BITFRONT_DRY_BEAN", "dry_bean.npz")


def load(path: str | Path | None = None) -> dict[str, NDArray[Any]]:
    """Return x_train, y_train, x_val, y_val, x_test and y_test; only the report reads the test part.

    The 16 features of a bean's outline, standardised by the training part; labels 0 to 6, in the alphabetical
    order of the varieties. 60/20/20 stratified.

    Args:
        path: an `.npz` with x (beans, 16) and y, or `Dry_Bean_Dataset.arff`. By default see `default_path`.

    Raises:
        UserError: the data are missing or hold something else.
    """
    source = Path(path) if path is not None else default_path()
    if not source.exists():
        raise UserError(
            "There is no Dry Bean: fetch the dataset of UCI's archive and set BITFRONT_DRY_BEAN to its "
            "Dry_Bean_Dataset.arff, or to an .npz with x and y."
        )
    try:
        x, y = _arff(source) if source.suffix == ".arff" else _npz(source)
        if x.ndim != 2 or x.shape[1] != 16 or len(x) != len(y) or len(np.unique(y)) != 7:
            raise ValueError(f"x has shape {x.shape}, y {len(np.unique(y))} classes")
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(f"{source} can't be read as Dry Bean ({error}): fetch it again.") from None
    data: dict[str, NDArray[Any]] = {}
    for part, rows in zip(("train", "val", "test"), split(y), strict=True):
        data[f"x_{part}"], data[f"y_{part}"] = x[rows], y[rows]
    return standardise(data)


def _npz(file: Path) -> tuple[NDArray[Any], NDArray[Any]]:
    with np.load(file, allow_pickle=False) as stored:
        return stored["x"].astype(np.float64), stored["y"].astype(np.int32)


def _arff(file: Path) -> tuple[NDArray[Any], NDArray[Any]]:
    lines = [one.strip() for one in file.read_text(encoding="utf-8").splitlines()]
    start = next(i for i, one in enumerate(lines) if one.lower() == "@data") + 1
    cells = [one.split(",") for one in lines[start:] if one and not one.startswith("%")]
    names = sorted({row[-1] for row in cells})
    x = np.array([[float(cell) for cell in row[:-1]] for row in cells])
    return x, np.array([names.index(row[-1]) for row in cells], np.int32)


def standardise(data: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Return the arrays with each feature of mean 0 and deviation 1 over the training part."""
    mean, deviation = data["x_train"].mean(axis=0), data["x_train"].std(axis=0)
    scaled = {
        f"x_{part}": ((data[f"x_{part}"] - mean) / np.where(deviation > 0, deviation, 1)).astype(np.float32)
        for part in ("train", "val", "test")
    }
    return data | scaled


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
