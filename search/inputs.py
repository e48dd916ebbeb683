"""A model and arrays of a Python session, written to files that a study can name.

A study that knew them as objects alone could neither be exported nor go on once the session is over.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bitfront.spaces import UserError

if TYPE_CHECKING:
    from .config import StudyConfig

FOLDER = ".inputs"
"""Where they lie in the folder of studies, each under the digest of its bytes: nothing is ever overwritten,
for an earlier study may name it."""
SPLITS = ("train", "val", "test")


def with_inputs_kept(config: StudyConfig, base_dir: Path) -> StudyConfig:
    """Return the study with files, relative to `base_dir`, in place of the objects it holds.

    Raises:
        UserError: when the model or the data can't be read.
    """
    place = Path(config.output) / FOLDER
    files: dict[str, Any] = {}
    if not isinstance(config.model, str | Path):
        files["model"] = os.path.relpath(_keep_model(config, base_dir, place), base_dir)
        files["model_trained"] = config.model_trained if config.model_trained != "auto" else True
    if not isinstance(config.data, str | Path):
        files["data"] = os.path.relpath(_keep_data(config.data, place), base_dir)
    return config.model_copy(update=files)


def _keep_model(config: StudyConfig, base_dir: Path, place: Path) -> Path:
    from .bundle.archive import save_model
    from .problem.load import load_model

    model = load_model(config.model, base_dir, trust=config.trust_model, seed=config.seed)
    place.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place) as folder:
        return _named_by_digest(save_model(model, Path(folder) / "model.keras"), place)


def _keep_data(data: Any, place: Path) -> Path:
    place.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place) as folder:
        file = Path(folder) / "data.npz"
        np.savez(file, **_flat(data))  # type: ignore[arg-type]
        return _named_by_digest(file, place)


def _flat(data: Any) -> dict[str, np.ndarray[Any, Any]]:
    """Return arrays by the names that an `.npz` has for them: `x_train`, or `x_train.track` of several
    inputs.
    """
    if isinstance(data, tuple):
        if len(data) != len(SPLITS) or any(len(pair) != 2 for pair in data):
            raise UserError(
                "data is a tuple, but not of three (x, y) pairs: give those, or a dict of arrays."
            )
        data = {f"{axis}_{split}": part for split, pair in zip(SPLITS, data, strict=True)
                for axis, part in zip("xy", pair, strict=True)}  # fmt: skip
    arrays: dict[str, np.ndarray[Any, Any]] = {}
    for name, value in data.items():
        if isinstance(value, list | tuple) and value and all(np.ndim(one) > 1 for one in value):
            raise UserError(
                f"data: {name} is a {type(value).__name__} of arrays: give a mapping from each input's name."
            )
        if isinstance(value, Mapping):
            arrays |= {f"{name}.{part}": np.asarray(array) for part, array in value.items()}
        elif value is not None:
            arrays[name] = np.asarray(value)
    return arrays


def _named_by_digest(file: Path, place: Path) -> Path:
    digest = hashlib.sha256(file.read_bytes()).hexdigest()[:16]
    target = place / f"{file.stem}-{digest}{file.suffix}"
    if not target.exists():
        shutil.move(file, target)
    return target
