"""What changes over a training: its learning rate, its zeros, and how far its averages look back."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

FINAL_RATE = 0.1
"""The learning rate of the end, as a share of the first's; a cosine between (Loshchilov and Hutter, 2017)."""
FULL_FROM = 2 / 3
"""Share of a sparse training's epochs in which its zeros become as many as they shall be."""

Schedule = Literal["epochs", "cosine", "constant"]


def ramp(epoch: int, epochs: int) -> float:
    """Return the share of its zeros that a sparse training has from an epoch (counted from 0) on: all for its
    last third.

    Zhu and Gupta, "To prune, or not to prune", 2017: a cubic curve, fast while many weights don't matter.
    """
    reached = min(1.0, (epoch + 1) / max(1, round(epochs * FULL_FROM)))
    return 1.0 - (1.0 - reached) ** 3


def learning_rates(
    first: float, epoch: int, epochs: int, steps: int, *, schedule: Schedule = "epochs", warm_up: float = 0.0
) -> NDArray[np.float64]:
    """Return the rate of each step of an epoch (counted from 0), of so many steps.

    Args:
        first: the highest.
        epoch: which one.
        epochs: of the training.
        steps: of an epoch.
        schedule: a cosine to `FINAL_RATE` by step or by epoch, or none.
        warm_up: share of the training's steps in which it rises from nothing, linearly.
    """
    number = epoch * steps + np.arange(steps)
    if schedule == "constant":
        rates = np.full(steps, first)
    elif schedule == "cosine":
        rates = first * _cosine(number / max(1, epochs * steps - 1))
    else:
        rates = np.full(steps, first * float(_cosine(epoch / (epochs - 1) if epochs > 1 else 0.0)))
    return rates * np.minimum(1.0, (number + 1) / max(1.0, warm_up * epochs * steps))


def _cosine(reached: Any) -> Any:
    return FINAL_RATE + (1 - FINAL_RATE) * (1 + np.cos(math.pi * reached)) / 2


def averages_decay(share: float, epochs: int, steps: int) -> float:
    """Return the decay, a step, of averages that look back over this share of a training's steps."""
    return max(0.0, 1.0 - 1.0 / max(1.0, share * epochs * steps))
