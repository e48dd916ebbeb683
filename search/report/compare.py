"""Several studies on one page: fronts over each other, hypervolume on one scale, what each needs for a
score.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from ..analysis.view import StudyView, si
from ..trials.evaluation import Evaluation, total_seconds
from ..trials.objectives import Objective
from .comparison import Comparison
from .figure import Figure
from .rendering import Table, rendered

ALLOWED_DROPS = (0.005, 0.01, 0.02, 0.05)
"""Drops of the metric, in its own unit, for which the cheapest candidate of each study is listed."""


def render(comparison: Comparison, figures: Mapping[str, Figure]) -> str:
    """Return the page."""
    return rendered(
        "comparison.html.j2",
        figures,
        comparison=comparison,
        title=" and ".join(comparison.names),
        headline=headline(comparison),
        devices=sorted({str(view.reference.device.get("part", "")) for view in comparison.views}),
        studies=_table(comparison),
    )


def headline(comparison: Comparison) -> str:
    """Return which study's front dominates more, in a sentence."""
    ends = [history[-1][1] if history else 0.0 for history in comparison.hypervolumes]
    ranked = sorted(zip(ends, comparison.names, strict=True), key=lambda row: -row[0])
    told = ", ".join(f"{name} {value:.3f}" for value, name in ranked)
    return f"Hypervolume at the end: {told} (more is better)."


def _table(comparison: Comparison) -> Table:
    cost = comparison.costs[0]
    columns = [("", "text"), *((name, "") for name in comparison.names)]
    rows: list[list[str]] = []

    def row(what: str, cells: Sequence[str]) -> None:
        rows.append([what, *cells])

    views = comparison.views
    row("Device", [f"{v.reference.device.get('part', '')} at {v.reference.clock_ns:g} ns" for v in views])
    tested = all(v.tested for v in views)
    row("Float model (validation)", [f"{v.reference.float_score:.4f}" for v in views])
    if tested:
        row("Float model (test)", [f"{v.reference.float_scores['test']:.4f}" for v in views])
    row("Trials (seconds of evaluation)", [_effort(v) for v in views])
    row("On the front", [str(len(v.front) if v.any_feasible else 0) for v in views])
    ends = [history[-1][1] if history else math.nan for history in comparison.hypervolumes]
    row("Hypervolume", [f"{value:.3f}" for value in ends])
    for how in ("best", "knee", "smallest"):
        chosen = [v.picks.get(how) for v in views]
        row(f"{how.capitalize()}: score (validation), {cost.label}", [_cell(e, cost) for e in chosen])
        if tested:
            pairs = zip(views, chosen, strict=True)
            row("its score on test data", ["none" if e is None else _beside(v, e) for v, e in pairs])
    for drop in ALLOWED_DROPS:
        found = [comparison.cheapest(v, cost, drop) for v in views]
        row(f"{cost.label} for a drop of at most {drop:g} (validation)", [_cell(e, cost) for e in found])
    return Table(columns, rows)


def _effort(view: StudyView) -> str:
    return f"{len(view.evaluations)} ({total_seconds(view.evaluations):,.0f} s)"


def _beside(view: StudyView, e: Evaluation) -> str:
    """Return a candidate's test score beside the float model's; nothing where it has none."""
    now = view.against(e)
    return f"{now.score:.4f}, {now.gap}" if now.split == "test" else ""


def _cell(e: Evaluation | None, cost: Objective) -> str:
    return (
        "none" if e is None else f"{e.score:.4f}, {si(cost.value(e))} (trial {e.number}, {e.method.upper()})"
    )
