"""How many trainings a search has spent, for comparisons with others that train."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

from bitfront.search import Evaluation, StudyConfig


def trainings_spent(evaluations: Sequence[Evaluation], config: StudyConfig) -> list[float]:
    """Return the whole trainings that a study had spent after each trial: epochs over those of one.

    A gradient path counts where it was walked: with the first trial that began with its weights.
    """
    path = float(config.gradient)
    epochs = []
    for e in evaluations:
        walked = path if e.start == "gradient" else 0.0
        path -= walked
        epochs.append(walked + sum(row["epoch"] > 0 for row in e.history))
    return [spent / config.training.epochs for spent in accumulate(epochs)]
