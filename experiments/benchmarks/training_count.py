"""How many trainings a search has spent, for comparisons with others that train."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

from bitfront.search import Evaluation
from bitfront.search.evaluator import Plan


def trainings_spent(evaluations: Sequence[Evaluation], plan: Plan) -> list[float]:
    """Return the whole trainings that a study had spent after each trial: epochs over those of one.

    A gradient width search counts where it was walked: with the first trial that began with its weights.
    """
    path = float(plan.gradient_epochs)
    epochs = []
    for e in evaluations:
        searched = path if e.start == "gradient" else 0.0
        path -= searched
        epochs.append(searched + sum(row["epoch"] > 0 for row in e.history))
    return [spent / plan.epochs for spent in accumulate(epochs)]
