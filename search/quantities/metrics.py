"""The metrics that bitfront computes itself: one row for each, with what it is called, fits and can reach.

How each is computed is `problem.metric_functions.functions_of`; a test holds the two to the same names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Direction = Literal["maximize", "minimize"]
_CLASSES = ("binary", "multiclass")


@dataclass(frozen=True, kw_only=True)
class BuiltInMetric:
    """A figure that can rank candidates."""

    name: str
    """What study files call it."""
    label: str
    """How figures and texts name it."""
    tasks: tuple[str, ...]
    """Those that it fits; it is the default of those for which it is the first in `METRICS`."""
    direction: Direction = "maximize"
    least: float | None = None
    """The lowest value that it takes; None where there is no bound."""
    most: float | None = None
    """The highest; None where there is no bound."""
    decides: bool = False
    """Whether it compares decided classes with the right ones, so that ties between classes matter."""
    ranks: bool = False
    """Whether it ranks samples, of which those with equal scores count as half above each other."""
    sees_labels: bool = False
    """Whether it sees the labels that the data bring beside the targets."""
    options: tuple[str, ...] = ()
    """Keys of the study file's section `metric` that shape it."""
    about: str = ""
    """What the study file's reference says of it."""

    @property
    def perfect(self) -> float | None:
        """The value that no model can pass; None where there is no bound."""
        return self.most if self.direction == "maximize" else self.least


_ALL = (
    BuiltInMetric(name="accuracy", label="Accuracy", tasks=_CLASSES, least=0.0, most=1.0, decides=True),
    BuiltInMetric(
        name="balanced_accuracy",
        label="Balanced accuracy",
        tasks=_CLASSES,
        least=0.0,
        most=1.0,
        decides=True,
        options=("over_classes",),
        about="mean of the classes' recalls, so that a rare class weighs as much as a common one",
    ),
    BuiltInMetric(
        name="f1",
        label="F1",
        tasks=_CLASSES,
        least=0.0,
        most=1.0,
        decides=True,
        options=("over_classes",),
        about="mean of the classes' 2 TP / (2 TP + FP + FN)",
    ),
    BuiltInMetric(
        name="roc_auc",
        label="ROC AUC",
        tasks=_CLASSES,
        least=0.0,
        most=1.0,
        ranks=True,
        options=("over_classes",),
        about="several classes: mean of one-versus-rest; a pair of equal scores counts a half",
    ),
    BuiltInMetric(
        name="background_rejection",
        label="Background rejection",
        tasks=_CLASSES,
        ranks=True,
        options=("signal_efficiency", "over_classes"),
        about="1 / false-positive rate at a fixed signal efficiency; several classes: mean of "
        "one-versus-rest",
    ),
    BuiltInMetric(
        name="efficiency_at_fpr",
        label="Efficiency at a fixed false-positive rate",
        tasks=_CLASSES,
        least=0.0,
        most=1.0,
        ranks=True,
        options=("false_positive_rate", "over_classes"),
        about="share of the signal that is kept at a fixed false-positive rate; several classes: mean of "
        "one-versus-rest",
    ),
    BuiltInMetric(name="mse", label="MSE", tasks=("regression",), direction="minimize", least=0.0),
    BuiltInMetric(
        name="reconstruction_auc",
        label="Reconstruction AUC",
        tasks=("regression",),
        least=0.0,
        most=1.0,
        sees_labels=True,
        about="anomaly detection: ROC AUC of each sample's squared error against the labels that the data "
        "bring beside the targets",
    ),
)

METRICS: Mapping[str, BuiltInMetric] = {metric.name: metric for metric in _ALL}
"""All of them, by name."""


def default_metric(tasks: Sequence[object] = ()) -> str:
    """Return the metric of a study that names none: the first that fits one of its outputs' tasks, the first
    of all else.
    """
    fitting = (name for name, metric in METRICS.items() if any(task in metric.tasks for task in tasks))
    return next(fitting, next(iter(METRICS)))


def label_of(name: str) -> str:
    """Return how a figure names a metric: `roc_auc` is `ROC AUC`; a user's own goes by its name, in words."""
    known = METRICS.get(name)
    words = name.replace("_", " ")
    return known.label if known else words[:1].upper() + words[1:]
