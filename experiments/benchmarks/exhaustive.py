"""Samplers against the truth: a small space in which every candidate is trained, and how soon each finds its
front.

python -m bitfront.experiments.benchmarks.exhaustive --seeds 10            # trainings to 90, 95 and 97 %
python -m bitfront.experiments.benchmarks.exhaustive --overhead jets_mlp   # share of time at 1,000 trials

The space is that of a 16-16-16-5 network with 2 to 6 bits for weights and results of both hidden layers and
the weights of the last: 3,125 candidates, each trained for five epochs from one float model (the table is
kept and reused). 20,000 validation samples keep chance out of the truth: with 500, whose accuracy is
uncertain by 0.02, a twentieth of the hypervolume is luck, which no sampler can learn. Objectives are accuracy
and EBOPs. Screening rounds 200 candidates, which costs no training; a candidate that is asked for again costs
nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import numpy as np

from bitfront.spaces import UserError

from ..command import returns_exit_code
from .small_study import write_study
from .speed import environment

if TYPE_CHECKING:
    from bitfront.search import Evaluation, Evaluator
    from bitfront.search.trials import Objective
    from bitfront.spaces import Space

Truth = Mapping[str, tuple[float, float, float]]
"""Score, EBOPs and score without training of each candidate, by its parameters."""
SHARES = (0.90, 0.95, 0.97, 0.99)
SAMPLERS = ("random", "nsga2", "tpe", "gp", "surrogate")
WARM_STARTS = ("", ", after the uniform ones", ", after these and screening")
"""What a search begins with."""
WIDTHS = (2, 6)
MOST = 400
"""Trainings after which a sampler is given up."""
_MODEL = """\
import keras

def build():
    layers = keras.layers
    return keras.Sequential([keras.Input((16,), name="x"), layers.Dense(16, activation="relu", name="a"),
                             layers.Dense(16, activation="relu", name="b"), layers.Dense(5, name="c")])
"""
_DATA = """\
import numpy as np

def load():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(24500, 16)).astype("float32")
    y = (np.tanh(x @ rng.normal(size=(16, 8))) @ rng.normal(size=(8, 5))).argmax(1)
    return (x[:4000], y[:4000]), (x[4000:24000], y[4000:24000]), (x[24000:], y[24000:])
"""
_EXTRA = f"""\
training: {{float_epochs: 20, float_learning_rate: 0.01, epochs: 5}}
space:
  method: [ptq, qat]
  weights: {WIDTHS[0]}..{WIDTHS[1]}
  activations: {WIDTHS[0]}..{WIDTHS[1]}
  input: 6
  layers: {{c: {{weights: {WIDTHS[0]}..{WIDTHS[1]}, activations: 8}}}}
"""


def open_evaluator(folder: Path) -> Evaluator:
    """Return the evaluator of the small study; its float model is trained once."""
    from bitfront.search import Evaluator, load_study
    from bitfront.search.storage import StudyFolder

    file = write_study(folder)
    (folder / "model.py").write_text(_MODEL)
    (folder / "data.py").write_text(_DATA)
    kept = [
        line
        for line in file.read_text().splitlines()
        if not line.startswith(("space:", "objectives:", "training:"))
    ]
    file.write_text("\n".join(kept) + "\nobjectives: [metric, ebops]\n" + _EXTRA)
    config = load_study(file, [f"output={folder / 'studies'}", "tracking.enabled=false"])
    study_folder = StudyFolder(folder / "studies" / "float")
    study_folder.folder.mkdir(parents=True, exist_ok=True)
    return Evaluator(study_folder.open(config, folder))


def searched(evaluator: Evaluator) -> Space:
    """Return the space of widths, in which every candidate is trained."""
    return replace(
        evaluator.space, dimensions=tuple(d for d in evaluator.space.dimensions if d.kind == "width")
    )


@dataclass(frozen=True)
class WarmStart:
    """What a search begins with."""

    params: tuple[dict[str, Any], ...] = ()
    """Candidates that are trained first."""
    rounded: tuple[Evaluation, ...] = ()
    """Those that screening rounded, from which `surrogate` learns."""


def warm_start(evaluator: Evaluator, how: str) -> WarmStart:
    """Return nothing, the uniform candidates, or these and what screening proposes."""
    from bitfront.search.samplers import baselines
    from bitfront.search.warm_start import best, rounded

    if how == WARM_STARTS[0]:
        return WarmStart()
    uniform = [dict(params) for params in baselines(searched(evaluator))]
    if how == WARM_STARTS[1]:
        return WarmStart(tuple(uniform))
    objectives = _objectives(evaluator)
    box = evaluator.box(objectives)
    found = rounded(evaluator, objectives, box, evaluator.plan.screening)
    widths = [replace(e, params={k: v for k, v in e.params.items() if k != "method"}) for e in found]
    proposed = best(evaluator, widths, objectives, box)
    return WarmStart((*uniform, *(dict(e.params) for e in proposed)), tuple(widths))


def _objectives(evaluator: Evaluator) -> tuple[Objective, ...]:
    from bitfront.search.trials import parse_objectives

    return parse_objectives(evaluator.problem.config.objectives, evaluator.metric_record)


def truth(evaluator: Evaluator, file: Path) -> Truth:
    """Return score, EBOPs and rounded score of every candidate by its parameters as JSON; trained once, then
    read.
    """
    if file.exists():
        return {key: (row[0], row[1], row[2]) for key, row in json.loads(file.read_text()).items()}
    dimensions = searched(evaluator).dimensions
    found: dict[str, tuple[float, float, float]] = {}
    started = time.monotonic()
    for values in product(*(range(d.low, d.high + 1) for d in dimensions)):
        params = {d.name: value for d, value in zip(dimensions, values, strict=True)}
        evaluation, _ = evaluator.evaluate(0, {**params, "method": "qat"})
        found[_key(params)] = (evaluation.score, evaluation.resources["ebops"], evaluation.metrics["ptq"])
        if len(found) % 500 == 0:
            print(f"{len(found)} candidates trained, {time.monotonic() - started:.0f} s", flush=True)
    file.write_text(json.dumps(found) + "\n")
    return found


def _key(params: Mapping[str, Any]) -> str:
    return json.dumps(dict(sorted(params.items())))


def volume(points: Iterable[tuple[float, float]], reference: tuple[float, float]) -> float:
    """Return the hypervolume of (score, EBOPs) above a score and below log2 of EBOPs."""
    from bitfront.search.trials import dominated

    losses = np.array([(-score, np.log2(1 + ebops)) for score, ebops in points])
    return dominated(losses, np.array([-reference[0], reference[1]]))


def trainings(evaluator: Evaluator, known: Truth, name: str, seed: int, start: WarmStart) -> list[float]:
    """Return the trainings after which a sampler had each of `SHARES` of the true hypervolume; inf where it
    had not.
    """
    import optuna

    from bitfront.search import Evaluation
    from bitfront.search.samplers import (
        SeededSampler,
        StudySampler,
        Surrogate,
        SurrogateSampler,
        as_optuna,
        optuna_sampler,
        suggest,
    )

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    points = [(score, ebops) for score, ebops, _ in known.values()]
    reference = (min(score for score, _ in points), float(np.log2(1 + max(e for _, e in points))))
    whole = volume(points, reference)
    space, objectives = searched(evaluator), _objectives(evaluator)
    evaluations: dict[int, Evaluation] = {}
    surrogate = Surrogate(
        space, objectives, evaluator.box(objectives), float_score=evaluator.float_score, rounded=start.rounded
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sampler: StudySampler = (
            SurrogateSampler(surrogate, seed, evaluations)
            if name == "surrogate"
            else SeededSampler(partial(optuna_sampler, name), seed)
        )
        sampler.startup = max(10, len(start.params))
        study = optuna.create_study(directions=["maximize", "minimize"], sampler=sampler)
        for params in start.params:
            study.enqueue_trial(as_optuna(space, params))
        tried: dict[str, tuple[float, float]] = {}
        reached = [np.inf] * len(SHARES)
        asked = 0
        while len(tried) < MOST and asked < 3 * MOST and not np.isfinite(reached[-1]):
            trial = study.ask()
            chosen = suggest(trial, space)
            key = _key(chosen)
            score, ebops, ptq = known[key]
            tried[key] = score, ebops
            study.tell(trial, [score, float(np.log2(1 + ebops))])
            evaluations[trial.number] = Evaluation(
                number=trial.number,
                digest=key,
                method="qat",
                status="complete",
                params=chosen,
                metrics={"ptq": ptq, "qat": score, "score": score},
                resources={"ebops": ebops},
            )
            asked += 1
            share = volume(tried.values(), reference) / whole
            reached = [min(r, len(tried)) if share >= s else r for r, s in zip(reached, SHARES, strict=True)]
    return [float(r) for r in reached]


def table(rows: Mapping[str, Sequence[Sequence[float]]]) -> str:
    """Return the Markdown table: median trainings to each share, the worst seed in brackets."""
    lines = [
        f"| sampler | {' | '.join(f'{100 * s:.0f} %' for s in SHARES)} |",
        "|---|" + "---:|" * len(SHARES),
    ]
    for name, found in rows.items():
        cells = []
        for column in zip(*found, strict=True):
            middle, worst = float(np.median(column)), max(column)
            cells.append(f"{_told(middle)} ({_told(worst)})")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _told(value: float) -> str:
    return f"{value:.0f}" if np.isfinite(value) else f">{MOST}"


def overhead(name: str, sampler: str, trials: int, out: Path) -> str:
    """Run a ready study for so many trials and return which share of its time the sampler took, in a
    sentence.
    """
    from rich.console import Console

    from bitfront.experiments.gallery import ready_study
    from bitfront.search import load_study, run_study
    from bitfront.search.storage import OptunaStudy

    study = ready_study(name)
    spent = {"ask": 0.0, "tell": 0.0, "stages": 0.0}

    def timed(what: str, method: Any) -> Any:
        def call(*args: Any) -> Any:
            began = time.process_time()
            try:
                return method(*args)
            finally:
                spent[what] += time.process_time() - began

        return call

    with (
        patch.object(OptunaStudy, "ask", timed("ask", OptunaStudy.ask)),
        patch.object(OptunaStudy, "tell", timed("tell", OptunaStudy.tell)),
        # roundings and a training, for whose candidates the Optuna study asks
        patch.object(OptunaStudy, "enter", timed("stages", OptunaStudy.enter)),
    ):
        asked = [f"output={out}", "cache=0", f"sampler={sampler}", "tracking.enabled=false"]
        config = load_study(study.file, asked)
        began = time.process_time()
        run_study(config, study.folder, trials=trials, wall=1e6, fresh=True, console=Console(highlight=False))
        whole = time.process_time() - began
    asking = spent["ask"] - spent["stages"]
    share = (asking + spent["tell"]) / whole
    return (
        f"{name}, {sampler}, {trials} trials: {whole:.0f} CPU s, {asking:.1f} s in asking and "
        f"{spent['tell']:.1f} s in telling: {100 * share:.1f} %; {spent['stages']:.0f} s of the rest on "
        "screening and the gradient width search."
    )


@returns_exit_code
def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="python -m bitfront.experiments.benchmarks.exhaustive",
        description="Samplers against a space that is known completely.",
    )
    parser.add_argument("--seeds", type=int, default=10, help="runs of each sampler (10)")
    parser.add_argument(
        "--samplers", nargs="+", choices=SAMPLERS, default=["random", "nsga2", "tpe", "surrogate"]
    )
    parser.add_argument(
        "--overhead", metavar="STUDY", help="measure the sampler's share of a study's time instead"
    )
    parser.add_argument("--trials", type=int, default=1000, help="trials of that study (1000)")
    parser.add_argument("--out", type=Path, default=Path("exhaustive"), help="folder for the table")
    options = parser.parse_args(arguments)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if min(options.seeds, options.trials) < 1:
        raise UserError("--seeds and --trials must be 1 or more.")
    if options.overhead:
        for sampler in options.samplers:
            print(overhead(options.overhead, sampler, options.trials, options.out.resolve()), flush=True)
        return
    evaluator = open_evaluator(options.out.resolve())
    known = truth(evaluator, options.out / "truth.json")
    rows = {}
    starts = {how: warm_start(evaluator, how) for how in WARM_STARTS}
    for name in options.samplers:
        for how, start in starts.items():
            label = f"{name}{how}"
            rows[label] = [trainings(evaluator, known, name, seed, start) for seed in range(options.seeds)]
            print(label, rows[label], flush=True)
    print(f"\n{table(rows)}\n\n{len(known)} candidates, {options.seeds} seeds. {environment()}.")


if __name__ == "__main__":
    sys.exit(main())
