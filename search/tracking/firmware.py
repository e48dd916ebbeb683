"""The registered model: a trial that predicts what its firmware outputs, loaded by MLflow without a study.

MLflow imports this module by name (`loader_module`), so that no code and no pickle is stored with the model.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..storage.study_folder import WEIGHTS
from ..trials.evaluation import FILE, Evaluation
from ..trials.files import trial_folder

LOADER = __name__
NEEDED = ("study.yaml", "float.keras")


class FirmwareModel:
    """Predicts with the bit-true model of one trial; see `BitTrue.predict`."""

    def __init__(self, folder: Path) -> None:
        from ..bundle.reload import reload_trial

        (trial,) = (folder / "trials").iterdir()
        found = reload_trial(folder, int(trial.name))
        self._bit_true, self._inputs = found.bit_true, found.graph.inputs

    def predict(self, model_input: Any, params: Mapping[str, Any] | None = None) -> Any:
        """Return the firmware's outputs: an array, or a dict `output_0`, ... where the model has several.

        Args:
            model_input: one array, batch first, or a dict of them by input name.
            params: ignored; MLflow's interface has it.
        """
        arrays = (
            [np.asarray(model_input[name]) for name in self._inputs]
            if isinstance(model_input, Mapping)
            else [np.asarray(model_input)]
        )
        return named(self._bit_true.predict(arrays))


def named(outputs: list[Any]) -> Any:
    """Return one array as it is, several as the dict that a signature can describe."""
    return outputs[0] if len(outputs) == 1 else {f"output_{i}": y for i, y in enumerate(outputs)}


def gather(study_dir: Path, number: int, into: Path) -> None:
    """Copy what a `FirmwareModel` of the trial reads."""
    target = trial_folder(into, number)
    target.mkdir(parents=True)
    for name in NEEDED:
        shutil.copyfile(study_dir / name, into / name)
    evaluation = Evaluation.read(trial_folder(study_dir, number) / FILE)
    for name in (FILE, WEIGHTS) if evaluation.has_weights else (FILE,):
        shutil.copyfile(trial_folder(study_dir, number) / name, target / name)


def _load_pyfunc(data_path: str) -> FirmwareModel:
    """Answer MLflow, which looks for this name."""
    return FirmwareModel(Path(data_path))
