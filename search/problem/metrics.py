"""What ranks candidates: a built-in metric or a user's function, over the outputs of a model that count."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from bitfront.search.config import StudyConfig
from bitfront.search.config.base import nearest
from bitfront.search.problem.beside import LABELS, Beside
from bitfront.search.problem.decisions import FALLS, Decisions, Fall, Ties, decisions
from bitfront.search.problem.metric_functions import (
    Function,
    Labels,
    Scores,
    functions_of,
    one_versus_rest,
    probabilities,
    ranks,
)
from bitfront.search.problem.user_code import UserFunction
from bitfront.search.quantities import METRICS
from bitfront.spaces import UserError


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

    def __call__(
        self, y_true: Sequence[Labels], y_score: Sequence[Scores], beside: Beside | None = None
    ) -> float:
        """Compute the mean over the outputs that count, from the labels and the scores of all outputs.

        Args:
            y_true: one array an output.
            y_score: likewise.
            beside: the inputs and the arrays beside them, for a metric that sees them.

        Raises:
            UserError: when a user's function fails or returns no finite number.
        """
        return self._mean(y_true, y_score, beside or Beside(), None)

    def _mean(
        self, y_true: Sequence[Labels], y_score: Sequence[Scores], beside: Beside, fall: Fall | None
    ) -> float:
        found = [
            one(y, score, fall, beside)
            for one, y, score in zip(self.outputs, y_true, y_score, strict=True)
            if one is not None
        ]
        return sum(found) / len(found)

    def outcome(
        self, y_true: Sequence[Labels], y_score: Sequence[Scores], beside: Beside | None = None
    ) -> Outcome:
        """Compute the metric, what ties do to it, and what is found of each class; arguments as of a call.

        Raises:
            UserError: when a user's function fails or returns no finite number.
        """
        beside = beside or Beside()
        score = self(y_true, y_score, beside)
        if not all(np.isfinite(one).all() for one in y_score):
            return Outcome(score=score, ties={}, recall={})
        decided = self._decisions(y_true, y_score)
        fall: Ties = next((one.ties for one in self.outputs if one is not None), "expected")
        recall = {
            name: found.recall(fall, np.shape(scores)[1] if task == "multiclass" else 2)
            for name, task, found, scores in zip(self.names, self.tasks, decided, y_score, strict=True)
            if found is not None
        }
        return Outcome(score=score, ties=self._ties(y_true, y_score, beside, decided), recall=recall)

    def _ties(
        self,
        y_true: Sequence[Labels],
        y_score: Sequence[Scores],
        beside: Beside,
        decided: Sequence[Decisions | None],
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
            ties |= {one: self._mean(y_true, y_score, beside, one) for one in FALLS}
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

    def __call__(
        self, y_true: Labels, y_score: Scores, fall: Fall | None = None, beside: Beside | None = None
    ) -> float:
        """Compute the metric.

        Args:
            y_true: class numbers of shape (samples,), or targets shaped like the output.
            y_score: outputs, (samples,) or (samples, 1) where binary, else (samples, classes) or like
                `y_true`.
            fall: how ties fall, as `ties` says where None.
            beside: the inputs and the arrays beside them.

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
        return float(self.function(y_true, scores, from_logits, fall or self.ties, beside or Beside()))

    def tied_pairs(self, y_true: Labels, y_score: Scores) -> float:
        """Return the share of pairs, one of a class and one not, with equal scores; the mean over the
        classes.
        """
        found = [
            ranks(signal, score)
            for _, signal, score in one_versus_rest(y_true, np.asarray(y_score, np.float64), self.from_logits)
        ]
        return float(np.mean([(upper - lower) / pairs for lower, upper, pairs in found]))


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
    names = function.parameters[2:]

    def call(y_true: Labels, y_score: Scores, from_logits: bool, _: Fall, beside: Beside) -> float:
        inputs = beside.inputs[0] if len(beside.inputs) == 1 else tuple(beside.inputs)
        known = {**beside.extra, "inputs": inputs}
        seen = {name: known[name] for name in names if name in known}
        value = function(y_true, probabilities(y_score) if from_logits else y_score, **seen)
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


def sees_labels(name: str) -> bool:
    """Whether a metric sees labels that the data bring beside the targets."""
    built_in = METRICS.get(name)
    return built_in is not None and built_in.sees_labels


def check_beside(name: str, splits: Mapping[str, Beside], source: str) -> None:
    """Check that the data bring what a built-in metric sees beside labels and outputs.

    Args:
        name: the metric's.
        splits: what stands beside the samples that are scored, by split (`val`, `test`).
        source: the data's, for messages.

    Raises:
        UserError: when the anomalies' labels are missing, other than 0 and 1, or of one kind alone.
    """
    if not sees_labels(name):
        return
    for split, beside in splits.items():
        where = f"{source}: extra_{split}[{LABELS!r}]"
        if LABELS not in beside.extra:
            raise UserError(
                f"{where} is missing, which {name} compares the errors with: give 1 for each anomaly and 0 "
                "for every other sample."
            )
        kinds = np.unique(beside.extra[LABELS])
        if beside.extra[LABELS].size != len(beside.extra[LABELS]) or not np.isin(kinds, (0, 1)).all():
            raise UserError(f"{where} isn't one 0 or 1 a sample: give 1 for each anomaly.")
        if len(kinds) < 2:
            raise UserError(f"{where} holds only {kinds[0]:g}: mix anomalies and others in y_{split}.")
