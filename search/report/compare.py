"""Several studies on one page: fronts over each other, hypervolume on one scale, what each needs for a score."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence

from ..analysis.view import StudyView, si
from ..trials.evaluation import Evaluation, total_seconds
from ..trials.objectives import Objective
from . import markup, palette
from .axes import Figure, Trace, guide, layout, log_axis, wants_log
from .comparison import Comparison, score_range
from .plots import hover

ALLOWED_DROPS = (0.005, 0.01, 0.02, 0.05)
"""Drops of the metric, in its own unit, for which the cheapest candidate of each study is listed."""


def render(comparison: Comparison) -> str:
    """Return the page."""
    figures: dict[str, Figure] = {}
    sections = [_table(comparison)]
    for cost in comparison.costs:
        name = f"cost-{cost.name}-plot"
        figures[name] = overlay(comparison, cost)
        heading = (
            f"{html.escape(comparison.views[0].metric_name)} against {html.escape(markup.lower(cost.label))}"
        )
        caption = (
            "Each line is the front of one study in this plane; its members are outlined, its other candidates small. "
            "Dashed lines are the float models."
        )
        sections.append(markup.section(f"cost-{cost.name}", heading, markup.figure(name, heading, caption)))
    figures["hypervolume"] = curves(comparison)
    caption = (
        f"Over the objectives that all share, on the scale of {html.escape(comparison.names[0])}; studies of other "
        "models, data or devices are not on one scale."
    )
    heading = "Progress of the searches"
    sections.append(
        markup.section("progress-section", heading, markup.figure("hypervolume", "Hypervolume", caption))
    )
    title = " and ".join(comparison.names)
    devices = {str(view.reference.device.get("part", "")) for view in comparison.views}
    notice = (
        ""
        if len(devices) == 1
        else f'<p class="notice">Different devices: {html.escape(", ".join(sorted(devices)))}.</p>'
    )
    header = f"<h1>{html.escape(title)}</h1>\n<p class=lead>{html.escape(headline(comparison))}</p>{notice}"
    footer = "Written by bitfront from the studies' folders; opens without a network."
    return markup.document(
        f"{title}: bitfront", header, "\n".join(sections), footer, figures, skip="#studies-section"
    )


def headline(comparison: Comparison) -> str:
    """Return which study's front dominates more, in a sentence."""
    ends = [history[-1][1] if history else 0.0 for history in comparison.hypervolumes]
    ranked = sorted(zip(ends, comparison.names, strict=True), key=lambda row: -row[0])
    told = ", ".join(f"{name} {value:.3f}" for value, name in ranked)
    return f"Hypervolume at the end: {told} (more is better)."


def overlay(comparison: Comparison, cost: Objective) -> Figure:
    """Draw the fronts of all studies in the plane of metric and cost."""
    data: list[Trace] = []
    shapes: list[Trace] = []
    for position, (view, name) in enumerate(zip(comparison.views, comparison.names, strict=True)):
        color, symbol = palette.STUDIES[position], palette.STUDY_PLOTLY[position]
        line = view.cost_front(cost)
        members = {e.number for e in line}
        rest = [e for e in view.scored if e.number not in members]
        told = html.escape(name)
        for chosen, size, width in ((rest, 6, 0), (line, 12, 1.5)):
            data.append(
                {
                    "type": "scatter",
                    "mode": "lines+markers" if width else "markers",
                    "name": told,
                    "legendgroup": told,
                    "showlegend": bool(width),
                    "x": [cost.value(e) for e in chosen],
                    "y": [e.score for e in chosen],
                    "text": [f"<b>{told}</b><br>{hover(view, e)}" for e in chosen],
                    "hovertemplate": "%{text}<extra></extra>",
                    "line": {"color": color, "width": 2, "shape": "hv"},
                    "marker": {
                        "symbol": symbol,
                        "size": size,
                        "color": color,
                        "opacity": 1.0 if width else 0.35,
                        "line": {"color": palette.INK, "width": width},
                    },
                }
            )
        shapes.append(guide("h", view.reference.float_score, color, "dash"))
    values = [cost.value(e) for view in comparison.views for e in view.scored]
    shown = layout(cost.title, comparison.views[0].metric_title)
    if wants_log(values):
        shown["xaxis"] |= log_axis(values)
    shown["yaxis"]["range"] = list(score_range(comparison))
    shown["shapes"] = shapes
    return {"data": data, "layout": shown}


def curves(comparison: Comparison) -> Figure:
    """Draw the hypervolume of each study over its trials."""
    data: list[Trace] = [
        {
            "type": "scatter",
            "mode": "lines",
            "name": html.escape(name),
            "x": [number for number, _ in history],
            "y": [value for _, value in history],
            "line": {
                "color": palette.STUDIES[i],
                "width": 3,
                "shape": "hv",
                "dash": palette.STUDY_DASHES[i],
            },
            "hovertemplate": "after trial %{x}: %{y:.4f}<extra>" + html.escape(name) + "</extra>",
        }
        for i, (history, name) in enumerate(zip(comparison.hypervolumes, comparison.names, strict=True))
    ]
    shown = layout("Trial", "Hypervolume")
    shown["height"] = 400
    shown["legend"]["y"] = -0.22
    return {"data": data, "layout": shown}


def _table(comparison: Comparison) -> str:
    cost = comparison.costs[0]
    columns = [("", "text"), *((name, "") for name in comparison.names)]
    rows: list[list[str]] = []

    def row(what: str, cells: Sequence[str]) -> None:
        rows.append([html.escape(text) for text in (what, *cells)])

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
    return markup.section("studies-section", "Side by side", markup.table(columns, rows))


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
