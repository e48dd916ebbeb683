"""RTL of a traced network: written by da4ml, counted by Yosys, proved and timed by Verilator.

Yosys maps to the same LUTs as the vendor's tools and places nothing; its count is a second opinion, labelled
`rtl`, and no C-synthesis figure. It takes minutes for a network that unrolls to some ten thousand LUTs.
"""

from __future__ import annotations

import json
import shutil
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitfront.hls.estimate.timing import delays
from bitfront.hls.parts import Part, part
from bitfront.hls.synthesis import Limits, SynthesisOutcome, run_tree
from bitfront.hls.synthesis.run import LOG
from bitfront.spaces import ToolMissing

__all__ = ["RtlTools", "find_rtl_tools", "synthesise_rtl"]

NAME = "network"
_FAMILIES = (("UltraScale+", "xcup"), ("Alveo", "xcup"), ("UltraScale", "xcu"), ("Versal", "xcup"))
"""Yosys' name of a part's family (`synth_xilinx -family`), 7 series for all others; it has none for
Versal.
"""
_FLIP_FLOPS = ("FDRE", "FDSE", "FDCE", "FDPE")
_MEMORIES = {"RAMB18E1": 1, "RAMB18E2": 1, "RAMB36E1": 2, "RAMB36E2": 2}


@dataclass(frozen=True)
class RtlTools:
    """The programs of the flow."""

    yosys: Path
    verilator: Path


def find_rtl_tools(*, path: str | None = None) -> RtlTools:
    """Return the programs; Verilator's C++ needs make and g++ too.

    Raises:
        ToolMissing: naming those that are not on PATH.
    """
    found = {name: shutil.which(name, path=path) for name in ("yosys", "verilator", "make", "g++")}
    missing = [name for name, at in found.items() if at is None]
    if missing:
        raise ToolMissing(
            f"No {', '.join(missing)} on PATH: install them, on Debian with apt install yosys verilator make "
            f"g++."
        )
    return RtlTools(Path(str(found["yosys"])), Path(str(found["verilator"])))


class _Failed(Exception):
    def __init__(self, cause: str, line: str, advice: str) -> None:
        super().__init__(line)
        self.cause, self.line, self.advice = cause, line, advice


def synthesise_rtl(
    logic: Any,
    folder: Path,
    tools: RtlTools,
    limits: Limits,
    *,
    part_name: str,
    clock_ns: float,
    inputs: NDArray[np.floating],
    outputs: NDArray[np.floating],
    stop: threading.Event | None = None,
) -> SynthesisOutcome:
    """Write the RTL of da4ml's `logic` to `folder`, count it, and hold it to golden data bit for bit.

    Registers stand where the adders' delays fill the clock. A simulation that differs is a failure with the
    cause `cosim`; the limits hold for each program.

    Args:
        logic: what `trace_logic` returned.
        folder: empty or absent; holds sources and logs afterwards.
        tools: the programs.
        limits: of each of them.
        part_name: part string, for delays and the device's family.
        clock_ns: clock period in ns.
        inputs: golden inputs, rounded to their types, of shape (samples, inputs).
        outputs: what the bit-true model gives for them, of shape (samples, outputs).
        stop: set to end it.
    """
    began = time.monotonic()
    figures: dict[str, float] = {}
    failure: _Failed | None = None
    try:
        stages = _write(logic, folder, part(part_name), clock_ns)
        run = _Runner(folder, limits, stop)
        _simulate(run, tools, logic, inputs, outputs)
        counted = _count(run, tools, part(part_name))
        # all or none: a design that wasn't counted is tried again
        figures = {"latency_cycles": float(stages), "ii_cycles": 1.0} | counted
    except _Failed as error:
        failure = error
    return SynthesisOutcome(
        tool="yosys",
        fidelity="rtl",
        seconds=round(time.monotonic() - began, 1),
        measured={"rtl": figures} if figures else {},
        cause=failure.cause if failure else None,
        line=failure.line if failure else "",
        advice=failure.advice if failure else "",
    )


@dataclass(frozen=True)
class _Runner:
    folder: Path
    limits: Limits
    stop: threading.Event | None

    def __call__(self, command: Sequence[str], cwd: Path) -> None:
        log = self.folder / LOG
        try:
            ended = run_tree(command, cwd=cwd, log=log, limits=self.limits, stop=self.stop)
        except OSError as error:
            raise _Failed("crash", f"{command[0]}: {error.strerror}", "Check its installation.") from error
        name = Path(command[0]).name
        if ended.stopped:
            cause = "killed" if ended.stopped == "interrupted" else ended.stopped
            raise _Failed(
                cause, f"{name} was stopped: {ended.stopped}", "Raise the limit, or choose a smaller one."
            )
        if ended.status:
            lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
            telling = [line.strip() for line in lines if "error" in line.lower()] or [
                f"{name}: exit status {ended.status}"
            ]
            raise _Failed("error", telling[0][:500], f"See {LOG}.")


def _write(logic: Any, folder: Path, device: Part, clock_ns: float) -> int:
    """Write da4ml's Verilog project, and return the stages of its pipeline."""
    from da4ml.codegen.rtl.rtl_model import RTLModel

    speed = delays(clock_ns, device)
    levels = max(1, int(speed.budget / speed.add(16)))
    model = RTLModel(logic, NAME, folder, latency_cutoff=levels, print_latency=False, part_name=device.name)
    model.write()
    for source in (folder / "src" / "static").glob("*.v"):
        # A message that Verilator before 5.010 does not know, and refuses to be told of.
        source.write_text(source.read_text().replace("WIDTHTRUNC", "WIDTH"))
    for source in (folder / "src").glob("**/*.v"):
        text = source.read_text()
        if "rom_style" in text:  # an attribute that Yosys takes for something else
            source.write_text("\n".join(line for line in text.splitlines() if "rom_style" not in line) + "\n")
    return int(json.loads((folder / "metadata.json").read_text())["latency"])


def _simulate(
    run: _Runner, tools: RtlTools, logic: Any, inputs: NDArray[np.floating], outputs: NDArray[np.floating]
) -> None:
    """Build the simulation and compare it with the golden outputs.

    Raises:
        _Failed: a program failed, or an output differs.
    """
    from da4ml.codegen.rtl.rtl_model import get_io_kifs

    place = run.folder / "sim"
    (_, _, f_in), (k_out, i_out, f_out) = ([max(row) for row in rows] for rows in get_io_kifs(logic))
    if k_out + i_out + f_out > 32:
        raise _Failed("error", "an output is wider than 32 bits", "da4ml's simulation holds no more.")
    library = _build(run, tools, place)
    np.save(place / "x.npy", np.round(inputs * 2.0**f_in).astype(np.int32))
    run(
        [
            sys.executable,
            "-m",
            "bitfront.hls.rtl.simulate",
            str(library),
            str(place / "x.npy"),
            str(place / "y.npy"),
            str(outputs.shape[1]),
        ],
        run.folder / "src" / "memfiles",
    )
    raw = np.load(place / "y.npy").astype(np.int64)
    width = int(k_out + i_out + f_out)
    half = int(k_out) << (width - 1)
    got = (((raw + half) % (1 << width)) - half) * 2.0 ** -float(f_out)
    wrong = int((got != outputs).any(axis=1).sum())
    if wrong:
        raise _Failed(
            "cosim",
            f"{wrong} of {len(outputs)} samples differ from the bit-true model",
            "Please report this.",
        )


def _build(run: _Runner, tools: RtlTools, place: Path) -> Path:
    """Build the simulation as a library, with Verilator of any version since 5.0 (da4ml's rules want a newer
    one).
    """
    told, top, flags = place / "root", f"{NAME}_wrapper", ["-std=c++17", "-fPIC", "-O"]
    run(["/bin/sh", "-c", f'"{tools.verilator}" --getenv VERILATOR_ROOT > "{told}"'], place)
    sources = ["-I../src", "-I../src/static"]
    run(
        [
            str(tools.verilator),
            "--cc",
            "--build",
            "-j",
            "1",
            "-Wno-fatal",
            f"{top}.v",
            "--prefix",
            f"V{top}",
            "-CFLAGS",
            " ".join(flags),
            "-MAKEFLAGS",
            "CFG_CXXFLAGS_PCH_I=-include",
            *sources,
        ],
        place,
    )
    include = Path(told.read_text().strip()) / "include"
    runtime = [
        str(path) for name in ("verilated", "verilated_threads") if (path := include / f"{name}.cpp").exists()
    ]
    headers = [f"-I{folder}" for folder in ("obj_dir", include, include / "vltstd", "../src")]
    library = place / f"lib{top}.so"
    run(
        [
            "g++",
            *flags,
            "-shared",
            "-pthread",
            *headers,
            "-o",
            str(library),
            f"{top}_binder.cc",
            *runtime,
            f"obj_dir/V{top}__ALL.a",
        ],
        place,
    )
    return library


def _count(run: _Runner, tools: RtlTools, device: Part) -> dict[str, float]:
    """Return LUTs, flip-flops, DSPs and memories after Yosys' mapping."""
    for table in (run.folder / "src" / "memfiles").glob("*.mem"):
        shutil.copy(table, run.folder)  # Yosys looks for what $readmemh names where it runs
    family = next((name for word, name in _FAMILIES if word in device.family), "xc7")
    (run.folder / "synth.ys").write_text(
        "read_verilog -defer src/static/*.v\n"
        + "".join(
            f"read_verilog -defer src/{p.name}\n" for p in sorted((run.folder / "src").glob(f"{NAME}*.v"))
        )
        + f"hierarchy -top {NAME}\n"
        + f"synth_xilinx -family {family} -flatten -noiopad -top {NAME}\n"
        + "tee -q -o stat.json stat -json\n",
        encoding="utf-8",
    )
    run([str(tools.yosys), "-q", "synth.ys"], run.folder)
    cells = json.loads((run.folder / "stat.json").read_text())["design"]["num_cells_by_type"]
    return {
        "lut": float(sum(n for cell, n in cells.items() if cell.startswith("LUT"))),
        "ff": float(sum(cells.get(cell, 0) for cell in _FLIP_FLOPS)),
        "dsp": float(sum(n for cell, n in cells.items() if cell.startswith("DSP"))),
        "bram18": float(sum(cells.get(cell, 0) * halves for cell, halves in _MEMORIES.items())),
    }
