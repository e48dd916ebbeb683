"""One synthesis: run the tool on a written project within limits, read its reports, name its failure."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Literal

from bitfront.hls.reports import LOGS, Diagnosis, ProjectReports, ReportError, diagnose_log, read_project
from bitfront.spaces import UserError

from ..processes import Ended, Limits, run_tree
from .outcome import STAGES, Fidelity, SynthesisOutcome
from .tools import Tool

__all__ = ["LOG", "synthesise"]

LOG = "synthesis.log"
"""What the tools printed, in the project's folder."""
_TAIL = 4 << 20
"""Bytes of a log's end that a failure is read from."""
_STOPPED = {
    "timeout": "Give it more time, or raise the reuse factor so that scheduling is easier.",
    "memory": "Give it more memory, or raise the reuse factor so that the layers unroll less.",
    "interrupted": "Start it again.",
}


def synthesise(
    project: Path,
    name: str,
    tool: Tool,
    fidelity: Fidelity,
    limits: Limits,
    *,
    part: str,
    clock_ns: float,
    stop: threading.Event | None = None,
) -> SynthesisOutcome:
    """Synthesise the project in `project`, whose top function is `name`; what happens to it is in the
    outcome.

    The limits hold for each stage. What the tools printed is in `LOG` in the project's folder.

    Raises:
        UserError: the folder's path has a blank, which AMD's tools don't take.
    """
    if any(char.isspace() for char in str(project.resolve())):
        raise UserError(f"AMD's tools take no blanks in a path, and {project} has one: move the study.")
    began = time.monotonic()
    stages = STAGES[fidelity]
    log = project / LOG
    tool.prepare(project, name, part=part, clock_ns=clock_ns, cosim="cosim" in stages)
    commands = [tool.command(cosim="cosim" in stages)]
    if "vsynth" in stages:
        commands.append([str(tool.vivado), "-mode", "batch", "-source", "vivado_synth.tcl"])
    failure: Diagnosis | None = None
    for command in commands:
        try:
            ended = run_tree(command, cwd=project, log=log, limits=limits, stop=stop)
        except OSError as error:
            failure = Diagnosis("crash", f"{command[0]}: {error.strerror}", "Check the tool's installation.")
            break
        failure = _failure(ended, project, limits)
        if failure:
            break
    reports = _reports(project)
    measured = {k: v for k, v in (reports.measured() if reports else {}).items() if k in stages and v}
    missing = [stage for stage in stages if stage not in measured]
    if missing and failure is None:
        failure = _diagnosed(project) or _unread(missing, reports)
    csynth = reports.csynth if reports else None
    return SynthesisOutcome(
        tool=tool.name,
        version=csynth.version if csynth else None,
        fidelity=fidelity,
        measured=measured,
        clock_ns=csynth.top.estimated_clock_ns if csynth else None,
        seconds=round(time.monotonic() - began, 1),
        cause=failure.cause if failure else None,
        line=failure.line[:500] if failure else "",
        advice=failure.advice if failure else "",
    )


def _failure(ended: Ended, project: Path, limits: Limits) -> Diagnosis | None:
    """Say why a command failed; None where it didn't."""
    if ended.stopped == "interrupted":
        return Diagnosis("killed", "stopped on request", _STOPPED["interrupted"])
    if ended.stopped:
        limit = f"{limits.timeout_s:g} s" if ended.stopped == "timeout" else f"{limits.memory_gib:g} GiB"
        return Diagnosis(ended.stopped, f"stopped at the limit of {limit}", _STOPPED[ended.stopped])
    if ended.status == 0:
        return None
    signal = f"ended by signal {-ended.status}" if ended.status < 0 else f"exit status {ended.status}"
    return _diagnosed(project) or Diagnosis("crash", signal, f"See {LOG}, and run it again.")


def _diagnosed(project: Path) -> Diagnosis | None:
    """Read a failure out of what the tools printed, or else of their own logs."""
    for path in (project / LOG, *(path for pattern in LOGS for path in sorted(project.glob(pattern)))):
        if path.is_file():
            with path.open("rb") as stream:
                stream.seek(max(0, path.stat().st_size - _TAIL))
                found = diagnose_log(stream.read().decode(errors="replace"))
            if found.cause != "none":
                return found
    return None


def _unread(missing: list[str], reports: ProjectReports | None) -> Diagnosis:
    """Say what is wrong with the reports of stages that the tool thought well of."""
    problems = " ".join(reports.problems) if reports else ""
    cause: Literal["cosim", "error"] = "cosim" if missing == ["cosim"] and problems else "error"
    return Diagnosis(cause, problems or f"no readable report of {', '.join(missing)}", f"See {LOG}.")


def _reports(project: Path) -> ProjectReports | None:
    try:
        return read_project(project)
    except ReportError:
        return None
