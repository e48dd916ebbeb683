"""Figures and table of a study beside points that others published."""

from __future__ import annotations

from typing import get_args

import altair as alt

from ..analysis.published import COMPARED, EVIDENCE, Against, Evidence, PublishedPoint
from ..analysis.view import StudyView, si
from ..quantities import QUANTITIES, Quantity
from . import palette
from .chart_parts import Series, axis, labels, layered, points, readable, span, steps, wants_log
from .figure import Figure
from .rendering import Table

_SHAPES: dict[Evidence, tuple[str, str]] = {
    "routed": ("square", palette.VERMILION),
    "estimate": ("triangle-down", palette.PURPLE),
    "csynth": ("diamond", palette.VERMILION),
    "ebops": ("cross", palette.VERMILION),
}


def published_figures(view: StudyView, found: Against) -> dict[str, Figure]:
    """Return a figure for each quantity that points are compared by."""
    return {f"published_{q.name}": _figure(view, found, q) for q in found.quantities}


def _figure(view: StudyView, found: Against, quantity: Quantity) -> Figure:
    own = [e for e in found.candidates if quantity.key in e.resources]
    theirs = found.points(quantity.name)
    xs = [e.resources[quantity.key] for e in own] + [p.cost or 0.0 for p in theirs]
    ys = [found.score(e) for e in own] + [p.value for p in theirs]
    floor = min(p.value for p in theirs) - 0.5 * ((max(ys) - min(p.value for p in theirs)) or 0.02)
    low, high = max(floor, min(ys)), max(ys)
    margin = 0.12 * ((high - low) or 0.01)
    x = alt.X("x:Q", **axis([quantity.title, "the study's: estimates"], xs, log=wants_log(xs)))
    y = alt.Y("y:Q", **span(f"{view.metric_name} ({found.split})", low - margin, high + margin))
    mine = Series("this study, estimate", "circle", palette.METHOD["qat"], palette.INK, 80)
    kinds = [mine]
    for kind in get_args(Evidence):
        if COMPARED[kind] == quantity.name and any(p.evidence == kind for p in theirs):
            shape, color = _SHAPES[kind]
            kinds.append(Series(f"published, {EVIDENCE[kind]}", shape, palette.PAPER, color, 110))
    marks = [
        {"x": e.resources[quantity.key], "y": found.score(e), "series": mine.name}
        | {"text": f"Trial {e.number}\n{view.metric_name} {found.score(e):.4f} ({found.split})"}
        for e in own
    ] + [
        {"x": p.cost, "y": p.value, "series": f"published, {EVIDENCE[p.evidence]}", "text": _told(p)}
        for p in theirs
    ]
    line = []
    best = -float("inf") if view.reference.metric.direction == "maximize" else float("inf")
    for e in sorted(own, key=lambda e: (e.resources[quantity.key], e.number)):
        if view.reference.metric.better(found.score(e), best):
            best = found.score(e)
            line.append({"x": e.resources[quantity.key], "y": best})
    free = readable([p.cost or 0.0 for p in theirs], [p.value for p in theirs], xs, (low, high))
    names = [
        {"x": p.cost, "y": p.value, "text": p.name} for p, alone in zip(theirs, free, strict=True) if alone
    ]
    layers = [
        steps("own front", line, x, y, palette.FRONT),
        points("points", kinds, marks, x, y),
        labels("names", names, x=x, y=y, align="left", dx=8, dy=-6),
    ]
    return Figure(layered(layers), height=400, file_height=340)


def _told(point: PublishedPoint) -> str:
    cost = QUANTITIES[COMPARED[point.evidence]]
    figures = [f"{cost.head} {si(point.cost or 0.0)} ({EVIDENCE[point.evidence]})"]
    if point.latency_ns is not None:
        figures.append(f"{point.latency_ns:g} ns")
    return "\n".join([f"{point.name}: {point.value:.4g}", ", ".join(figures), point.source])


def published_table(view: StudyView, found: Against) -> Table:
    """Return a row for each point: what it has, and the cheapest candidate that scores at least as well."""
    columns = [("Published", "text"), (view.metric_name, ""), ("Cost", ""), ("which is", "text")]
    columns += [
        ("ns", ""),
        ("Here, trial", ""),
        (f"{view.metric_name} ({found.split})", ""),
        ("its estimate", ""),
    ]
    columns += [("share", ""), ("Source", "text long")]
    rows = []
    for row in found.rows:
        point = row.point
        known = [point.name, f"{point.value:.4g}", si(row.cost)]
        known += [f"{QUANTITIES[COMPARED[point.evidence]].head}, {EVIDENCE[point.evidence]}"]
        known += ["" if point.latency_ns is None else f"{point.latency_ns:g}"]
        if row.trial is None:
            known += ["none", f"{row.best:.4f} at best", "", ""]
        else:
            known += [str(row.trial), f"{row.score:.4f}", si(row.own_cost or 0.0), f"{row.ratio or 0.0:.2f}"]
        rows.append([*known, point.source])
    return Table(columns, rows)
