"""The data of this study: jet substructure classification, OpenML 42468, which a user brings."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitfront.experiments import brought
from bitfront.spaces import UserError

CLASSES = ("g", "q", "t", "w", "z")
"""Gluon, light quark, top, W and Z: labels follow this order, the alphabet's, as in hls4ml's tutorial."""
SHARE = 0.1
"""Of the jets that are not the test split's, those that validate."""


def default_path() -> Path:
    """Return what `BITFRONT_JSC_OPENML` names, else a file of the shared data."""
    return brought("BITFRONT_JSC_OPENML", "jsc_openml.npz")


def load(path: str | Path | None = None, limit: int | None = None) -> dict[str, NDArray[Any]]:
    """Return x_train, y_train, x_val, y_val, x_test and y_test; only the report reads the test part.

    16 features of a jet, standardised by what is not the test split; labels 0 to 4. The test split is that of
    hls4ml's tutorial, and of most published results: scikit-learn's `train_test_split` of a fifth with the
    seed 42, in the order of OpenML's file. Of the rest, a tenth validates.

    Args:
        path: OpenML's `.arff`, or an `.npz` with X (830000, 16) and y, class names or numbers, in that order.
            By default see `default_path`.
        limit: jets of each part at most.

    Raises:
        UserError: the data are missing or hold something else.
    """
    from sklearn.model_selection import train_test_split

    source = Path(path) if path is not None else default_path()
    if not source.exists():
        raise UserError(
            "There is no OpenML 42468: fetch hls4ml_lhc_jets_hlf from OpenML and set BITFRONT_JSC_OPENML to "
            "its .arff, or to an .npz with X and y in the order of that file."
        )
    try:
        x, y = _arff(source) if source.suffix == ".arff" else _npz(source)
        if x.ndim != 2 or x.shape[1] != 16 or len(x) != len(y):
            raise ValueError(f"X has shape {x.shape}, y {len(y)} entries")
        labels = y.astype(np.int32) if y.dtype.kind in "iuf" else _numbered(y)
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(f"{source} can't be read as OpenML 42468 ({error}): fetch it again.") from None
    rest, x_test, y_rest, y_test = train_test_split(x, labels, test_size=0.2, random_state=42)
    mean, deviation = rest.mean(axis=0), rest.std(axis=0)
    val, _, train = split(y_rest, (SHARE, 0.0, 1 - SHARE))
    parts = {"train": (rest[train], y_rest[train]), "val": (rest[val], y_rest[val]), "test": (x_test, y_test)}
    data: dict[str, NDArray[Any]] = {}
    for part, (jets, of) in parts.items():
        data[f"x_{part}"] = ((jets[:limit] - mean) / np.where(deviation > 0, deviation, 1)).astype(np.float32)
        data[f"y_{part}"] = of[:limit]
    return data


def _numbered(names: NDArray[Any]) -> NDArray[np.int32]:
    return np.array([CLASSES.index(str(one).strip("'\"")) for one in names], np.int32)


def _npz(file: Path) -> tuple[NDArray[Any], NDArray[Any]]:
    with np.load(file, allow_pickle=False) as stored:
        return stored["X"].astype(np.float64), stored["y"]


def _arff(file: Path) -> tuple[NDArray[Any], NDArray[Any]]:
    """Read an ARFF file of numbers with the class last; `@data` stands before the rows."""
    with file.open(encoding="utf-8") as stream:
        for line in stream:
            if line.strip().lower() == "@data":
                break
        cells = [line.strip().split(",") for line in stream if line.strip() and not line.startswith("%")]
    return np.array([row[:-1] for row in cells], np.float64), np.array([row[-1] for row in cells])


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
