"""`bitfront report`: the page and the figures of a study, or of several side by side."""

from __future__ import annotations

import json
import webbrowser
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

EXAMPLES = """\
Examples: `bitfront report studies/top_tagging_lstm --open`; `bitfront report studies/a studies/b --compare`;
`bitfront report --compare studies/a studies/b --out a-or-b`. `bitfront report studies/mnist --against mnist`. `bitfront report studies/a --json`. Works on a
copied study.
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
    against: Annotated[
        str,
        typer.Option(
            "--against",
            help="Published points to draw the study beside: mnist, say, or a file of your own; they must be "
            "of the study's data set.",
        ),
    ] = "",
    as_json: Annotated[
        bool,
        typer.Option(
            "--json", help="Print what the search teaches as JSON, one object a study; write nothing."
        ),
    ] = False,
    open_: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
) -> None:
    """Write report.html, front.csv and the figures of a study that has run."""
    from bitfront.search.analysis.published import find_published
    from bitfront.search.report import write_comparison, write_report
    from bitfront.spaces import UserError

    from .places import study_folder

    folders = [study_folder(study) for study in studies]
    if as_json:
        typer.echo(json.dumps([_findings(folder, against) for folder in folders], indent=1))
        return
    if against and compare:
        raise UserError("--against draws points beside one study: leave --compare out.")
    published = find_published(against) if against else None
    for folder in folders if latency else []:
        _measure(folder)
    pages = (
        [write_comparison(folders, out)]
        if compare
        else [write_report(folder, published=published) for folder in folders]
    )
    for page in pages:
        typer.echo(f"Wrote {page}")
        if open_:
            webbrowser.open(page.resolve().as_uri())


def _findings(folder: Path, against: str) -> dict[str, object]:
    from bitfront.search.analysis.findings import find
    from bitfront.search.analysis.published import against as beside
    from bitfront.search.analysis.published import find_published
    from bitfront.search.analysis.view import StudyView

    view = StudyView.read(folder)
    test = asdict(view.test_scores) if view.test_scores else None
    told = {"study": view.reference.study, **find(view).to_json(), "test": test}
    return told | ({"against": beside(view, find_published(against)).to_json()} if against else {})


def _measure(folder: Path) -> None:
    from bitfront.search.analysis.latency import record_latency
    from bitfront.search.bundle.reload import golden_inputs, load_float_model
    from bitfront.search.config import load_study

    trust = load_study(folder / "study.yaml").trust_model
    record_latency(folder, load_float_model(folder, trust=trust), golden_inputs(folder))
