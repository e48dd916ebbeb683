"""Matplotlib's drawings of what is set beside a search: synthesis, processors, sensitivity, other studies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..analysis.sensitivity import Sensitivity
from ..analysis.view import StudyView
from ..measurements.measured import STAGES
from ..trials.objectives import Metric, Objective
from . import palette
from .axes import log_ticks, tick_label, wants_log
from .comparison import Comparison, score_range
from .evidence import COMPARED, Bar, Pair, label
from .findings_page import importance_rows


def log_scale(axis: Any, values: Sequence[float]) -> None:
    """Give a Matplotlib axis a log scale with the page's ticks."""
    ticks = log_ticks(values)
    axis.axes.set(**{f"{axis.axis_name}scale": "log"})
    axis.set_ticks(ticks, [tick_label(tick) for tick in ticks])
    axis.set_ticks([], minor=True)


def draw_measured(axes: Any, view: StudyView, cost: Objective) -> None:
    """Draw what tools measured of a resource beside the estimates on Matplotlib `axes`."""
    named: set[str] = set()
    for e in view.scored:
        known = view.measured[e.number].value(cost.key) if e.number in view.measured else None
        if known is None:
            continue
        stage, value = known
        told = None if stage in named else f"measured by {STAGES[stage]}"
        axes.plot([cost.value(e), value], [e.score] * 2, ":", color=palette.INK, linewidth=0.9, zorder=2)
        axes.scatter(
            [value], [e.score], marker="s", s=46, facecolors="none", edgecolors=palette.INK, label=told
        )
        named.add(stage)


def draw_calibration(axes: Any, found: Sequence[Pair]) -> None:
    """Draw estimate against measurement on Matplotlib `axes`; a figure of 0 has no place there."""
    drawn = [p for p in found if p.estimate > 0 and p.measured > 0]
    values = [value for p in drawn for value in (p.estimate, p.measured)] or [1.0]
    ends = [min(values) / 2, max(values) * 2]
    axes.plot(ends, ends, "--", color=palette.GREY, linewidth=1, label="equal")
    for key in COMPARED:
        for position, p in enumerate(p for p in drawn if p.key == key):
            low, high = p.evaluation.intervals.get(key, (p.estimate, p.estimate))
            axes.errorbar(
                [p.estimate],
                [p.measured],
                xerr=[[max(0.0, p.estimate - low)], [max(0.0, high - p.estimate)]],
                fmt=palette.QUANTITY_MATPLOTLIB[key],
                color=palette.QUANTITIES[key],
                markeredgecolor=palette.INK,
                elinewidth=0.9,
                capsize=2,
                label=None if position else label(key),
            )
    log_scale(axes.xaxis, values)
    log_scale(axes.yaxis, values)
    axes.set_xlabel("Estimate, with its 80 % interval")
    axes.set_ylabel("Measured by a tool")
    axes.legend(fontsize=8)


def draw_latency(axes: Any, found: Sequence[Bar]) -> None:
    """Draw the times of devices on Matplotlib `axes`, a row each."""
    for row, bar in enumerate(found):
        color = palette.DEVICES[bar.device]
        axes.errorbar(
            [bar.time],
            [row],
            xerr=[[max(0.0, bar.time - bar.low)], [max(0.0, bar.high - bar.time)]],
            fmt=palette.DEVICE_MATPLOTLIB[bar.device],
            color=color,
            markerfacecolor=color if bar.single else "none",
            elinewidth=1,
            capsize=2,
        )
    axes.set_yticks(range(len(found)), [bar.name for bar in found], fontsize=8)
    axes.invert_yaxis()
    log_scale(axes.xaxis, [value for bar in found for value in (bar.low, bar.high) if value > 0])
    axes.set_xlabel("Time per inference (µs); filled: one alone, hollow: of many")


def draw_sensitivity(axes: Any, rows: Sequence[Sensitivity], metric: Metric) -> None:
    """Draw the metric's change by tensor and width on Matplotlib `axes`."""
    tensors = list(dict.fromkeys(row.tensor for row in rows))
    bits = sorted({row.bits for row in rows})
    change = {(row.tensor, row.bits): row.change for row in rows}
    values = [[change.get((tensor, b), float("nan")) for b in bits] for tensor in tensors]
    backwards = metric.direction == "minimize"
    image = axes.imshow(values, cmap=palette.WIDTHS + ("_r" if backwards else ""), aspect="auto")
    axes.grid(False)
    axes.set_xticks(range(len(bits)), [str(b) for b in bits])
    axes.set_yticks(range(len(tensors)), tensors, fontsize=8)
    axes.set_xlabel("Bits")
    axes.figure.colorbar(image, ax=axes, label=f"change of {metric.name}", pad=0.01)


def draw_overlay(axes: Any, comparison: Comparison, cost: Objective) -> None:
    """Draw the fronts of several studies over each other on Matplotlib `axes`."""
    for i, (view, name) in enumerate(zip(comparison.views, comparison.names, strict=True)):
        color, marker = palette.STUDIES[i], palette.STUDY_MATPLOTLIB[i]
        line = view.cost_front(cost)
        x, y = [cost.value(e) for e in line], [e.score for e in line]
        rest = [e for e in view.scored if e.number not in {member.number for member in line}]
        axes.scatter(
            [cost.value(e) for e in rest],
            [e.score for e in rest],
            s=12,
            color=color,
            alpha=0.35,
            marker=marker,
        )
        axes.step(x, y, where="post", color=color, linewidth=1.5)
        axes.scatter(x, y, s=50, color=color, marker=marker, edgecolors=palette.INK, label=name, zorder=3)
        axes.axhline(view.reference.float_score, color=color, linestyle="--", linewidth=1)
    values = [cost.value(e) for view in comparison.views for e in view.scored]
    if wants_log(values):
        log_scale(axes.xaxis, values)
        axes.set_xlim(0.7 * min(values), 1.4 * max(values))
    else:
        axes.xaxis.set_major_formatter(lambda value, _: tick_label(value))
    axes.set_ylim(*score_range(comparison))
    axes.set_xlabel(cost.title)
    axes.set_ylabel(comparison.views[0].metric_title)
    axes.legend(fontsize=8)


def draw_curves(axes: Any, comparison: Comparison) -> None:
    """Draw the hypervolume of several studies over their trials on Matplotlib `axes`."""
    styles = ("-", "--", ":", "-.", (0, (8, 3)))
    for i, (history, name) in enumerate(zip(comparison.hypervolumes, comparison.names, strict=True)):
        numbers, values = [n for n, _ in history], [v for _, v in history]
        axes.step(numbers, values, where="post", color=palette.STUDIES[i], linestyle=styles[i], label=name)
    axes.set_xlabel("Trial")
    axes.set_ylabel("Hypervolume")
    axes.legend(fontsize=8)


def draw_importance(
    axes: Any, importance: Mapping[str, Mapping[str, float]], objectives: Sequence[Objective]
) -> None:
    """Draw the share of each objective's variance that the leading dimensions explain on Matplotlib `axes`."""
    rows = importance_rows(importance)
    shown = [o for o in objectives if importance.get(o.name)]
    table = [[100 * importance[o.name].get(name, 0.0) for o in shown] for name in rows]
    image = axes.imshow(table, cmap=palette.WIDTHS, aspect="auto", vmin=0)
    axes.grid(False)
    axes.set_xticks(range(len(shown)), [o.label for o in shown])
    axes.set_yticks(range(len(rows)), rows, fontsize=8)
    for y, row in enumerate(table):
        for x, share in enumerate(row):
            color = "white" if share < 0.5 * image.norm.vmax else "black"
            axes.text(x, y, f"{share:.0f}", ha="center", va="center", fontsize=8, color=color)
    axes.figure.colorbar(image, ax=axes, label="% of the variance", pad=0.01)
