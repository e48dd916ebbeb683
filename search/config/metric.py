"""Whether a study's metric fits its task, and the bounds on it can be met."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from .base import at, nearest
from .sections import ConstraintsConfig, MetricConfig

_TASKS_OF = {
    "accuracy": ("binary", "multiclass"),
    "roc_auc": ("binary", "multiclass"),
    "background_rejection": ("binary",),
    "mse": ("regression",),
}


def check_metric(
    metric: MetricConfig,
    bounds: ConstraintsConfig,
    task: str | Mapping[str, str],
    ranked: Collection[str],
) -> None:
    """Check a study's metric, and the bounds on it, against its task; `ranked`: tasks of the outputs that count.

    Raises:
        PydanticCustomError: naming the key, what is wrong with it, and what to do.
    """
    name = metric.name
    chosen = metric.output
    if isinstance(task, dict) and chosen is not None and chosen not in task:
        raise at("metric.output", f"= {chosen!r} isn't an output that task names: {nearest(chosen, task)}")
    wrong = sorted(task for task in ranked if task not in _TASKS_OF.get(name, (task,)))
    if wrong:
        fitting = [one for one, fits in _TASKS_OF.items() if wrong[0] in fits]
        remedy = (
            "set metric.output to an output that it fits"
            if len(ranked) > 1
            else f"use {' or '.join(fitting)}, or file.py:function"
        )
        raise at("metric", f"= {name!r} doesn't fit task {wrong[0]}: {remedy}")
    in_unit_interval = name in ("accuracy", "roc_auc")
    worst = bounds.metric.value if bounds.metric else None
    if worst is not None and in_unit_interval and not 0 <= worst < 1:
        hint = f": write {worst / 100:g}" if 1 < worst <= 100 else ""
        raise at("constraints.metric", f"= {worst:g} can't be met, {name} lies within 0..1{hint}")
    if worst is not None and name == "mse" and worst < 0:
        raise at("constraints.metric", f"= {worst:g} can't be met, mse is never negative")
    drop = bounds.metric_drop.value if bounds.metric_drop else 0.0
    if in_unit_interval and drop >= 1:
        raise at(
            "constraints.metric_drop",
            f"= {drop:g} allows anything, {name} lies within 0..1: write {drop / 100:g}, say",
        )
