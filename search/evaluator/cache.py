"""Trained weights kept by what they were trained from, so that no study trains the same candidate twice.

An entry is one file, named by the SHA-256 of everything that shapes a training: model, float weights, data,
every type of the candidate, the recipe, and the versions of what computes. It begins with the checksum of the
rest.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bitfront.spaces import Graph, Weights

from ..config.settings import shaping
from ..trials.weight_arrays import as_arrays, from_arrays
from .plan import Plan

if TYPE_CHECKING:
    from ..problem.load import Problem

History = Sequence[Mapping[str, float]]

_RECIPE = 2
"""Of training; grows with a change of what the same settings give: 2 keeps the last epoch of a sparse
training.
"""
_PACKAGES = ("bitfront", "tensorflow", "keras", "numpy")
_CHECKSUM = 32
"""Bytes of a SHA-256."""
_KEPT = 0.8
"""Share of the limit that is kept when the cache has grown beyond it."""


@dataclass
class TrainingCache:
    """A folder of entries that any number of processes may use at once.

    An entry that was damaged is not found, and deleted. A disk that is full or can't be written is no error:
    the entry is not kept.
    """

    folder: Path
    limit: int
    """Most bytes; the entries that were not used for longest go first."""

    def get(self, key: str) -> tuple[Weights, list[Mapping[str, float]]] | None:
        """Return the weights and the history of an entry, or None."""
        path = self._path(key)
        try:
            raw = path.read_bytes()
        except OSError:
            return None
        if hashlib.sha256(raw[_CHECKSUM:]).digest() != raw[:_CHECKSUM]:
            path.unlink(missing_ok=True)
            return None
        with contextlib.suppress(OSError):
            os.utime(path)
        with np.load(io.BytesIO(raw[_CHECKSUM:]), allow_pickle=False) as arrays:
            history = json.loads(arrays["history"].tobytes())
            return from_arrays(arrays), history

    def put(self, key: str, weights: Weights, history: History) -> None:
        """Keep an entry, whole or not at all."""
        arrays = as_arrays(weights)
        arrays["history"] = np.frombuffer(json.dumps(list(history)).encode(), np.uint8)
        text = io.BytesIO()
        np.savez(text, **arrays)
        path = self._path(key)
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=path.parent, prefix=".")
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(hashlib.sha256(text.getvalue()).digest())
                    file.write(text.getvalue())
                Path(name).replace(path)
            except BaseException:
                Path(name).unlink(missing_ok=True)
                raise
            self._bound()

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / key

    def _bound(self) -> None:
        """Delete the oldest entries when all are more than the limit; others may be at it too."""
        entries: list[tuple[float, int, Path]] = []
        for path in self.folder.glob("??/*"):
            with contextlib.suppress(FileNotFoundError):
                status = path.stat()
                entries.append((status.st_mtime, status.st_size, path))
        total = sum(size for _, size, _ in entries)
        if total <= self.limit:
            return
        for _, size, path in sorted(entries):
            if total <= _KEPT * self.limit:
                return
            path.unlink(missing_ok=True)
            total -= size


def content_digest(problem: Problem, graph: Graph, plan: Plan | None = None) -> str:
    """Identify all that shapes a study's trainings but the candidate: 64 hex digits.

    Without a plan, epochs and learning rate are those of the study file (`Plan.of`).

    A metric of the user's own, which chooses the epoch, counts with its file.
    """
    config = problem.config
    state = hashlib.sha256()
    plain = shaping(config.to_dict())
    facts = {key: plain[key] for key in ("task", "metric", "training", "seed")}
    plan = plan or Plan.of(config)
    facts["training"] |= {"epochs": plan.epochs, "learning_rate": plan.learning_rate}
    facts |= {"table_size": config.space.table_size, "data": problem.data.digest}
    facts |= {"recipe": _RECIPE, "frozen": sorted(graph.frozen), "keeps_zeros": problem.keeps_zeros}
    facts["versions"] = {name: version(name) for name in _PACKAGES}
    source, colon, _ = config.metric.name.rpartition(":")
    if colon:
        facts["metric_file"] = hashlib.sha256((problem.base_dir / source).read_bytes()).hexdigest()
    state.update(json.dumps(facts, sort_keys=True, default=str).encode())
    for node in graph:
        rows = {key: _plain(value) for key, value in sorted(node.attrs.items())}
        state.update(repr((node.name, node.op, node.inputs, node.shape, rows)).encode())
        for role, array in sorted(graph.weights.get(node.name, {}).items()):
            state.update(f"{role} {array.dtype} {array.shape}".encode())
            state.update(np.ascontiguousarray(array).data)
    return state.hexdigest()


def entry_key(content: str, candidate: str, precision: Mapping[str, str], start: str = "") -> str:
    """Return the key of a candidate's training; the candidate's digest seeds the order of its samples.

    `start` identifies the weights that it began with, empty for the float model's.
    """
    facts = [content, candidate, dict(precision), *([start] if start else [])]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def _plain(value: Any) -> Any:
    """Return an attribute so that its `repr` shows all of it."""
    return value.tolist() if hasattr(value, "tolist") else value
