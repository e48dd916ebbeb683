"""What ranks candidates: accuracy, balanced or not, ROC AUC, background rejection, mean squared error, or a
user's function.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from bitfront.search.config import MetricConfig, StudyConfig
from bitfront.search.config.base import nearest
from bitfront.search.problem.decisions import FALLS, Decisions, Fall, Ties, decisions
from bitfront.search.problem.user_code import UserFunction
from bitfront.search.quantities import METRICS
from bitfront.spaces import UserError

Scores = NDArray[np.floating[Any]]
Labels = NDArray[Any]
Function = Callable[[Labels, Scores, bool, Fall], float]
"""A metric of labels, scores, whether these are logits, and how ties fall, which counts where classes are
decided.
"""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What the outputs of a model come to."""

    score: float
    """The metric that ranks; NaN where an output isn't finite."""
    ties: Mapping[str, float]
    """`share` of the samples whose class isn't decided, and where there are any and the metric decides
    classes, the metric for each way in which they may fall (`Fall`); `pairs` of a metric that ranks samples:
    share of those pairs, one of the class and one not, whose scores are equal, which it counts a half. Of
    several outputs, the largest share. Empty where the outputs that count decide nothing."""
    recall: Mapping[str, tuple[float | None, ...]]
    """Of each output that decides a class, by name: the share of each class's samples that count as right."""


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
    names: tuple[str, ...] = ()
    """Names of the outputs, all of them."""
    tasks: tuple[str, ...] = ()
    """What they are for, all of them."""
    from_logits: tuple[bool, ...] = ()
    """Whether their scores are logits, all of them; none where empty."""

    def on_logits(self, from_logits: Sequence[bool]) -> Ranking:
        """Return the same ranking for scores of which those of some outputs are logits."""
        pairs = zip(self.outputs, from_logits, strict=True)
        outputs = tuple(one and replace(one, from_logits=logits) for one, logits in pairs)
        return replace(self, outputs=outputs, from_logits=tuple(from_logits))

    def __call__(self, y_true: Sequence[Labels], y_score: Sequence[Scores]) -> float:
        """Compute the mean over the outputs that count, from the labels and the scores of all outputs.

        Raises:
            UserError: when a user's function fails or returns no finite number.
        """
        return self._mean(y_true, y_score, None)

    def _mean(self, y_true: Sequence[Labels], y_score: Sequence[Scores], fall: Fall | None) -> float:
        found = [
            one(y, score, fall)
            for one, y, score in zip(self.outputs, y_true, y_score, strict=True)
            if one is not None
        ]
        return sum(found) / len(found)

    def outcome(self, y_true: Sequence[Labels], y_score: Sequence[Scores]) -> Outcome:
        """Compute the metric, what ties do to it, and what is found of each class.

        Raises:
            UserError: when a user's function fails or returns no finite number.
        """
        score = self(y_true, y_score)
        if not all(np.isfinite(one).all() for one in y_score):
            return Outcome(score=score, ties={}, recall={})
        decided = self._decisions(y_true, y_score)
        fall: Ties = next((one.ties for one in self.outputs if one is not None), "expected")
        recall = {
            name: found.recall(fall, np.shape(scores)[1] if task == "multiclass" else 2)
            for name, task, found, scores in zip(self.names, self.tasks, decided, y_score, strict=True)
            if found is not None
        }
        return Outcome(score=score, ties=self._ties(y_true, y_score, decided), recall=recall)

    def _ties(
        self, y_true: Sequence[Labels], y_score: Sequence[Scores], decided: Sequence[Decisions | None]
    ) -> dict[str, float]:
        built_in = METRICS.get(self.name)
        ranks = built_in is not None and built_in.ranks
        counted = [
            d.tied
            for d, one, task in zip(decided, self.outputs, self.tasks, strict=True)
            if d is not None and one is not None and not (ranks and task == "binary")
        ]
        ties = {"share": max(counted)} if counted else {}
        if any(counted) and built_in is not None and built_in.decides:
            ties |= {one: self._mean(y_true, y_score, one) for one in FALLS}
        if ranks:
            counts = zip(self.outputs, y_true, y_score, strict=True)
            ties["pairs"] = max(one.tied_pairs(y, scores) for one, y, scores in counts if one is not None)
        return ties

    def _decisions(self, y_true: Sequence[Labels], y_score: Sequence[Scores]) -> list[Decisions | None]:
        """Return what each output decides, None for a regression."""
        logits = self.from_logits or (False,) * len(self.tasks)
        found: list[Decisions | None] = []
        for task, y, scores, from_logits in zip(self.tasks, y_true, y_score, logits, strict=True):
            flat = np.asarray(scores, np.float64)
            flat = flat.reshape(len(flat)) if task == "binary" else flat
            found.append(None if task == "regression" else decisions(y, flat, from_logits=from_logits))
        return found

    def better(self, one: float, other: float) -> bool:
        """Whether `one` is strictly better than `other`."""
        return one > other if self.direction == "maximize" else one < other


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A number for one output of a model on labelled samples.

    Attributes:
        task: `binary`, `multiclass` or `regression`.
        function: computes it.
        from_logits: whether the scores that will come are logits, of a head without its sigmoid or softmax.
        ties: how a sample counts whose class isn't decided.
    """

    task: str
    function: Function
    from_logits: bool = False
    ties: Ties = "expected"

    def __call__(self, y_true: Labels, y_score: Scores, fall: Fall | None = None) -> float:
        """Compute the metric.

        Args:
            y_true: class numbers of shape (samples,), or targets shaped like the output.
            y_score: outputs, (samples,) or (samples, 1) where binary, else (samples, classes) or like
                `y_true`.
            fall: how ties fall, as `ties` says where None.

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
        from_logits = self.from_logits and self.task != "regression"
        return float(self.function(y_true, scores, from_logits, fall or self.ties))

    def tied_pairs(self, y_true: Labels, y_score: Scores) -> float:
        """Return the share of pairs, one of a class and one not, with equal scores; the mean over the
        classes.
        """
        found = [
            _ranks(signal, score)
            for signal, score in _one_versus_rest(y_true, np.asarray(y_score, np.float64), self.from_logits)
        ]
        return float(np.mean([(upper - lower) / pairs for lower, upper, pairs in found]))


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


def balanced_accuracy(
    y_true: Labels, y_score: Scores, from_logits: bool = False, fall: Fall = "expected"
) -> float:
    """Mean of the shares of each class's samples that are right, over the classes that occur.

    So every class weighs alike, however few its samples are; it is scikit-learn's `balanced_accuracy_score`.
    """
    found = decisions(y_true, y_score, from_logits=from_logits)
    known = [one for one in found.recall(fall, int(found.labels.max()) + 1) if one is not None]
    return float(np.mean(known))


def roc_auc(y_true: Labels, y_score: Scores, from_logits: bool = False) -> float:
    """Area under the ROC curve; several classes: mean of one-versus-rest over the classes that occur.

    Equal to scikit-learn's `roc_auc_score`, whose checks take longer than a small network's prediction.
    """
    found = [
        _ranks(signal, score) for signal, score in _one_versus_rest(y_true, np.asarray(y_score), from_logits)
    ]
    return float(np.mean([(lower + upper) / (2.0 * pairs) for lower, upper, pairs in found]))


def _one_versus_rest(
    y_true: Labels, y_score: Scores, from_logits: bool
) -> Iterator[tuple[NDArray[np.bool_], Scores]]:
    """Give which samples are of a class, and what ranks them, for each class that occurs; of one output
    once.
    """
    if y_score.ndim == 1 or y_score.shape[1] == 1:
        # a sigmoid changes no order, but in floating point large logits would become equal
        yield y_true == 1, y_score.reshape(len(y_score))
        return
    ranked = log_odds(y_score) if from_logits else y_score
    for one in range(ranked.shape[1]):
        signal = y_true == one
        if 0 < np.count_nonzero(signal) < len(signal):
            yield signal, ranked[:, one]


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


def _ranks(signal: NDArray[np.bool_], score: Scores) -> tuple[int, int, int]:
    """Return how many pairs, one signal and one background, have the signal above, or at least as high, and
    all of them.

    Mann and Whitney (1947): the first share, and half of what the second adds, is the area under the ROC
    curve.
    """
    background, kept = np.sort(score[~signal]), np.sort(score[signal])
    lower = int(np.searchsorted(background, kept, "left").sum())
    upper = int(np.searchsorted(background, kept, "right").sum())
    return lower, upper, kept.size * background.size


def background_rejection(y_true: Labels, y_score: Scores, signal_efficiency: float = 0.5) -> float:
    """Return 1 / (share of background kept) where the given share of signal is kept.

    The ROC curve is interpolated linearly. A sample of n background events can't tell shares below 1/n, so
    the result is at most n, also where no background event is left.
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


def functions_of(wanted: MetricConfig) -> Mapping[str, Function]:
    """Return what computes each metric of `METRICS`, with the options that a study gives."""
    return {
        "accuracy": accuracy,
        "balanced_accuracy": balanced_accuracy,
        "roc_auc": lambda y, score, logits, _: roc_auc(y, score, logits),
        "background_rejection": lambda y, score, *_: background_rejection(y, score, wanted.signal_efficiency),
        "mse": lambda y, score, *_: mse(y, score),
    }


def build_ranking(config: StudyConfig, base_dir: Path) -> Callable[[Mapping[str, str]], Ranking]:
    """Return what makes the ranking that a study file names, once the task of each output is known.

    Raises:
        UserError: when the metric's file or function is missing; on the call, when the model has no such
            output.
    """
    wanted = config.metric
    function = functions_of(wanted).get(wanted.name) or _checked(
        UserFunction(wanted.name, base_dir, "metric")
    )
    direction: Literal["maximize", "minimize"] = wanted.direction or "maximize"

    def of(tasks: Mapping[str, str]) -> Ranking:
        if wanted.output is not None and wanted.output not in tasks:
            raise UserError(
                f"metric.output = {wanted.output!r} is no output of the model: "
                f"{nearest(wanted.output, tasks)}.".replace("?.", "?")
            )
        outputs = tuple(
            Metric(task=task, function=function, ties=wanted.ties) if wanted.output in (None, name) else None
            for name, task in tasks.items()
        )
        return Ranking(
            name=wanted.name,
            direction=direction,
            outputs=outputs,
            names=tuple(tasks),
            tasks=tuple(tasks.values()),
        )

    return of


def _checked(function: UserFunction) -> Function:
    def call(y_true: Labels, y_score: Scores, from_logits: bool, _: Fall) -> float:
        value = function(y_true, probabilities(y_score) if from_logits else y_score)
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
