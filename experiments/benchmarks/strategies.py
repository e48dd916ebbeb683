"""What each way of searching pays: hypervolume against whole trainings and against time, on ready studies.

python -m bitfront.experiments.benchmarks.strategies --studies jets_mlp digits_cnn --seeds 3 --trainings 40

Every way searches the same float model with the same space, objectives (metric and EBOPs) and box, until it
has spent its trainings: epochs over those of a whole training, screening's rounding not counted, the gradient
width search's epochs counted. The hypervolume is that of the validation scores.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from bitfront.spaces import UserError

from ..command import returns_exit_code
from .speed import environment
from .training_count import trainings_spent

WAYS: Mapping[str, tuple[str, ...]] = {
    "random": ("sampler=random", "screening=0", "fidelity.least_gain=0"),
    "nsga2": ("sampler=nsga2", "screening=0", "fidelity.least_gain=0"),
    "tpe": ("sampler=tpe", "screening=0", "fidelity.least_gain=0"),
    "tpe, screened": ("sampler=tpe", "fidelity.least_gain=0"),
    "surrogate": ("sampler=surrogate", "fidelity.least_gain=0"),
    "promotion": ("sampler=surrogate", "fidelity.least_gain=0.0005"),
    "promotion, nearest": ("sampler=surrogate", "fidelity.least_gain=0.0005", "fidelity.start=nearest"),
    "promotion, gradient": ("sampler=surrogate", "fidelity.least_gain=0.0005", "gradient_epochs=AUTO"),
    "all": (
        "sampler=surrogate",
        "gradient_epochs=AUTO",
        "fidelity.start=nearest",
        "fidelity.least_gain=0.0005",
    ),
}
"""Settings of each way, without a gradient width search where it says none; AUTO stands for the epochs of
four whole trainings.
"""
PATH_TRAININGS = 4
TRIALS_A_TRAINING = 4
"""Trials that each way gets at most for every training; some half of them train."""
TRIALS = (40, 80)
"""Trials after which it is told, whatever they trained."""
MARKS = (10, 20, 40, 80, 160)
"""Trainings after which the hypervolume is told."""


@dataclass(frozen=True)
class RunLog:
    """A way of searching with one seed: trainings spent, seconds and hypervolume after each trial."""

    study: str
    way: str
    seed: int
    trainings: tuple[float, ...]
    seconds: tuple[float, ...]
    hypervolume: tuple[float, ...]

    def after(self, trainings: float) -> float:
        """Return the hypervolume once so many trainings were spent, 0 before the first trial."""
        position = int(np.searchsorted(self.trainings, trainings + 1e-9, "right"))
        return self.hypervolume[position - 1] if position else 0.0


def run_log(name: str, way: str, seed: int, trainings: int, out: Path) -> RunLog:
    """Search a ready study in one way; the study stays in `out`.

    Raises:
        UserError: there is no such ready study.
    """
    from rich.console import Console

    from bitfront.experiments.gallery import ready_study
    from bitfront.search import load_study, run_study
    from bitfront.search.evaluator import Plan
    from bitfront.search.trials import Reference, hypervolume_history

    study = ready_study(name)
    epochs = Plan.of(load_study(study.file)).epochs
    settings = [text.replace("AUTO", str(PATH_TRAININGS * epochs)) for text in WAYS[way]]
    asked = [f"name={name}-{way.replace(', ', '-')}-{seed}", f"seed={seed}", f"output={out}", "cache=0"]
    asked += [
        "objectives=[metric,ebops]",
        "tracking.enabled=false",
        "budget.wall=24h",
        f"training.epochs={epochs}",
        "gradient_epochs=0",
        *settings,
    ]
    config = load_study(study.file, asked)
    result = run_study(
        config, study.folder, trials=TRIALS_A_TRAINING * trainings, console=Console(highlight=False)
    )
    evaluations = sorted(result.evaluations, key=lambda e: e.number)
    used = trainings_spent(evaluations, Plan.read(result.folder) or Plan.of(config))
    reference = Reference.read(result.folder)
    history = hypervolume_history(evaluations, reference.objectives, reference.box)
    seconds = np.cumsum([sum(e.seconds.values()) for e in evaluations])
    return RunLog(name, way, seed, tuple(used), tuple(map(float, seconds)), tuple(v for _, v in history))


def table(run_logs: Sequence[RunLog], trainings: int) -> str:
    """Return a Markdown table a study: hypervolume after some trainings, and at the end; medians, lowest and
    highest.
    """
    lines = []
    for study in dict.fromkeys(c.study for c in run_logs):
        marks = [m for m in MARKS if m < trainings] + [trainings]
        lines += [f"**{study}**", ""]
        heads = [f"{m} trainings" for m in marks] + [f"{m} trials" for m in TRIALS]
        lines += [f"| way | {' | '.join(heads)} | s of evaluation |"]
        lines += ["|---|" + "---:|" * (len(heads) + 1)]
        for way in dict.fromkeys(c.way for c in run_logs):
            rows = [c for c in run_logs if (c.study, c.way) == (study, way)]
            cells = [_spread(c.after(mark) for c in rows) for mark in marks]
            spent = [float(np.interp(trainings, c.trainings, c.seconds)) for c in rows]
            cells += [_spread(c.hypervolume[min(n, len(c.hypervolume)) - 1] for c in rows) for n in TRIALS]
            lines.append(f"| {way} | {' | '.join(cells)} | {np.median(spent):.1f} |")
        lines.append("")
    return "\n".join(lines)


def _spread(values: Iterable[float]) -> str:
    found = sorted(values)
    return f"{np.median(found):.4f} ({found[0]:.4f}-{found[-1]:.4f})"


@returns_exit_code
def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="python -m bitfront.experiments.benchmarks.strategies",
        description="Hypervolume against trainings for ways of searching.",
    )
    parser.add_argument("--studies", nargs="+", default=["jets_mlp", "digits_cnn"], help="ready studies")
    parser.add_argument("--ways", nargs="+", default=list(WAYS), choices=list(WAYS), help="which (all)")
    parser.add_argument("--seeds", type=int, default=3, help="searches of each way (3)")
    parser.add_argument("--trainings", type=int, default=40, help="whole trainings that each may spend (40)")
    parser.add_argument("--out", type=Path, default=Path("strategies"), help="folder for the results")
    options = parser.parse_args(arguments)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    run_logs: list[RunLog] = []
    if min(options.seeds, options.trainings) < 1:
        raise UserError("--seeds and --trainings must be 1 or more.")
    for study in options.studies:
        for seed in range(1, options.seeds + 1):
            for way in options.ways:
                run_logs.append(run_log(study, way, seed, options.trainings, options.out / "studies"))
                told = {"environment": environment(), "courses": [asdict(c) for c in run_logs]}
                (options.out / "strategies.json").write_text(json.dumps(told) + "\n")
    print(f"{table(run_logs, options.trainings)}\n{options.seeds} seeds. {environment()}.")


if __name__ == "__main__":
    sys.exit(main())
