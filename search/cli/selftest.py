"""`bitfront selftest`: whether this machine's tools take what bitfront writes, and what they make of it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from bitfront.search.selftest import SmallDesign, VendorResult

EXAMPLES = """\
Examples: `bitfront selftest`; `bitfront selftest --vitis`; `bitfront selftest --vitis --only mlp --keep projects`;
then `bitfront calibrate bitfront-selftest.jsonl`.
Exit codes: 0 all well; 1 a design failed; 4 no tool on PATH.
"""


def command(
    vitis: Annotated[
        bool,
        typer.Option(
            "--vitis", help="Synthesise the designs with AMD's tool, and compare with the estimates."
        ),
    ] = False,
    out: Annotated[
        Path, typer.Option(help="With --vitis: JSON lines to write, for bitfront calibrate and to send.")
    ] = Path("bitfront-selftest.jsonl"),
    only: Annotated[
        list[str] | None, typer.Option(help="Test this design alone; can be given several times.")
    ] = None,
    part: Annotated[
        str, typer.Option(help="Part, die or board (bitfront ls --parts).")
    ] = "xcvu13p-flga2577-2-e",
    clock_ns: Annotated[float, typer.Option("--clock-ns", min=0.5, help="Clock period in ns.")] = 5.0,
    timeout: Annotated[str, typer.Option(help="Longest time of one design (90s, 10m).")] = "10m",
    memory: Annotated[float, typer.Option(min=0.1, help="Most memory of one run in GiB.")] = 16.0,
    keep: Annotated[
        Path | None, typer.Option(help="Folder, empty or absent, to keep the projects in; else none is kept.")
    ] = None,
) -> None:
    """Test five small designs, one of each family and one on streams, with the tools that are there.

    Without --vitis: g++ compiles each and compares it with the bit-true model, and looks for what Vitis
    is known to refuse; Verilator and Yosys, where they are, prove and count those that they can.
    """
    from bitfront.hls import part as known_part
    from bitfront.hls.synthesis import Limits, find_tool
    from bitfront.search.config.values import duration
    from bitfront.spaces import UserError

    try:
        limits = Limits(duration(timeout), memory)
    except ValueError as error:
        raise UserError(f"--timeout {timeout!r} {error}.") from None
    named = known_part(part).name
    tool = find_tool("Vitis") if vitis else None  # before TensorFlow, which takes seconds to load
    chosen = _chosen(only)
    if tool is not None:
        _check_out(out)
    with _folder(keep) as folder:
        if tool is None:
            well = _open_tools(chosen, folder, limits, named, clock_ns)
        else:
            from bitfront.search.selftest import vendor_test, write_results

            results = vendor_test(
                chosen, folder, tool, limits, part=named, clock_ns=clock_ns, show=_show_vendor
            )
            write_results(results, out)
            _summary(results, out)
            well = all(one.outcome.ok for one in results)
    if not well:
        raise typer.Exit(1)


def _chosen(only: list[str] | None) -> list[SmallDesign]:
    from bitfront.search.selftest import DESIGNS
    from bitfront.spaces import UserError

    names = [one.name for one in DESIGNS]
    unknown = [name for name in only or () if name not in names]
    if unknown:
        raise UserError(f"No design of the selftest is called {unknown[0]!r}: {', '.join(names)}.")
    return [one for one in DESIGNS if not only or one.name in only]


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    if keep is not None:
        _make_folder(keep)
        yield keep
        return
    with tempfile.TemporaryDirectory(prefix="bitfront-selftest-") as place:
        yield Path(place)


def _make_folder(keep: Path) -> None:
    from bitfront.spaces import UserError

    try:
        keep.mkdir(parents=True, exist_ok=True)
        full = any(keep.iterdir())
    except OSError as error:
        raise UserError(
            f"--keep {keep} can't be made or read ({error.strerror}): give another folder."
        ) from None
    if full:
        raise UserError(f"--keep {keep} holds files already: give an empty folder, or one that isn't there.")


def _check_out(out: Path) -> None:
    """Refuse a file that can't be written before minutes of synthesis, not after them."""
    from bitfront.spaces import UserError

    if out.is_dir() or not out.absolute().parent.is_dir():
        raise UserError(f"--out {out} can't be written: give a file in a folder that is there.")


def _open_tools(chosen: list[SmallDesign], folder: Path, limits: Any, part: str, clock_ns: float) -> bool:
    """Test with g++, and with Verilator and Yosys where they are; return whether all went well."""
    from bitfront.hls.rtl import find_rtl_tools
    from bitfront.search.selftest import build_design, gpp_test, rtl_test
    from bitfront.spaces import ToolMissing

    try:
        tools = find_rtl_tools()
    except ToolMissing as error:
        tools = None
        typer.echo(f"Verilator and Yosys are not tested. {error}")
    typer.echo("AMD's tools are not tested: that is bitfront selftest --vitis.")
    well = True
    for design in chosen:
        built = build_design(design, part=part, clock_ns=clock_ns)
        shown = [("g++", gpp_test(built, folder / design.name))]
        if tools is not None:
            shown.append(("RTL", rtl_test(built, folder / f"{design.name}-rtl", tools, limits)))
        for name, one in shown:
            mark = {True: "ok", False: "FAILED", None: "not for this design"}[one.ok]
            typer.echo(f"{design.name:12s} {name:4s} {mark}: {one.said}")
            well = well and one.ok is not False
    return well


def _show_vendor(result: VendorResult) -> None:
    """Print a design's table, or why there is none."""
    from rich.console import Console
    from rich.table import Table

    from bitfront.search.quantities import named

    console = Console(highlight=False, soft_wrap=True)
    ended = result.outcome
    if not ended.ok:
        console.print(f"{result.name}: failed ({ended.cause}): {ended.line} {ended.advice}".strip())
        return
    table = Table(
        title=f"{result.name}, {ended.tool} {ended.version or ''}, {ended.seconds:.0f} s",
        title_justify="left",
    )
    for head in ("quantity", "estimate", "80 % interval", "csynth", "inside"):
        table.add_column(head, justify="left" if head == "quantity" else "right")
    for row in result.rows():
        quantity = named(row.quantity)
        assert quantity is not None
        span = (
            f"{quantity.number(row.interval[0])}..{quantity.number(row.interval[1])}" if row.interval else ""
        )
        table.add_row(
            quantity.head,
            quantity.number(row.estimate),
            span,
            quantity.number(row.measured),
            {True: "yes", False: "no", None: ""}[row.inside],
        )
    console.print(table)


def _summary(results: list[VendorResult], out: Path) -> None:
    rows = [row for one in results if one.outcome.ok for row in one.rows() if row.inside is not None]
    inside = sum(bool(row.inside) for row in rows)
    done = sum(one.outcome.ok for one in results)
    typer.echo(
        f"{done} of {len(results)} designs were synthesised; {inside} of {len(rows)} figures lie inside."
    )
    typer.echo(
        f"Wrote {out}, which holds figures and designs but no path or name: send it to us, and let it correct "
        f"your estimates with bitfront calibrate {out}."
    )
