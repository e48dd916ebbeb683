"""Which class a model's outputs stand for, and what it means that two of them are equal.

The class of a sample is the one with the largest output; of one output, class 1 where it lies above the
threshold. Outputs of few bits are often equal. An argmax in hardware then takes the lowest class, but which
class has the lowest number says nothing about a network, so a score may count such a sample by expectation
instead: as if the tied classes drew lots.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Ties = Literal["expected", "lowest", "worst"]
"""How a sample counts whose largest output several classes share: by 1 over their number, for the lowest
class, or never.
"""
Fall = Literal["expected", "lowest", "worst", "best"]
"""Ways in which ties may fall; `worst` and `best`: always against and always for the right class."""
FALLS: tuple[Fall, ...] = ("expected", "lowest", "worst", "best")


@dataclass(frozen=True)
class Decisions:
    """What the outputs of a classifier decide, an entry a sample."""

    labels: NDArray[Any]
    """The right class."""
    winners: NDArray[np.int64]
    """How many classes share the largest output: 1 where the class is decided."""
    among: NDArray[np.bool_]
    """Whether the right class is one of them."""
    first: NDArray[np.bool_]
    """Whether the right class is the lowest of them."""

    @property
    def tied(self) -> float:
        """Share of the samples whose class isn't decided."""
        return float(np.mean(self.winners > 1))

    def credit(self, fall: Fall) -> NDArray[np.float64]:
        """Return how far each sample counts as right, 0 to 1."""
        if fall == "lowest":
            return self.first.astype(np.float64)
        if fall == "best":
            return self.among.astype(np.float64)
        if fall == "worst":
            return (self.among & (self.winners == 1)).astype(np.float64)
        return np.asarray(np.where(self.among, 1.0 / self.winners, 0.0))

    def recall(self, fall: Fall, classes: int) -> tuple[float | None, ...]:
        """Return the share of each class's samples that count as right, None of a class without samples."""
        right = np.bincount(self.labels, weights=self.credit(fall), minlength=classes)
        count = np.bincount(self.labels, minlength=classes)
        return tuple(float(r / n) if n else None for r, n in zip(right, count, strict=True))


def decisions(labels: NDArray[Any], outputs: NDArray[Any], *, from_logits: bool) -> Decisions:
    """Return what outputs decide; they are compared as they are, so that equal ones are those that are equal
    in hardware.

    Args:
        labels: class numbers of shape (samples,).
        outputs: (samples,) of one output, else (samples, classes).
        from_logits: whether they are logits; the threshold of one output is 0 then, and one half of
            probabilities.
    """
    labels = np.asarray(labels).astype(np.int64)
    if outputs.ndim == 1:
        threshold = 0.0 if from_logits else 0.5
        undecided = outputs == threshold
        first = labels == (outputs > threshold)
        return Decisions(labels, np.where(undecided, 2, 1), first | undecided, first)
    largest = outputs == outputs.max(axis=-1, keepdims=True)
    among = largest[np.arange(len(labels)), labels]
    return Decisions(labels, largest.sum(axis=-1), among, labels == largest.argmax(axis=-1))
