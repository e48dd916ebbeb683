"""What the page's figures have in common: ticks, guides, fonts and margins."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ..analysis.view import si
from . import palette

Figure = dict[str, Any]
Trace = dict[str, Any]

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif"
LABEL = (0.055, 0.05)
"""Room that a short label takes of a figure, as shares of its width and height."""


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


def heatmap(
    columns: Sequence[str], rows: Sequence[str], table: Sequence[Sequence[Any]], *, bar: str, hover: str
) -> Trace:
    """Return the trace of a table as coloured cells; `bar` titles the colours, `hover` is what a cell tells."""
    return {
        "type": "heatmap",
        "x": list(columns),
        "y": list(rows),
        "z": table,
        "colorscale": palette.WIDTHS.capitalize(),
        "xgap": 2,
        "ygap": 2,
        "hovertemplate": f"{hover}<extra></extra>",
        "colorbar": {"title": {"text": bar}, "thickness": 14, "outlinewidth": 0},
    }


def log_axis(values: Sequence[float]) -> dict[str, Any]:
    """Return the settings of a log axis over `values`, ticks written as people do."""
    ticks = log_ticks(values)
    return {
        "type": "log",
        "tickmode": "array",
        "tickvals": ticks,
        "ticktext": [tick_label(tick) for tick in ticks],
    }


def guide(way: str, at: float, color: str, dash: str) -> dict[str, Any]:
    """Return a line across the plot, `h`orizontal or `v`ertical, at a value of the other axis."""
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


def layout(x: str, y: str) -> dict[str, Any]:
    """Return what all figures share, with the titles of the axes."""
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
