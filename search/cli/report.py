"""`bitfront report`: the page and the figures of a study."""

from __future__ import annotations

import webbrowser
from typing import Annotated

import typer

EXAMPLES = """\
Examples: `bitfront report studies/top-tagging`; `bitfront report studies/top-tagging --open`. Works on a copied study.
"""


def command(
    study: Annotated[str, typer.Argument(help="Study folder, study file, or name under ./studies.")],
    open_: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
) -> None:
    """Write report.html, front.csv and the figures of a study that has run."""
    from bitfront.search import write_report

    from .places import study_folder

    page = write_report(study_folder(study))
    typer.echo(f"Wrote {page}")
    if open_:
        webbrowser.open(page.resolve().as_uri())
