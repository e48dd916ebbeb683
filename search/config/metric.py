"""A study's metric, and whether it fits the task and the bounds on it can be met."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from ..quantities import METRICS
from .base import Section, at, nearest
from .constraints import ConstraintsConfig
from .fields import Integer, Real

_NAMES = ", ".join(f"{one.name} ({one.about})" if one.about else one.name for one in METRICS.values())


class MetricConfig(Section):
    """What ranks the candidates, computed on the validation split."""

    shorthand: ClassVar[str | None] = "name"

    name: str = Field(
        description=f"{_NAMES}, or your own as file.py:function, called with (y_true, y_score), and with "
        f"`inputs` and the data's extra arrays where it has parameters so named, and returning a number",
        examples=["background_rejection"],
    )
    signal_efficiency: Real = Field(
        default=0.5,
        gt=0,
        lt=1,
        description="share of the signal that background_rejection keeps; a higher one keeps more background",
        examples=[0.3],
    )
    false_positive_rate: Real = Field(
        default=0.01,
        gt=0,
        lt=1,
        description="share of the background that efficiency_at_fpr lets pass; the validation split should "
        "hold a hundred times as many background samples as its inverse",
        examples=[0.001],
    )
    over_classes: Literal["mean", "worst"] | Annotated[Integer, Field(ge=0)] = Field(
        default="mean",
        description="how the figures of the classes become the metric: mean (macro average), worst (the "
        "least of them), or the number of the one class that counts; for balanced_accuracy (then recall), "
        "f1, roc_auc, background_rejection and efficiency_at_fpr",
        examples=["worst"],
    )
    output: str | None = Field(
        default=None,
        description="of a model with several outputs, the one whose metric ranks; without it, the mean over "
        "all outputs",
        examples=["digit"],
    )
    direction: Literal["maximize", "minimize"] | None = Field(
        default=None,
        description="whether more or less is better; known for the built-in metrics, maximize for your own",
        examples=["minimize"],
    )

    ties: Literal["expected", "lowest", "worst"] = Field(
        default="expected",
        description="how accuracy, balanced_accuracy and f1 count a sample whose largest output several "
        "classes share, as outputs of few bits often do: expected, as if these classes drew lots, so that "
        "no class gains by its number; lowest, as an argmax in hardware decides, the class with the lowest "
        "number (of one output: class 0 at the threshold); worst, as wrong, which keeps the search from such "
        "outputs. What the score is by each is recorded with every candidate",
        examples=["lowest"],
    )

    @model_validator(mode="after")
    def _known(self) -> MetricConfig:
        if self.name not in METRICS and ":" not in self.name:
            raise at(
                "metric", f"= {self.name!r} isn't known: {nearest(self.name, METRICS)} (or file.py:function)"
            )
        known = METRICS.get(self.name)
        for option in ("over_classes", "false_positive_rate"):
            if known and option in self.model_fields_set and option not in known.options:
                fitting = ", ".join(one.name for one in METRICS.values() if option in one.options)
                if getattr(self, option) != type(self).model_fields[option].default:
                    raise at(f"metric.{option}", f"has no effect on {self.name}: it is for {fitting}")
        natural = known.direction if known else self.direction or "maximize"
        if self.direction not in (None, natural):
            raise at("metric.direction", f"contradicts {self.name}, which {natural}s: leave it out")
        object.__setattr__(self, "direction", natural)
        return self


def check_metric(
    metric: MetricConfig,
    bounds: ConstraintsConfig,
    task: str | Mapping[str, str],
    ranked: Collection[str],
) -> None:
    """Check a study's metric, and the bounds on it, against its task; `ranked`: tasks of the outputs that
    count.

    Raises:
        PydanticCustomError: naming the key, what is wrong with it, and what to do.
    """
    name = metric.name
    chosen = metric.output
    if isinstance(task, dict) and chosen is not None and chosen not in task:
        raise at("metric.output", f"= {chosen!r} isn't an output that task names: {nearest(chosen, task)}")
    known = METRICS.get(name)
    wrong = sorted(task for task in ranked if known and task not in known.tasks)
    if wrong:
        fitting = [one for one, other in METRICS.items() if wrong[0] in other.tasks]
        remedy = (
            "set metric.output to an output that it fits"
            if len(ranked) > 1
            else f"use {' or '.join(fitting)}, or file.py:function"
        )
        raise at("metric", f"= {name!r} doesn't fit task {wrong[0]}: {remedy}")
    if known is None or known.least is None:
        return
    worst = bounds.metric.value if bounds.metric else None
    if known.most is None:
        if worst is not None and worst < known.least:
            raise at("constraints.metric", f"= {worst:g} can't be met, {name} is never below {known.least:g}")
        return
    within = f"{name} lies within {known.least:g}..{known.most:g}"
    if worst is not None and not known.least <= worst < known.most:
        hint = f": write {worst / 100:g}" if known.most < worst <= 100 * known.most else ""
        raise at("constraints.metric", f"= {worst:g} can't be met, {within}{hint}")
    drop = bounds.metric_drop.value if bounds.metric_drop else 0.0
    if drop >= known.most - known.least:
        raise at(
            "constraints.metric_drop", f"= {drop:g} allows anything, {within}: write {drop / 100:g}, say"
        )
