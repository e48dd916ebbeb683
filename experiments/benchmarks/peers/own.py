"""bitfront's own searches: by default, as the ready study is tuned, without parts of these, and at random."""

from __future__ import annotations

import _thread
import signal
import threading
import time
from types import TracebackType

import numpy as np

from bitfront.search import StudyConfig, run_study
from bitfront.search.evaluator import Plan
from bitfront.search.storage import StudyFolder
from bitfront.spaces import FixedPoint

from ..training_count import trainings_spent
from .judge import Found, Judge
from .tasks import WORST_SHARE, Task
from .ways import WAYS

TICK = 0.05
"""Seconds between two readings of the clock."""


class Clock(threading.Thread):
    """Knows which CPU second of this process a moment of the wall was, and ends a search that has had its
    share.

    `begin` starts the counting; after `seconds` of it the main thread is interrupted, as by Ctrl-C.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__(daemon=True)
        self._seconds, self._ended = seconds, threading.Event()
        self._readings = [(time.time(), time.process_time())]
        self._from: float | None = None

    def run(self) -> None:
        """Read the clock until the end."""
        while not self._ended.wait(TICK):
            self._readings.append((time.time(), time.process_time()))
            if self._from is not None and self._readings[-1][1] - self._from > self._seconds:
                self._from = None
                _thread.interrupt_main()

    def begin(self) -> None:
        """Count from now on."""
        self._from = time.process_time()

    def at(self, moment: float) -> float:
        """Return the CPU seconds of this process at a moment of the wall (`time.time`)."""
        walls, seconds = zip(*self._readings, strict=True)
        return float(np.interp(moment, walls, seconds))

    def __enter__(self) -> Clock:
        self.start()
        return self

    def __exit__(self, *error: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._ended.set()
        self.join()


def configuration(task: Task, way: str, seconds: float) -> StudyConfig:
    """Return what a way of searching runs on a task for so many seconds."""
    named = f"name={way.replace(', ', '-').replace(' ', '-')}"
    if "default" in way:
        return task.default(named, f"budget={{wall: {seconds:g}s}}", *WAYS[way])
    # the study's own limits are another question than the benchmark's
    blind = task.evaluator.scores.blind()
    drop = (1 - WORST_SHARE) * abs(task.evaluator.float_score - blind)
    return task.config(named, f"constraints={{metric_drop: {drop:.4f}}}", *WAYS[way])


def search(task: Task, way: str, seconds: float) -> list[Found]:
    """Search for so many CPU seconds, and return all candidates that were scored in that time.

    The float model is trained beforehand for every peer; building the bit-true model, screening and all
    overhead of the search count.
    """
    config = configuration(task, way, seconds)
    study_folder = StudyFolder(task.folder / config.name)
    study_folder.set_aside()
    study_folder.folder.mkdir()
    for name in ("float_weights.npz", "float.keras"):
        (study_folder.folder / name).write_bytes((task.folder / "float" / name).read_bytes())
    # a job in the background of a shell has it ignored, and the clock could not end the search
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with Clock(seconds) as clock:
        clock.begin()
        began = time.process_time()
        result = run_study(config, task.study_folder, trials=1_000_000, wall=seconds, clock=time.process_time)
    plan = Plan.read(result.folder) or Plan.of(config)
    evaluations = sorted(result.evaluations, key=lambda e: e.number)
    found, designs = [], []
    for e, spent in zip(evaluations, trainings_spent(evaluations, plan), strict=True):
        written = (result.folder / "trials" / f"{e.number:05d}" / "precision.json").stat().st_mtime
        at = clock.at(written) - began
        if e.status == "complete" and at <= seconds:
            types = {key: FixedPoint.parse(text) for key, text in e.precision.items()}
            test = task.evaluator.scores.of(types, study_folder.weights(e), "test")
            found.append(Found(at, spent, e.score, test, e.resources["ebops"], e.resources["lut"]))
            designs.append((types, e))
    judge = Judge(task)

    def luts(place: int) -> float | None:
        types, evaluation = designs[place]
        return judge.luts(types, study_folder.weights(evaluation) or task.evaluator.graph.weights)

    return judge.priced(found, luts)
