"""The page's interactive figures, as the plain dictionaries that Plotly's JavaScript takes."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from typing import Any

from ..analysis.view import StudyView, layer_widths, mean_width, shared_tensors, si, widths
from ..measurements.measured import STAGES
from ..trials.evaluation import Evaluation
from ..trials.objectives import Objective
from . import palette
from .axes import Figure, Trace, guide, heatmap, layout, log_axis, readable, wants_log

CELLS_WITH_TEXT = 40
"""Columns up to which the heat map writes each width into its cell."""


def shown_limit(view: StudyView, cost: Objective, values: Sequence[float]) -> float | None:
    """Return the constraint's limit on `cost` where it is near enough to be drawn.

    A limit far beyond every candidate would leave most of the figure empty.
    """
    limit = view.reference.threshold(cost.name)
    if limit is None or not values:
        return None
    return limit if 0 < limit <= (4 if wants_log(values) else 1.4) * max(values) else None


def metric_range(view: StudyView) -> tuple[tuple[float, float], int]:
    """Return the metric's axis range and how many scored trials lie outside it.

    It holds the feasible candidates, the float model and the metric's limit; a candidate that fell to chance level
    would squeeze all of them into a line.
    """
    kept = [e.score for e in view.scored if e.feasible] or [e.score for e in view.scored]
    kept += [view.reference.float_score, *metric_limits(view)]
    low, high = min(kept), max(kept)
    span = high - low or 0.01
    # the labels of the picks stand above their points, those of the baselines below
    low, high = low - 0.1 * span, high + 0.14 * span
    return (low, high), sum(not low <= e.score <= high for e in view.scored)


def metric_limits(view: StudyView) -> list[float]:
    """Return the bare limits that constraints put on the metric."""
    found = (view.reference.threshold(name) for name in ("metric", "metric_drop"))
    return [limit for limit in found if limit is not None]


def hover(view: StudyView, e: Evaluation) -> str:
    """Return what a point says when it is touched: scores, costs with intervals, and the bits of every layer."""
    lines = [f"<b>Trial {e.number}</b> · {e.method.upper()} · {view.standing(e)}"]
    score = f"{view.metric_name} <b>{e.score:.4f}</b>"
    if e.gain is not None:
        score += f" (validation; rounded {e.metrics['ptq']:.4f}, training {e.gain:+.4f})"
    else:
        score += " (validation)"
    lines.append(score)
    for cost in view.costs:
        lines.append(f"{cost.label} <b>{quantity(e, cost)}</b>{_found(view, e, cost)}")
    for layer, roles in layer_widths(e):
        bits = ", ".join(f"{html.escape(role.replace('_', ' '))} {width}" for role, width in roles)
        lines.append(f"{html.escape(layer)}: {bits}")
    return "<br>".join(lines)


def _found(view: StudyView, e: Evaluation, cost: Objective) -> str:
    known = view.measured[e.number].value(cost.key) if e.number in view.measured else None
    return f", {si(known[1])} by {STAGES[known[0]]}" if known else ""


def quantity(e: Evaluation, cost: Objective) -> str:
    """Return a resource with unit, source and 80 % interval: `49.7 k (estimate, 80 %: 38.8 k to 64.5 k)`."""
    unit = f" {cost.unit}" if cost.unit else ""
    bounds = e.intervals.get(cost.key)
    interval = f", 80 %: {si(bounds[0])} to {si(bounds[1])}" if bounds else ""
    return f"{si(cost.value(e))}{unit} ({e.source}{interval})"


def scatter(view: StudyView, cost: Objective) -> Figure:
    """Draw the metric against one resource, with front, baselines, float model, limits and intervals."""
    groups = {
        "over limit": [e for e in view.scored if view.standing(e) == "over limit" and e.kind != "uniform"],
        "feasible": [e for e in view.scored if view.standing(e) == "feasible" and e.kind != "uniform"],
        "front": [e for e in view.front if e.kind != "uniform"],
    }
    data: list[Trace] = []
    for standing, members in groups.items():
        for method in ("ptq", "qat"):
            chosen = [e for e in members if e.method == method]
            if chosen:
                data.append(_points(view, cost, chosen, standing, method))
    line = view.cost_front(cost)
    if len(line) > 1:
        data.insert(0, _front_line(view, cost, line))
    values = [cost.value(e) for e in view.scored]
    log = wants_log(values)
    uniform = [e for e in view.scored if e.kind == "uniform"]
    named = readable(
        [cost.value(e) for e in uniform], [e.score for e in uniform], values, metric_range(view)[0]
    )
    for method in ("ptq", "qat"):
        baselines = [(e, told) for e, told in zip(uniform, named, strict=True) if e.method == method]
        if baselines:
            data.append(_uniform(view, cost, baselines, method))
    data += _measured(view, cost)
    shown = layout(cost.title + _stock(view, cost), view.metric_title)
    if log:
        shown["xaxis"] |= log_axis(values)
    shown["yaxis"]["range"] = list(metric_range(view)[0])
    shown["shapes"], shown["annotations"] = _guides(view, cost, values)
    return {"data": data, "layout": shown}


def _points(view: StudyView, cost: Objective, chosen: list[Evaluation], standing: str, method: str) -> Trace:
    on_front = standing == "front"
    label = {"front": "on the front", "feasible": "feasible", "over limit": "over a limit"}[standing]
    hollow = standing == "over limit"
    trace: Trace = {
        "type": "scatter",
        "mode": "markers",
        "name": f"{method.upper()}, {label}",
        "x": [cost.value(e) for e in chosen],
        "y": [e.score for e in chosen],
        "text": [hover(view, e) for e in chosen],
        "hovertemplate": "%{text}<extra></extra>",
        "marker": {
            "symbol": palette.MARKER_PLOTLY[method] + ("-open" if hollow else ""),
            "color": palette.GREY if hollow else palette.METHOD[method],
            "size": 13 if on_front else 8,
            "opacity": 1.0 if on_front or hollow else 0.55,
            "line": {"color": palette.INK if on_front else palette.GREY, "width": 1.5 if on_front else 1},
        },
    }
    if on_front:
        trace["error_x"] = _error_bars(cost, chosen)
    return trace


def _error_bars(cost: Objective, chosen: list[Evaluation]) -> dict[str, Any]:
    bounds = [e.intervals.get(cost.key, (cost.value(e), cost.value(e))) for e in chosen]
    return {
        "type": "data",
        "symmetric": False,
        "array": [max(0.0, high - cost.value(e)) for e, (_, high) in zip(chosen, bounds, strict=True)],
        "arrayminus": [max(0.0, cost.value(e) - low) for e, (low, _) in zip(chosen, bounds, strict=True)],
        "color": "rgba(31,36,48,0.35)",
        "thickness": 1.2,
        "width": 3,
    }


def _front_line(view: StudyView, cost: Objective, line: list[Evaluation]) -> Trace:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": "front in this plane",
        "x": [cost.value(e) for e in line],
        "y": [e.score for e in line],
        "line": {"color": palette.FRONT, "width": 2.5, "shape": "hv"},
        "hoverinfo": "skip",
    }


def _uniform(view: StudyView, cost: Objective, chosen: list[tuple[Evaluation, bool]], method: str) -> Trace:
    """Return the baselines of one method; those that would print over each other carry no label."""
    return {
        "type": "scatter",
        "mode": "markers+text",
        "name": f"{method.upper()}, uniform precision",
        "x": [cost.value(e) for e, _ in chosen],
        "y": [e.score for e, _ in chosen],
        "text": [view.width_names[e.number] if told else "" for e, told in chosen],
        "textposition": "bottom right",
        "textfont": {"size": 12, "color": palette.INK},
        "customdata": [hover(view, e) for e, _ in chosen],
        "hovertemplate": "%{customdata}<extra></extra>",
        "marker": {
            "symbol": palette.UNIFORM_PLOTLY[method],
            "size": 12,
            "color": palette.UNIFORM,
            "line": {"color": palette.INK, "width": 1.5},
        },
    }


def _measured(view: StudyView, cost: Objective) -> list[Trace]:
    """Return what tools measured, a trace a stage, each point tied to its estimate by a thin line."""
    by_stage: dict[str, list[tuple[Evaluation, float]]] = {}
    for e in view.scored:
        known = view.measured[e.number].value(cost.key) if e.number in view.measured else None
        if known is not None:
            by_stage.setdefault(known[0], []).append((e, known[1]))
    traces: list[Trace] = []
    for stage, points in by_stage.items():
        ties = [(cost.value(e), value) for e, value in points]
        traces.append(
            {
                "type": "scatter",
                "mode": "lines",
                "x": [x for tie in ties for x in (*tie, None)],
                "y": [y for e, _ in points for y in (e.score, e.score, None)],
                "line": {"color": palette.INK, "width": 1, "dash": "dot"},
                "hoverinfo": "skip",
                "showlegend": False,
            }
        )
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": f"measured by {STAGES[stage]}",
                "x": [value for _, value in points],
                "y": [e.score for e, _ in points],
                "text": [hover(view, e) for e, _ in points],
                "hovertemplate": "%{text}<extra></extra>",
                "marker": {"symbol": "square-open", "size": 12, "color": palette.INK, "line": {"width": 2.5}},
            }
        )
    return traces


def _stock(view: StudyView, cost: Objective) -> str:
    stock = view.reference.device.get(cost.key)
    return f", of {si(float(stock))} on the device" if isinstance(stock, int) and stock else ""


def _guides(view: StudyView, cost: Objective, values: Sequence[float]) -> tuple[list[Trace], list[Trace]]:
    """Return lines and labels: float model, limits on the metric, limit on the resource, the three picks."""
    shapes: list[Trace] = []
    notes: list[Trace] = []

    def level(y: float, text: str, color: str, dash: str, anchor: str) -> None:
        shapes.append(guide("h", y, color, dash))
        notes.append(
            {"xref": "paper", "x": 0.005, "y": y, "text": text, "showarrow": False, "xanchor": "left"}
            | {
                "yanchor": anchor,
                "font": {"size": 13, "color": palette.INK},
                "bgcolor": "rgba(255,255,255,0.75)",
            }
        )

    level(
        view.reference.float_score, f"float {view.reference.float_score:.4f}", palette.FLOAT, "dash", "bottom"
    )
    for y in metric_limits(view):
        level(y, f"limit {y:.4f}", palette.LIMIT, "dot", "top")
    limit = shown_limit(view, cost, values)
    if limit is not None:
        shapes.append(guide("v", limit, palette.LIMIT, "dot"))
        position = math.log10(limit) if wants_log(values) else limit
        notes.append(
            {"yref": "paper", "y": 0.02, "x": position, "text": f"limit {si(limit)}", "showarrow": False}
            | {"xanchor": "right", "yanchor": "bottom", "font": {"size": 13, "color": palette.INK}}
            | {"bgcolor": "rgba(255,255,255,0.75)"}
        )
    for (x, y), names in _named(view, cost, values):
        notes.append(
            {"x": x, "y": y, "text": f"<b>{', '.join(names)}</b>"}
            | {"showarrow": True, "arrowhead": 0, "arrowwidth": 1.2, "ax": 0, "ay": -34, "standoff": 8}
            | {"font": {"size": 13, "color": palette.INK}, "bgcolor": "rgba(255,255,255,0.85)"}
        )
    return shapes, notes


def _named(
    view: StudyView, cost: Objective, values: Sequence[float]
) -> list[tuple[tuple[float, float], list[str]]]:
    """Return the picks' places with their names; picks that would print over each other share a label."""
    picks = list(view.picks.items())
    xs = [cost.value(e) for _, e in picks]
    free = readable(xs, [e.score for _, e in picks], values, metric_range(view)[0])
    scale = math.log10 if wants_log(values) else float
    labels: list[tuple[tuple[float, float], list[str]]] = []
    for (how, e), x, alone in zip(picks, xs, free, strict=True):
        if alone:
            labels.append(((scale(x), e.score), [how]))
        else:
            min(labels, key=lambda label: abs(label[0][0] - scale(x)))[1].append(how)
    return labels


def heat_map(view: StudyView) -> Figure:
    """Draw the bits of every tensor (columns, in network order) of every front member (rows, cheapest on top)."""
    rows = [e for e in view.front if e.precision]
    tensors = shared_tensors(rows)
    bits = [widths(e) for e in rows]
    table = [[row.get(key) for key in tensors] for row in bits]
    names = [_row_name(view, e) for e in rows]
    columns = [html.escape(key) for key in tensors]
    told = [[html.escape(e.precision.get(key, "")) for key in tensors] for e in rows]
    hover = "%{y}<br>%{x}: <b>%{z} bits</b><br>%{customdata}"
    trace = heatmap(columns, names, table, bar="bits", hover=hover) | {"customdata": told}
    if len(tensors) <= CELLS_WITH_TEXT:
        trace |= {"texttemplate": "%{z}", "textfont": {"size": 13}}
    shown = layout("", "")
    shown["xaxis"] = {
        "tickangle": -45,
        "side": "bottom",
        "showgrid": False,
        "automargin": True,
        "type": "category",
    }
    shown["yaxis"] = {"autorange": "reversed", "showgrid": False, "automargin": True, "type": "category"}
    shown["height"] = 214 + 30 * max(2, len(rows))
    shown["margin"] = {"l": 10, "r": 10, "t": 34, "b": 10}
    return {"data": [trace], "layout": shown}


def _row_name(view: StudyView, e: Evaluation) -> str:
    cost = view.costs[0]
    kind = view.width_names.get(e.number) or e.method.upper()
    return f"{e.number} · {kind} · {e.score:.3f} · {si(cost.value(e))}"


def hypervolume_curve(view: StudyView) -> Figure:
    """Draw how the dominated share of the objectives' box grew from trial to trial."""
    numbers = [number for number, _ in view.hypervolumes]
    data: list[Trace] = [
        {
            "type": "scatter",
            "mode": "lines",
            "x": numbers,
            "y": [value for _, value in view.hypervolumes],
            "line": {"color": palette.FRONT, "width": 3, "shape": "hv"},
            "customdata": [si(seconds) for seconds in view.seconds_until],
            "hovertemplate": "after trial %{x} (%{customdata} s of evaluation): %{y:.4f}<extra></extra>",
            "name": "hypervolume",
        }
    ]
    shown = layout("Trial", "Hypervolume")
    shown["showlegend"] = False
    shown["height"] = 360
    if view.last_gain is not None:
        shown["shapes"] = [guide("v", view.last_gain, palette.GREY, "dot")]
    return {"data": data, "layout": shown}


def training_gain(view: StudyView) -> Figure | None:
    """Draw what QAT added to the PTQ score of the same design over its mean weight width; None where it added to none."""
    trained = [e for e in view.scored if e.gain is not None and mean_width(e) is not None]
    if not trained:
        return None
    data: list[Trace] = []
    for on_front in (False, True):
        chosen = [e for e in trained if (view.standing(e) == "front") == on_front]
        data.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": "on the front" if on_front else "other candidates",
                "x": [mean_width(e) for e in chosen],
                "y": [e.gain for e in chosen],
                "text": [hover(view, e) for e in chosen],
                "hovertemplate": "%{text}<extra></extra>",
                "marker": {
                    "symbol": palette.MARKER_PLOTLY["qat"],
                    "size": 12 if on_front else 9,
                    "color": palette.METHOD["qat"],
                    "opacity": 1.0 if on_front else 0.6,
                    "line": {
                        "color": palette.INK if on_front else palette.GREY,
                        "width": 1.5 if on_front else 1,
                    },
                },
            }
        )
    shown = layout("Mean width of the weights (bits)", f"{view.metric_name} (validation): QAT minus PTQ")
    shown["shapes"] = [guide("h", 0.0, palette.INK, "solid")]
    shown["height"] = 380
    shown["legend"]["y"] = -0.24  # in units of a plot lower than the others: below the axis title
    return {"data": data, "layout": shown}
