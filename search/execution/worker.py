"""What runs on a worker of a Dask cluster: one Evaluator per study, built when its first candidate comes."""

from __future__ import annotations

import faulthandler
import os
import socket
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, fields
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distributed import WorkerPlugin, get_worker

from bitfront.spaces import UserError, trained_variables

from ..evaluator.cache import TrainingCache
from ..trials.stored import read_bytes
from .devices import bound_tensorflow
from .job import Job, Outcome, evaluate

if TYPE_CHECKING:
    from ..evaluator.evaluator import Evaluator
    from ..problem.load import Problem

GRACE = 60.0
"""Seconds after a candidate's time limit in which the launcher should have ended it; then the worker ends
itself.
"""


@dataclass(frozen=True)
class Parcel:
    """All that a worker needs of a study; it reaches each worker once, with the plugin."""

    key: str
    """Names the study on the cluster, which may serve several."""
    version: str
    """Of bitfront, which must be the worker's."""
    model: bytes
    """The float model with its weights, as a `.keras` file."""
    trained: tuple[bool, ...]
    """Which of its weights Keras trains, in the model's order."""
    problem: Mapping[str, Any]
    """The fields of `Problem` but the model."""
    log_folder: str
    """Where workers that can reach it leave the stack of a crash."""
    wall: float
    """Time limit of a candidate in seconds."""
    cache: TrainingCache | None = None
    """Trained weights, where the worker reaches them."""
    threads: int | None = None
    """TensorFlow's CPU threads, its own choice where None."""
    source: str | None = None
    """The file and function that built the model, in which layers of the user's own are defined."""

    @classmethod
    def of(cls, key: str, evaluator: Evaluator, study_dir: Path, *, threads: int | None) -> Parcel:
        """Pack a study whose float model is trained and saved in `study_dir`."""
        from ..config import PYTHON_OBJECT

        problem = evaluator.problem
        config = problem.config.model_copy(update={"model": PYTHON_OBJECT, "data": PYTHON_OBJECT})
        rest = {f.name: getattr(problem, f.name) for f in fields(problem) if f.name != "model"}
        trained = trained_variables(problem.model)
        return cls(
            key=key,
            version=version("bitfront"),
            model=read_bytes(study_dir / "float.keras", "run the study again, which makes it again"),
            trained=tuple(id(variable) in trained for variable in problem.model.weights),
            problem=rest | {"config": config},
            log_folder=str(study_dir.resolve() / "workers"),
            wall=config.trial.wall,
            cache=evaluator.training.cache,
            threads=threads,
            source=source if isinstance(source := problem.config.model, str) else None,
        )

    def unpack(self) -> Problem:
        """Return the problem with its float model.

        Raises:
            UserError: when the worker has another version of bitfront.
        """
        if version("bitfront") != self.version:
            raise UserError(
                f"A worker on {socket.gethostname()} has bitfront {version('bitfront')}, the launcher "
                f"{self.version}: install the same version."
            )
        from ..problem.load import Problem, load_model
        from ..problem.own_layers import with_own_layers

        with tempfile.TemporaryDirectory(prefix="bitfront-") as place:
            (Path(place) / "float.keras").write_bytes(self.model)
            trust = self.problem["config"].trust_model
            model = with_own_layers(
                lambda: load_model("float.keras", Path(place), trust=trust),
                self.source,
                [self.problem["base_dir"]],
            )
        for variable, trained in zip(model.weights, self.trained, strict=True):
            if not trained:  # a file knows this of layers alone
                variable.trainable = False
        return Problem(model=model, **self.problem)


class StudyPlugin(WorkerPlugin):
    """Brings a study to every worker, those that join later included, and takes it away again."""

    def __init__(self, parcel: Parcel) -> None:
        self.parcel = parcel
        self.name = parcel.key

    def setup(self, worker: Any) -> None:
        """Keep the parcel; the first job opens it, since TensorFlow takes seconds and this must not block."""
        _PARCELS[self.parcel.key] = self.parcel

    def teardown(self, worker: Any) -> None:
        """Forget the study."""
        _PARCELS.pop(self.parcel.key, None)
        _EVALUATORS.pop(self.parcel.key, None)


_PARCELS: dict[str, Parcel] = {}
_EVALUATORS: dict[str, Evaluator] = {}
_ONE_AT_A_TIME = threading.Lock()
"""A worker of several threads still has one bit-true model, which holds one candidate."""


def work(key: str, job: Job) -> Outcome:
    """Evaluate a job on this worker, and tell the launcher that it began.

    Raises:
        UserError: when the study can't be taken up here, which says nothing about the candidate.
    """
    with _ONE_AT_A_TIME:
        parcel = _parcel(key)
        log = _log_file(parcel)
        if key not in _EVALUATORS:
            _EVALUATORS[key] = _build(parcel)
        worker = get_worker()
        worker.log_event(key, {"number": job.number, "worker": worker.address, "log": log})
        # A candidate that never returns, on a worker whose launcher is gone, must not stay for ever.
        faulthandler.dump_traceback_later(parcel.wall + GRACE, exit=True)
        try:
            return evaluate(_EVALUATORS[key], job)
        finally:
            faulthandler.cancel_dump_traceback_later()


def _parcel(key: str, patience: float = 60.0) -> Parcel:
    end = time.monotonic() + patience
    while key not in _PARCELS and time.monotonic() < end:
        time.sleep(0.05)
    if key not in _PARCELS:
        raise UserError(f"The worker on {socket.gethostname()} was never given study {key}: restart it.")
    return _PARCELS[key]


def _build(parcel: Parcel) -> Evaluator:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    bound_tensorflow(parcel.threads, str(get_worker().name))
    from ..evaluator.evaluator import Evaluator

    reached = parcel.cache is not None and parcel.cache.folder.parent.is_dir()
    return Evaluator(parcel.unpack(), parcel.cache if reached else None)


def _log_file(parcel: Parcel) -> str:
    """Send what native code prints, and the stack of a crash, to a file that the launcher reads; return its
    path.

    Nothing happens where this worker doesn't reach the study's folder.
    """
    folder = Path(parcel.log_folder)
    path = folder / f"{socket.gethostname()}-{os.getpid()}.log"
    if str(path) in _LOGS:
        return str(path)
    if not folder.parent.is_dir():
        return ""
    try:
        folder.mkdir(exist_ok=True)
        file = path.open("w", encoding="utf-8")
    except OSError:
        return ""
    os.dup2(file.fileno(), 2)
    faulthandler.enable(file)
    _LOGS[str(path)] = file
    return str(path)


_LOGS: dict[str, Any] = {}
"""Open files, which `faulthandler` writes to and which must therefore not be closed."""
