"""`bitfront sensitivity`: which tensors a network needs precise."""

from __future__ import annotations

from typing import Annotated

import typer

from .studies import Preset, load

EXAMPLES = """\
Examples: `bitfront sensitivity study.yaml`; `bitfront sensitivity jets_mlp --drop 0.01`;
`bitfront sensitivity study.yaml --json`. Takes milliseconds a row; the report shows the table from then on.
"""


def command(
    study: Annotated[
        str,
        typer.Argument(help="Study file, its folder, or the name of a ready study; it need not have run."),
    ],
    preset: Preset = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="Override a key: key.path=value.")] = None,
    drop: Annotated[
        float | None,
        typer.Option(
            help="Screen by this loss of the metric, instead of the study's constraint on the metric."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the rows as JSON.")] = False,
) -> None:
    """Narrow each tensor alone, without training, and say what that does to the metric and to each resource.

    Writes sensitivity.csv and its figure into the study's folder, and suggests narrower ranges; it changes
    nothing of the study.
    """
    import json
    import math
    from dataclasses import asdict
    from pathlib import Path

    from rich.console import Console
    from rich.table import Table

    from bitfront.search.analysis.sensitivity import (
        measure_sensitivity,
        screen,
        study_lines,
        write_sensitivity,
    )
    from bitfront.search.evaluator.evaluator import Evaluator
    from bitfront.search.report import write_sensitivity_figure
    from bitfront.search.run.messages import messages_on
    from bitfront.search.storage.locks import locked
    from bitfront.search.storage.study_folder import StudyFolder
    from bitfront.spaces import UserError

    if drop is not None and not (math.isfinite(drop) and drop > 0):
        raise UserError(f"--drop {drop} must be a loss of the metric above 0, such as 0.01.")
    config, base = load(study, set_ or [], preset)
    console = Console(highlight=False, quiet=as_json, soft_wrap=True)
    study_folder = StudyFolder(Path(config.output) / config.name)
    with locked(study_folder.folder), messages_on(console):
        evaluator = Evaluator(study_folder.open(config, base))
        rows = list(measure_sensitivity(evaluator))
        path = write_sensitivity(study_folder.folder, rows)
        write_sensitivity_figure(rows, evaluator.metric_record, study_folder.folder)
    if as_json:
        typer.echo(json.dumps([asdict(row) for row in rows], indent=1))
        return
    widths = sorted({row.bits for row in rows}, reverse=True)
    title = f"Change of {evaluator.metric_record.name}, in thousandths, at so many bits"
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    table.add_column("tensor", overflow="fold")
    for bits in widths:
        table.add_column(str(bits), justify="right", no_wrap=True)
    cells: dict[str, dict[int, float]] = {}
    for row in rows:
        cells.setdefault(row.tensor, {})[row.bits] = row.change
    for tensor, changes in cells.items():
        table.add_row(tensor, *(f"{1000 * changes[b]:+.0f}" if b in changes else "" for b in widths))
    console.print(table)
    console.print(f"Estimated LUT, FF, DSP, BRAM, latency and EBOPs of each: {path}", markup=False)
    if drop is None and not any(c.on_metric for c in evaluator.constraints):
        console.print("Give --drop, or the study a constraint on the metric, to have ranges suggested.")
        return
    screening = screen(evaluator, rows, drop)
    if not screening.floors:
        console.print("No width is ruled out: every tensor alone keeps the metric at its lowest width.")
        return
    for step in screening.steps:
        console.print(step, markup=False)
    console.print(
        f"To search the narrower space, in the study file:\n{study_lines(screening, evaluator)}", markup=False
    )
