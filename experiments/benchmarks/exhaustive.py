"""Samplers against the truth: a small space in which every candidate is trained, and how soon each finds its front.

python -m bitfront.experiments.benchmarks.exhaustive --seeds 10            # trainings to 90, 95 and 97 %
python -m bitfront.experiments.benchmarks.exhaustive --overhead jets_mlp   # share of a study's time at 1,000 trials

The space is that of a 16-16-16-5 network with 2 to 6 bits for weights and results of both hidden layers and the weights
of the last: 3,125 candidates, each trained for two epochs from one float model (the table is kept and reused).
Objectives are accuracy and EBOPs. Scouting rounds 200 candidates, which costs no training; a candidate that is asked for
again costs nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
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
    from bitfront.search import Workbench
    from bitfront.spaces import Space

SHARES = (0.90, 0.95, 0.97)
SAMPLERS = ("random", "nsga2", "tpe", "gp")
OPENINGS = ("", ", after the uniform ones", ", after these and scouting")
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
_EXTRA = f"""\
space:
  method: [ptq, qat]
  weights: {WIDTHS[0]}..{WIDTHS[1]}
  activations: {WIDTHS[0]}..{WIDTHS[1]}
  input: 6
  layers: {{c: {{weights: {WIDTHS[0]}..{WIDTHS[1]}, activations: 8}}}}
"""


def open_bench(folder: Path) -> Workbench:
    """Return the workbench of the small study; its float model is trained once."""
    from bitfront.search import Workbench, load_study
    from bitfront.search.progress import Progress
    from bitfront.search.store import StudyStore

    file = write_study(folder)
    (folder / "model.py").write_text(_MODEL)
    kept = [line for line in file.read_text().splitlines() if not line.startswith(("space:", "objectives:"))]
    file.write_text("\n".join(kept) + "\nobjectives: [metric, ebops]\n" + _EXTRA)
    config = load_study(file, [f"output={folder / 'studies'}", "tracking.enabled=false"])
    store = StudyStore(folder / "studies" / "float")
    store.folder.mkdir(parents=True, exist_ok=True)
    return Workbench(store.open(config, folder, Progress()))


def searched(bench: Workbench) -> Space:
    """Return the space of widths, in which every candidate is trained."""
    return replace(bench.space, dimensions=tuple(d for d in bench.space.dimensions if d.kind == "width"))


def openers_of(bench: Workbench, how: str) -> list[dict[str, Any]]:
    """Return what a search begins with: nothing, the uniform candidates, or these and what scouting proposes."""
    from bitfront.search.objectives import parse_objectives
    from bitfront.search.samplers import baselines
    from bitfront.search.scouting import scout

    found: list[dict[str, Any]] = []
    if how != OPENINGS[0]:
        found += [dict(params) for params in baselines(searched(bench))]
    if how == OPENINGS[2]:
        objectives = parse_objectives(bench.problem.config.objectives, bench.metric_record)
        proposed = scout(bench, objectives, bench.box(objectives), bench.problem.config.scout)
        found += [{k: v for k, v in e.params.items() if k != "method"} for e in proposed]
    return found


def truth(bench: Workbench, file: Path) -> dict[str, tuple[float, float]]:
    """Return score and EBOPs of every candidate by its parameters as JSON; trained once, then read from `file`."""
    if file.exists():
        return {key: (score, ebops) for key, (score, ebops) in json.loads(file.read_text()).items()}
    dimensions = searched(bench).dimensions
    found = {}
    started = time.monotonic()
    for values in product(*(range(d.low, d.high + 1) for d in dimensions)):
        params = {d.name: value for d, value in zip(dimensions, values, strict=True)}
        evaluation, _ = bench.evaluate(0, {**params, "method": "qat"})
        found[_key(params)] = (evaluation.score, evaluation.resources["ebops"])
        if len(found) % 500 == 0:
            print(f"{len(found)} candidates trained, {time.monotonic() - started:.0f} s", flush=True)
    file.write_text(json.dumps(found) + "\n")
    return found


def _key(params: Mapping[str, Any]) -> str:
    return json.dumps(dict(sorted(params.items())))


def volume(points: Iterable[tuple[float, float]], reference: tuple[float, float]) -> float:
    """Return the hypervolume of (score, EBOPs) above a score and below log2 of EBOPs."""
    from bitfront.search.front import dominated

    losses = np.array([(-score, np.log2(1 + ebops)) for score, ebops in points])
    return dominated(losses, np.array([-reference[0], reference[1]]))


def trainings(
    bench: Workbench,
    known: Mapping[str, tuple[float, float]],
    name: str,
    seed: int,
    openers: Sequence[Mapping[str, Any]],
) -> list[float]:
    """Return the trainings after which a sampler had each of `SHARES` of the true hypervolume; inf where it had not."""
    import optuna

    from bitfront.search.samplers import as_optuna, seeded_sampler, suggest

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    reference = (
        min(score for score, _ in known.values()),
        float(np.log2(1 + max(e for _, e in known.values()))),
    )
    whole = volume(known.values(), reference)
    space = searched(bench)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sampler = seeded_sampler(name, seed, startup=max(10, len(openers)))
        study = optuna.create_study(directions=["maximize", "minimize"], sampler=sampler)
        for params in openers:
            study.enqueue_trial(as_optuna(space, params))
        tried: dict[str, tuple[float, float]] = {}
        reached = [np.inf] * len(SHARES)
        asked = 0
        while len(tried) < MOST and asked < 3 * MOST and not np.isfinite(reached[-1]):
            trial = study.ask()
            key = _key(suggest(trial, space))
            score, ebops = tried[key] = known[key]
            study.tell(trial, [score, float(np.log2(1 + ebops))])
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
    """Run a ready study for so many trials and return which share of its time the sampler took, in a sentence."""
    from bitfront.experiments.gallery import ready_study
    from bitfront.search import load_study, run_study
    from bitfront.search.ledger import Ledger

    study = ready_study(name)
    spent = {"ask": 0.0, "tell": 0.0}

    def timed(what: str, method: Any) -> Any:
        def call(*args: Any) -> Any:
            began = time.process_time()
            try:
                return method(*args)
            finally:
                spent[what] += time.process_time() - began

        return call

    with (
        patch.object(Ledger, "ask", timed("ask", Ledger.ask)),
        patch.object(Ledger, "tell", timed("tell", Ledger.tell)),
    ):
        asked = [f"output={out}", "cache=0", f"sampler={sampler}", "tracking.enabled=false"]
        config = load_study(study.file, asked)
        began = time.process_time()
        run_study(config, study.folder, trials=trials, wall=1e6, fresh=True)
        whole = time.process_time() - began
    share = (spent["ask"] + spent["tell"]) / whole
    return (
        f"{name}, {sampler}, {trials} trials: {whole:.0f} CPU s, {spent['ask']:.1f} s in asking and {spent['tell']:.1f} s in "
        f"telling: {100 * share:.1f} %."
    )


@returns_exit_code
def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="python -m bitfront.experiments.benchmarks.exhaustive",
        description="Samplers against a space that is known completely.",
    )
    parser.add_argument("--seeds", type=int, default=10, help="runs of each sampler (10)")
    parser.add_argument("--samplers", nargs="+", choices=SAMPLERS, default=["random", "nsga2", "tpe"])
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
    bench = open_bench(options.out.resolve())
    known = truth(bench, options.out / "truth.json")
    rows = {}
    for name in options.samplers:
        for how in OPENINGS:
            label = f"{name}{how}"
            openers = openers_of(bench, how)
            rows[label] = [trainings(bench, known, name, seed, openers) for seed in range(options.seeds)]
            print(label, rows[label], flush=True)
    print(f"\n{table(rows)}\n\n{len(known)} candidates, {options.seeds} seeds. {environment()}.")


if __name__ == "__main__":
    sys.exit(main())
