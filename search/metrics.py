"""What ranks candidates: accuracy, ROC AUC, background rejection, mean squared error, or a user's function."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from bitfront.search.config import StudyConfig
from bitfront.search.config.base import nearest
from bitfront.search.user_code import UserFunction
from bitfront.spaces.errors import UserError

Scores = NDArray[np.floating[Any]]
Labels = NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """What ranks candidates: the mean of a metric over the outputs of a model that count.

    Attributes:
        name: as the study file gives it.
        direction: `maximize` or `minimize`.
        outputs: one metric an output of the model, in its order; None where the output doesn't count.
    """

    name: str
    direction: Literal["maximize", "minimize"]
    outputs: tuple[Metric | None, ...]

    def on_logits(self, from_logits: Sequence[bool]) -> Ranking:
        """Return the same ranking for scores of which those of some outputs are logits."""
        pairs = zip(self.outputs, from_logits, strict=True)
        return replace(self, outputs=tuple(one and replace(one, from_logits=logits) for one, logits in pairs))

    def __call__(self, y_true: Sequence[Labels], y_score: Sequence[Scores]) -> float:
        """Compute the mean over the outputs that count, from the labels and the scores of all outputs.

        Raises:
            UserError: when a user's function fails or returns no finite number.
        """
        found = [
            one(y, score)
            for one, y, score in zip(self.outputs, y_true, y_score, strict=True)
            if one is not None
        ]
        return sum(found) / len(found)

    def better(self, one: float, other: float) -> bool:
        """Whether `one` is strictly better than `other`."""
        return one > other if self.direction == "maximize" else one < other


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A number for one output of a model on labelled samples.

    Attributes:
        task: `binary`, `multiclass` or `regression`.
        function: computes it from labels and scores; scores of a classifier are probabilities.
        from_logits: whether the scores that will come are logits, of a head without its sigmoid or softmax.
    """

    task: str
    function: Callable[[Labels, Scores], float]
    from_logits: bool = False

    def __call__(self, y_true: Labels, y_score: Scores) -> float:
        """Compute the metric.

        Args:
            y_true: class numbers of shape (samples,), or targets shaped like the output.
            y_score: outputs, (samples,) or (samples, 1) where binary, else (samples, classes) or like `y_true`.

        Returns:
            The metric; NaN where a score isn't finite, which no metric can rank.

        Raises:
            UserError: when a user's function fails or returns no finite number.
        """
        scores = np.asarray(y_score, dtype=np.float64)
        if not np.isfinite(scores).all():
            return float("nan")
        if self.task == "binary":
            scores = scores.reshape(len(scores))
        if self.from_logits and self.task != "regression":
            scores = probabilities(scores)
        return float(self.function(y_true, scores))


def probabilities(logits: Scores) -> NDArray[np.float64]:
    """Return the sigmoid of (samples,) or the softmax of (samples, classes), in float64."""
    logits = np.asarray(logits, dtype=np.float64)
    if logits.ndim == 1:
        # Both branches of the sigmoid are evaluated where their exponential can't overflow.
        small = np.exp(-np.abs(logits))
        return np.where(logits >= 0, 1 / (1 + small), small / (1 + small))
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


def accuracy(y_true: Labels, y_score: Scores) -> float:
    """Share of samples whose class is right: above one half where binary, else the largest score."""
    chosen = y_score > 0.5 if y_score.ndim == 1 else y_score.argmax(axis=-1)
    return float(np.mean(chosen == y_true))


def roc_auc(y_true: Labels, y_score: Scores) -> float:
    """Area under the ROC curve; several classes: mean of one-versus-rest over the classes that occur.

    Equal to scikit-learn's `roc_auc_score`, whose checks take longer than a small network's prediction.
    """
    if y_score.ndim == 1:
        return _area(y_true == 1, y_score)
    areas = [
        _area(y_true == one, y_score[:, one])
        for one in range(y_score.shape[1])
        if 0 < np.count_nonzero(y_true == one) < len(y_true)
    ]
    return float(np.mean(areas))


def _area(signal: NDArray[np.bool_], score: Scores) -> float:
    """Return the share of (signal, background) pairs in which the signal scores higher; ties count a half.

    Mann and Whitney (1947): this share is the area under the ROC curve.
    """
    background, kept = np.sort(score[~signal]), np.sort(score[signal])
    below = np.searchsorted(background, kept, "left").sum() + np.searchsorted(background, kept, "right").sum()
    return float(below / (2.0 * kept.size * background.size))


def background_rejection(y_true: Labels, y_score: Scores, signal_efficiency: float = 0.5) -> float:
    """Return 1 / (share of background kept) where the given share of signal is kept.

    The ROC curve is interpolated linearly. A sample of n background events can't tell shares below 1/n, so the
    result is at most n, also where no background event is left.
    """
    order = np.argsort(-y_score, kind="stable")
    last = np.append(np.flatnonzero(np.diff(y_score[order])), len(order) - 1)  # of each run of equal scores
    signal = np.cumsum(y_true[order] == 1)[last]
    background = last + 1 - signal
    true_positive, false_positive = (np.append(0.0, kept / kept[-1]) for kept in (signal, background))
    share = float(np.interp(signal_efficiency, true_positive, false_positive))
    return 1.0 / max(share, 1.0 / background[-1])


def mse(y_true: Labels, y_score: Scores) -> float:
    """Mean squared error over all elements."""
    return float(np.mean((np.asarray(y_true, dtype=np.float64).reshape(y_score.shape) - y_score) ** 2))


def build_ranking(config: StudyConfig, base_dir: Path) -> Callable[[Mapping[str, str]], Ranking]:
    """Return what makes the ranking that a study file names, once the task of each output is known.

    Raises:
        UserError: when the metric's file or function is missing; on the call, when the model has no such output.
    """
    wanted = config.metric
    functions: dict[str, Callable[[Labels, Scores], float]] = {
        "accuracy": accuracy,
        "roc_auc": roc_auc,
        "background_rejection": lambda y, score: background_rejection(y, score, wanted.signal_efficiency),
        "mse": mse,
    }
    function = functions.get(wanted.name) or _checked(UserFunction(wanted.name, base_dir, "metric"))
    direction: Literal["maximize", "minimize"] = wanted.direction or "maximize"

    def of(tasks: Mapping[str, str]) -> Ranking:
        if wanted.output is not None and wanted.output not in tasks:
            raise UserError(
                f"metric.output = {wanted.output!r} is no output of the model: {nearest(wanted.output, tasks)}.".replace(
                    "?.", "?"
                )
            )
        outputs = tuple(
            Metric(task=task, function=function) if wanted.output in (None, name) else None
            for name, task in tasks.items()
        )
        return Ranking(name=wanted.name, direction=direction, outputs=outputs)

    return of


def _checked(function: UserFunction) -> Callable[[Labels, Scores], float]:
    def call(y_true: Labels, y_score: Scores) -> float:
        value = function(y_true, y_score)
        try:
            number = float(value)
        except (TypeError, ValueError):
            number = float("nan")
        if not np.isfinite(number):
            raise UserError(
                f"metric: {function.file.name}:{function.name} returned {value!r} for {len(y_true)} samples: "
                "return one finite number."
            )
        return number

    return call
