"""`bitfront sync`: send to MLflow what it lacks of a study."""

from __future__ import annotations

from typing import Annotated

import typer

EXAMPLES = """\
Examples: `bitfront sync studies/top_tagging_lstm`; `bitfront sync studies/top_tagging_lstm --uri http://127.0.0.1:5000`.
Needed after a run whose tracking server was out of reach; what MLflow has already is not sent again.
"""


def command(
    study: Annotated[str, typer.Argument(help="Study folder, study file, or name under ./studies.")],
    uri: Annotated[
        str | None, typer.Option(help="Tracking server or store; default: the study's own.")
    ] = None,
) -> None:
    """Send to MLflow the trials of a study that it lacks, mark the front, and register what was exported."""
    from bitfront.search.tracking import chosen, register, sync

    from .places import study_folder

    folder = study_folder(study)
    count = sync(folder, uri=uri)
    typer.echo(f"MLflow has all {count} trials of {folder.name}.")
    exported = chosen(folder)
    if exported is not None:
        model = register(folder, exported, uri)
        typer.echo(f"Trial {model.trial} is {model.uri} (version {model.version}).")
