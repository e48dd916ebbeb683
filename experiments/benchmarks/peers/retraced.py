"""NSGA-II over bit-true models that are built, calibrated and traced anew every trial.

What stands for NSGA-II over rebuilt QKeras models where QKeras has no layers for a task: attention, layer
normalization. The models are bitfront's own, so that only the search differs: Optuna's NSGA-II as it comes (a
population of 50), widths categorical, each candidate trained, validation metric and EBOPs the objectives.
"""

from __future__ import annotations

import time

from .judge import Found
from .tasks import Task

WIDTHS = range(2, 9)
"""Choices of every width, as far as the space has them."""


def search(task: Task, seconds: float) -> list[Found]:
    """Search for so many CPU seconds, and return all candidates that were scored in that time."""
    import optuna

    from bitfront.search import Evaluator
    from bitfront.spaces import FixedPoint

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    space = task.evaluator.space
    fixed = dict(space.uniform(max(WIDTHS), "qat"))
    searched = {
        d.name: [w for w in WIDTHS if d.low <= w <= d.high] for d in space.dimensions if d.kind == "width"
    }
    ranking = task.evaluator.scores.ranking
    study = optuna.create_study(
        directions=[ranking.direction, "minimize"], sampler=optuna.samplers.NSGAIISampler(seed=task.seed)
    )
    found: list[Found] = []
    began = time.process_time()
    judging = 0.0
    while (spent := time.process_time() - began - judging) < seconds:
        trial = study.ask()
        chosen = {
            name: trial.suggest_categorical(name, widths) for name, widths in searched.items() if widths
        }
        evaluator = Evaluator(task.problem)
        # as a uniform candidate it is scored whatever limit it breaks
        evaluation, weights = evaluator.evaluate(trial.number, {**fixed, **chosen}, "uniform")
        spent = time.process_time() - began - judging
        if evaluation.status != "complete":
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
            continue
        study.tell(trial, [evaluation.score, evaluation.resources["ebops"]])
        if spent <= seconds:
            types = {key: FixedPoint.parse(text) for key, text in evaluation.precision.items()}
            test = evaluator.scores.of(types, weights, "test")
            judging += time.process_time() - began - judging - spent
            costs = evaluation.resources
            found.append(Found(spent, len(found) + 1, evaluation.score, test, costs["ebops"], costs["lut"]))
    return found
