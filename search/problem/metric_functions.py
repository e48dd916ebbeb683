"""What each built-in metric computes, from labels and outputs alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from bitfront.search.config import MetricConfig
from bitfront.search.problem.beside import LABELS, Beside
from bitfront.search.problem.decisions import Fall, confusion, decisions
from bitfront.spaces import UserError

Scores = NDArray[np.floating[Any]]
Labels = NDArray[Any]
Function = Callable[[Labels, Scores, bool, Fall, Beside], float]
"""A metric of labels, scores, whether these are logits, how ties fall, which counts where classes are
decided, and of what stands beside them.
"""
OverClasses = Literal["mean", "worst"] | int
"""How the figures of the classes become one: their mean, the least, or that of a class."""


def probabilities(logits: Scores) -> NDArray[np.float64]:
    """Return the sigmoid of (samples,) or the softmax of (samples, classes), in float64."""
    logits = np.asarray(logits, dtype=np.float64)
    if logits.ndim == 1:
        # Both branches of the sigmoid are evaluated where their exponential can't overflow.
        small = np.exp(-np.abs(logits))
        return np.where(logits >= 0, 1 / (1 + small), small / (1 + small))
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


def accuracy(y_true: Labels, y_score: Scores, from_logits: bool = False, fall: Fall = "expected") -> float:
    """Share of samples whose class is right: above the threshold where binary, else the largest score."""
    return float(np.mean(decisions(y_true, y_score, from_logits=from_logits).credit(fall)))


def over_classes(figures: Mapping[int, float], how: OverClasses) -> float:
    """Return the mean (macro average) or the least of the classes' figures, or that of the class `how`.

    Raises:
        UserError: when the samples have no such class.
    """
    if how == "mean":
        return float(np.mean(list(figures.values())))
    if how == "worst":
        return float(min(figures.values()))
    if how not in figures:
        known = ", ".join(str(one) for one in figures)
        raise UserError(
            f"metric.over_classes = {how}: there's no such class among the samples: use one of {known}."
        )
    return float(figures[how])


def balanced_accuracy(
    y_true: Labels,
    y_score: Scores,
    from_logits: bool = False,
    fall: Fall = "expected",
    over: OverClasses = "mean",
) -> float:
    """Mean of the shares of each class's samples that are right, over the classes that occur.

    So every class weighs alike, however few its samples are; it is scikit-learn's `balanced_accuracy_score`.
    """
    found = decisions(y_true, y_score, from_logits=from_logits)
    recall = found.recall(fall, int(found.labels.max()) + 1)
    return over_classes({one: share for one, share in enumerate(recall) if share is not None}, over)


def f1(
    y_true: Labels,
    y_score: Scores,
    from_logits: bool = False,
    fall: Fall = "expected",
    over: OverClasses = "mean",
) -> float:
    """Mean over the classes that occur of 2 TP / (2 TP + FP + FN), scikit-learn's `f1_score`.

    A sample of undecided class counts in parts, as `decisions.confusion` says.
    """
    table = confusion(y_true, y_score, fall, from_logits=from_logits)
    right, guessed, known = np.diag(table), table.sum(axis=0), table.sum(axis=1)
    occurring = np.flatnonzero(known)
    return over_classes({int(c): float(2 * right[c] / (guessed[c] + known[c])) for c in occurring}, over)


def roc_auc(y_true: Labels, y_score: Scores, from_logits: bool = False, over: OverClasses = "mean") -> float:
    """Area under the ROC curve; several classes: mean of one-versus-rest over the classes that occur.

    Equal to scikit-learn's `roc_auc_score`, whose checks take longer than a small network's prediction.
    """
    found = {}
    for one, signal, score in one_versus_rest(y_true, np.asarray(y_score), from_logits):
        lower, upper, pairs = ranks(signal, score)
        found[one] = (lower + upper) / (2.0 * pairs)
    return over_classes(found, over)


def one_versus_rest(
    y_true: Labels, y_score: Scores, from_logits: bool
) -> Iterator[tuple[int, NDArray[np.bool_], Scores]]:
    """Give each class that occurs, which samples are of it, and what ranks them; of one output class 1
    alone.
    """
    if y_score.ndim == 1 or y_score.shape[1] == 1:
        # a sigmoid changes no order, but in floating point large logits would become equal
        yield 1, y_true == 1, y_score.reshape(len(y_score))
        return
    ranked = log_odds(y_score) if from_logits else y_score
    for one in range(ranked.shape[1]):
        signal = y_true == one
        if 0 < np.count_nonzero(signal) < len(signal):
            yield one, signal, ranked[:, one]


def log_odds(logits: Scores) -> NDArray[np.float64]:
    """Return log(p / (1 - p)) of the softmax p of (samples, classes): the same order, and equal where p is
    equal.

    Floating point would make probabilities near 1 equal that are not. The terms of a sum are added in
    ascending order, so that the same logits in another order of the classes give the same bits: scores of few
    bits are full of those.
    """
    z = np.asarray(logits, np.float64)
    z = z - z.max(axis=-1, keepdims=True)
    ascending = np.sort(z, axis=-1)
    powers = np.exp(ascending)
    total = powers.sum(axis=-1, keepdims=True)
    second = ascending[:, -2:-1]
    rest = np.exp(ascending[:, :-1] - second).sum(axis=-1, keepdims=True)
    others = (
        total - np.exp(z) + (z == 0.0)
    )  # at least 1; of the largest, `rest` tells it without cancellation
    return np.asarray(np.where(z == 0.0, -second - np.log(rest), z - np.log(others)))


def ranks(signal: NDArray[np.bool_], score: Scores) -> tuple[int, int, int]:
    """Return how many pairs, one signal and one background, have the signal above, or at least as high, and
    all of them.

    Mann and Whitney (1947): the first share, and half of what the second adds, is the area under the ROC
    curve.
    """
    background, kept = np.sort(score[~signal]), np.sort(score[signal])
    lower = int(np.searchsorted(background, kept, "left").sum())
    upper = int(np.searchsorted(background, kept, "right").sum())
    return lower, upper, kept.size * background.size


def background_rejection(
    y_true: Labels,
    y_score: Scores,
    signal_efficiency: float = 0.5,
    from_logits: bool = False,
    over: OverClasses = "mean",
) -> float:
    """Return 1 / (share of background kept) where the given share of signal is kept.

    Of several classes, each against the rest in turn. The ROC curve is interpolated linearly. A sample of n
    background events can't tell shares below 1/n, so the result is at most n, also where no background event
    is left.
    """
    found = {}
    for one, signal, score in one_versus_rest(y_true, np.asarray(y_score), from_logits):
        true_positive, false_positive = roc_curve(signal, score)
        share = float(np.interp(signal_efficiency, true_positive, false_positive))
        found[one] = 1.0 / max(share, 1.0 / max(1, int((~signal).sum())))
    return over_classes(found, over)


def efficiency_at_fpr(
    y_true: Labels,
    y_score: Scores,
    false_positive_rate: float = 0.01,
    from_logits: bool = False,
    over: OverClasses = "mean",
) -> float:
    """Return the share of signal that is kept where the given share of background is: a trigger's efficiency
    at its rate.

    Of several classes, each against the rest in turn. The ROC curve is interpolated linearly; where it goes
    straight up at the rate, its upper end counts.
    """
    found = {}
    for one, signal, score in one_versus_rest(y_true, np.asarray(y_score), from_logits):
        true_positive, false_positive = roc_curve(signal, score)
        found[one] = float(np.interp(false_positive_rate, false_positive, true_positive))
    return over_classes(found, over)


def roc_curve(signal: NDArray[np.bool_], score: Scores) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the shares of signal and of background above each threshold, from (0, 0) to (1, 1).

    A corner for each different score, those with equal scores passing together (Fawcett, 2006, "An
    introduction to ROC analysis").
    """
    order = np.argsort(-score, kind="stable")
    last = np.append(np.flatnonzero(np.diff(score[order])), len(order) - 1)  # of each run of equal scores
    kept = np.cumsum(signal[order])[last]
    background = last + 1 - kept
    return np.append(0.0, kept / kept[-1]), np.append(0.0, background / background[-1])


def reconstruction_auc(y_true: Labels, y_score: Scores, labels: Labels) -> float:
    """Return the area under the ROC curve of each sample's mean squared error, by which label 1, the
    anomalies, is to be told from 0.

    Args:
        y_true: what should come out, samples first.
        y_score: what comes out, of the same size.
        labels: 0 or 1, (samples,).
    """
    error = (np.asarray(y_true, np.float64).reshape(y_score.shape) - y_score) ** 2
    return roc_auc(labels.reshape(-1), error.reshape(len(error), -1).mean(axis=1))


def mse(y_true: Labels, y_score: Scores) -> float:
    """Mean squared error over all elements."""
    return float(np.mean((np.asarray(y_true, dtype=np.float64).reshape(y_score.shape) - y_score) ** 2))


def functions_of(wanted: MetricConfig) -> Mapping[str, Function]:
    """Return what computes each metric of `METRICS`, with the options that a study gives."""
    over = wanted.over_classes
    efficiency, rate = wanted.signal_efficiency, wanted.false_positive_rate
    return {
        "accuracy": lambda y, score, logits, fall, _: accuracy(y, score, logits, fall),
        "balanced_accuracy": lambda y, score, logits, fall, _: balanced_accuracy(
            y, score, logits, fall, over
        ),
        "f1": lambda y, score, logits, fall, _: f1(y, score, logits, fall, over),
        "roc_auc": lambda y, score, logits, *_: roc_auc(y, score, logits, over),
        "background_rejection": lambda y, score, logits, *_: background_rejection(
            y, score, efficiency, logits, over
        ),
        "efficiency_at_fpr": lambda y, score, logits, *_: efficiency_at_fpr(y, score, rate, logits, over),
        "mse": lambda y, score, *_: mse(y, score),
        "reconstruction_auc": lambda y, score, _logits, _fall, beside: reconstruction_auc(
            y, score, beside.extra[LABELS]
        ),
    }
