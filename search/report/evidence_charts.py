"""Figures of what is set beside a search: synthesis, processors, sensitivity, importance of its
dimensions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from ..analysis.sensitivity import Sensitivity
from ..analysis.view import si
from ..measurements.measured import STAGES
from ..trials.objectives import Metric, Objective
from . import palette
from .chart_parts import Series, axis, heat_map, intervals, layered, points, rows
from .evidence import COMPARED, Bar, Pair, label
from .figure import Figure

SHOWN = 24
"""Dimensions that the picture of importances shows at most."""


def calibration(found: Sequence[Pair]) -> Figure | None:
    """Draw estimate against measurement on equal log scales; a figure of 0 has no place there."""
    if not found:
        return None
    drawn = [p for p in found if p.estimate > 0 and p.measured > 0]
    values = [value for p in drawn for value in (p.estimate, p.measured)] or [1.0]
    ends = [p.evaluation.intervals.get(p.key) for p in drawn]
    marks: list[dict[str, Any]] = [
        {"x": p.estimate, "y": p.measured, "series": label(p.key)}
        | {
            "text": f"Trial {p.evaluation.number}: {STAGES[p.stage]} {si(p.measured)}, estimate "
            f"{si(p.estimate)}"
        }
        for p in drawn
    ]
    bounds: list[dict[str, Any]] = [
        {"x": end[0], "high": end[1], "y": p.measured, "series": label(p.key)}
        for p, end in zip(drawn, ends, strict=True)
        if end and end[0] > 0
    ]
    series = [
        Series(label(key), palette.QUANTITY_SHAPE[key], palette.QUANTITIES[key], palette.INK, 110)
        for key in COMPARED
        if any(p.key == key for p in drawn)
    ]
    span = [*values, *(b[end] for b in bounds for end in ("x", "high"))]
    x = alt.X("x:Q", **axis("Estimate, with its 80 % interval", span, log=True))
    y = alt.Y("y:Q", **axis("Measured by a tool", span, log=True))
    equal = [{"x": at, "y": at} for at in (min(span), max(span))]
    layers = [
        alt.Chart(rows(equal), name="equal")
        .mark_line(clip=True, color=palette.GREY, strokeWidth=1.5, strokeDash=palette.DASHED)
        .encode(x=x, y=y),
        intervals("intervals", bounds, x, y),
        points("points", series, marks, x, y),
    ]
    return Figure(layered(layers), height=430, width=420, file_height=370)


def latency(found: Sequence[Bar]) -> Figure | None:
    """Draw the times on a log scale, a row each; filled for one inference, hollow for time per inference."""
    if not found:
        return None
    marks = [
        {"x": bar.time, "y": bar.name, "series": _device(bar).name, "text": f"{bar.name}: {bar.time:.3g} µs"}
        for bar in found
    ]
    bounds = [{"x": bar.low, "high": bar.high, "y": bar.name, "series": _device(bar).name} for bar in found]
    times = [value for bar in found for value in (bar.low, bar.high) if value > 0]
    x = alt.X("x:Q", **axis("Time per inference (µs)", times, log=True))
    y = alt.Y("y:N", sort=[bar.name for bar in found], title=None)
    order = sorted(found, key=lambda bar: (list(palette.DEVICES).index(bar.device), not bar.single))
    series = list(dict.fromkeys(_device(bar) for bar in order))
    layers = [intervals("intervals", bounds, x, y), points("points", series, marks, x, y, moved=("x",))]
    return Figure(layered(layers), height=30 * len(found))


def _device(bar: Bar) -> Series:
    color = palette.DEVICES[bar.device]
    name = f"{bar.device}, {'one inference' if bar.single else 'per inference of many'}"
    return Series(name, palette.DEVICE_SHAPE[bar.device], color if bar.single else palette.PAPER, color, 130)


def sensitivity(found: Sequence[Sensitivity], metric: Metric) -> Figure:
    """Draw the metric's change for every tensor (rows) and width (columns)."""
    tensors = list(dict.fromkeys(row.tensor for row in found))
    bits = [str(b) for b in sorted({row.bits for row in found})]
    cells = [
        {"column": str(row.bits), "row": row.tensor, "value": row.change, "label": f"{row.change:+.3f}"}
        | {"text": f"{row.tensor} at {row.bits} bits: {row.change:+.4f}"}
        for row in found
    ]
    chart = heat_map(
        cells,
        bits,
        tensors,
        title="change",
        written=True,
        x={"title": "Bits", "axis": {"labelAngle": 0}},
        reverse=metric.direction == "minimize",
    )
    return Figure(chart, height=28 * max(2, len(tensors)), width=max(480, 52 * len(bits)))


def importance_rows(found: Mapping[str, Mapping[str, float]]) -> list[str]:
    """Return the dimensions that explain most of any objective, the most first."""
    most: dict[str, float] = {}
    for shares in found.values():
        for name, share in shares.items():
            most[name] = max(most.get(name, 0.0), share)
    return sorted(most, key=lambda name: -most[name])[:SHOWN]


def importance(found: Mapping[str, Mapping[str, float]], objectives: Sequence[Objective]) -> Figure | None:
    """Draw the share of each objective's variance that the leading dimensions explain, in per cent."""
    names = importance_rows(found)
    if not names:
        return None
    shown = [o for o in objectives if found.get(o.name)]
    cells = []
    for name in names:
        for o in shown:
            share = 100 * found[o.name].get(name, 0.0)
            told = {"value": share, "label": f"{share:.0f}", "text": f"{name}: {share:.1f} % of {o.label}"}
            cells.append({"column": o.label, "row": name} | told)
    above = {"orient": "top", "labelAngle": 0}
    chart = heat_map(
        cells, [o.label for o in shown], names, title="%", written=True, x={"axis": above}, zero=True
    )
    return Figure(chart, height=25 * len(names), width=480)
