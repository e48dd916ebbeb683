"""`bitfront export`: one candidate as a bundle that proves itself."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated, Literal

import typer

EXAMPLES = """\
Examples: `bitfront export studies/top-tagging --pick knee --out best`;
`bitfront export studies/top-tagging --pick "lut<5000" --out small`; `bitfront export studies/top-tagging --pick 12`;
`bitfront export studies/top-tagging --emulator c --out best`.
"""


def command(
    study: Annotated[str, typer.Argument(help="Study folder, study file, or name under ./studies.")],
    pick: Annotated[
        str,
        typer.Option(help="knee, best, smallest, a trial number, or limits such as 'lut<5000, latency<1us'."),
    ] = "knee",
    out: Annotated[
        Path | None, typer.Option("--out", "--output", help="Folder to write; default STUDY/bundle-PICK.")
    ] = None,
    emulator: Annotated[
        Literal["c"] | None,
        typer.Option(help="Add the emulation for other programs: c, a C library with a Makefile."),
    ] = None,
    registers: Annotated[
        bool,
        typer.Option("--register/--no-register", help="Make it MLflow's registered model STUDY@champion."),
    ] = True,
) -> None:
    """Write a bundle: models, types, hls4ml project, golden data, provenance; its firmware is checked on the
    way.
    """
    from bitfront.search.analysis.against_float import knee_warning
    from bitfront.search.bundle import export_bundle
    from bitfront.search.config import load_study
    from bitfront.search.measurements.corrected import read_evaluations
    from bitfront.search.trials.front import pick as choose
    from bitfront.search.trials.reference import Reference

    from .places import study_folder

    folder = study_folder(study)
    safe = "".join(c if c.isalnum() else "-" for c in pick).strip("-")
    reference = Reference.read(folder)
    chosen = choose(
        read_evaluations(folder), reference.objectives, pick, reference.metric, floor=reference.knee_floor
    )
    number, warning = chosen.number, knee_warning(reference, chosen) if pick.strip() == "knee" else None
    if warning:
        typer.echo(f"Note: {warning}", err=True)
    target = export_bundle(folder, str(number), out or folder / f"bundle-{safe}", emulator=emulator)
    typer.echo(f"Wrote {target}: the firmware's emulation gives the golden outputs bit for bit.")
    if registers and load_study(folder / "study.yaml").tracking.enabled:
        _register(folder, number)
    bundle, script = shlex.quote(str(target)), shlex.quote(str(target / "build.sh"))
    typer.echo(f"Next: bitfront verify {bundle}, or {script} where Vitis HLS is installed.")


def _register(folder: Path, number: int) -> None:
    """Register the trial, or warn: the bundle is written, whatever becomes of MLflow."""
    from bitfront.search.tracking import choose, register
    from bitfront.spaces import UserError

    choose(folder, number)
    try:
        model = register(folder, number)
    except UserError as error:
        typer.echo(f"Warning: {error}", err=True)
    else:
        typer.echo(f"Registered in MLflow as {model.uri} (version {model.version}).")
