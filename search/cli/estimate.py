"""`bitfront estimate`: what designs cost, from files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

EXAMPLES = """\
Examples: `bitfront estimate --designs designs.jsonl --out estimates.jsonl`.
"""


def command(
    designs: Annotated[
        Path, typer.Option(help="JSON lines: design descriptions, or records of published results.")
    ],
    out: Annotated[Path, typer.Option(help="JSON lines to write: figures, 80 % intervals, per-layer parts.")],
) -> None:
    """Estimate LUT, FF, DSP, BRAM, latency and interval of every design of a file."""
    from bitfront.hls.estimate import estimate_file

    result = estimate_file(designs, out)
    typer.echo(
        f"Estimated {result.estimated} designs, refused {len(result.refused)} (each with its reason) -> {out}"
    )
