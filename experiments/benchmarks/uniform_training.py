"""What training uniform widths together is worth, beside training each alone for as long as a searched
candidate.

python -m bitfront.experiments.benchmarks.uniform_training top_tagging_lstm --seeds 1 2 3 --most 4

Of the widths that enter a search first, the validation and test metric: trained for `training.epochs`; in the
one training of `gradient_epochs` epochs that hands its weights on, then for `training.epochs`; and each
alone, from the float weights, for as many epochs as the last candidate of the gradient width search has
behind it, and `training.epochs` more.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from bitfront.experiments.gallery import Study, ready_study

from ..command import returns_exit_code

REGIMES = ("own epochs", "together", "alone")


def scores(study: Study, seed: int, most: int) -> dict[tuple[str, str], tuple[float, float]]:
    """Return the validation and test metric of each (name of the width, regime), and of the float model as
    ("float", "").

    Raises:
        UserError: the study's data are missing.
    """
    from bitfront.search import Evaluator, load_problem, load_study
    from bitfront.search.config import DEFAULT_WALL
    from bitfront.search.evaluator import Start
    from bitfront.search.problem import train_float
    from bitfront.search.samplers import baselines
    from bitfront.search.warm_start import FIRST, narrowed_together, planned, widest_that_counts

    problem: Any = load_problem(load_study(study.file, [f"seed={seed}"]), study.folder)
    train_float(problem)
    evaluator = Evaluator(problem)
    uniform = [p for p in baselines(evaluator.space) if evaluator.space.candidate(p).method == "qat"]
    uniform = uniform[widest_that_counts(evaluator, uniform) :]
    wall = problem.config.budget.wall or DEFAULT_WALL
    plan = evaluator.plan = planned(evaluator, wall, time.monotonic)
    epochs, alone = plan.gradient_epochs, Evaluator(problem)
    alone.plan = replace(plan, epochs=plan.epochs + epochs - int(np.ceil(FIRST * epochs)))
    found = {("float", ""): (evaluator.float_score, evaluator.scores.of_float("test"))}
    for one in narrowed_together(evaluator, uniform, epochs):
        name = str(max(v for k, v in one.params.items() if k.endswith(".weights") and isinstance(v, int)))
        if len(found) > len(REGIMES) * most:
            break
        held = evaluator.bit_true.weights()
        for regime, place, start in (
            ("own epochs", evaluator, None),
            ("together", evaluator, Start("uniform", one.weights, epochs=one.epochs)),
            ("alone", alone, None),
        ):
            found[name, regime] = _judged(place, one.params, start)
        evaluator.scores.begin_training()
        evaluator.bit_true.restore(held)
    return found


def _judged(evaluator: Any, params: Any, start: Any) -> tuple[float, float]:
    from bitfront.spaces import FixedPoint

    evaluation, weights = evaluator.evaluate(0, params, "uniform", start=start)
    types = {key: FixedPoint.parse(text) for key, text in evaluation.precision.items()}
    return evaluation.score, evaluator.scores.of(types, weights, "test")


def table(found: Sequence[dict[tuple[str, str], tuple[float, float]]]) -> str:
    """Return the Markdown table: a row a width, a column a regime; one number a seed, of validation and of
    test data.
    """
    names = list(dict.fromkeys(name for name, regime in found[0] if regime))
    heads = [f"{regime}, {split}" for split in ("validation", "test") for regime in REGIMES]
    lines = [f"| bits | {' | '.join(heads)} |", "|---:|" + "---|" * len(heads)]
    for name in names:
        cells = []
        for split in (0, 1):
            for regime in REGIMES:
                known = [one[name, regime][split] for one in found if (name, regime) in one]
                cells.append(" ".join(f"{value:.4f}" for value in known))
        lines.append(f"| {name} | {' | '.join(cells)} |")
    ends = [" ".join(f"{one['float', ''][split]:.4f}" for one in found) for split in (0, 1)]
    return "\n".join([*lines, "", f"The float models: {ends[0]} (validation), {ends[1]} (test)."])


@returns_exit_code
def main(arguments: Sequence[str] | None = None) -> None:
    """Train a ready study's uniform widths in three ways and print the table."""
    parser = argparse.ArgumentParser(description="Train uniform widths together and each alone.")
    parser.add_argument("study", help="a ready study with a gradient width search")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--most", type=int, default=4, help="widths, from the widest that counts down")
    options = parser.parse_args(arguments)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    study = ready_study(options.study)
    print(table([scores(study, seed, options.most) for seed in options.seeds]))


if __name__ == "__main__":
    sys.exit(main())
