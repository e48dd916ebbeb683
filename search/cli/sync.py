"""`bitfront sync`: send to MLflow what it lacks of a study."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

EXAMPLES = """\
Examples: `bitfront sync studies/top_tagging_lstm`; `bitfront sync studies/top_tagging_lstm --uri http://127.0.0.1:5000`.
Needed after a run whose tracking server was out of reach; what MLflow has already is not sent again.
"""


def command(
    study: Annotated[str, typer.Argument(help="Study folder, study file, or name under ./studies.")],
    uri: Annotated[
        str | None, typer.Option(help="Tracking server or store; default: sqlite beside the study.")
    ] = None,
) -> None:
    """Send to MLflow the trials of a study that it lacks, and mark the front."""
    from bitfront.search import pareto, read_evaluations
    from bitfront.search.reference import Reference
    from bitfront.search.tracking import sync

    from .places import study_folder

    folder = study_folder(study)
    front = [
        e.number for e in pareto(read_evaluations(folder), Reference.read(folder).objectives) if e.feasible
    ]
    names = ("report.html", "study.yaml", "reference.json", "front.csv", "front.png")
    artifacts: list[Path] = [folder / name for name in names if (folder / name).exists()]
    count = sync(folder, folder.parent, front, artifacts, uri)
    typer.echo(f"MLflow has all {count} trials of {folder.name}.")
