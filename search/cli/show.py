"""`bitfront show`: what a study found, or one trial of it, layer by layer."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from bitfront.search.evaluation import Evaluation
    from bitfront.search.objectives import Objective
    from bitfront.search.reference import Reference

EXAMPLES = """\
Examples: `bitfront show studies/top-tagging`; `bitfront show studies/top-tagging 12`; `bitfront show studies/top-tagging knee --json`.
"""


def command(
    study: Annotated[str, typer.Argument(help="Study folder, study file, or name under ./studies.")],
    trial: Annotated[
        str,
        typer.Argument(
            help="Trial number, or knee, best, smallest, or a limit such as 'lut<5000'; without it, the study as a whole."
        ),
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print the evaluation as JSON.")] = False,
) -> None:
    """Show what a search found, or a trial's layers, types and resources, and why it is or is not on the front."""
    from rich.console import Console
    from rich.table import Table

    from bitfront.search import pareto, pick, read_evaluations
    from bitfront.search.reference import Reference

    from .places import study_folder

    folder = study_folder(study)
    if not trial:
        _study(folder, as_json=as_json)
        return
    reference, evaluations = Reference.read(folder), read_evaluations(folder)
    # A trial that was stopped or failed can be shown, though not picked.
    chosen = next((e for e in evaluations if str(e.number) == trial), None) or pick(
        evaluations, reference.objectives, trial, reference.metric
    )
    if as_json:
        typer.echo(json.dumps(chosen.to_json(), indent=1, default=str))
        return
    console = Console(highlight=False)
    table = Table(title=f"Trial {chosen.number}: {chosen.method}, {chosen.status}", title_justify="left")
    for column in ("node", "op", "LUT", "FF", "DSP", "BRAM18", "EBOPs"):
        table.add_column(column, justify="left" if column in {"node", "op"} else "right", overflow="fold")
    for row in chosen.layers:
        costs = [f"{float(row.get(key, 0)):,.0f}" for key in ("lut", "ff", "dsp", "bram18", "ebops")]
        built = "lut" in row or row["op"] in {"input", "dropout"}
        table.add_row(row["node"], row["op"] if built else f"{row['op']}, not built", *costs)
    console.print(table)
    types = {f"{row['node']}/{role}": text for row in chosen.layers for role, text in row["types"].items()}
    for tensor, text in types.items():  # a line each, whole: a table as wide as a terminal would break them
        console.print(f"{tensor:{max(map(len, types))}s}  {text}", markup=False, soft_wrap=True)
    for key, value in chosen.metrics.items():
        console.print(f"{key:16s} {value:,.4f}", markup=False)
    for text in _scored_by(chosen, reference):
        console.print(text, markup=False)
    for key, value in chosen.resources.items():
        interval = chosen.intervals.get(key)
        note = f"  (80 %: {interval[0]:,.0f} to {interval[1]:,.0f}; {chosen.origin})" if interval else ""
        console.print(f"{key:16s} {value:,.{1 if value % 1 else 0}f}{note}", markup=False)
    for stage, figures in chosen.measured.items():
        cells = "  ".join(f"{key} {value:,.0f}" for key, value in figures.items())
        console.print(f"{stage:16s} {cells}", markup=False)
    front = pareto(evaluations, reference.objectives)
    console.print(_standing(chosen, front, reference.objectives), markup=False)


def _scored_by(chosen: Evaluation, reference: Reference) -> list[str]:
    """Return what stands behind the score: undecided classes, and the recall of each class."""
    from bitfront.search.score_warnings import percent, ties_range

    lines = []
    if "share" in chosen.ties:
        told = ties_range(chosen.ties, reference.metric.label.lower())
        lines.append(
            f"{'ties':16s} {percent(chosen.ties['share'])} of the classes undecided{f': {told}' if told else ''}"
        )
    if "pairs" in chosen.ties:
        lines.append(f"{'equal pairs':16s} {percent(chosen.ties['pairs'])}, each counted a half")
    for name, row in chosen.recall.items():
        cells = "  ".join(
            f"{one}: {'-' if share is None else f'{share:.3f}'}" for one, share in enumerate(row)
        )
        lines.append(f"{'recall of ' + name:16s} {cells}")
    return lines


def _study(folder: Path, *, as_json: bool) -> None:
    """Print what the search teaches: the front on test data, gains over uniform widths, what mattered."""
    from rich.console import Console
    from rich.table import Table

    from bitfront.search.report import StudyView, find
    from bitfront.search.report.page import headline

    view = StudyView.read(folder)
    found = find(view)
    if as_json:
        typer.echo(json.dumps(found.to_json(), indent=1))
        return
    console = Console(highlight=False)
    console.print(headline(view), markup=False)
    for text in view.warnings:
        console.print(f"Warning: {text}", markup=False)
    if found.last_gain is not None:
        console.print(
            f"The hypervolume last grew with trial {found.last_gain}, {found.last_gain_seconds:.1f} of {found.seconds:.1f} s "
            "of evaluation."
        )
    cost = view.costs[0]

    def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        made = Table(title=title, title_justify="left")
        for column in columns:
            made.add_column(column, justify="right")
        for row in rows:
            made.add_row(*row)
        console.print(made)

    known = view.test_scores
    if known:
        rows = []
        for e in view.front:
            row = known.of(e.number)
            if row:
                bounds = f"{row.interval[0]:.4f} to {row.interval[1]:.4f}" if row.interval else ""
                luck = "*" if e.number in found.lucky else ""
                rows.append(
                    [
                        str(e.number),
                        e.method,
                        f"{cost.value(e):,.0f}",
                        f"{e.score:.4f}{luck}",
                        f"{row.score:.4f}",
                        bounds,
                    ]
                )
        table(
            f"Front on {known.samples:,} test samples (* validation score above the interval)",
            ["trial", "method", cost.label, "validation", "test", f"{100 * known.confidence:g} %"],
            rows,
        )
    beaten = [
        [
            r.name,
            f"{r.score:.4f}",
            f"{r.cost:,.0f}",
            *_better(r.cheaper, r.ratio, "{:.2f}"),
            *_better(r.better, r.gain, "{:+.4f}"),
        ]
        for r in found.rivals
    ]
    heads = ["uniform", view.metric_name, cost.label, "as good", "cost ratio", "no dearer", "gain"]
    table("Against uniform precision (trial, and what it is worth)", heads, beaten)
    paid = [
        [
            f"{b.limit:,.0f}",
            *(f"{s[1]:.4f} ({s[0]})" if s else "none" for s in (b.ptq, b.qat)),
            "" if b.gain is None else f"{b.gain:+.4f}",
        ]
        for b in found.budgets
    ]
    table(
        "PTQ or QAT? (best score and its trial)", [f"{cost.label} at most", "PTQ", "QAT", "QAT gains"], paid
    )
    for name, shares in found.importance.items():
        most = ", ".join(f"{n} {100 * s:.0f} %" for n, s in list(shares.items())[:5])
        console.print(f"What moves {name}: {most}", markup=False)


def _better(trial: int | None, worth: float | None, text: str) -> tuple[str, str]:
    return ("none" if trial is None else str(trial), "" if worth is None else text.format(worth))


def _standing(chosen: Evaluation, front: Sequence[Evaluation], objectives: Sequence[Objective]) -> str:
    """Say why the trial is or is not on the front."""
    if chosen.status != "complete":
        return f"Not on the front: {chosen.reason}"
    if any(e.number == chosen.number for e in front):
        return "On the front: no feasible candidate is at least as good in every objective and better in one."
    if not chosen.feasible:
        broken = ", ".join(f"{k} by {100 * v:.1f} %" for k, v in chosen.constraints.items() if v > 0)
        return f"Not on the front: it breaks {broken}."
    for other in front:
        pairs = [(o.loss(other), o.loss(chosen)) for o in objectives]
        if all(a <= b for a, b in pairs):
            return f"Not on the front: trial {other.number} is at least as good in every objective."
    return "Not on the front: the same design was tried before."
