"""The report's figures for a paper or a slide: PNG and PDF, drawn by Matplotlib."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from ..analysis.findings import Findings
from ..analysis.sensitivity import Sensitivity
from ..analysis.view import StudyView, mean_width, shared_tensors, si, widths
from ..trials.objectives import Metric, Objective
from . import palette
from .axes import readable, tick_label, wants_log
from .comparison import Comparison
from .evidence import bars, pairs
from .evidence_figures import (
    draw_calibration,
    draw_curves,
    draw_importance,
    draw_latency,
    draw_measured,
    draw_overlay,
    draw_sensitivity,
    log_scale,
)
from .findings_page import importance_rows
from .plots import CELLS_WITH_TEXT, metric_limits, metric_range, shown_limit

STYLE: dict[str, Any] = {
    "font.size": 10,
    "font.family": "DejaVu Sans",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#5a6372",
    "axes.grid": True,
    "grid.color": "#e7eaf0",
    "axes.axisbelow": True,
    "legend.frameon": False,
    "figure.constrained_layout.use": True,
    "pdf.fonttype": 42,  # text stays text in the PDF, as journals ask
    "svg.hashsalt": "bitfront",
}


def write_figures(view: StudyView, found: Findings, study_dir: Path) -> list[Path]:
    """Write `front.png` into the study folder, and every figure as PNG and PDF into its `figures`.

    Returns:
        the paths, `front.png` first; empty where no candidate was scored.
    """
    if not view.scored:
        return []
    folder = Path(study_dir) / "figures"
    folder.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    with _matplotlib() as figure_class:
        first = _draw(figure_class, lambda axes: draw_front(axes, view, view.costs[0]), (7.2, 4.8))
        written.append(Path(study_dir) / "front.png")
        _write(first, [written[0]])
        for cost in view.costs:
            figure = _draw(figure_class, partial(draw_front, view=view, cost=cost), (7.2, 4.8))
            written += _write(figure, [folder / f"front_{cost.name}.{kind}" for kind in ("png", "pdf")])
        rows = [e for e in view.front if e.precision]
        if rows:
            size = (max(7.2, 0.34 * len(shared_tensors(rows)) + 2.6), 1.9 + 0.3 * len(rows))
            figure = _draw(figure_class, lambda axes: draw_precision(axes, view), size)
            written += _write(figure, [folder / f"precision.{kind}" for kind in ("png", "pdf")])
        figure = _draw(figure_class, lambda axes: draw_hypervolume(axes, view), (7.2, 3.4))
        written += _write(figure, [folder / f"hypervolume.{kind}" for kind in ("png", "pdf")])
        if any(e.gain is not None for e in view.scored):
            figure = _draw(figure_class, lambda axes: draw_training(axes, view), (7.2, 3.6))
            written += _write(figure, [folder / f"training.{kind}" for kind in ("png", "pdf")])
        leading = importance_rows(found.importance)
        measured, times = pairs(view), bars(view) if view.latency and view.picks else []
        evidence: list[tuple[str, Any, Callable[[Any], None], tuple[float, float]]] = [
            (
                "importance",
                leading,
                lambda axes: draw_importance(axes, found.importance, view.objectives),
                (7.2, 1.2 + 0.26 * len(leading)),
            ),
            ("synthesis", measured, lambda axes: draw_calibration(axes, measured), (5.2, 4.8)),
            ("latency", times, lambda axes: draw_latency(axes, times), (7.2, 1.2 + 0.26 * len(times))),
        ]
        for name, there, draw, size in evidence:
            if there:
                figure = _draw(figure_class, draw, size)
                written += _write(figure, [folder / f"{name}.{kind}" for kind in ("png", "pdf")])
    if view.sensitivity:
        written += write_sensitivity_figure(view.sensitivity, view.reference.metric, Path(study_dir))
    return written


def write_sensitivity_figure(rows: Sequence[Sensitivity], metric: Metric, study_dir: Path) -> list[Path]:
    """Write the sensitivity table as PNG and PDF into `figures/` of a study's folder and return their paths."""
    folder = study_dir / "figures"
    folder.mkdir(parents=True, exist_ok=True)
    tensors = len({row.tensor for row in rows})
    with _matplotlib() as figure_class:
        figure = _draw(
            figure_class, lambda axes: draw_sensitivity(axes, rows, metric), (7.2, 1.2 + 0.3 * tensors)
        )
        return _write(figure, [folder / f"sensitivity.{kind}" for kind in ("png", "pdf")])


def write_comparison_figures(comparison: Comparison, folder: Path) -> list[Path]:
    """Write the figures of a comparison of studies as PNG and PDF into `folder` and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    with _matplotlib() as figure_class:
        for cost in comparison.costs:
            figure = _draw(figure_class, partial(draw_overlay, comparison=comparison, cost=cost), (7.2, 4.8))
            written += _write(figure, [folder / f"fronts_{cost.name}.{kind}" for kind in ("png", "pdf")])
        figure = _draw(figure_class, lambda axes: draw_curves(axes, comparison), (7.2, 3.4))
        written += _write(figure, [folder / f"hypervolume.{kind}" for kind in ("png", "pdf")])
    return written


def draw_front(axes: Any, view: StudyView, cost: Objective) -> None:
    """Draw the metric against one resource on Matplotlib `axes`."""
    for standing in ("over limit", "feasible", "front"):
        for method in ("ptq", "qat"):
            chosen = [
                e
                for e in view.scored
                if view.standing(e) == standing and e.method == method and e.kind != "uniform"
            ]
            if not chosen:
                continue
            x, y = [cost.value(e) for e in chosen], [e.score for e in chosen]
            on_front, hollow = standing == "front", standing == "over limit"
            if on_front:
                bounds = [e.intervals.get(cost.key, (v, v)) for e, v in zip(chosen, x, strict=True)]
                errors = [
                    [max(0.0, v - low) for v, (low, _) in zip(x, bounds, strict=True)],
                    [max(0.0, high - v) for v, (_, high) in zip(x, bounds, strict=True)],
                ]
                axes.errorbar(
                    x, y, xerr=errors, fmt="none", ecolor="#9aa1ad", elinewidth=0.9, capsize=2, zorder=2
                )
            axes.scatter(
                x,
                y,
                marker=palette.MARKER_MATPLOTLIB[method],
                s=70 if on_front else 26,
                facecolors="none" if hollow else palette.METHOD[method],
                edgecolors=palette.INK if on_front else palette.GREY,
                linewidths=1.0 if on_front else 0.7,
                alpha=1.0 if on_front else 0.65,
                label=f"{method.upper()}, {'on the front' if on_front else 'over a limit' if hollow else 'feasible'}",
                zorder=4 if on_front else 2,
            )
    values = [cost.value(e) for e in view.scored]
    uniform = [e for e in view.scored if e.kind == "uniform"]
    x, y = [cost.value(e) for e in uniform], [e.score for e in uniform]
    for method in ("ptq", "qat"):
        chosen = [e for e in uniform if e.method == method]
        if chosen:
            axes.scatter(
                [cost.value(e) for e in chosen],
                [e.score for e in chosen],
                marker=palette.UNIFORM_MATPLOTLIB[method],
                s=46,
                color=palette.UNIFORM,
                edgecolors=palette.INK,
                label=f"{method.upper()}, uniform",
                zorder=3,
            )
    for e, told in zip(uniform, readable(x, y, values, metric_range(view)[0]), strict=True):
        if told:
            at = (cost.value(e), e.score)
            axes.annotate(
                view.width_names[e.number], at, (6, -11), textcoords="offset points", fontsize=8, clip_on=True
            )
    draw_measured(axes, view, cost)
    line = view.cost_front(cost)
    if len(line) > 1:
        x, y = [cost.value(e) for e in line], [e.score for e in line]
        axes.step(
            x, y, where="post", color=palette.FRONT, linewidth=1.8, zorder=1, label="front in this plane"
        )
    axes.axhline(view.reference.float_score, color=palette.FLOAT, linestyle="--", label="float model")
    limits = [(axes.axhline, level) for level in metric_limits(view)]
    limit = shown_limit(view, cost, values)
    if limit is not None:
        limits.append((axes.axvline, limit))
    for position, (draw, level) in enumerate(limits):
        draw(level, color=palette.LIMIT, linestyle=":", label=None if position else "limit")
    if wants_log(values):
        log_scale(axes.xaxis, values)
        axes.set_xlim(0.7 * min(values), 1.4 * max([*values, limit or 0.0]))
    else:
        axes.xaxis.set_major_formatter(lambda value, _: tick_label(value))
    axes.set_ylim(*metric_range(view)[0])
    sources = sorted({e.source for e in view.scored})
    axes.set_xlabel(f"{cost.title}, {' or '.join(sources)} with 80 % interval")
    axes.set_ylabel(view.metric_title)
    axes.legend(fontsize=8, loc="best")


def draw_precision(axes: Any, view: StudyView) -> None:
    """Draw the bits of every tensor of every front member on Matplotlib `axes`."""
    rows = [e for e in view.front if e.precision]
    tensors = shared_tensors(rows)
    bits = [widths(e) for e in rows]
    table = [[float(row.get(key, "nan")) for key in tensors] for row in bits]
    image = axes.imshow(table, cmap=palette.WIDTHS, aspect="auto")
    axes.grid(False)
    axes.set_xticks(range(len(tensors)), tensors, rotation=55, ha="right", rotation_mode="anchor", fontsize=8)
    cost = view.costs[0]
    names = [f"{e.number} · {e.method.upper()} · {e.score:.3f} · {si(cost.value(e))}" for e in rows]
    axes.set_yticks(range(len(rows)), names, fontsize=8)
    if len(tensors) <= CELLS_WITH_TEXT:
        middle = image.norm.vmin + 0.5 * (image.norm.vmax - image.norm.vmin)
        for y, row in enumerate(bits):
            for x, key in enumerate(tensors):
                if key in row:
                    color = "white" if row[key] < middle else "black"
                    axes.text(x, y, str(row[key]), ha="center", va="center", fontsize=8, color=color)
    axes.figure.colorbar(image, ax=axes, label="bits", pad=0.01)


def draw_hypervolume(axes: Any, view: StudyView) -> None:
    """Draw the hypervolume over trials on Matplotlib `axes`."""
    numbers, values = [n for n, _ in view.hypervolumes], [v for _, v in view.hypervolumes]
    axes.step(numbers, values, where="post", color=palette.FRONT, linewidth=2)
    if view.last_gain is not None:
        axes.axvline(view.last_gain, color=palette.GREY, linestyle=":")
    axes.set_xlabel("Trial")
    axes.set_ylabel("Hypervolume")


def draw_training(axes: Any, view: StudyView) -> None:
    """Draw the gain of QAT over the PTQ score of the same design on Matplotlib `axes`."""
    trained = [e for e in view.scored if e.gain is not None and mean_width(e) is not None]
    for on_front in (False, True):
        chosen = [e for e in trained if (view.standing(e) == "front") == on_front]
        axes.scatter(
            [mean_width(e) for e in chosen],
            [e.gain for e in chosen],
            marker=palette.MARKER_MATPLOTLIB["qat"],
            s=60 if on_front else 28,
            color=palette.METHOD["qat"],
            edgecolors=palette.INK if on_front else palette.GREY,
            alpha=1.0 if on_front else 0.65,
            label="on the front" if on_front else "other candidates",
        )
    axes.axhline(0.0, color=palette.INK, linewidth=1)
    axes.set_xlabel("Mean width of the weights (bits)")
    axes.set_ylabel(f"{view.metric_name} (validation): QAT minus PTQ")
    axes.legend(fontsize=8)


@contextmanager
def _matplotlib() -> Iterator[Any]:
    """Import Matplotlib (half a second) without a display, with this module's style and nobody else's."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(STYLE):  # type: ignore[arg-type]
        yield Figure


def _draw(figure_class: Any, draw: Callable[[Any], None], size: tuple[float, float]) -> Any:
    figure = figure_class(figsize=size)
    draw(figure.subplots())
    return figure


def _write(figure: Any, paths: list[Path]) -> list[Path]:
    for path in paths:
        # no date in the file: the same study gives the same bytes
        metadata = {"CreationDate": None} if path.suffix == ".pdf" else {"Software": "bitfront"}
        figure.savefig(path, dpi=200, metadata=metadata)
    return paths
