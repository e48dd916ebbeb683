"""`bitfront ls`: ready studies, studies that ran, devices."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

EXAMPLES = """\
Examples: `bitfront ls`; `bitfront ls --parts`; `bitfront ls --json`.
"""


def command(
    parts: Annotated[bool, typer.Option("--parts", help="List the device catalogue instead.")] = False,
    output: Annotated[Path, typer.Option(help="Folder of studies that ran.")] = Path("studies"),
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the ready studies and those that ran here, or the devices."""
    rows = _parts() if parts else _studies(output)
    if as_json:
        typer.echo(json.dumps(rows, indent=1))
        return
    for row in rows:
        first, *rest = row.values()
        typer.echo(
            f"{first!s:34s} "
            + "  ".join(f"{value:,}" if isinstance(value, int) else str(value) for value in rest)
        )


def _parts() -> list[dict[str, object]]:
    from bitfront.hls import catalogue

    return [{"part": one.name, **one.capacity(), "aliases": ", ".join(one.aliases)} for one in catalogue()]


def _studies(output: Path) -> list[dict[str, object]]:
    from bitfront.search.config.ready import ready_studies

    ready = ready_studies()
    for fault in ready.faults:
        typer.echo(f"Note: {fault}", err=True)
    rows: list[dict[str, object]] = [
        {"name": entry.name, "kind": "ready", "about": entry.title, "family": entry.family}
        for entry in ready.studies
    ]
    for file in sorted(output.glob("*/reference.json")):
        trials = len(list(file.parent.glob("trials/*/evaluation.json")))
        rows.append({"name": str(file.parent), "kind": "ran", "about": f"{trials} trials", "family": ""})
    return rows
