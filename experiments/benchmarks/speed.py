"""How fast candidates are answered, against rebuilding a QKeras model for each and against the float model.

python -m bitfront.experiments.benchmarks.speed --repeats 5 --rebuild-repeats 3
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bitfront.experiments.gallery import Study, gallery
from bitfront.hls.bit_true import COMPILE_AFTER
from bitfront.spaces import Params, Space, UserError

from ..command import returns_exit_code
from .rebuild import Rebuilding, compile_for, fed, fit_epoch

STUDIES = ("jets_mlp", "digits_cnn", "top_tagging_lstm", "top_tagging_gru", "top_tagging_transformer")
CANDIDATES = 20
"""PTQ candidates and float predictions in one repeat, which takes milliseconds each."""
PACKAGES = ("tensorflow", "keras", "qkeras-v3", "hls4ml", "numpy", "bitfront")


@dataclass(frozen=True)
class Spread:
    """Median, lowest and highest of several repeats."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Summarise `values`, of which there is at least one."""
        return cls(statistics.median(values), min(values), max(values))


@dataclass(frozen=True)
class Speed:
    """What was measured for one ready study; times in wall seconds."""

    study: str
    setup_seconds: float
    """Once a study: the bit-true model, its calibration, the traces of both float types and of training, and
    the candidates that are answered until the model is compiled."""
    ptq_per_second: Spread
    """Candidates a second: types resolved and set, validation set predicted and scored."""
    qat_seconds: Spread
    """A candidate: weights and precisions set, optimizer reset, one epoch; without a score."""
    rebuild_ptq_seconds: Spread
    rebuild_qat_seconds: Spread
    ptq_speedup: float
    """Ratio of the medians."""
    qat_speedup: float
    """Ratio of the medians."""
    ptq_to_predict: Spread
    """PTQ candidate over a warm float `predict` of the same set, within one repeat."""
    epoch_to_float_epoch: Spread
    """Quantized epoch over a warm float `fit` epoch in the same batches, within one repeat."""
    retraces: int
    """Traces beyond the first of each function, over all of the above."""


def random_params(space: Space, draw: random.Random) -> Params:
    """Return one value for every dimension, all values equally likely."""
    return {
        d.name: draw.choice(d.choices) if d.choices else draw.randint(d.low, d.high) for d in space.dimensions
    }


def measure(study: Study, *, repeats: int, rebuild_repeats: int, seed: int = 1) -> Speed:
    """Measure one ready study; the weights stay random.

    Trained weights may have other ranges, and so other shares of candidates that need float64. Ours and the
    float model take turns within a repeat, some calls in a row each, so that a slow spell of the machine
    meets both; rebuilding follows afterwards.

    Raises:
        UserError: when a number of repeats is not positive.
    """
    if min(repeats, rebuild_repeats) < 1:
        raise UserError("--repeats and --rebuild-repeats must be 1 or more: a median needs a measurement.")
    import keras

    from bitfront.search import load_problem, load_study

    problem = load_problem(load_study(study.file), study.folder)
    keras.utils.set_random_seed(seed)
    ours = _Ours(problem, random.Random(seed))  # noqa: S311 - a draw of precisions, no secret
    x_val = fed(problem.data.x_val)
    trained = keras.models.clone_model(problem.model)
    compile_for(problem, trained)
    for _ in range(2):
        problem.model.predict(x_val, batch_size=ours.bit_true.batch_size, verbose=0)
        fit_epoch(problem, trained)

    ptq, predict, qat, epoch, float_epoch = ([] for _ in range(5))
    for _ in range(repeats):
        ptq.append(_timed(ours.ptq, CANDIDATES))
        predict.append(
            _timed(
                lambda: problem.model.predict(x_val, batch_size=ours.bit_true.batch_size, verbose=0),
                CANDIDATES,
            )
        )
        qat.append(_timed(ours.qat))
        epoch.append(ours.epoch_seconds)
        float_epoch.append(_timed(lambda: fit_epoch(problem, trained)))
    rebuilding = Rebuilding(problem, random.Random(seed), ours.bit_true.batch_size)  # noqa: S311
    rebuilt_ptq = [rebuilding.ptq_seconds() for _ in range(rebuild_repeats)]
    rebuilt_qat = [rebuilding.qat_seconds() for _ in range(rebuild_repeats)]
    return Speed(
        study=study.name,
        setup_seconds=ours.setup_seconds,
        ptq_per_second=Spread.of([1 / seconds for seconds in ptq]),
        qat_seconds=Spread.of(qat),
        rebuild_ptq_seconds=Spread.of(rebuilt_ptq),
        rebuild_qat_seconds=Spread.of(rebuilt_qat),
        ptq_speedup=statistics.median(rebuilt_ptq) / statistics.median(ptq),
        qat_speedup=statistics.median(rebuilt_qat) / statistics.median(qat),
        ptq_to_predict=Spread.of([a / b for a, b in zip(ptq, predict, strict=True)]),
        epoch_to_float_epoch=Spread.of([a / b for a, b in zip(epoch, float_epoch, strict=True)]),
        retraces=sum(ours.bit_true.traces.values()) - len(ours.bit_true.traces),
    )


class _Ours:
    """Candidates of a study, answered by its bit-true model; building it traces everything once."""

    def __init__(self, problem: Any, draw: random.Random) -> None:
        import numpy as np

        from bitfront.hls import Trainer
        from bitfront.search import Evaluator

        started = time.perf_counter()
        self.evaluator, self.draw = Evaluator(problem), draw
        self.bit_true, data, training = self.evaluator.bit_true, problem.data, problem.config.training
        self.rate, self.rows = training.learning_rate, len(data.x_train[0])
        self.rng = np.random.default_rng(1)
        self.x_val, self.weights = data.x_val, self.evaluator.graph.weights
        self.trainer = Trainer(
            self.bit_true,
            data.x_train,
            data.y_train,
            tasks=[output.task for output in problem.outputs.values()],
            batch_size=training.batch_size,
            optimizer=training.optimizer,
            loss=training.loss,
        )
        self.epoch_seconds = 0.0
        # the narrowest is exact in float32; the widest may need float64, which is another trace; each is
        # compiled
        # after a while
        for width in (1, 64):
            widest = self.evaluator.space.uniform(width, "ptq")
            end = time.perf_counter() + 1.5 * COMPILE_AFTER
            while time.perf_counter() < end:
                self.ptq(widest)
        self.qat()
        self.setup_seconds = time.perf_counter() - started

    def ptq(self, params: Params | None = None) -> None:
        self._assign(params)
        self.evaluator.scores.of_outputs(self.bit_true.predict(self.x_val))

    def qat(self) -> None:
        self._assign(None)
        self.bit_true.restore(self.weights)
        self.trainer.reset()
        order = self.rng.permutation(self.rows)
        self.epoch_seconds = _timed(lambda: self.trainer.epoch(order, self.rate))

    def _assign(self, params: Params | None) -> None:
        candidate = self.evaluator.space.candidate(params or random_params(self.evaluator.space, self.draw))
        self.bit_true.assign(self.evaluator.costs.types(candidate))


def _timed(function: Callable[[], Any], times: int = 1) -> float:
    """Return the mean seconds of one call, of so many in a row, as a search makes them."""
    started = time.perf_counter()
    for _ in range(times):
        function()
    return (time.perf_counter() - started) / times


def table(speeds: Sequence[Speed]) -> str:
    """Return the measurements as a Markdown table, a column a study: medians, lowest and highest in
    brackets.
    """

    def spread(name: str, form: str) -> list[str]:
        found: list[Spread] = [getattr(one, name) for one in speeds]
        return [f"{s.median:{form}} ({s.low:{form}}-{s.high:{form}})" for s in found]

    def plain(name: str, form: str) -> list[str]:
        return [f"{getattr(one, name):{form}}" for one in speeds]

    rows = {
        "": [one.study for one in speeds],
        "---": ["---:"] * len(speeds),
        "PTQ candidates per second": spread("ptq_per_second", ".1f"),
        "QAT seconds per candidate (1 epoch)": spread("qat_seconds", ".3f"),
        "rebuilding, PTQ seconds per candidate": spread("rebuild_ptq_seconds", ".2f"),
        "rebuilding, QAT seconds per candidate (1 epoch)": spread("rebuild_qat_seconds", ".2f"),
        "PTQ speed-up (aim: 100 or more)": plain("ptq_speedup", ".0f"),
        "QAT speed-up (aim: 20 or more)": plain("qat_speedup", ".0f"),
        "PTQ candidate / float predict (aim: 2 or less)": spread("ptq_to_predict", ".2f"),
        "QAT epoch / float epoch (aim: 2 or less)": spread("epoch_to_float_epoch", ".2f"),
        "retraces (aim: 0)": plain("retraces", "d"),
        "once a study: build, calibrate, trace, compile, seconds": plain("setup_seconds", ".1f"),
    }
    return "\n".join(f"| {' | '.join((name, *cells))} |" for name, cells in rows.items())


def environment() -> str:
    """Return a line on the machine and the packages that the figures hold for."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return f"{cores} cores ({platform.machine()}), Python {platform.python_version()}, {packages}"


@returns_exit_code
def main(arguments: list[str] | None = None) -> None:
    """Command line: measure the ready studies and print one table."""
    parser = argparse.ArgumentParser(
        prog="python -m bitfront.experiments.benchmarks.speed",
        description="Measure candidates per second, against rebuilding a QKeras model per trial.",
    )
    parser.add_argument("--repeats", type=int, default=5, help="repeats of everything but rebuilding (5)")
    parser.add_argument("--rebuild-repeats", type=int, default=3, help="repeats of rebuilding (3)")
    parser.add_argument("--study", action="append", choices=STUDIES, help="only this study; may be repeated")
    parser.add_argument("--json", type=Path, help="file to write the same figures to")
    options = parser.parse_args(arguments)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    known = {study.name: study for study in gallery()}
    if options.json and not options.json.absolute().parent.is_dir():
        raise UserError(f"The folder of --json {options.json} does not exist; create it first.")
    speeds = []
    for name in options.study or STUDIES:
        print(f"{name} ...", file=sys.stderr, flush=True)
        speeds.append(measure(known[name], repeats=options.repeats, rebuild_repeats=options.rebuild_repeats))
    print(f"{table(speeds)}\n\nMedians (lowest-highest) of {options.repeats} repeats", end="")
    print(f", of {options.rebuild_repeats} for rebuilding. {environment()}.")
    if options.json:
        found = {"environment": environment(), "speeds": [asdict(one) for one in speeds]}
        options.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
