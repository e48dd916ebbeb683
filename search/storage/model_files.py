"""The files of a study that its model and its data give: the trained float model, and golden inputs."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..problem.data import MIN_SAMPLES
from ..problem.golden import golden_arrays
from ..trials.files import save_atomic
from ..trials.stored import DamagedFile, read_arrays, require_sound_keras

if TYPE_CHECKING:
    from ..problem.load import Problem

_log = logging.getLogger(__name__)
KERAS, WEIGHTS, GOLDEN = "float.keras", "float_weights.npz", "golden.npz"
RESTORE = "restore it, or add --fresh to begin anew (the old study is kept)"


def keep_float_model(folder: Path, problem: Problem) -> None:
    """Give the study's model the weights that it was trained to; train it where it wasn't yet.

    Weights and model are kept in two files. One that is damaged is made again from the other, which is said.

    Raises:
        UserError: when neither can be read.
    """
    from ..problem.float_model import float_epochs, train_float

    weights, keras_file = folder / WEIGHTS, folder / KERAS
    if not weights.exists():
        if problem.needs_training:
            _log.info(f"Training the float model (at most {float_epochs(problem.config)} epochs)")
            train_float(problem)
        save_atomic(keras_file, problem.model.save)
        _save_weights(weights, problem)
        return
    try:
        arrays = read_arrays(weights, RESTORE)
        values = [arrays[f"w{i}"] for i in range(len(arrays))]
        problem.model.set_weights(values)
    except (DamagedFile, KeyError, ValueError) as error:
        damaged = error if isinstance(error, DamagedFile) else DamagedFile(weights, error, RESTORE)
        _take_from_keras(keras_file, problem, damaged)
        _save_weights(weights, problem)
        _log.warning(f"{weights} was damaged, and is made again from {KERAS}.")
        return
    if not _is_sound(keras_file):
        save_atomic(keras_file, problem.model.save)
        _log.warning(f"{keras_file} was missing or damaged, and is made again from {WEIGHTS}.")


def keep_golden(folder: Path, problem: Problem) -> None:
    """Keep the golden inputs of bundles.

    They are made again from the data where they are damaged, which is said, and where an earlier version kept
    too few.
    """
    path, damaged = folder / GOLDEN, False
    try:
        kept = read_arrays(path, RESTORE).get("x0")
        if kept is not None and len(kept) >= MIN_SAMPLES:
            return
        damaged = kept is None
    except FileNotFoundError:
        pass
    except DamagedFile:
        damaged = True
    save_atomic(path, lambda target: np.savez_compressed(target, **golden_arrays(problem.data)))
    if damaged:
        _log.warning(f"{path} was damaged, and is made again from the data.")


def _take_from_keras(path: Path, problem: Problem, damaged: DamagedFile) -> None:
    from ..problem.load import load_model
    from ..problem.own_layers import with_own_layers

    try:
        require_sound_keras(path, RESTORE)
        saved = with_own_layers(
            lambda: load_model(path.name, path.parent, trust=problem.config.trust_model),
            problem.config.model,
            [problem.base_dir],
        )
        problem.model.set_weights(saved.get_weights())
    except (OSError, DamagedFile, ValueError):
        raise damaged from None


def _save_weights(path: Path, problem: Problem) -> None:
    weights: dict[str, Any] = {f"w{i}": w for i, w in enumerate(problem.model.get_weights())}
    save_atomic(path, lambda target: np.savez(target, **weights))


def _is_sound(path: Path) -> bool:
    try:
        require_sound_keras(path, RESTORE)
    except (FileNotFoundError, DamagedFile):
        return False
    return True
