"""What charts are made of: points with a legend, intervals, guides, labels, heat maps, scales with readable
ticks.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import altair as alt

from ..analysis.view import si
from . import palette
from .figure import TOUCHED

Row = Mapping[str, Any]
LABEL = (0.055, 0.05)
"""Room that a short label takes of a figure, as shares of its width and height."""
PICKED = "picked"
ZOOM = "wheel![event.ctrlKey || event.metaKey]"
"""A wheel alone scrolls the page."""


@dataclass(frozen=True)
class Series:
    """Marks of one kind: how the legend names them, and how they look."""

    name: str
    shape: str
    fill: str
    edge: str
    size: float
    """Area of a mark in square pixels."""


def wants_log(values: Sequence[float]) -> bool:
    """Whether an axis over `values` reads better with a log scale: all positive and over most of a decade."""
    return bool(values) and min(values) > 0 and max(values) / min(values) > 6


def log_ticks(values: Sequence[float]) -> list[float]:
    """Return 1-2-5 ticks that span `values` and a factor of three around them; powers of ten beyond two
    decades.
    """
    low, high = min(values) / 3, max(values) * 3
    steps = (1, 2, 5) if high / low < 1000 else (1,)
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    return [tick for d in decades for tick in (step * 10.0**d for step in steps) if low <= tick <= high]


def tick_label(tick: float) -> str:
    """Return `20 k`, `1 M`, `500` or `0.02` for a tick of `log_ticks`."""
    return re.sub(r"\.0+(?!\d)", "", si(tick))


def readable(
    xs: Sequence[float], ys: Sequence[float], all_x: Sequence[float], y_range: tuple[float, float]
) -> list[bool]:
    """Return which points may carry a label: one whose place is taken by an earlier label may not.

    `all_x` are the values that the x axis spans, by their logarithm where `wants_log` says so.
    """
    scale = math.log10 if wants_log(all_x) else float
    low, high = (scale(limit(all_x)) for limit in (min, max))
    width, height = LABEL[0] * (high - low or 1.0), LABEL[1] * (y_range[1] - y_range[0] or 1.0)
    taken: list[tuple[float, float]] = []
    may = []
    for x, y in zip(xs, ys, strict=True):
        at = scale(x), y
        free = all(abs(at[0] - u) > width or abs(at[1] - v) > height for u, v in taken)
        may.append(free)
        if free:
            taken.append(at)
    return may


def axis(title: str | list[str], values: Sequence[float], *, log: bool) -> dict[str, Any]:
    """Return title, scale and ticks of an axis that holds `values` with a margin, ticks as people write."""
    low, high = min(values), max(values)
    if not log:
        margin = 0.05 * (high - low) or 0.05 * abs(high) or 1.0
        scale = alt.Scale(domain=[low - margin, high + margin], nice=False, zero=False)
        return {"title": title, "scale": scale, "axis": alt.Axis(tickCount=8)}
    margin = (high / low) ** 0.05 if high > low else 2.0
    ticks = log_ticks(values)
    labels = json.dumps([tick_label(tick) for tick in ticks])
    scale = alt.Scale(type="log", domain=[low / margin, high * margin], nice=False)
    named = f"{labels}[indexof({json.dumps(ticks)}, datum.value)]"
    return {"title": title, "scale": scale, "axis": alt.Axis(values=ticks, labelExpr=named)}


def span(title: str, low: float, high: float) -> dict[str, Any]:
    """Return title and scale of an axis from `low` to `high`."""
    return {"title": title, "scale": alt.Scale(domain=[low, high], nice=False, zero=False)}


def rows(values: Iterable[Row]) -> alt.InlineData:
    """Return rows as a chart's own data."""
    return alt.InlineData(values=[dict(row) for row in values])


def layered(layers: Sequence[alt.Chart]) -> alt.LayerChart:
    """Return charts over each other, the first at the bottom."""
    return alt.LayerChart(layer=list(layers))


def points(
    name: str,
    series: Sequence[Series],
    values: Sequence[Row],
    x: alt.X,
    y: alt.Y,
    *,
    moved: Sequence[Literal["x", "y"]] = ("x", "y"),
) -> alt.Chart:
    """Draw rows with `x`, `y`, the `series` they belong to and the `text` that touching one tells.

    A click in the legend shows one series alone, more clicks add others and take them away; dragging moves
    the figure, Ctrl and the wheel zoom, a double click shows it as it was; `moved` are the axes that this is
    for.
    """
    names, sizes = [one.name for one in series], {one.name: one.size for one in series}

    def look(field: str) -> alt.Scale:
        return alt.Scale(domain=names, range=[getattr(one, field) for one in series])

    picked = alt.selection_point(name=PICKED, fields=["series"], bind="legend", toggle="true")
    return (
        alt.Chart(rows({**row, "size": sizes[row["series"]]} for row in values), name=name)
        .mark_point(clip=True, strokeWidth=1.3, opacity=1)
        .encode(
            x=x,
            y=y,
            tooltip="text:N",
            fill=alt.Fill("series:N", scale=look("fill")),
            stroke=alt.Stroke("series:N", scale=look("edge")),
            shape=alt.Shape("series:N", scale=look("shape")),
            size=alt.Size("size:Q", scale=None),
        )
        .add_params(
            picked, alt.selection_interval(name="zoom", bind="scales", encodings=list(moved), zoom=ZOOM)
        )
        .transform_filter(alt.ParameterPredicate(param=PICKED))
    )


def intervals(name: str, values: Sequence[Row], x: alt.X, y: alt.Y) -> alt.Chart:
    """Draw a line from `low` to `high` for each row that has them, at its `y`."""
    return (
        alt.Chart(rows(values), name=name)
        .mark_rule(clip=True, color=palette.INTERVAL, strokeWidth=1.3)
        .encode(x=x, x2="high:Q", y=y)
        .transform_filter(alt.ParameterPredicate(param=PICKED))
    )


def steps(
    name: str, values: Sequence[Row], x: alt.X, y: alt.Y, color: str, dash: Sequence[float] = (1, 0)
) -> alt.Chart:
    """Draw a line that keeps each `y` until the next `x`."""
    mark = alt.Chart(rows(values), name=name).mark_line(
        clip=True, interpolate="step-after", color=color, strokeWidth=2.5, strokeDash=list(dash)
    )
    return mark.encode(x=x, y=y)


def touched(values: Sequence[Row], x: alt.X, y: alt.Y) -> alt.Chart:
    """Tell the `text` of the row that is near when a line is touched."""
    unseen = alt.Chart(rows(values), name=TOUCHED).mark_point(filled=True, size=250, color="transparent")
    return unseen.encode(x=x, y=y, tooltip="text:N")


def level(name: str, values: Sequence[Row], y: alt.Y, color: str, dash: Sequence[float]) -> alt.Chart:
    """Draw a line across the figure at the `y` of each row."""
    mark = alt.Chart(rows(values), name=name).mark_rule(
        clip=True, color=color, strokeWidth=1.6, strokeDash=list(dash)
    )
    return mark.encode(y=y)


def upright(name: str, values: Sequence[Row], x: alt.X, color: str, dash: Sequence[float]) -> alt.Chart:
    """Draw a line up the figure at the `x` of each row."""
    mark = alt.Chart(rows(values), name=name).mark_rule(
        clip=True, color=color, strokeWidth=1.6, strokeDash=list(dash)
    )
    return mark.encode(x=x)


def labels(name: str, values: Sequence[Row], **where: Any) -> alt.Chart:
    """Write the `text` of each row; `where` are the mark's settings and, as `x` and `y`, its place."""
    place = {channel: where.pop(channel) for channel in ("x", "y")}
    return (
        alt.Chart(rows(values), name=name).mark_text(**{"clip": True, **where}).encode(text="text:N", **place)
    )


def heat_map(
    values: Sequence[Row],
    columns: Sequence[str],
    names: Sequence[str],
    *,
    title: str,
    written: bool,
    x: Mapping[str, Any],
    reverse: bool = False,
    zero: bool = False,
) -> alt.LayerChart:
    """Draw rows with `column`, `row`, `value`, the `label` to write and the `text` to tell, as coloured
    cells.

    Args:
        values: the cells; one that is missing stays empty.
        columns: the columns in order, and `names` the rows from the top.
        names: see above.
        title: what the colours are.
        written: whether labels are written into the cells.
        x: settings of the axis of columns.
        reverse: whether high values are dark.
        zero: whether the darkest is 0 and not the least value.
    """
    drawn = [row["value"] for row in values]
    low, high = (0.0 if zero else min(drawn)), max(drawn)
    middle = 0.5 * (low + high)
    told = [
        {**row, "ink": palette.PAPER if (row["value"] < middle) != reverse else palette.INK} for row in values
    ]
    at_x = alt.X("column:N", sort=list(columns), title=x.get("title"), axis=alt.Axis(**x.get("axis", {})))
    at_y = alt.Y("row:N", sort=list(names), title=None)
    base = alt.Chart(rows(told))
    # cividis is even in lightness and safe for colour-blind readers: dark where low
    scale = alt.Scale(scheme="cividis", domain=[low, high], reverse=reverse)
    bar = alt.Legend(title=title, orient="right", gradientThickness=14)
    cells = base.mark_rect(stroke=palette.PAPER, strokeWidth=2).encode(
        x=at_x, y=at_y, tooltip="text:N", color=alt.Color("value:Q", scale=scale, legend=bar)
    )
    layers = [cells.properties(name="cells")]
    if written:
        text = base.mark_text().encode(
            x=at_x, y=at_y, text="label:N", color=alt.Color("ink:N", scale=None), tooltip="text:N"
        )
        layers.append(text.properties(name="labels"))
    return layered(layers).resolve_scale(color="independent")
