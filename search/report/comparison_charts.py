"""Figures of several studies: their fronts over each other, their hypervolumes on one scale."""

from __future__ import annotations

from typing import Any

import altair as alt

from ..trials.objectives import Objective
from . import palette
from .chart_parts import Series, axis, layered, points, rows, span, touched, wants_log
from .charts import hover, metric_range
from .comparison import Comparison
from .figure import Figure


def comparison_figures(comparison: Comparison) -> dict[str, Figure]:
    """Return every figure of a comparison, by the name of its files and its place on the page."""
    figures = {f"fronts_{cost.name}": overlay(comparison, cost) for cost in comparison.costs}
    return figures | {"hypervolume": curves(comparison)}


def overlay(comparison: Comparison, cost: Objective) -> Figure:
    """Draw the fronts of all studies in the plane of metric and cost, with the float models' scores."""
    values = [cost.value(e) for view in comparison.views for e in view.scored]
    x = alt.X("x:Q", **axis(cost.title, values, log=wants_log(values)))
    ranges = [metric_range(view)[0] for view in comparison.views]
    low, high = min(low for low, _ in ranges), max(high for _, high in ranges)
    y = alt.Y("y:Q", **span(comparison.views[0].metric_title, low, high))
    members: list[dict[str, Any]] = []
    rest: list[dict[str, Any]] = []
    for view, name in zip(comparison.views, comparison.names, strict=True):
        front = view.cost_front(cost)
        on_front = {e.number for e in front}
        others = [e for e in view.scored if e.number not in on_front]
        for chosen, into in ((front, members), (others, rest)):
            into += [
                {"x": cost.value(e), "y": e.score, "series": name, "text": f"{name}\n{hover(view, e)}"}
                for e in chosen
            ]
    levels = [
        {"y": view.reference.float_score, "series": name}
        for view, name in zip(comparison.views, comparison.names, strict=True)
    ]
    color = _by_study(comparison, alt.Color, palette.STUDIES)
    pale = alt.Color(
        "series:N",
        scale=alt.Scale(domain=list(comparison.names), range=list(palette.STUDIES_PALE)),
        legend=None,
    )
    layers = [
        alt.Chart(rows(levels), name="float")
        .mark_rule(clip=True, strokeDash=palette.DASHED)
        .encode(y=y, color=color),
        alt.Chart(rows(rest), name="rest")
        .mark_circle(clip=True, size=30, opacity=1)
        .encode(x=x, y=y, color=pale, tooltip="text:N"),
        alt.Chart(rows(members), name="front")
        .mark_line(clip=True, interpolate="step-after", strokeWidth=2)
        .encode(x=x, y=y, color=color),
        points("points", _series(comparison), members, x, y),
    ]  # fmt: skip
    return Figure(layered(layers).resolve_scale(color="independent"), height=430, file_height=370)


def curves(comparison: Comparison) -> Figure:
    """Draw the hypervolume of each study over its trials."""
    values = [
        {"x": n, "y": value, "series": name, "text": f"{name}, after trial {n}: {value:.4f}"}
        for name, history in zip(comparison.names, comparison.hypervolumes, strict=True)
        for n, value in history
    ]
    x, y = alt.X("x:Q", title="Trial"), alt.Y("y:Q", title="Hypervolume")
    line = (
        alt.Chart(rows(values), name="hypervolume")
        .mark_line(clip=True, interpolate="step-after", strokeWidth=2.5)
        .encode(
            x=x,
            y=y,
            color=_by_study(comparison, alt.Color, palette.STUDIES, legend=True),
            strokeDash=_by_study(comparison, alt.StrokeDash, palette.STUDY_DASHES, legend=True),
        )
    )
    return Figure(layered([line, touched(values, x, y)]), height=320, file_height=220)


def _by_study(comparison: Comparison, channel: Any, looks: Any, *, legend: bool = False) -> Any:
    scale = alt.Scale(domain=list(comparison.names), range=list(looks[: len(comparison.names)]))
    return channel("series:N", scale=scale) if legend else channel("series:N", scale=scale, legend=None)


def _series(comparison: Comparison) -> list[Series]:
    return [
        Series(name, palette.STUDY_SHAPE[i], palette.STUDIES[i], palette.INK, 100)
        for i, name in enumerate(comparison.names)
    ]
