"""The figures of a study: metric against cost, precision, progress of the search, gain of training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt

from bitfront.spaces import FixedPoint

from ..analysis.findings import Findings
from ..analysis.view import Standing, StudyView, layer_widths, mean_width, shared_tensors, si, widths
from ..measurements.measured import STAGES
from ..quantities.limits import share_text
from ..trials.evaluation import Evaluation
from ..trials.objectives import Objective
from . import palette
from .chart_parts import (
    Series,
    axis,
    heat_map,
    intervals,
    labels,
    layered,
    level,
    points,
    readable,
    rows,
    span,
    steps,
    touched,
    upright,
    wants_log,
)
from .evidence import bars, pairs
from .evidence_charts import calibration, importance, latency, sensitivity
from .figure import Figure

CELLS_WITH_TEXT = 40
"""Columns up to which the heat map writes each width into its cell."""
SCATTER_STANDINGS: dict[Standing, str] = {
    "over limit": "over a limit",
    "feasible": "feasible",
    "front": "on the front",
}


def study_figures(view: StudyView, found: Findings) -> dict[str, Figure]:
    """Return every figure that a study has something for, by the name of its files and its place on the
    page.
    """
    figures: dict[str, Figure | None] = {}
    if view.scored:
        figures |= {f"front_{cost.name}": scatter(view, cost) for cost in view.costs}
        figures["precision"] = precision(view)
        figures["hypervolume"] = hypervolume(view)
        figures["training"] = training_gain(view)
    figures["importance"] = importance(found.importance, view.objectives)
    figures["sensitivity"] = (
        sensitivity(view.sensitivity, view.reference.metric) if view.sensitivity else None
    )
    figures["synthesis"] = calibration(pairs(view))
    figures["latency"] = latency(bars(view) if view.latency and view.picks else [])
    return {name: figure for name, figure in figures.items() if figure is not None}


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

    It holds the feasible candidates, the float model and the metric's limit; a candidate that fell to chance
    level would squeeze all of them into a line.
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
    """Return what a point says when it is touched: scores, costs with intervals, and the bits of every layer,
    a line each.
    """
    lines = [f"Trial {e.number} · {e.method.upper()} · {view.standing(e)}"]
    score = f"{view.metric_name} {e.score:.4f}"
    if e.gain is not None:
        score += f" (validation; rounded {e.metrics['ptq']:.4f}, training {e.gain:+.4f})"
    else:
        score += " (validation)"
    lines.append(score)
    for cost in view.costs:
        known = measured(view, e, cost)
        tool = f", {si(known[1])} by {STAGES[known[0]]}" if known else ""
        lines.append(f"{cost.label} {quantity(e, cost)}{tool}")
    for layer, roles in layer_widths(e):
        lines.append(f"{layer}: " + ", ".join(f"{role.replace('_', ' ')} {width}" for role, width in roles))
    return "\n".join(lines)


def measured(view: StudyView, e: Evaluation, cost: Objective) -> tuple[str, float] | None:
    """Return the stage of the tool that measured a cost of a candidate, and what it said."""
    return view.measured[e.number].value(cost.key) if e.number in view.measured else None


def quantity(e: Evaluation, cost: Objective) -> str:
    """Return a resource with unit, source and 80 % interval: `49.7 k (estimate, 80 %: 38.8 k to 64.5 k)`."""
    unit = f" {cost.unit}" if cost.unit else ""
    bounds = e.intervals.get(cost.key)
    interval = f", 80 %: {si(bounds[0])} to {si(bounds[1])}" if bounds else ""
    return f"{si(cost.value(e))}{unit} ({e.source}{interval})"


def scatter(view: StudyView, cost: Objective) -> Figure:
    """Draw the metric against one resource, with front, baselines, float model, limits and intervals."""
    values = [cost.value(e) for e in view.scored]
    limit = shown_limit(view, cost, values)
    marks = [_mark(view, cost, e) for e in view.scored]
    ends: list[dict[str, Any]] = [
        {"x": bounds[0], "high": bounds[1], "y": e.score, "series": _series(view, e).name}
        for e in view.front
        if e.kind != "uniform" and (bounds := e.intervals.get(cost.key))
    ]
    tools = [(e, *known) for e in view.scored if (known := measured(view, e, cost))]
    seen = [*values, *(end[key] for end in ends for key in ("x", "high")), *(known for *_, known in tools)]
    sources = " or ".join(sorted({e.source for e in view.scored}))
    title = [
        f"{cost.title}{_stock(view, cost)}",
        f"{sources} with 80 % interval",
    ]  # a line each: phones are narrow
    x = alt.X("x:Q", **axis(title, [*seen, *([limit] if limit else [])], log=wants_log(values)))
    (low, high), _ = metric_range(view)
    y = alt.Y("y:Q", **span(view.metric_title, low, high))

    kinds = {one.name: one for one in _all_series(view)}
    stages = {f"measured by {STAGES[stage]}" for _, stage, _ in tools}
    kinds |= {name: Series(name, "square", "transparent", palette.INK, 130) for name in sorted(stages)}
    ties, found = [], []
    for number, (e, stage, value) in enumerate(tools):
        series = f"measured by {STAGES[stage]}"
        ties += [{"x": at, "y": e.score, "tie": number, "series": series} for at in (cost.value(e), value)]
        found.append({"x": value, "y": e.score, "series": series, "text": hover(view, e)})
    line = view.cost_front(cost)
    layers = [
        level("float", [{"y": view.reference.float_score}], y, palette.FLOAT, palette.DASHED),
        level("metric limits", [{"y": at} for at in metric_limits(view)], y, palette.LIMIT, palette.DOTTED),
        upright("cost limit", [{"x": limit}] if limit else [], x, palette.LIMIT, palette.DOTTED),
        intervals("intervals", ends, x, y),
        steps("front", [{"x": cost.value(e), "y": e.score} for e in line], x, y, palette.FRONT),
        alt.Chart(rows(ties), name="ties").mark_line(
            clip=True, color=palette.INK, strokeWidth=1, strokeDash=[2, 2]
        )
        .encode(x=x, y=y, detail="tie:N"),
        points("points", list(kinds.values()), [*marks, *found], x, y),
        *_labels(view, cost, values, limit, x, y),
    ]  # fmt: skip
    return Figure(layered(layers), height=430, file_height=370)


def _series(view: StudyView, e: Evaluation) -> Series:
    """Return what a candidate is drawn as: by its method, whether it is a uniform baseline, and where it
    ended up.
    """
    method = e.method.upper()
    if e.kind == "uniform":
        shape = palette.UNIFORM_SHAPE[e.method]
        return Series(f"{method}, uniform precision", shape, palette.UNIFORM, palette.INK, 110)
    standing, shape = view.standing(e), palette.METHOD_SHAPE[e.method]
    name = f"{method}, {SCATTER_STANDINGS[standing]}"
    if standing == "front":
        return Series(name, shape, palette.METHOD[e.method], palette.INK, 130)
    if standing == "over limit":
        return Series(name, shape, palette.PAPER, palette.GREY, 45)
    return Series(name, shape, palette.METHOD_PALE[e.method], palette.GREY, 50)


def _all_series(view: StudyView) -> list[Series]:
    """Return the series of a study's candidates in the order of the legend: what matters least first,
    baselines last.
    """
    order = list(SCATTER_STANDINGS)
    members = sorted(
        view.scored, key=lambda e: (e.kind == "uniform", order.index(view.standing(e)), e.method)
    )
    return list(dict.fromkeys(_series(view, e) for e in members))


def _mark(view: StudyView, cost: Objective, e: Evaluation) -> dict[str, Any]:
    series = _series(view, e).name
    return {"trial": e.number, "x": cost.value(e), "y": e.score, "series": series, "text": hover(view, e)}


def _stock(view: StudyView, cost: Objective) -> str:
    stock = view.reference.device.get(cost.stock)
    return f", of {si(float(stock))} on the device" if isinstance(stock, int) and stock else ""


def _labels(
    view: StudyView, cost: Objective, values: Sequence[float], limit: float | None, x: alt.X, y: alt.Y
) -> list[alt.Chart]:
    """Return what is written: the float model, limits, the widths of baselines, the three picks."""
    uniform = [e for e in view.scored if e.kind == "uniform"]
    scores, (low, high) = [e.score for e in uniform], metric_range(view)[0]
    free = readable([cost.value(e) for e in uniform], scores, values, (low, high))
    baselines = [
        {"x": cost.value(e), "y": e.score, "text": view.width_names[e.number]}
        for e, alone in zip(uniform, free, strict=True)
        if alone and low <= e.score <= high
    ]
    left, right = {"x": alt.value(5), "align": "left"}, {"align": "right", "dx": -5, "dy": -6}
    reference = view.reference.float_score
    limits = [{"y": at, "text": f"limit {at:.4f}"} for at in metric_limits(view)]
    sure = next((c.confidence for c in view.reference.constraints if c.name == cost.name), None)
    told = f", {share_text(sure)} sure" if sure else ""
    reached = [{"x": limit, "text": f"limit {si(limit)}{told}"}] if limit else []
    return [
        labels("float label", [{"y": reference, "text": f"float {reference:.4f}"}], y=y, dy=-8, **left),
        labels("metric limit labels", limits, y=y, dy=10, **left),
        labels("cost limit label", reached, x=x, y=alt.value("height"), **right),
        labels("baseline labels", baselines, x=x, y=y, align="left", dx=7, dy=10),
        labels("pick labels", _picks(view, cost, values), x=x, y=y, dy=-16),
    ]


def _picks(view: StudyView, cost: Objective, values: Sequence[float]) -> list[dict[str, Any]]:
    """Return the picks' places with their names; picks that would print over each other share a label."""
    picks = list(view.picks.items())
    xs = [cost.value(e) for _, e in picks]
    free = readable(xs, [e.score for _, e in picks], values, metric_range(view)[0])
    placed: list[dict[str, Any]] = []
    for (how, e), x, alone in zip(picks, xs, free, strict=True):
        if alone:
            placed.append({"x": x, "y": e.score, "text": how})
        else:
            min(placed, key=lambda label: abs(label["x"] - x))["text"] += f", {how}"
    return placed


def precision(view: StudyView) -> Figure | None:
    """Draw the bits of every tensor (columns, in network order) of every front member (rows, cheapest on
    top).
    """
    members = [e for e in view.front if e.precision]
    if not members:
        return None
    tensors = shared_tensors(members)
    names = [_row_name(view, e) for e in members]
    cells = [
        {"column": key, "row": name, "value": bits, "label": str(bits)}
        | {"text": f"{name}\n{key}: {bits} bits\n{FixedPoint.parse(e.precision[key]).summary}"}
        for e, name in zip(members, names, strict=True)
        for key, bits in widths(e).items()
    ]
    tilted = {"labelAngle": -45, "labelAlign": "right", "labelBaseline": "top"}
    chart = heat_map(
        cells, tensors, names, title="bits", written=len(tensors) <= CELLS_WITH_TEXT, x={"axis": tilted}
    )
    return Figure(chart, height=28 * len(members), width=max(560, 34 * len(tensors)))


def _row_name(view: StudyView, e: Evaluation) -> str:
    cost = view.costs[0]
    kind = view.width_names.get(e.number) or e.method.upper()
    return f"{e.number} · {kind} · {e.score:.3f} · {si(cost.value(e))}"


def hypervolume(view: StudyView) -> Figure:
    """Draw how the dominated share of the objectives' box grew from trial to trial."""
    values = [
        {"x": n, "y": value, "text": f"after trial {n} ({si(seconds)} s of evaluation): {value:.4f}"}
        for (n, value), seconds in zip(view.hypervolumes, view.seconds_until, strict=True)
    ]
    x, y = alt.X("x:Q", title="Trial"), alt.Y("y:Q", title="Hypervolume")
    last = [] if view.last_gain is None else [{"x": view.last_gain}]
    layers = [
        upright("last gain", last, x, palette.GREY, palette.DOTTED),
        steps("hypervolume", values, x, y, palette.FRONT),
        touched(values, x, y),
    ]
    return Figure(layered(layers), height=280, file_height=220)


def training_gain(view: StudyView) -> Figure | None:
    """Draw what QAT added to the PTQ score of the same design over its mean weight width; None where it added
    to none.
    """
    trained = [(e, width) for e in view.scored if e.gain is not None and (width := mean_width(e)) is not None]
    if not trained:
        return None
    shape = palette.METHOD_SHAPE["qat"]
    other = Series("other candidates", shape, palette.METHOD_PALE["qat"], palette.GREY, 70)
    front = Series("on the front", shape, palette.METHOD["qat"], palette.INK, 120)
    values = [
        {"x": width, "y": e.gain, "text": hover(view, e)}
        | {"series": (front if view.standing(e) == "front" else other).name}
        for e, width in trained
    ]
    x = alt.X("x:Q", **axis("Mean width of the weights (bits)", [width for _, width in trained], log=False))
    gains = [0.0, *(e.gain for e, _ in trained if e.gain is not None)]
    y = alt.Y("y:Q", **axis(f"{view.metric_name} (validation): QAT minus PTQ", gains, log=False))
    zero = level("zero", [{"y": 0.0}], y, palette.INK, (1, 0))
    return Figure(
        layered([zero, points("points", [other, front], values, x, y)]), height=280, file_height=230
    )
