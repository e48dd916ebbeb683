"""The data of this study: MNIST, which a user brings as an `.npz` or the four IDX files."""

from __future__ import annotations

import gzip
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitfront.experiments import brought
from bitfront.spaces import UserError

_FILES = {
    "x_train": "train-images-idx3-ubyte",
    "y_train": "train-labels-idx1-ubyte",
    "x_test": "t10k-images-idx3-ubyte",
    "y_test": "t10k-labels-idx1-ubyte",
}
SHARE = 1 / 12
"""Of the training images, those that validate: 5,000 of 60,000."""


def default_path() -> Path:
    """Return what `BITFRONT_MNIST` names, else the shared data's file."""
    return brought("BITFRONT_MNIST", "mnist.npz")


def load(path: str | Path | None = None, limit: int | None = None) -> dict[str, NDArray[Any]]:
    """Return x_train, y_train, x_val, y_val, x_test and y_test; only the report reads the test part.

    Images of shape (n, 784) in [0, 1), multiples of 1/256, which `ufixed<8, 0>` holds exactly; labels 0 to 9.
    The test images are the authors' own 10,000, as in every published result; a twelfth of the training
    images validates.

    Args:
        path: a folder with the four IDX files (`.gz` or not), or an `.npz` with x_train, y_train, x_test and
            y_test, as Keras has it. By default see `default_path`.
        limit: images of each part at most.

    Raises:
        UserError: the data are missing or hold something else.
    """
    source = Path(path) if path is not None else default_path()
    if not source.exists():
        raise UserError(
            "There is no MNIST: fetch its four -ubyte.gz files (or Keras's mnist.npz) and set BITFRONT_MNIST "
            "to their folder or the file."
        )
    try:
        stored = _folder(source) if source.is_dir() else _npz(source)
        train, x_test = _pixels(stored["x_train"]), _pixels(stored["x_test"])
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(f"{source} can't be read as MNIST ({error}): fetch it again.") from None
    y_train, y_test = stored["y_train"].astype(np.int32), stored["y_test"].astype(np.int32)
    val, held, rest = split(y_train, (SHARE / 2, SHARE / 2, 1 - SHARE))
    rows = {"train": (train, y_train, rest), "val": (train, y_train, np.concatenate([val, held]))}
    rows["test"] = (x_test, y_test, np.arange(len(y_test)))
    data: dict[str, NDArray[Any]] = {}
    for part, (x, y, chosen) in rows.items():
        kept = chosen[:limit]
        data[f"x_{part}"], data[f"y_{part}"] = x[kept], y[kept]
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


def _pixels(images: NDArray[Any]) -> NDArray[np.float32]:
    return (images.reshape(-1, 28 * 28) / np.float32(256)).astype(np.float32)


def _npz(file: Path) -> dict[str, NDArray[Any]]:
    with np.load(file, allow_pickle=False) as stored:
        return {name: stored[name] for name in _FILES}


def _folder(folder: Path) -> dict[str, NDArray[Any]]:
    return {name: _idx(folder, stem) for name, stem in _FILES.items()}


def _idx(folder: Path, stem: str) -> NDArray[Any]:
    """Read an IDX file of bytes: two zeros, the type 8, the number of axes, their lengths big-endian, the
    values.
    """
    plain, packed = folder / stem, folder / f"{stem}.gz"
    raw = plain.read_bytes() if plain.is_file() else gzip.decompress(packed.read_bytes())
    if raw[:3] != b"\0\0\x08":
        raise ValueError(f"{stem} is no IDX file of bytes")
    axes = raw[3]
    shape = np.frombuffer(raw, ">u4", axes, 4)
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * axes).reshape(shape)
