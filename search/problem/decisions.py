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
        threshold = _threshold(from_logits)
        undecided = outputs == threshold
        first = labels == (outputs > threshold)
        return Decisions(labels, np.where(undecided, 2, 1), first | undecided, first)
    largest = outputs == outputs.max(axis=-1, keepdims=True)
    among = largest[np.arange(len(labels)), labels]
    return Decisions(labels, largest.sum(axis=-1), among, labels == largest.argmax(axis=-1))


def confusion(
    labels: NDArray[Any], outputs: NDArray[Any], fall: Fall, *, from_logits: bool
) -> NDArray[np.float64]:
    """Return how many samples of each class (rows) are taken for each (columns).

    A sample of undecided class counts in equal parts for the classes that share the largest output, or for
    the lowest of them alone; `best` gives it to the right class where that is one of them, `worst` in equal
    parts to the others.

    Args:
        labels: class numbers of shape (samples,).
        outputs: (samples,) of one output, else (samples, classes).
        fall: how undecided classes fall.
        from_logits: as in `decisions`.
    """
    labels = np.asarray(labels).astype(np.int64)
    if outputs.ndim == 1:
        above = outputs - _threshold(from_logits)
        largest = np.column_stack([above <= 0, above >= 0])
    else:
        largest = outputs == outputs.max(axis=-1, keepdims=True)
    samples, classes = np.arange(len(labels)), largest.shape[1]
    taken = largest / largest.sum(axis=-1, keepdims=True)
    if fall == "lowest":
        taken = np.eye(classes)[largest.argmax(axis=-1)]
    elif fall in ("best", "worst"):
        right = np.zeros_like(largest)
        right[samples, labels] = largest[samples, labels]
        shared = right.any(axis=-1) & (largest.sum(axis=-1) > 1)
        instead = right if fall == "best" else largest & ~right
        taken[shared] = (instead / np.maximum(1, instead.sum(axis=-1, keepdims=True)))[shared]
    return np.stack([taken[labels == one].sum(axis=0) for one in range(classes)])


def _threshold(from_logits: bool) -> float:
    """Return where one output goes from class 0 to class 1."""
    return 0.0 if from_logits else 0.5
