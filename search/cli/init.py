"""`bitfront init`: copy a ready study to begin from."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

import typer

EXAMPLES = """\
Examples: `bitfront init jets_mlp`; `bitfront init lstm my-study` (a family's name takes its first ready study).
"""


def command(
    name: Annotated[
        str,
        typer.Argument(help="A ready study (bitfront ls), or a family: mlp, cnn, lstm, gru, transformer."),
    ],
    folder: Annotated[Path | None, typer.Argument(help="Folder to make; default: the study's name.")] = None,
) -> None:
    """Copy a ready study's files to a new folder and print the next three commands."""
    import difflib

    from bitfront.search.config.ready import ready_studies
    from bitfront.spaces import UserError

    installed = ready_studies()
    ready = installed.studies
    chosen = next((s for s in ready if name in (s.name, s.family)), None)
    if chosen is None:
        names = [s.name for s in ready] + [s.family for s in ready]
        near = difflib.get_close_matches(name, names, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(installed.names) or 'none'}."
        raise UserError(f"There is no ready study {name!r}: {hint}{installed.hint}")
    target = folder or Path(chosen.name)
    if target.exists():
        raise UserError(f"{str(target)!r} exists already: name another folder.")
    shutil.copytree(chosen.folder, target, ignore=shutil.ignore_patterns("__pycache__", "results"))
    typer.echo(
        f"Copied {chosen.name} to {target}: study.yaml, its presets quick.yaml (minutes, --preset quick) and "
        "paper.yaml (hours), model.py and data.py are yours to change. Next:"
    )
    typer.echo(f"  bitfront validate {target}/study.yaml")
    typer.echo(f"  bitfront run {target}/study.yaml")
    typer.echo(f"  bitfront export {target}/study.yaml --pick knee --out {target}/best")
