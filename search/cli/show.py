"""`bitfront show`: what a study found, or one trial of it, layer by layer."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from bitfront.search.analysis.findings import UniformMatch
    from bitfront.search.analysis.view import StudyView
    from bitfront.search.trials.evaluation import Evaluation
    from bitfront.search.trials.objectives import Objective
    from bitfront.search.trials.reference import Reference

EXAMPLES = """\
Examples: `bitfront show studies/top-tagging`; `bitfront show studies/top-tagging 12`; `bitfront show studies/top-tagging knee --json`.
"""


def command(
    study: Annotated[str, typer.Argument(help="Study folder, study file, or name under ./studies.")],
    trial: Annotated[
        str,
        typer.Argument(
            help="Trial number, or knee, best, smallest, or a limit such as 'lut<5000'; without it, the "
            "study as a whole."
        ),
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print the evaluation as JSON.")] = False,
) -> None:
    """Show what a search found, or a trial's layers, types and resources, and why it is or is not on the
    front.
    """
    from rich.console import Console
    from rich.table import Table

    from bitfront.search.analysis.against_float import knee_warning
    from bitfront.search.measurements.corrected import read_evaluations
    from bitfront.search.quantities import QUANTITIES, energy_range, named, told_apart
    from bitfront.search.quantities.table import number
    from bitfront.search.trials.front import pareto, pick
    from bitfront.search.trials.reference import Reference
    from bitfront.spaces import traits

    from .places import study_folder

    folder = study_folder(study)
    if not trial:
        _study(folder, as_json=as_json)
        return
    reference, evaluations = Reference.read(folder), read_evaluations(folder)
    # A trial that was stopped or failed can be shown, though not picked.
    chosen = next((e for e in evaluations if str(e.number) == trial), None) or pick(
        evaluations, reference.objectives, trial, reference.metric, floor=reference.knee_floor
    )
    if as_json:
        typer.echo(json.dumps(chosen.to_json(), indent=1, default=str))
        return
    console = Console(highlight=False)
    table = Table(
        title=f"Trial {chosen.number}: {chosen.method}, {chosen.status}; LUT and FF by C-synthesis",
        title_justify="left",
    )
    for column in ("node", "op"):
        table.add_column(column, overflow="fold")
    shown = [quantity for quantity in QUANTITIES.values() if quantity.by_layer]
    for quantity in shown:
        table.add_column(quantity.head, justify="right", overflow="fold")
    for row in chosen.layers:
        costs = [quantity.number(float(row.get(quantity.key, 0))) for quantity in shown]
        built = "lut" in row or not traits(row["op"]).built
        table.add_row(row["node"], row["op"] if built else f"{row['op']}, not built", *costs)
    console.print(table)
    types = {f"{row['node']}/{role}": text for row in chosen.layers for role, text in row["types"].items()}
    for tensor, text in types.items():  # a line each, whole: a table as wide as a terminal would break them
        console.print(f"{tensor:{max(map(len, types))}s}  {text}", markup=False, soft_wrap=True)
    for key, text in _scores(chosen, reference).items():
        console.print(f"{key:16s} {text}", markup=False)
    for text in _scored_by(chosen, reference):
        console.print(text, markup=False)
    for key, value in chosen.resources.items():
        known, interval = named(key), chosen.intervals.get(key)
        which = f"{known.label}; " if known and told_apart(known) else ""
        note = f"80 %: {interval[0]:,.0f} to {interval[1]:,.0f}; {chosen.origin}" if interval else ""
        note = f"  ({which}{note})" if note else f"  ({which.rstrip('; ')})" if which else ""
        console.print(f"{key:16s} {number(key, value)}{note}", markup=False)
    for limit in reference.constraints:
        key = "" if limit.after_scoring else QUANTITIES[limit.name].key
        if key in chosen.upper:
            text = f"at most {number(key, chosen.upper[key])}, the limit is {number(key, limit.limit)} ({limit.told})"
            console.print(f"{key:16s} {text}", markup=False)
    if energies := energy_range(chosen.resources):
        low, high = (number("energy_pj", one) for one in energies)
        console.print(f"{'energy':16s} {low} to {high} pJ, after Horowitz and after Moons", markup=False)
    for stage, figures in chosen.measured.items():
        cells = "  ".join(f"{key} {value:,.0f}" for key, value in figures.items())
        console.print(f"{stage:16s} {cells}", markup=False)
    front = pareto(evaluations, reference.objectives)
    console.print(_standing(chosen, front, reference.objectives), markup=False)
    warning = knee_warning(reference, chosen) if trial == "knee" else None
    if warning:
        console.print(warning, markup=False)


def _scores(e: Evaluation, reference: Reference) -> dict[str, str]:
    """Return each score of a trial with its split, and with what it belongs to where that is another
    design.
    """
    found: dict[str, str] = {}
    tested = reference.float_scores.get("test")
    for key, value in e.metrics.items():
        text = f"{value:,.4f}"
        if key == "test":
            text += " on test data" + ("" if tested is None else f" ({value - tested:+.4f} to float)")
        elif key == "score":
            text += f" on validation data ({value - reference.float_score:+.4f} to float)"
        elif key == e.method:
            text += " on validation data"
        elif key == "qat":
            text += " on validation data, after a training that was not kept"
        else:
            told = (
                f"{o.label} {e.ptq_resources[o.key]:,.0f}"
                for o in reference.objectives
                if o.key in e.ptq_resources
            )
            costs = ", ".join(told)
            text += " on validation data, untrained" + (f": another design, of {costs}" if costs else "")
        found[key] = text
    return found


def _scored_by(chosen: Evaluation, reference: Reference) -> list[str]:
    """Return what stands behind the score: undecided classes, and the recall of each class."""
    from bitfront.search.problem.score_warnings import percent, ties_range

    lines = []
    if "share" in chosen.ties:
        told = ties_range(chosen.ties, reference.metric.label.lower())
        lines.append(
            f"{'ties':16s} {percent(chosen.ties['share'])} of the classes "
            f"undecided{f': {told}' if told else ''}"
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

    from bitfront.search.analysis.findings import find
    from bitfront.search.analysis.headline import headline
    from bitfront.search.analysis.view import StudyView

    view = StudyView.read(folder)
    found = find(view)
    if as_json:
        typer.echo(json.dumps(found.to_json(), indent=1))
        return
    console = Console(highlight=False)
    console.print(headline(view), markup=False)
    for line in _picked(view):
        console.print(line, markup=False)
    for text in view.warnings:
        console.print(f"Warning: {text}", markup=False)
    if found.last_gain is not None:
        console.print(
            f"The hypervolume last grew with trial {found.last_gain}, {found.last_gain_seconds:.1f} of "
            f"{found.seconds:.1f} s of evaluation."
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
                luck = "*" if e.number in found.optimistic else ""
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
    tested = any(r.test is not None for r in found.uniform_matches)
    heads = ["trial", "uniform", "epochs", view.metric_name, *(["test"] if tested else []), cost.label]
    heads += ["as good", "cost ratio", *(["on test"] if tested else [])]
    heads += ["at no more cost", "gain", *(["on test"] if tested else [])]
    table(
        "Against uniform precision (trial, and what it is worth; chosen on validation data)",
        heads,
        [_uniform_match(r, tested=tested) for r in found.uniform_matches],
    )
    if not found.uniform_trained:
        console.print("Uniform widths were rounded only: none was trained in this study.")
    paid = []
    for b in found.budgets:
        sides = ((f"{s[1]:.4f} ({s[0]})", f"{s[2]:,.0f}") if s else ("none", "") for s in (b.ptq, b.qat))
        paid.append([f"{b.limit:,.0f}", *(cell for side in sides for cell in side), _signed(b.gain)])
    table(
        "PTQ or QAT? (best design of each: its score on validation data, its trial, its own cost)",
        [f"{cost.label} at most", "PTQ", cost.label, "QAT", cost.label, "QAT gains"],
        paid,
    )
    for name, shares in found.importance.items():
        most = ", ".join(f"{n} {100 * s:.0f} %" for n, s in list(shares.items())[:5])
        console.print(f"What moves {name}: {most}", markup=False)


def _picked(view: StudyView) -> list[str]:
    """Return a line a pick: its score beside the float model's, on the split where both are known."""
    from bitfront.search.analysis.against_float import knee_warning

    lines = []
    for how, e in view.picks.items():
        now, cost = view.against(e), view.costs[0]
        told = f"{now.gap}, validation {e.score:.4f}" if now.split == "test" else now.gap
        lines.append(
            f"{how:8s} trial {e.number:4d} {e.method}  {view.metric_name} {now.score:.4f} on {now.split} "
            f"data ({told})  {cost.label} {cost.value(e):,.0f}"
        )
        warning = knee_warning(view.reference, e) if how == "knee" else None
        lines += [f"         {warning}"] if warning else []
    return lines


def _uniform_match(r: UniformMatch, *, tested: bool) -> list[str]:
    cells = [str(r.trial), r.name, "" if r.epochs is None else f"{r.epochs:g}", f"{r.score:.4f}"]
    cells += ["" if r.test is None else f"{r.test:.4f}"] if tested else []
    cells += [f"{r.cost:,.0f}", "none" if r.cheaper is None else str(r.cheaper)]
    cells.append("" if r.ratio is None else f"{r.ratio:.2f}")
    cells += [_signed(r.cheaper_test_gain)] if tested else []
    cells += ["none" if r.better is None else str(r.better), _signed(r.gain)]
    cells += [_signed(r.better_test_gain)] if tested else []
    return cells


def _signed(value: float | None) -> str:
    return "" if value is None else f"{value:+.4f}"


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
