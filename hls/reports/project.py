"""Find and read the reports of a synthesised hls4ml project folder, whichever tool and version made it.

Where they lie, by what was called in the project's folder (sources: those of `log.py` and `csynth.py`):

| tool | C-synthesis | co-simulation |
|---|---|---|
| `vivado_hls`, `vitis_hls` (to 2024.2), `vitis-run --tcl` (2023.1 and newer) on hls4ml's script, which opens a project and a solution | `NAME_prj/solution1/syn/report` | `NAME_prj/solution1/sim/report` |
| `v++ -c --mode hls`, `vitis-run --cosim`, Tcl that opens a component (2023.2 and newer) | `WORK/hls/syn/report`, again in `WORK/reports/hls_compile.rpt` | `WORK/hls/sim/report`, again in `WORK/reports/hls_cosim.rpt` |

In either place `csynth.xml` and `csynth.rpt` are the design's, `FUNCTION_csynth.xml` and `.rpt` one
function's; `csynth_design_size.*` beside them since 2023 counts instructions and is no report of hardware.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from .cosim import CosimReport, parse_cosim
from .csynth import CsynthReport, parse_csynth
from .errors import FailedRun, ReportError
from .implementation import TimingReport, UtilizationReport, parse_timing, parse_utilization
from .log import LOGS, diagnose_log

__all__ = ["ProjectReports", "read_project"]

LARGEST = 256 * 1024 * 1024
"""No report is larger than this many bytes; a file that is, is another thing."""

Report = TypeVar("Report")


@dataclass(frozen=True, kw_only=True)
class ProjectReports:
    """What a project folder holds.

    Attributes:
        folder: the project's folder.
        csynth: C-synthesis.
        vsynth: logic synthesis (hls4ml's `vivado_synth.rpt`, or the utilization of `export_design -flow
            syn`).
        routed: utilization after place and route.
        timing: the newest timing summary.
        cosim: co-simulation.
        problems: reports that were there and couldn't be read, one sentence each.
    """

    folder: Path
    csynth: CsynthReport | None
    vsynth: UtilizationReport | None
    routed: UtilizationReport | None
    timing: TimingReport | None
    cosim: CosimReport | None
    problems: tuple[str, ...]

    def measured(self) -> dict[str, dict[str, float]]:
        """Return the figures of each stage that was read, under the names that estimates use."""
        stages = {"csynth": self.csynth, "vsynth": self.vsynth, "postroute": self.routed, "cosim": self.cosim}
        return {name: report.measured() for name, report in stages.items() if report is not None}


class _Reader:
    """Reads what a folder has, and keeps a sentence for what can't be read."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.problems: list[str] = []

    def files(self, *patterns: str) -> list[Path]:
        """Return the files of the first pattern that has any, newest first."""
        for pattern in patterns:
            found = [path for path in self.folder.glob(pattern) if path.is_file()]
            if found:
                return sorted(found, key=lambda path: (-path.stat().st_mtime, str(path)))
        return []

    def each(self, *patterns: str) -> list[Path]:
        """Return the files of all patterns, those of the first one first."""
        return list(dict.fromkeys(path for pattern in patterns for path in self.files(pattern)))

    def read(self, path: Path, parse: Callable[[str], Report]) -> Report | None:
        try:
            if path.stat().st_size > LARGEST:
                raise ReportError(f"{path.stat().st_size} bytes are more than any report has.")
            return parse(path.read_text(encoding="utf-8", errors="replace"))
        except (ReportError, OSError) as error:
            self.problems.append(f"{path.relative_to(self.folder)}: {error}")
            return None

    def first(self, parse: Callable[[str], Report], *patterns: str) -> Report | None:
        reports = (self.read(path, parse) for path in self.files(*patterns))
        return next((report for report in reports if report is not None), None)

    def csynth(self) -> CsynthReport | None:
        whole = self.first(parse_csynth, "**/syn/report/csynth.xml")
        if whole is not None:
            return whole
        # Without the design's own file each function has one: the top is the one that holds the others.
        found = [
            self.read(path, parse_csynth)
            for path in self.files("**/*_csynth.xml", "**/*csynth.rpt", "**/reports/hls_compile.rpt")
        ]
        known = [report for report in found if report is not None]
        return max(known, key=lambda report: report.top.lut or 0, default=None)


def read_project(folder: Path) -> ProjectReports:
    """Read the reports of a project folder.

    All places of the table above are looked at, and hls4ml's `vivado_synth.rpt`. A report that can't be read
    doesn't hide the others: `problems` names it.

    Raises:
        FailedRun: no report, but a log that says why the run failed.
        ReportError: no such folder, or neither report nor log in it.
    """
    if not folder.is_dir():
        raise ReportError(f"{folder} is no folder: give the folder that hls4ml wrote and the tool ran in.")
    reader = _Reader(folder)
    csynth = reader.csynth()
    vsynth = reader.first(
        parse_utilization, "vivado_synth.rpt", "**/vivado_synth.rpt", "**/*utilization_synth*.rpt", "**/*util_synth*.rpt"
    )  # fmt: skip
    routed = reader.first(
        parse_utilization, "**/*utilization_routed*.rpt", "**/*utilization_placed*.rpt", "**/*utilization_hierarchical*.rpt"
    )  # fmt: skip
    timing = reader.first(
        parse_timing, "**/*timing_routed*.rpt", "**/*timing_summary*.rpt", "**/*timing_synth*.rpt"
    )
    cosim = reader.first(
        parse_cosim, "**/sim/report/*_cosim.rpt", "**/*_cosim.rpt", "**/reports/hls_cosim.rpt"
    )
    if not any((csynth, vsynth, routed, timing, cosim)):
        for path in reader.each(*LOGS, "**/*hls.log", "**/logs/hls_*.log", "**/vivado.log"):
            diagnosis = diagnose_log(path.read_text(encoding="utf-8", errors="replace"))
            if diagnosis.cause != "none":
                quoted = diagnosis.line or diagnosis.cause
                raise FailedRun(f"The run in {folder} failed with '{quoted}'. {diagnosis.advice}")
        said = f" ({reader.problems[0]})" if reader.problems else ""
        raise ReportError(
            f"{folder} holds no readable synthesis report{said}: run the synthesis there first."
        )
    return ProjectReports(
        folder=folder, csynth=csynth, vsynth=vsynth, routed=routed, timing=timing, cosim=cosim,
        problems=tuple(reader.problems),
    )  # fmt: skip
