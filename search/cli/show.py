"""`bitfront show`: one trial, layer by layer."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from bitfront.search.evaluation import Evaluation
    from bitfront.search.objectives import Objective

EXAMPLES = """\
Examples: `bitfront show studies/top-tagging 12`; `bitfront show studies/top-tagging knee --json`.
"""


def command(
    study: Annotated[str, typer.Argument(help="Study folder, study file, or name under ./studies.")],
    trial: Annotated[
        str, typer.Argument(help="Trial number, or knee, best, smallest, or a limit such as 'lut<5000'.")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print the evaluation as JSON.")] = False,
) -> None:
    """Show a trial's layers, types and resources, and why it is or is not on the front."""
    from rich.console import Console
    from rich.table import Table

    from bitfront.search import pareto, pick, read_evaluations
    from bitfront.search.reference import Reference

    from .places import study_folder

    folder = study_folder(study)
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
        table.add_row(row["node"], row["op"], *costs)
    console.print(table)
    types = {f"{row['node']}/{role}": text for row in chosen.layers for role, text in row["types"].items()}
    for tensor, text in types.items():  # a line each, whole: a table as wide as a terminal would break them
        console.print(f"{tensor:{max(map(len, types))}s}  {text}", markup=False, soft_wrap=True)
    for key, value in chosen.metrics.items():
        console.print(f"{key:16s} {value:,.4f}", markup=False)
    for key, value in chosen.resources.items():
        interval = chosen.intervals.get(key)
        note = f"  (80 %: {interval[0]:,.0f} to {interval[1]:,.0f}; {chosen.origin})" if interval else ""
        console.print(f"{key:16s} {value:,.{1 if value % 1 else 0}f}{note}", markup=False)
    for stage, figures in chosen.measured.items():
        cells = "  ".join(f"{key} {value:,.0f}" for key, value in figures.items())
        console.print(f"{stage:16s} {cells}", markup=False)
    front = pareto(evaluations, reference.objectives)
    console.print(_standing(chosen, front, reference.objectives), markup=False)


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
