"""A finished or running study, read from its folder and arranged for figures and the page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import Literal

from bitfront.spaces import FixedPoint, UserError

from ..measurements.corrected import read_evaluations
from ..measurements.measured import Measured, read_measured
from ..problem.score_warnings import float_warnings, trial_warnings
from ..quantities import QUANTITIES
from ..storage.study_folder import StudyFolder
from ..trials.evaluation import Evaluation, total_seconds
from ..trials.front import PICKS, hypervolume_history, last_gain, pareto, pick
from ..trials.names import uniform_names, width_names
from ..trials.objectives import Objective
from ..trials.reference import Reference
from .against_float import AgainstFloat, against_float
from .latency import Timing, read_latency
from .sensitivity import Sensitivity, read_sensitivity
from .test_scores import TestScores, read_test_scores

Standing = Literal["front", "feasible", "over limit", "stopped", "failed"]

ADVICE: Mapping[str, str] = {
    "constraint": "Stopped before scoring, as it should be. If most trials end here, relax the limit or "
    "lower the widest widths of the space.",
    "nan_loss": "Training diverged. Lower the learning rate, or raise the smallest widths of the space.",
    "timeout": "It took longer than allowed. Raise the limit, or shorten the training.",
    "out_of_memory": "The worker ran out of memory. Use fewer workers, or a smaller batch.",
    "worker_lost": "A worker died. Run the study again to fill the gap; if it repeats, use fewer workers.",
}
"""What to do about a class of failure (the word before the colon in `Evaluation.reason`)."""


@dataclass(frozen=True)
class StudyView:
    """Everything the report shows, computed once."""

    reference: Reference
    evaluations: tuple[Evaluation, ...]
    folder: str
    """The study folder as a command line would name it."""
    config: str
    """Text of `study.yaml`, empty where there is none."""
    measured: Mapping[int, Measured] = field(default_factory=dict)
    """What synthesis tools measured, by trial."""
    latency: tuple[Timing, ...] = ()
    """The float model's latency on processors."""
    sensitivity: tuple[Sensitivity, ...] = ()
    """What each tensor's width does to the metric, where the study has such a table."""
    test_scores: TestScores | None = None
    """The front on the test split with intervals, once the study is over."""
    spent: float | None = None
    """Wall seconds of the whole search so far, with what it rounded and trained before its trials."""

    @classmethod
    def read(cls, study_dir: Path) -> StudyView:
        """Read a study folder.

        Raises:
            UserError: the folder is no study, a file is damaged, or no trial has finished.
        """
        study_dir = Path(study_dir)
        reference = Reference.read(study_dir)
        evaluations = tuple(read_evaluations(study_dir))
        if not evaluations:
            raise UserError(f"{study_dir} has no finished trial yet: run the study first.")
        config = study_dir / "study.yaml"
        text = config.read_text(encoding="utf-8") if config.is_file() else ""
        return cls(
            reference,
            evaluations,
            study_dir.name,
            text,
            read_measured(study_dir, reference.clock_ns),
            read_latency(study_dir),
            read_sensitivity(study_dir),
            read_test_scores(study_dir),
            StudyFolder(study_dir).spent_seconds() or None,
        )

    @property
    def objectives(self) -> tuple[Objective, ...]:
        """All objectives."""
        return self.reference.objectives

    @property
    def costs(self) -> tuple[Objective, ...]:
        """The objectives that are resources, at least one: LUT where the study has none."""
        found = tuple(objective for objective in self.objectives if not objective.is_metric)
        return found or (Objective.of(QUANTITIES["lut"]),)

    @property
    def metric_name(self) -> str:
        """The metric as a sentence names it."""
        return self.reference.metric.label

    @property
    def metric_title(self) -> str:
        """The metric as an axis names it: of validation data, with its direction where less is better."""
        less = ", less is better" if self.reference.metric.direction == "minimize" else ""
        return f"{self.metric_name} (validation{less})"

    def against(self, e: Evaluation) -> AgainstFloat:
        """Return a scored candidate beside the float model, on test data where both were scored there."""
        return against_float(self.reference, e, self.test_scores)

    @cached_property
    def tested(self) -> bool:
        """Whether the float model and some candidates were scored on the test split."""
        return "test" in self.reference.float_scores and any("test" in e.metrics for e in self.evaluations)

    @cached_property
    def uniform_trained(self) -> bool:
        """Whether a uniform baseline was trained, whatever came of it."""
        return any(e.kind == "uniform" and "qat" in e.metrics for e in self.evaluations)

    @cached_property
    def scored(self) -> tuple[Evaluation, ...]:
        """The complete evaluations, feasible or not."""
        return tuple(e for e in self.evaluations if e.status == "complete")

    @cached_property
    def front(self) -> tuple[Evaluation, ...]:
        """The scored members of the front, cheapest first; least violating ones where nothing is feasible."""
        members = [e for e in pareto(self.evaluations, self.objectives) if e.status == "complete"]
        return tuple(sorted(members, key=lambda e: (self.costs[0].value(e), -e.number)))

    @cached_property
    def warnings(self) -> list[str]:
        """What makes the scores of the float model and of the front less sure than they look, a sentence
        each.
        """
        return [*float_warnings(self.reference), *trial_warnings(self.reference, self.front)]

    @cached_property
    def names(self) -> dict[int, str]:
        """What each uniform baseline is called, by trial: `8 bit QAT`, and what tells it from another one of
        that name.
        """
        return uniform_names(e for e in self.evaluations if e.kind == "uniform")

    @cached_property
    def width_names(self) -> dict[int, str]:
        """What the widths of each uniform baseline are called, by trial: `8 bit`, alike for each method."""
        return width_names(e for e in self.evaluations if e.kind == "uniform")

    @cached_property
    def any_feasible(self) -> bool:
        """Whether a candidate meets every constraint."""
        return any(e.feasible for e in self.evaluations)

    @cached_property
    def picks(self) -> dict[str, Evaluation]:
        """The three recommended candidates, by the name that `export --pick` takes; empty without a feasible
        one.
        """
        if not self.any_feasible:
            return {}
        metric, floor = self.reference.metric, self.reference.knee_floor
        return {how: pick(self.evaluations, self.objectives, how, metric, floor=floor) for how in PICKS}

    @cached_property
    def hypervolumes(self) -> list[tuple[int, float]]:
        """Hypervolume after each trial; empty where nothing was scored."""
        if not self.scored:
            return []
        return hypervolume_history(self.evaluations, self.objectives, self.reference.box)

    @cached_property
    def seconds_until(self) -> list[float]:
        """Seconds of evaluation up to and with each trial."""
        return list(accumulate(total_seconds([e]) for e in self.evaluations))

    @cached_property
    def last_gain(self) -> int | None:
        """The last trial that made the hypervolume grow (by a thousandth of its final value, at least)."""
        return last_gain(self.hypervolumes)

    def standing(self, evaluation: Evaluation) -> Standing:
        """Return where an evaluation ended up."""
        if evaluation.status == "failed":
            return "failed"
        if evaluation.status == "infeasible":
            return "stopped"
        if not evaluation.feasible:
            return "over limit"
        return "front" if evaluation.number in self._front_numbers else "feasible"

    @cached_property
    def _front_numbers(self) -> frozenset[int]:
        return frozenset(e.number for e in self.front)

    def cost_front(self, cost: Objective) -> list[Evaluation]:
        """Return the feasible evaluations that nothing beats in the metric and this one cost, cheapest
        first.
        """
        metric = Objective("metric", self.reference.metric.direction, "score", self.metric_name)
        members = pareto([e for e in self.evaluations if e.feasible], (metric, cost))
        return sorted(members, key=lambda e: (cost.value(e), metric.loss(e)))

    def reasons(self) -> list[tuple[str, int, Evaluation]]:
        """Return (class, count, an example) of what didn't complete, the most frequent first."""
        rest = [e for e in self.evaluations if e.reason]
        count = Counter(_class(e) for e in rest)
        first = {_class(e): e for e in reversed(rest)}
        return [(name, number, first[name]) for name, number in count.most_common()]

    def synthesis_failures(self) -> list[tuple[str, int, str, int, str]]:
        """Return (cause, count, advice, an example's trial, its telling line) of what a tool could not
        build.
        """
        rows = [
            (cause, what, number, line)
            for number, known in self.measured.items()
            for cause, line, what in known.failures
        ]
        count = Counter(cause for cause, *_ in rows)
        first = {row[0]: row[1:] for row in reversed(rows)}
        return [(cause, number, *first[cause]) for cause, number in count.most_common()]


def advice(reason_class: str) -> str:
    """Return what to do about a class of failure."""
    return ADVICE.get(
        reason_class, "Look at the trial's folder; `bitfront show TRIAL` prints what is known of it."
    )


def widths(evaluation: Evaluation) -> dict[str, int]:
    """Return the width in bits of each tensor, in network order."""
    return {key: FixedPoint.parse(text).width for key, text in evaluation.precision.items()}


def mean_width(evaluation: Evaluation) -> float | None:
    """Return the mean width of the weights (of all tensors where none is a weight), None without
    precision.
    """
    bits = widths(evaluation)
    chosen = [w for key, w in bits.items() if key.endswith("weight")] or list(bits.values())
    return sum(chosen) / len(chosen) if chosen else None


def layer_widths(evaluation: Evaluation) -> list[tuple[str, list[tuple[str, int]]]]:
    """Return (layer, [(role, bits), ...]) in network order."""
    grouped: dict[str, list[tuple[str, int]]] = {}
    for key, bits in widths(evaluation).items():
        layer, _, role = key.rpartition("/")
        grouped.setdefault(layer or role, []).append((role, bits))
    return list(grouped.items())


def shared_tensors(evaluations: Sequence[Evaluation]) -> list[str]:
    """Return every tensor of the evaluations once, in network order."""
    return list(dict.fromkeys(key for e in evaluations for key in e.precision))


def si(value: float) -> str:
    """Return a figure as people write it: 49.7 k, 1.73 M, 1,020, 0.0042, 0."""
    for least, size, letter in ((1e9, 1e9, " G"), (1e6, 1e6, " M"), (1e4, 1e3, " k")):
        if abs(value) >= least:
            scaled = value / size
            places = 0 if abs(scaled) >= 100 else 1 if abs(scaled) >= 10 else 2
            return f"{scaled:.{places}f}{letter}"
    if abs(value) >= 1000 or float(value).is_integer():
        return f"{value:,.0f}"
    return f"{value:.3g}"


def _class(evaluation: Evaluation) -> str:
    """Return the class of a reason: what stands before its colon, without the name of a constraint."""
    return (evaluation.reason or "").split(":", 1)[0].split(" ", 1)[0].strip() or "unknown"
