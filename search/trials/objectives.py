"""What the search optimises and what a candidate must meet.

An objective reads one number out of an `Evaluation`; a constraint turns one into a violation, positive where
it is broken, as Optuna wants it. Violations are relative to their limit, so that a LUT and a nanosecond weigh
alike when a sampler adds them up.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from bitfront.spaces import UserError

from ..quantities import QUANTITIES, Limit, Quantity, named
from ..quantities.limits import in_unit, share_text
from ..quantities.metrics import Direction, label_of
from ..quantities.table import scored
from .evaluation import Evaluation

SIGNS: Mapping[Direction, int] = {"maximize": 1, "minimize": -1}
"""What a figure is multiplied by so that more is better."""
Bound = Literal["at_most", "at_least", "drop"]


@dataclass(frozen=True)
class Metric:
    """The figure that ranks candidates: its name, which way is better, and the value no model can pass."""

    name: str
    direction: Direction = "maximize"
    perfect: float | None = None
    """1.0 for an accuracy, 0.0 for an error; None where there is no bound."""
    ties: str = ""
    """How undecided classes count (`MetricConfig.ties`); empty where the metric decides none, or it wasn't
    recorded.
    """

    def better(self, a: float, b: float) -> bool:
        """Whether `a` is strictly better than `b`."""
        return a > b if self.direction == "maximize" else a < b

    @property
    def label(self) -> str:
        """The name as a figure shows it: `roc_auc` becomes `ROC AUC`."""
        return label_of(self.name)


@dataclass(frozen=True)
class Objective:
    """One axis of the search.

    `name` is `metric` or a key of `QUANTITIES`; `key` is where the value stands in the evaluation.
    """

    name: str
    direction: Direction
    key: str
    label: str
    unit: str = ""

    @property
    def is_metric(self) -> bool:
        """Whether it is the metric and not a resource."""
        return self.name == "metric"

    @property
    def is_scored(self) -> bool:
        """Whether it is known once a candidate has been scored: the metric, and what it loses under noise."""
        return self.is_metric or self.name in scored()

    @property
    def title(self) -> str:
        """Label with its unit, for an axis."""
        return f"{self.label} ({self.unit})" if self.unit else self.label

    def value(self, evaluation: Evaluation) -> float:
        """Return the objective's value of a candidate, in its own unit and direction.

        Raises:
            UserError: when the evaluation has no such figure.
        """
        source = evaluation.metrics if self.is_metric else evaluation.resources
        if self.key not in source:
            raise UserError(
                f"Trial {evaluation.number} has no {self.key!r}, so it can't be ranked by {self.name}."
            )
        return source[self.key]

    def loss(self, evaluation: Evaluation) -> float:
        """Return the value with its sign chosen so that less is better."""
        value = self.value(evaluation)
        return -value if self.direction == "maximize" else value

    def scaled(self, value: float) -> float:
        """Return a value on the scale of the hypervolume and the knee, less being better.

        Resources span decades, so they are compared by `log2(1 + value)`: halving the LUTs counts the same
        wherever it happens. Metrics are compared as they are.
        """
        if not self.is_metric:
            return math.log2(1.0 + max(0.0, value))
        return -value if self.direction == "maximize" else value

    @classmethod
    def of(cls, quantity: Quantity) -> Objective:
        """Return the objective that makes a quantity small."""
        return cls(quantity.name, "minimize", quantity.key, quantity.label, quantity.unit)

    def to_json(self) -> dict[str, Any]:
        """Return the objective as plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Objective:
        """Read what `to_json` wrote; a quantity that is known goes by its label of today."""
        known = QUANTITIES.get(data["name"])
        return cls(**{**data, "label": known.label if known else data["label"]})

    @property
    def stock(self) -> str:
        """The key of the device's stock of it."""
        return QUANTITIES[self.name].stock if self.name in QUANTITIES else self.key


@dataclass(frozen=True)
class Constraint:
    """A limit on a resource or on the metric.

    The violation is `(value - limit) / scale` (sign turned for a lower bound), so 0.2 says a fifth too much.
    `scale` is the limit itself; where that is 0, the device's stock, or 1; of a drop, the float model's
    metric.
    """

    name: str
    """`lut`, ... as in `QUANTITIES`, or `metric`, or `metric_drop`."""
    bound: Bound
    """A `drop` is measured against the float model's metric."""
    limit: float
    scale: float
    text: str
    """As the study file said it, `10%`; `100%` where it said nothing, since every design must fit the device.
    Studies of older versions have the absolute number here."""
    direction: Direction = "minimize"
    """Of the metric; a resource is always minimised."""
    confidence: float | None = None
    """How sure a resource is to keep it, in 0..1: its upper end is checked. None where the estimate itself
    is."""

    @property
    def told(self) -> str:
        """The limit as it was said, with how sure it is to be kept: `10% with 90% confidence`."""
        return f"{self.text} with {share_text(self.confidence)} confidence" if self.confidence else self.text

    @property
    def on_metric(self) -> bool:
        """Whether it limits the metric itself."""
        return self.name in {"metric", "metric_drop"}

    @property
    def after_scoring(self) -> bool:
        """Whether what it limits is known only once a candidate has been scored."""
        return self.on_metric or self.name in scored()

    def threshold(self, float_score: float | None = None) -> float:
        """Return the bare number that a value is compared with: a drop becomes the metric that is just
        allowed.

        Raises:
            UserError: when a drop is asked without the float model's score.
        """
        if self.bound in {"at_most", "at_least"}:
            return self.limit
        if float_score is None:
            raise UserError(f"Constraint {self.name} needs the float model's metric, which isn't known yet.")
        return float_score - SIGNS[self.direction] * self.limit

    def violation(self, value: float, float_score: float | None = None) -> float:
        """How far `value` is beyond the limit, relative to `scale`; 0 or less where the limit is met."""
        excess = value - self.threshold(float_score)
        if self.bound == "at_least" or (self.on_metric and self.direction == "maximize"):
            excess = -excess
        scale = abs(float_score or 0.0) or 1.0 if self.name == "metric_drop" else self.scale
        return excess / scale

    def to_json(self) -> dict[str, Any]:
        """Return the constraint as plain values; without a confidence where there is none."""
        return {key: value for key, value in asdict(self).items() if key != "confidence" or value}

    def checked(self, resources: Mapping[str, float], upper: Mapping[str, float]) -> float:
        """Return the figure that is to keep it: a resource's upper end with a confidence, else the resource.

        Raises:
            UserError: when the one that it needs isn't there.
        """
        key, source = QUANTITIES[self.name].key, upper if self.confidence else resources
        if key not in source:
            missing = "upper end of" if self.confidence else "estimate of"
            raise UserError(f"Constraint {self.name} can't be checked: there is no {missing} {key!r}.")
        return source[key]

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Constraint:
        """Read what `to_json` wrote."""
        return cls(**data)


def parse_objectives(names: Sequence[str], metric: Metric) -> tuple[Objective, ...]:
    """Turn the study file's list into objectives; the metric may go by `metric` or by its own name.

    Raises:
        UserError: fewer than two or more than four, an unknown name, or one named twice.
    """
    found = []
    for name in names:
        canonical = _canonical(name, metric)
        if canonical == "metric":
            found.append(Objective("metric", metric.direction, "score", metric.label))
        else:
            found.append(Objective.of(QUANTITIES[canonical]))
    names_found = [objective.name for objective in found]
    twice = sorted({name for name in names_found if names_found.count(name) > 1})
    if twice:
        raise UserError(f"Objective {twice[0]!r} is listed twice: name each once.")
    if not 2 <= len(found) <= 4:
        raise UserError(
            f"{len(found)} objectives are listed: choose two to four, e.g. [metric, lut, latency]."
        )
    return tuple(found)


def constraints_of(
    limits: Mapping[str, Limit], metric: Metric, stock: Mapping[str, float] | None = None
) -> tuple[Constraint, ...]:
    """Turn a study's limits (`StudyConfig.limits`) into constraints.

    Args:
        limits: by a name in `QUANTITIES`, `metric` (at least, or at most where less is better) or
            `metric_drop`; in the quantity's or the metric's own unit.
        metric: the study's metric.
        stock: what the device has, by resource key (lut, ff, dsp, bram18, uram): the scale of a limit of 0.
    """
    found = []
    for name, limit in limits.items():
        value, text = limit.value, limit.text
        if name == "metric_drop":
            found.append(Constraint(name, "drop", value, 1.0, text, metric.direction))
        elif name == "metric":
            bound: Bound = "at_least" if metric.direction == "maximize" else "at_most"
            found.append(Constraint(name, bound, value, abs(value) or 1.0, text, metric.direction))
        else:
            scale = value or float((stock or {}).get(QUANTITIES[name].stock) or 1)
            found.append(Constraint(name, "at_most", value, scale, text, confidence=limit.confidence))
    return tuple(found)


def parse_limit(given: str, value: float | int | str, name: str) -> float:
    """Read a limit on `name` ('metric' or a key of `QUANTITIES`) that isn't a percentage: `5000`, `10k`,
    `1.5us`.

    Raises:
        UserError: when it isn't a number or its unit isn't the quantity's.
    """
    try:
        return in_unit(value, QUANTITIES[name].unit if name in QUANTITIES else "")
    except ValueError as error:
        raise UserError(f"Limit on {given}: {value} {error}.") from None


def resource_violations(
    constraints: Sequence[Constraint],
    resources: Mapping[str, float],
    upper: Mapping[str, float] | None = None,
) -> dict[str, float]:
    """Violations that are known before any scoring, by constraint name.

    `upper`: upper ends of the resources at the study's confidence, if it has one.

    Raises:
        UserError: when a constrained figure is missing.
    """
    return {
        c.name: c.violation(c.checked(resources, upper or {})) for c in constraints if not c.after_scoring
    }


def metric_violations(
    constraints: Sequence[Constraint], score: float, float_score: float | None = None
) -> dict[str, float]:
    """Violations that need the candidate's score, by constraint name."""
    return {c.name: c.violation(score, float_score) for c in constraints if c.on_metric}


def scored_violations(constraints: Sequence[Constraint], figures: Mapping[str, float]) -> dict[str, float]:
    """Violations of limits on what else is scored, `noise_drop` say; `figures` by their keys."""
    limited = (c for c in constraints if c.name in scored())
    return {c.name: c.violation(c.checked(figures, {})) for c in limited}


def broken(
    constraints: Sequence[Constraint],
    found: Mapping[str, float],
    resources: Mapping[str, float],
    upper: Mapping[str, float] | None = None,
) -> str | None:
    """Say in one line which resource constraints are broken, `constraint lut: 51234 > 20000`; None if none
    is. With a confidence it is the upper end that is too much: `lut: 51234 at 90% > 20000`.
    """
    lines = [
        f"{c.name}: {c.checked(resources, upper or {}):.6g}"
        f"{f' at {share_text(c.confidence)}' if c.confidence else ''} > {c.limit:.6g}"
        for c in constraints
        if not c.after_scoring and found.get(c.name, 0.0) > 0
    ]
    return f"constraint {', '.join(lines)}" if lines else None


def _canonical(name: str, metric: Metric) -> str:
    lowered = str(name).strip().lower()
    if lowered in {"metric", metric.name.lower()}:
        return "metric"
    quantity = named(lowered)
    if quantity and quantity.objective:
        return quantity.name
    known = ["metric", metric.name, *(q.name for q in QUANTITIES.values() if q.objective)]
    near = difflib.get_close_matches(lowered, known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"use one of {', '.join(known)}."
    raise UserError(f"Objective {name!r} is unknown: {hint}")
