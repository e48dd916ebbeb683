"""The page's interactive figures, as the plain dictionaries that Plotly's JavaScript takes."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from typing import Any

from ..evaluation import Evaluation
from ..objectives import Objective
from . import palette
from .view import (
    StudyView,
    layer_widths,
    mean_width,
    shared_tensors,
    si,
    uniform_label,
    widths,
)

Figure = dict[str, Any]
Trace = dict[str, Any]

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif"
CELLS_WITH_TEXT = 40
"""Columns up to which the heat map writes each width into its cell."""


def wants_log(values: Sequence[float]) -> bool:
    """Whether an axis over `values` reads better with a log scale: all positive and over most of a decade."""
    return bool(values) and min(values) > 0 and max(values) / min(values) > 6


def log_ticks(values: Sequence[float]) -> list[float]:
    """Return 1-2-5 ticks that span `values` and a factor of three around them; powers of ten beyond two decades."""
    low, high = min(values) / 3, max(values) * 3
    steps = (1, 2, 5) if high / low < 1000 else (1,)
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    return [tick for d in decades for tick in (step * 10.0**d for step in steps) if low <= tick <= high]


def tick_label(tick: float) -> str:
    """Return `20 k`, `1 M` or `500` for a tick of `log_ticks`."""
    return si(tick).replace(".00", "").replace(".0", "")


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

    It holds the front, the feasible baselines, the float model and the metric's limit; a candidate that fell to
    chance level would squeeze all of them into a line.
    """
    kept = [e.score for e in view.scored if e.feasible or e.kind == "uniform"] or [
        e.score for e in view.scored
    ]
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
        score += f" (PTQ {e.metrics['ptq']:.4f}, training {e.gain:+.4f})"
    lines.append(score)
    for cost in view.costs:
        lines.append(f"{cost.label} <b>{quantity(e, cost)}</b>")
    for layer, roles in layer_widths(e):
        bits = ", ".join(f"{html.escape(role.replace('_', ' '))} {width}" for role, width in roles)
        lines.append(f"{html.escape(layer)}: {bits}")
    return "<br>".join(lines)


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
    uniform = [e for e in view.scored if e.kind == "uniform"]
    if uniform:
        data.append(_uniform(view, cost, uniform))
    values = [cost.value(e) for e in view.scored]
    log = wants_log(values)
    layout = _layout(cost.title + _stock(view, cost), view.metric_title)
    layout["xaxis"] |= {"type": "log" if log else "linear"}
    if log:
        ticks = log_ticks(values)
        layout["xaxis"] |= {
            "tickmode": "array",
            "tickvals": ticks,
            "ticktext": [tick_label(tick) for tick in ticks],
        }
    layout["yaxis"]["range"] = list(metric_range(view)[0])
    layout["shapes"], layout["annotations"] = _guides(view, cost, values)
    return {"data": data, "layout": layout}


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


def _uniform(view: StudyView, cost: Objective, chosen: list[Evaluation]) -> Trace:
    return {
        "type": "scatter",
        "mode": "markers+text",
        "name": "uniform precision",
        "x": [cost.value(e) for e in chosen],
        "y": [e.score for e in chosen],
        "text": [uniform_label(e) for e in chosen],
        "textposition": "bottom right",
        "textfont": {"size": 12, "color": palette.INK},
        "customdata": [hover(view, e) for e in chosen],
        "hovertemplate": "%{customdata}<extra></extra>",
        "marker": {
            "symbol": "diamond",
            "size": 12,
            "color": palette.UNIFORM,
            "line": {"color": palette.INK, "width": 1.5},
        },
    }


def _stock(view: StudyView, cost: Objective) -> str:
    stock = view.reference.device.get(cost.key)
    return f", of {si(float(stock))} on the device" if isinstance(stock, int) and stock else ""


def _guides(view: StudyView, cost: Objective, values: Sequence[float]) -> tuple[list[Trace], list[Trace]]:
    """Return lines and labels: float model, limits on the metric, limit on the resource, the three picks."""
    shapes: list[Trace] = []
    notes: list[Trace] = []

    def level(y: float, text: str, color: str, dash: str, anchor: str) -> None:
        shapes.append(_line("h", y, color, dash))
        notes.append(
            {"xref": "paper", "x": 0.005, "y": y, "text": text, "showarrow": False, "xanchor": "left"}
            | {"yanchor": anchor, "font": {"size": 13, "color": color}, "bgcolor": "rgba(255,255,255,0.75)"}
        )

    level(
        view.reference.float_score, f"float {view.reference.float_score:.4f}", palette.FLOAT, "dash", "bottom"
    )
    for y in metric_limits(view):
        level(y, f"limit {y:.4f}", palette.LIMIT, "dot", "top")
    limit = shown_limit(view, cost, values)
    if limit is not None:
        shapes.append(_line("v", limit, palette.LIMIT, "dot"))
        position = math.log10(limit) if wants_log(values) else limit
        notes.append(
            {"yref": "paper", "y": 0.02, "x": position, "text": f"limit {si(limit)}", "showarrow": False}
            | {"xanchor": "right", "yanchor": "bottom", "font": {"size": 13, "color": palette.LIMIT}}
            | {"bgcolor": "rgba(255,255,255,0.75)"}
        )
    named: dict[int, list[str]] = {}
    for how, e in view.picks.items():
        named.setdefault(e.number, []).append(how)
    for how, e in view.picks.items():
        if named[e.number][0] == how:
            x = cost.value(e)
            notes.append(
                {
                    "x": math.log10(x) if wants_log(values) else x,
                    "y": e.score,
                    "text": f"<b>{', '.join(named[e.number])}</b>",
                }
                | {"showarrow": True, "arrowhead": 0, "arrowwidth": 1.2, "ax": 0, "ay": -34, "standoff": 8}
                | {"font": {"size": 13, "color": palette.INK}, "bgcolor": "rgba(255,255,255,0.85)"}
            )
    return shapes, notes


def heat_map(view: StudyView) -> Figure:
    """Draw the bits of every tensor (columns, in network order) of every front member (rows, cheapest on top)."""
    rows = [e for e in view.front if e.precision]
    tensors = shared_tensors(rows)
    bits = [widths(e) for e in rows]
    table = [[row.get(key) for key in tensors] for row in bits]
    names = [_row_name(view, e) for e in rows]
    columns = [html.escape(key) for key in tensors]
    told = [[html.escape(e.precision.get(key, "")) for key in tensors] for e in rows]
    trace: Trace = {
        "type": "heatmap",
        "z": table,
        "x": columns,
        "y": names,
        "customdata": told,
        "hovertemplate": "%{y}<br>%{x}: <b>%{z} bits</b><br>%{customdata}<extra></extra>",
        "colorscale": palette.WIDTHS.capitalize(),
        "xgap": 2,
        "ygap": 2,
        "colorbar": {"title": {"text": "bits"}, "thickness": 14, "outlinewidth": 0},
    }
    if len(tensors) <= CELLS_WITH_TEXT:
        trace |= {"texttemplate": "%{z}", "textfont": {"size": 13}}
    layout = _layout("", "")
    layout["xaxis"] = {
        "tickangle": -45,
        "side": "bottom",
        "showgrid": False,
        "automargin": True,
        "type": "category",
    }
    layout["yaxis"] = {"autorange": "reversed", "showgrid": False, "automargin": True, "type": "category"}
    layout["height"] = 214 + 30 * max(2, len(rows))
    layout["margin"] = {"l": 10, "r": 10, "t": 34, "b": 10}
    return {"data": [trace], "layout": layout}


def _row_name(view: StudyView, e: Evaluation) -> str:
    cost = view.costs[0]
    kind = uniform_label(e) if e.kind == "uniform" else e.method.upper()
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
            "hovertemplate": "after trial %{x}: %{y:.4f}<extra></extra>",
            "name": "hypervolume",
        }
    ]
    layout = _layout("Trial", "Hypervolume")
    layout["showlegend"] = False
    layout["height"] = 360
    if view.last_gain is not None:
        layout["shapes"] = [_line("v", view.last_gain, palette.GREY, "dot")]
    return {"data": data, "layout": layout}


def training_gain(view: StudyView) -> Figure | None:
    """Draw what QAT added to the PTQ score of the same candidate over its mean weight width; None without QAT."""
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
    layout = _layout("Mean width of the weights (bits)", f"{view.metric_name}: QAT minus PTQ")
    layout["shapes"] = [_line("h", 0.0, palette.INK, "solid")]
    layout["height"] = 380
    layout["legend"]["y"] = -0.24  # in units of a plot lower than the others: below the axis title
    return {"data": data, "layout": layout}


def _line(way: str, at: float, color: str, dash: str) -> Trace:
    here, across = ("y", "x") if way == "h" else ("x", "y")
    return {
        "type": "line",
        f"{across}ref": "paper",
        f"{across}0": 0,
        f"{across}1": 1,
        f"{here}0": at,
        f"{here}1": at,
        "line": {"color": color, "width": 2 if dash != "solid" else 1, "dash": dash},
        "layer": "below",
    }


def _layout(x: str, y: str) -> dict[str, Any]:
    axis = {
        "gridcolor": "#e7eaf0",
        "linecolor": "#9aa1ad",
        "showline": True,
        "ticks": "outside",
        "zeroline": False,
    }
    return {
        "autosize": True,
        "height": 540,
        "font": {"family": FONT, "size": 14, "color": palette.INK},
        "paper_bgcolor": "#ffffff",
        "plot_bgcolor": "#ffffff",
        "margin": {"l": 70, "r": 16, "t": 34, "b": 56},
        "hovermode": "closest",
        "hoverlabel": {"align": "left", "bgcolor": "#ffffff", "bordercolor": "#9aa1ad", "font": {"size": 13}},
        "legend": {"orientation": "h", "yanchor": "top", "y": -0.14, "xanchor": "left", "x": 0},
        "xaxis": {**axis, "title": {"text": x, "standoff": 8}, "automargin": True},
        "yaxis": {**axis, "title": {"text": y, "standoff": 8}, "automargin": True},
    }
