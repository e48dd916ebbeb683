"""`bitfront report`: the page and the figures of a study, or of several side by side."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import Annotated

import typer

EXAMPLES = """\
Examples: `bitfront report studies/top_tagging_lstm --open`; `bitfront report studies/a studies/b --compare`;
`bitfront report --compare studies/a studies/b --out a-or-b`. Works on a copied study.
"""


def command(
    studies: Annotated[
        list[str], typer.Argument(help="Study folders, study files, or names under ./studies.")
    ],
    compare: Annotated[
        bool, typer.Option("--compare", help="One page that overlays the studies (same metric).")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="With --compare: folder to write; default: compare-A-B beside A."),
    ] = None,
    latency: Annotated[
        bool,
        typer.Option("--latency", help="Time the float model on this machine's CPU (and GPU) again first."),
    ] = False,
    open_: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
) -> None:
    """Write report.html, front.csv and the figures of a study that has run."""
    from bitfront.search.report import write_comparison, write_report

    from .places import study_folder

    folders = [study_folder(study) for study in studies]
    for folder in folders if latency else []:
        _measure(folder)
    pages = [write_comparison(folders, out)] if compare else [write_report(folder) for folder in folders]
    for page in pages:
        typer.echo(f"Wrote {page}")
        if open_:
            webbrowser.open(page.resolve().as_uri())


def _measure(folder: Path) -> None:
    from bitfront.search.artifacts import golden_inputs, load_float_model
    from bitfront.search.config import load_study
    from bitfront.search.latency import record_latency

    trust = load_study(folder / "study.yaml").trust_model
    record_latency(folder, load_float_model(folder, trust=trust), golden_inputs(folder))
