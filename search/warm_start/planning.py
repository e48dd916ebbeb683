"""How much a search rounds and trains: the numbers that its study file leaves to `auto`, from the time that
it has.

What candidates cost here is measured: an epoch of training with rounding, one in which the widths move, an
estimate and a rounding, each once all graphs are traced. The shares of the time below were compared on
tasks of four families (`experiments/benchmarks/peers.md`, "Defaults").
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from ..evaluator.plan import Plan
from ..quantities.table import resources_of
from .gradient_widths import ESTIMATED_EVERY, SCORED, START, moves_an_epoch

if TYPE_CHECKING:
    from ..evaluator.evaluator import Evaluator

_log = logging.getLogger(__name__)

WALK = 0.66
"""Share of the time left for the gradient width search and the training of the uniform widths together."""
TRAINED = 0.15, 50
"""Share for candidates that are trained each on its own, and how many that shall be."""
MOST_EPOCHS = 20
"""Of one candidate."""
ROUNDED = 0.1
"""Share for roundings without training."""
SCREENED = 20, 200
"""Candidates that screening rounds, at least and at most."""
ROUNDINGS = 2.5
"""Roundings a screened candidate, those of the greedy width reductions included."""
_LEAST_MOVES = 16
"""Moves of the widths below which the gradient width search finds nothing, and isn't begun."""
SLOWER = 1.05
"""Times that a long training's epoch takes of a measured one, its candidates' own evaluation included."""
_BATCHES = 16
"""Batches of an epoch that are measured."""
_TIMES, _ENOUGH = (2, 6), 0.5
"""Times that each is measured, at least and at most, until they took so many seconds together."""


def planned(evaluator: Evaluator, seconds: float, clock: Callable[[], float]) -> Plan:
    """Return the numbers of a search that has so many seconds left; measures where the study file says
    `auto`.

    Args:
        evaluator: of the study; it holds the float weights afterwards.
        seconds: left for all that follows.
        clock: returns seconds, of the kind that `seconds` are.
    """
    config = evaluator.problem.config
    given = Plan.of(config)
    asked = (config.screening, config.gradient_epochs, config.training.epochs)
    if "auto" not in asked:
        return given
    trains = "qat" in config.space.method
    began = clock()
    cost = measured(evaluator, clock, trains=trains)
    left = max(0.0, seconds - (clock() - began))
    screening, epochs, gradient_epochs = given.screening, given.epochs, given.gradient_epochs
    if config.screening == "auto":
        screening = int(min(max(ROUNDED * left / (ROUNDINGS * cost["rounding"]), SCREENED[0]), SCREENED[1]))
    if trains and config.training.epochs == "auto":
        share, count = TRAINED
        epochs = int(min(max(share * left / (count * cost["epoch"]), 1), MOST_EPOCHS))
    if trains and config.gradient_epochs == "auto":
        gradient_epochs = _gradient_epochs(evaluator, cost, WALK * left)
    plan = Plan(
        screening=screening,
        gradient_epochs=gradient_epochs,
        epochs=epochs,
        learning_rate=given.learning_rate,
        wall=seconds,
        seconds=cost,
    )
    _log.info(_said(plan, trains=trains))
    return plan


def _said(plan: Plan, *, trains: bool) -> str:
    said = f"Plan for {plan.wall:.0f} s: {plan.screening} roundings"
    if not trains:
        return said
    walk = f"a gradient width search of {plan.gradient_epochs} epochs" if plan.gradient_epochs else "none"
    epochs = f"{plan.epochs} epoch{'s' if plan.epochs > 1 else ''}"
    return f"{said}, {walk}, {epochs} a trained candidate"


def measured(evaluator: Evaluator, clock: Callable[[], float], *, trains: bool) -> dict[str, float]:
    """Return the seconds that each of a search's parts takes, once all of its graphs are traced."""
    space, trainer = evaluator.space, evaluator.training.trainer
    candidate = space.candidate(space.uniform(START, "qat" if trains else "ptq"))
    weights = evaluator.graph.weights

    def estimated() -> None:
        resources_of(evaluator.costs.estimate(candidate, evaluator.costs.types(candidate, weights), weights))

    evaluator.rounded(candidate)
    cost = {
        "rounding": _timed(lambda: evaluator.rounded(candidate), clock),
        "cost": _timed(estimated, clock),
    }
    if not trains:
        return cost
    samples = len(evaluator.problem.data.x_train[0])
    few = np.arange(min(samples, _BATCHES * evaluator.problem.config.training.batch_size), dtype=np.int32)
    trainer.reset()
    evaluator.scores.begin_training(evaluator.costs.types(candidate))
    trainer.epoch(few[:0], 0.0)
    trainer.reached()
    cost["epoch"] = _timed(lambda: trainer.epoch(few, 0.0), clock) * samples / len(few)
    cost["explore"] = _timed(lambda: trainer.explore(few, 0.0), clock) * samples / len(few)
    trainer.reset()
    evaluator.scores.begin_training()
    return cost


def _timed(action: Callable[[], object], clock: Callable[[], float]) -> float:
    """Return the shortest of some times, which is what other work on the machine disturbed least."""
    taken: list[float] = []
    while len(taken) < _TIMES[0] or (len(taken) < _TIMES[1] and sum(taken) < _ENOUGH):
        began = clock()
        action()
        taken.append(clock() - began)
    return max(min(taken), 1e-4)


def _gradient_epochs(evaluator: Evaluator, cost: dict[str, float], seconds: float) -> int:
    """Return the epochs of a gradient width search, and of the uniform widths' training, that take so long
    together; 0 where too few fit to be of use.
    """
    config = evaluator.problem.config
    batches = len(evaluator.problem.data.x_train[0]) / config.training.batch_size
    widths = sum(d.kind == "width" for d in evaluator.space.dimensions)
    # of a move: its own estimate, and every so often those of a bit of each dimension and kernel
    estimates = 1 + 2 * widths / ESTIMATED_EVERY
    seconds -= 2 * SCORED * cost["rounding"]

    def taken(epochs: int) -> float:
        moves = moves_an_epoch(batches, epochs)
        return SLOWER * epochs * (cost["epoch"] + cost["explore"] + moves * estimates * cost["cost"])

    epochs = 1
    while taken(2 * epochs) <= seconds and epochs < 1 << 20:
        epochs *= 2
    step = epochs
    while step > 1:
        step //= 2
        epochs += step if taken(epochs + step) <= seconds else 0
    enough = taken(epochs) <= seconds and epochs * moves_an_epoch(batches, epochs) >= _LEAST_MOVES
    return epochs if enough else 0
