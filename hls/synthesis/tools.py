"""Finds AMD's tools, and says how each is called on a project that hls4ml wrote."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from bitfront.spaces import ToolMissing

from ..backends import backend_named
from .outcome import STAGES, Fidelity

__all__ = ["Tool", "find_tool"]

DEFAULT_UNCERTAINTY = "27%"
"""Vitis HLS' own (UG1399, "Default Settings of Vivado/Vitis Flows"), and hls4ml's for it."""


@dataclass(frozen=True)
class Tool:
    """An HLS tool, and Vivado beside it where logic synthesis was asked for."""

    name: str
    path: Path
    vivado: Path | None = None

    def command(self, *, cosim: bool) -> list[str]:
        """Return the command line for C-synthesis (and co-simulation), to be run in the project's folder."""
        if self.name == "vitis-run":
            return [str(self.path), "--mode", "hls", "--tcl", "build_prj.tcl"]
        if self.name == "v++":
            return [
                str(self.path), "-c", "--mode", "hls", "--config", "hls_config.cfg", "--work_dir", "hls_component",
            ]  # fmt: skip
        given = [" ".join(f"{key}={value}" for key, value in build_options(cosim=cosim).items())]
        return [str(self.path), "-f", "build_prj.tcl", *(given if self.name == "vivado_hls" else [])]

    def prepare(self, project: Path, name: str, *, part: str, clock_ns: float, cosim: bool) -> None:
        """Write what the tool reads its options from."""
        if self.name == "v++":
            (project / "hls_config.cfg").write_text(_unified(project, name, part, clock_ns), encoding="utf-8")
        elif self.name != "vivado_hls":
            lines = [f"    {key} {value}\n" for key, value in build_options(cosim=cosim).items()]
            (project / "build_opt.tcl").write_text(
                "array set opt {\n" + "".join(lines) + "}\n", encoding="utf-8"
            )


def build_options(*, cosim: bool) -> dict[str, int]:
    """Return the options of hls4ml's build_prj.tcl; logic synthesis is run apart, so that its failure stands
    alone.
    """
    chosen = {"synth": 1, "cosim": int(cosim)}
    keys = ("reset", "csim", "synth", "cosim", "validation", "export", "vsynth", "fifo_opt")
    return {key: chosen.get(key, 0) for key in keys}


def _unified(project: Path, name: str, part: str, clock_ns: float) -> str:
    """Return a configuration file of the unified flow (UG1399, "HLS config file commands") that sets what
    hls4ml's project.tcl and build_prj.tcl set.

    Left out are the limit of array partitions, which Vitis HLS refuses ([HLS 200-642]), and what only
    simulation and export need; `tests/test_build_files.py` compares the two field by field.
    """
    source = f"firmware/{name}.cpp"
    settings = project / "project.tcl"
    text = settings.read_text(encoding="utf-8") if settings.is_file() else ""
    uncertainty = re.search(r"^set clock_uncertainty (\S+)", text, re.MULTILINE)
    return "\n".join(
        [
            f"part={part}",
            "",
            "[hls]",
            "flow_target=vivado",
            f"clock={clock_ns:g}ns",
            f"clock_uncertainty={uncertainty[1] if uncertainty else DEFAULT_UNCERTAINTY}",
            f"syn.file={source}",
            f"syn.file_cflags={source},-std=c++0x",
            f"syn.top={name}",
            "syn.compile.name_max_length=80",
            "syn.schedule.enable_dsp_full_reg=0",
            "",
        ]
    )


def find_tool(backend: str, fidelity: Fidelity = "csynth", *, path: str | None = None) -> Tool:
    """Return the tool that takes projects of a backend as far as `fidelity`.

    `path` stands for the environment's PATH.

    Raises:
        UserError: for a backend that bitfront builds nothing for.
        ToolMissing: naming the programs that were looked for, and what to do.
    """
    hls, stages = backend_named(backend), STAGES[fidelity]
    names = [name for name in hls.programs if name != "v++" or stages == ("csynth",)]
    found = next((Tool(name, Path(at)) for name in names if (at := shutil.which(name, path=path))), None)
    if found is None:
        raise ToolMissing(f"No {' or '.join(names)} on PATH: {hls.settings}.")
    if "vsynth" not in stages:
        return found
    vivado = shutil.which("vivado", path=path)
    if vivado is None:
        raise ToolMissing(f"No vivado on PATH, which {fidelity} needs: {hls.settings}, or ask for csynth.")
    return Tool(found.name, found.path, Path(vivado))
