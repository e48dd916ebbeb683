"""`bitfront estimate`: what a model, a bundle, a study's front or a file of designs costs."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

if TYPE_CHECKING:
    from bitfront.hls import DesignDescription, Target
    from bitfront.spaces import LayerHardware

EXAMPLES = """\
Examples: `bitfront estimate net.keras --precision "fixed<8,3>" --part alveo-u250`;
`bitfront estimate model.py:build --io-type io_stream --json`; `bitfront estimate best`;
`bitfront estimate studies/top_tagging_lstm`; `bitfront estimate --designs designs.jsonl --out estimates.jsonl`.
"""
Kind = Literal["csynth", "implemented"]


def command(
    source: Annotated[
        str | None,
        typer.Argument(
            help="A model (file.py:function, a .keras file, a ready study's name), a bundle, or a study that "
            "ran, whose front is estimated."
        ),
    ] = None,
    precision: Annotated[
        str, typer.Option(help="A model's: type of all its weights and results.")
    ] = "fixed<16,6>",
    part: Annotated[
        str, typer.Option(help="A model's: part, die or board (bitfront ls --parts).")
    ] = "xcvu13p-flga2577-2-e",
    clock_ns: Annotated[
        float, typer.Option("--clock-ns", min=0.5, help="A model's: clock period in ns.")
    ] = 5.0,
    io_type: Annotated[
        Literal["io_parallel", "io_stream"], typer.Option("--io-type", help="A model's: hls4ml's interface.")
    ] = "io_parallel",
    strategy: Annotated[
        Literal["Latency", "Resource", "distributed_arithmetic"],
        typer.Option(help="A model's: hls4ml's strategy."),
    ] = "Latency",
    reuse_factor: Annotated[
        int, typer.Option("--reuse-factor", min=1, help="A model's: products that share a multiplier.")
    ] = 1,
    trust_model: Annotated[
        bool, typer.Option("--trust-model", help="Load a .keras file with Lambda layers.")
    ] = False,
    kind: Annotated[
        Kind | None,
        typer.Option(help="csynth (the tool's own estimate) or implemented; both, and for a file csynth."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON: one object a design and kind.")
    ] = False,
    designs: Annotated[
        Path | None,
        typer.Option(help="JSON lines instead: design descriptions, or records of published results."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="JSON lines to write: figures, 80 % intervals, per-layer parts.")
    ] = None,
) -> None:
    """Estimate LUT, FF, DSP, BRAM, latency and interval, each with its 80 % interval."""
    from bitfront.hls import Target
    from bitfront.spaces import LayerHardware, UserError

    if (source is None) == (designs is None):
        raise UserError("Give either a model, a bundle or a study, or --designs with a file of designs.")
    if designs is not None:
        if out is None:
            raise UserError("--designs needs --out, the file to write.")
        _file(designs, out, kind or "csynth")
        return
    assert source is not None
    from bitfront.search.model_files import format_of

    given = Path(source)
    found = None if format_of(given) else _study_or_bundle(source)
    if found is None:
        target = Target(part=part, clock_ns=clock_ns, io_type=io_type)
        hardware = LayerHardware(strategy=strategy, reuse_factor=reuse_factor)
        found = [_model(source, precision, target, hardware, trust=trust_model)]
        if format_of(given) is None and not as_json:
            typer.echo("Note: the weights are untrained; their values shape LUT and DSP.")
        if not as_json:
            _tell_moved(found[0], reuse_factor)
    kinds: tuple[Kind, ...] = (kind,) if kind else ("csynth", "implemented")
    if as_json or out:
        _write_json(found, kinds, out)
    else:
        _tables(found, kinds)


def _file(designs: Path, out: Path, kind: Kind) -> None:
    from bitfront.hls.estimate import estimate_file

    result = estimate_file(designs, out, kind=kind)
    typer.echo(
        f"Estimated {result.estimated} designs, refused {len(result.refused)} (each with its reason) -> {out}"
    )


def _study_or_bundle(source: str) -> list[DesignDescription] | None:
    from bitfront.spaces import UserError

    from .places import find_study

    given = Path(source)
    folder = find_study(source)
    if folder is None and given.is_dir():
        from bitfront.search.bundle.designs import bundle_design, is_bundle

        if not is_bundle(given):
            raise UserError(f"{source!r} is neither a bundle nor a study that has run: give one, or a model.")
        return [bundle_design(given)]
    if folder is None:
        return None
    from bitfront.search.bundle.designs import study_designs
    from bitfront.search.measurements.corrected import read_evaluations
    from bitfront.search.trials.front import pareto
    from bitfront.search.trials.reference import Reference

    front = pareto(read_evaluations(folder), Reference.read(folder).objectives)
    return list(study_designs(folder, front).values())


def _model(
    source: str, precision: str, target: Target, hardware: LayerHardware, *, trust: bool
) -> DesignDescription:
    from bitfront.search.bundle.designs import model_design
    from bitfront.search.problem.load import load_model
    from bitfront.spaces import FixedPoint

    chosen = FixedPoint.parse(precision)  # before TensorFlow, which takes seconds to load
    return model_design(load_model(source, Path(), trust=trust), chosen, target, hardware)


def _tell_moved(design: DesignDescription, asked: int) -> None:
    """Say which layers have another reuse factor than what is asked for."""
    moved = [one for one in design.layers if one.strategy == "resource" and one.reuse_factor != asked]
    if moved:
        which = ", ".join(f"{one.name!r} gets {one.reuse_factor}" for one in moved)
        typer.echo(f"Note: --reuse-factor {asked}: {which}, the nearest that its firmware is right with.")


def _write_json(found: Iterable[DesignDescription], kinds: Iterable[Kind], out: Path | None) -> None:
    from bitfront.hls.estimate import estimate_record

    rows = [estimate_record(design.to_json(), kind=kind) for design in found for kind in kinds]
    if out is None:
        typer.echo(json.dumps(rows, indent=1))
    else:
        out.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        typer.echo(f"Wrote {len(rows)} estimates -> {out}")


def _tables(found: list[DesignDescription], kinds: Iterable[Kind]) -> None:
    from rich.console import Console

    from bitfront.hls.estimate import site_estimate

    console = Console(highlight=False, soft_wrap=True)
    for kind in kinds:
        estimates = [site_estimate(design, kind=kind) for design in found]
        source = (
            "as C-synthesis would report it"
            if kind == "csynth"
            else "after logic synthesis and place and route"
        )
        reports = max(one.site_reports for one in estimates)
        if reports:
            source += f", corrected by {reports} reports of this site"
        console.print(_table(f"Estimate {source}; 80 % intervals in brackets", estimates, figures=True))
        if len(found) == 1:
            console.print(_table("By layer", estimates[0].layers))


def _table(title: str, rows: Iterable[Any], *, figures: bool = False) -> Any:
    from rich.table import Table

    from bitfront.search.quantities import QUANTITIES

    rows = list(rows)
    shown = [q for q in QUANTITIES.values() if q.in_reports and all(hasattr(row, q.estimate) for row in rows)]
    table = Table(title=title, title_justify="left")
    table.add_column("design" if figures else "layer")
    for q in shown:
        table.add_column(q.head, justify="right")
    for row in rows:
        cells = [q.number(getattr(row, q.estimate)) for q in shown]
        if figures:
            bounds = [row.intervals.get(q.key) for q in shown]
            cells = [
                f"{cell} [{q.number(span[0])}..{q.number(span[1])}]" if span else cell
                for q, cell, span in zip(shown, cells, bounds, strict=True)
            ]
        table.add_row(row.name, *cells)
    return table
