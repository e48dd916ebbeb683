"""`bitfront ui`: MLflow's pages for the studies."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

EXAMPLES = """\
Examples: `bitfront ui`; `bitfront ui --output studies --port 0`. Listens on 127.0.0.1 only, and answers those who have the printed link.
"""


def command(
    output: Annotated[Path, typer.Option(help="Folder of studies that holds mlflow.db.")] = Path("studies"),
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port on 127.0.0.1; 0 takes a free one.")
    ] = 5000,
) -> None:
    """Serve MLflow for a folder of studies on this machine, and print links to each study and to its
    front.
    """
    from bitfront.search.tracking import ui

    raise typer.Exit(ui(output, port, show=typer.echo))
