"""How commands load a study: a file, a folder, or a ready study by name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from bitfront.search.config import StudyConfig


Preset = Annotated[
    str | None,
    typer.Option(
        help="Lay PRESET.yaml over the study file: ready studies have quick (minutes) and paper (hours)."
    ),
]
"""The option of all commands that take a study file."""


def load(study: str, overrides: Sequence[str] = (), preset: str | None = None) -> tuple[StudyConfig, Path]:
    """Return a study's configuration and the folder that its paths are relative to.

    Raises:
        UserError: when there is no such study, or it is not valid.
    """
    from bitfront.search.config import load_study
    from bitfront.search.config.load import study_path

    if not Path(study).exists():
        from bitfront.search.config.ready import ready_studies

        installed = ready_studies()
        ready = {entry.name: entry for entry in installed.studies}
        if study in ready:
            return load_study(ready[study].file, overrides, preset=preset), ready[study].folder
        for fault in installed.faults:
            typer.echo(f"Note: {fault}", err=True)
    path = study_path(study)
    return load_study(path, overrides, preset=preset), path.parent
