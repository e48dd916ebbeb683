"""What options of quantization-aware training gain, at fixed candidates, epochs and float models.

    python -m bitfront.experiments.benchmarks.training_gains [--tasks jets_mlp ...] [--seeds 3] [--epochs 5]

Uniform candidates of 3, 4 and 5 bits are trained from the float model of each seed, once with each option. An
option is on by default only where its mean gain is more than two standard errors of it, over all tasks, or
where it costs nothing and loses nowhere. Shares of the float model's lead over a blind guess, so that tasks
compare; validation scores choose epochs and averages, test scores are told.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from bitfront.spaces import FixedPoint, UserError

from ..command import returns_exit_code
from .peers import Task
from .speed import environment

TASKS = ("jets_mlp", "digits_cnn", "top_tagging_gru")
WIDTHS = (3, 4, 5)
OPTIONS: Mapping[str, tuple[str, ...]] = {
    "as it was": (),
    "distillation 0.5": ("training.distillation=0.5",),
    "distillation 0.5, temperature 2": ("training.distillation=0.5", "training.temperature=2"),
    "distillation 0.9, temperature 2": ("training.distillation=0.9", "training.temperature=2"),
    "cosine by step": ("training.schedule=cosine",),
    "cosine by step, warm-up": ("training.schedule=cosine", "training.warm_up=0.1"),
    "averages": ("training.averaging=0.1",),
    "all": ("training.distillation=0.5", "training.schedule=cosine", "training.averaging=0.1"),
}
"""Option -> settings beyond the study's."""


@dataclass(frozen=True)
class Gain:
    """One candidate trained with one option; scores as shares of the float model's lead."""

    task: str
    seed: int
    option: str
    width: int
    val: float
    test: float
    seconds: float
    """CPU seconds of its training."""


def measured(task: Task, option: str, epochs: int) -> list[Gain]:
    """Train the candidates of a task with one option."""
    from bitfront.search import Evaluator

    settings = (f"training.epochs={epochs}", "constraints={}", *OPTIONS[option])
    evaluator = Evaluator(replace(task.problem, config=task.config("name=float", *settings)))
    blind, tells = evaluator.scores.blind(), []
    leads = {"val": evaluator.float_score - blind, "test": evaluator.scores.of_float("test") - blind}
    for width in WIDTHS:
        params = evaluator.space.uniform(width, "qat")
        evaluator.evaluate(0, params, "uniform")  # traces, so that none of it is timed
        began = time.process_time()
        evaluation, weights = evaluator.evaluate(0, params, "uniform")
        seconds = time.process_time() - began
        types = {key: FixedPoint.parse(text) for key, text in evaluation.precision.items()}
        test = (evaluator.scores.of(types, weights, "test") - blind) / leads["test"]
        val = (evaluation.score - blind) / leads["val"]
        tells.append(Gain(task.name, task.seed, option, width, val, test, seconds))
    return tells


def table(gains: Sequence[Gain]) -> str:
    """Return a Markdown table: mean gain in percent of the float model's lead, with its standard error."""
    base = {(g.task, g.seed, g.width): g for g in gains if g.option == "as it was"}
    tasks = list(dict.fromkeys(g.task for g in gains))
    lines = [
        f"| option | {' | '.join(tasks)} | all | validation | time |",
        "|---|" + "---:|" * (len(tasks) + 3),
    ]
    for option in dict.fromkeys(g.option for g in gains if g.option != "as it was"):
        chosen = [g for g in gains if g.option == option]
        pairs = [(g, base[g.task, g.seed, g.width]) for g in chosen]
        cells = [_told([g.test - b.test for g, b in pairs if g.task == task]) for task in tasks]
        cells.append(_told([g.test - b.test for g, b in pairs]))
        cells.append(_told([g.val - b.val for g, b in pairs]))
        slower = np.median([g.seconds / b.seconds for g, b in pairs])
        lines.append(f"| {option} | {' | '.join(cells)} | {slower:.2f} |")
    return "\n".join(lines)


def _told(values: Sequence[float]) -> str:
    error = np.std(values, ddof=1) / np.sqrt(len(values)) if len(values) > 1 else np.nan
    return f"{100 * np.mean(values):+.2f} ({100 * error:.2f})"


@returns_exit_code
def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="python -m bitfront.experiments.benchmarks.training_gains",
        description="What options of quantization-aware training gain.",
    )
    parser.add_argument("--tasks", nargs="+", default=TASKS, help=f"ready studies ({', '.join(TASKS)})")
    parser.add_argument("--options", nargs="+", choices=list(OPTIONS), default=list(OPTIONS))
    parser.add_argument("--seeds", type=int, default=3, help="float models of each task (3)")
    parser.add_argument("--epochs", type=int, default=5, help="of one training (5)")
    parser.add_argument("--json", type=Path, help="where the single figures go")
    options = parser.parse_args(arguments)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if min(options.seeds, options.epochs) < 1:
        raise UserError("--seeds and --epochs must be positive.")
    gains: list[Gain] = []
    with tempfile.TemporaryDirectory(prefix="bitfront-gains-") as place:
        for name in options.tasks:
            for seed in range(1, options.seeds + 1):
                task = Task(name, seed, Path(place) / f"{name}-{seed}")
                for option in dict.fromkeys(("as it was", *options.options)):
                    gains += measured(task, option, options.epochs)
                    told = [f"{g.test:.3f}" for g in gains[-len(WIDTHS) :]]
                    print(f"{name}, seed {seed}, {option}: {' '.join(told)}", flush=True)
                if options.json is not None:
                    options.json.write_text(json.dumps([asdict(g) for g in gains]) + "\n")
    print(f"\n{table(gains)}\n\n{options.seeds} seeds, {options.epochs} epochs. {environment()}.")


if __name__ == "__main__":
    sys.exit(main())
