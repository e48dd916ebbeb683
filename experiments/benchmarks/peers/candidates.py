"""What a peer leaves for the judge, and the clock it keeps; needs NumPy alone, since peers have other
environments.

The clock is that of the process: CPU seconds of all its threads, which on one core are those of the wall
where nothing else runs, and stay what they are where something does.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

RECURRENT = {"LSTM", "GRU"}
"""Layers with a recurrent kernel."""
KERNELS = {"Dense", "Conv2D", *RECURRENT}
"""Layers with a kernel and a bias."""
LOSSES = {"binary": "binary_crossentropy", "multiclass": "sparse_categorical_crossentropy"}


class Candidates:
    """Collects candidates; `stop` is true once the time is spent."""

    def __init__(self, folder: Path, seconds: float) -> None:
        self.folder, self.seconds = folder, seconds
        self._began = time.process_time()
        self._rows: list[dict[str, Any]] = []
        self._arrays: dict[str, Any] = {}

    @property
    def elapsed(self) -> float:
        """CPU seconds since the search began."""
        return time.process_time() - self._began

    @property
    def stop(self) -> bool:
        """Whether the time is spent."""
        return self.elapsed >= self.seconds

    def add(self, trainings: float, arrays: dict[str, Any], *, at: float | None = None, **row: Any) -> None:
        """Keep a candidate; one that came after the time was spent is dropped."""
        at = self.elapsed if at is None else at
        if at <= self.seconds:
            number = len(self._rows)
            self._rows.append({"seconds": at, "trainings": trainings, **row})
            self._arrays |= {f"{number}/{key}": np.asarray(value) for key, value in arrays.items()}

    def write(self) -> None:
        """Write `candidates.json` and `candidates.npz`."""
        self.folder.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(self.folder / "candidates.npz", **self._arrays)
        (self.folder / "candidates.json").write_text(json.dumps(self._rows) + "\n")


def read_task(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a task's facts and arrays."""
    with np.load(folder / "task.npz", allow_pickle=False) as arrays:
        return json.loads((folder / "task.json").read_text()), dict(arrays)


def kernel_layers(facts: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the layers with a kernel."""
    return [layer for layer in facts["layers"] if layer["kind"] in KERNELS]


def weights_of(model: Any, facts: dict[str, Any]) -> dict[str, Any]:
    """Return kernels and biases of a Keras or QKeras model as the judge reads them."""
    found: dict[str, Any] = {}
    # by their order: QKeras's recurrent layers drop the name that they are given
    weighted = [layer for layer in model.layers if layer.get_weights()]
    for layer, built in zip(kernel_layers(facts), weighted, strict=True):
        name = layer["name"]
        kernel, *recurrent, bias = built.get_weights()
        found[f"{name}/weight"] = kernel
        if recurrent:
            found[f"{name}/recurrent_weight"] = recurrent[0]
        if np.ndim(bias) == 2:  # a GRU's, which is reset after the product
            found[f"{name}/bias"], found[f"{name}/recurrent_bias"] = bias
        else:
            found[f"{name}/bias"] = bias
    return found


def command(description: str, search: Callable[[Path, Path, float], None]) -> None:
    """Search as a command line says: task's folder, folder for the candidates, seconds."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("task", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seconds", type=float, required=True)
    options = parser.parse_args()
    search(options.task, options.out, options.seconds)
