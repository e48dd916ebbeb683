"""The data of this study: the hardest constituents of simulated jets (Zenodo 3602260), which a user
brings.
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitfront.experiments import brought
from bitfront.spaces import UserError

CONSTITUENTS = 16
FEATURES = ("j1_pt", "j1_etarel", "j1_phirel")
"""The three of JEDI-linear's smaller networks: transverse momentum, and the angles to the jet's axis."""
CLASSES = ("j_g", "j_q", "j_w", "j_z", "j_t")
"""Labels follow this order: gluon, light quark, W, Z and top."""
SHARE = 0.1
"""Of the training jets, those that validate."""


def default_path() -> Path:
    """Return what `BITFRONT_JET_CONSTITUENTS` names, else a file of the shared data."""
    return brought("BITFRONT_JET_CONSTITUENTS", "jet_constituents.npz")


def load(path: str | Path | None = None, limit: int | None = None) -> dict[str, NDArray[Any]]:
    """Return x_train, y_train, x_val, y_val, x_test and y_test; only the report reads the test part.

    Jets of shape (n, 16, 3): constituents by falling transverse momentum, each feature standardised over the
    training part's constituents, zeros where a jet has fewer; labels 0 to 4. The record's own validation
    archive is the test split, as in the published results; a tenth of the training archive validates.

    Args:
        path: a folder with the record's unpacked archives, `train/*.h5` and `val/*.h5`, or an `.npz` with
            X_train (n, 16 or more, 3), y_train, X_test and y_test. By default see `default_path`.
        limit: jets of each part at most.

    Raises:
        UserError: the data are missing or hold something else.
    """
    source = Path(path) if path is not None else default_path()
    if not source.exists():
        raise UserError(
            "There are no jet constituents: fetch the archives of Zenodo 3602260, unpack them and set "
            "BITFRONT_JET_CONSTITUENTS to the folder of train and val, or to an .npz with X_train, y_train, "
            "X_test and y_test."
        )
    try:
        stored = _folder(source) if source.is_dir() else _npz(source)
        for part in ("train", "test"):
            shape = stored[f"X_{part}"].shape
            if len(shape) != 3 or shape[1] < CONSTITUENTS or shape[2] != len(FEATURES):
                raise ValueError(f"X_{part} has shape {shape}")
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(f"{source} can't be read as jet constituents ({error}): fetch them again.") from None
    x, y = stored["X_train"][:, :CONSTITUENTS], stored["y_train"].astype(np.int32)
    val, _, train = split(y, (SHARE, 0.0, 1 - SHARE))
    there = x[train][..., 0] > 0
    mean, deviation = x[train][there].mean(axis=0), x[train][there].std(axis=0)
    parts = {"train": (x[train], y[train]), "val": (x[val], y[val])}
    parts["test"] = (stored["X_test"][:, :CONSTITUENTS], stored["y_test"].astype(np.int32))
    data: dict[str, NDArray[Any]] = {}
    for part, (jets, of) in parts.items():
        scaled = np.where(jets[..., :1] > 0, (jets - mean) / deviation, 0)[:limit]
        data[f"x_{part}"], data[f"y_{part}"] = scaled.astype(np.float32), of[:limit]
    return data


def _npz(file: Path) -> dict[str, NDArray[Any]]:
    with np.load(file, allow_pickle=False) as stored:
        return {name: stored[name] for name in ("X_train", "y_train", "X_test", "y_test")}


def _folder(folder: Path) -> dict[str, NDArray[Any]]:
    found: dict[str, NDArray[Any]] = {}
    for part, name in (("train", "train"), ("test", "val")):
        files = sorted((folder / name).glob("*.h5"))
        if not files:
            raise ValueError(f"{folder / name} has no .h5 file")
        pieces = [_hdf5(file) for file in files]
        found[f"X_{part}"] = np.concatenate([x for x, _ in pieces])
        found[f"y_{part}"] = np.concatenate([y for _, y in pieces])
    return found


def _hdf5(file: Path) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Read constituents and classes by the names that the file gives its columns."""
    import h5py

    with h5py.File(file) as stored:
        columns = [one.decode() for one in stored["particleFeatureNames"][()]]
        jets = [one.decode() for one in stored["jetFeatureNames"][()]]
        x = stored["jetConstituentList"][()][..., [columns.index(one) for one in FEATURES]]
        flags = stored["jets"][()][:, [jets.index(one) for one in CLASSES]]
    order = np.argsort(-x[..., 0], axis=1, kind="stable")[:, :CONSTITUENTS]
    kept = np.take_along_axis(x, order[..., None], axis=1)
    return kept.astype(np.float32), flags.argmax(axis=1).astype(np.int32)


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
