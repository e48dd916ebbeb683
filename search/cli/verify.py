"""`bitfront verify`: rebuild a bundle's firmware and compare."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

EXAMPLES = """\
Examples: `bitfront verify best`. Needs g++. `python3 best/verify.py` runs the same code without bitfront.
Exit codes: 0 identical; 1 not, or the firmware can't be compiled or run; 2 files missing or changed; 4 no g++.
"""


def command(bundle: Annotated[Path, typer.Argument(help="Folder that bitfront export wrote.")]) -> None:
    """Rebuild the emulation of a bundle's project and compare it with the golden outputs, bit for bit."""
    from bitfront.search.bundle import verify_bundle

    result = verify_bundle(bundle)
    typer.echo(str(result))
    if not result.ok:
        raise typer.Exit(1)
