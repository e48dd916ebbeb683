"""Why a run of Vitis HLS, Vivado HLS or Vivado ended early, read out of its log.

Where the tools leave their logs, by what was called (seen in logs of public repositories, named here):

- `vivado_hls`, `vitis_hls`: `vivado_hls.log`, `vitis_hls.log` where they were called (UG1399 to 2024.1,
  "vitis_hls Command"). The `vitis_hls` of 2025.1, no more than a hint at its successor, leaves none
  (github.com/UCLA-VAST/tapa, issue 273).
- `vitis-run --mode hls --tcl`: `logs/hls_run_tcl.log` there (2025.1: github.com/j1hye0n/for_ironman).
- `v++ -c --mode hls --work_dir W`: `W/logs/hls_compile.log` (2025.1: github.com/raulest50/dti_core_ovr;
  UG1702 2025.2, "Output Directories of v++ -c --mode hls"); `vitis-run --mode hls --cosim --work_dir W`:
  `W/logs/hls_run_cosim.log`.
- `vivado -mode batch`: `vivado.log`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from .errors import harmless, last_error

__all__ = ["LOGS", "Diagnosis", "diagnose_log"]

LOGS = (
    "*hls.log",
    "logs/hls_*.log",
    "*/logs/hls_*.log",
    "vitis-run.log",
    "v++*.log",
    "vivado.log",
)
"""Patterns of the tools' own logs in a project's folder (see above), the telling ones first; the names of
`vitis-run` and `v++` are what their output is often redirected to.
"""

Cause = Literal[
    "none",
    "unroll",
    "memory",
    "licence",
    "part",
    "timeout",
    "disk",
    "compile",
    "dataflow",
    "cosim",
    "crash",
    "killed",
    "error",
]


@dataclass(frozen=True)
class Diagnosis:
    """What went wrong.

    Attributes:
        cause: one of the kinds in `Cause`; `none` where the log shows no failure.
        line: the tool's own telling line; empty where there is none.
        advice: what to do, in a sentence.
    """

    cause: Cause
    line: str
    advice: str


# The first rule that matches decides, so the specific ones stand before the general ones.
_RULES: tuple[tuple[Cause, str, str], ...] = (
    (
        "licence",
        r"(?:licen[sc]e (?:checkout|is not|not|could not|server|file).*|no (?:valid )?licen[sc]e|"
        r"\[Common 17-345\]|failed to (?:check ?out|get).*licen[sc]e|FLEXnet)",
        "Set XILINXD_LICENSE_FILE to a licence of this device, or choose a part of the free edition.",
    ),
    (
        "part",
        r"(?:part .*(?:not (?:found|installed|valid|supported)|is not)|invalid part|no parts? matched|"
        r"\[HLS 200-1023\]|device .* not installed|part name .* invalid)",
        "Install the device's family with the tool's installer, or choose another part.",
    ),
    (
        "memory",
        r"(?:out of memory|std::bad_alloc|cannot allocate memory|bad_alloc|memory allocation fail|oom-kill)",
        "Give the run more memory, or raise the reuse factor so that the layers unroll less.",
    ),
    (
        "unroll",
        r"(?:\[XFORM 203-504\]|stop unrolling loop|unroll.*(?:too large|exceed|limit)|"
        r"array_partition.*(?:exceed|too many|limit)|\[XFORM 203-103\].*exceed|maximum.*partition)",
        "A layer is larger than the tool unrolls (4096 elements): use the Resource strategy, a higher reuse "
        "factor or io_stream.",
    ),
    (
        "dataflow",
        r"(?:failed dataflow checking|unsupported dataflow constructs|\[XFORM 203-71[12]\]|"
        r"\[HLS 200-(?:779|970|97[01]|994|997)\])",
        "Two processes read or write one tensor: use io_stream, or strategy Latency with io_parallel, and "
        "report it.",
    ),
    ("disk", r"(?:no space left on device|disk quota exceeded)", "Free space on the disk and run it again."),
    (
        "timeout",
        r"(?:timed? ?out|time limit|wall.?clock limit)",
        "Give the run more time, or raise the reuse factor so that scheduling is easier.",
    ),
    (
        "cosim",
        r"(?:C/RTL co-simulation finished: FAIL|\[COSIM 212-\d+\].*(?:fail|error)|\[SIM 211-\d+\].*fail)",
        "Compare the outputs of RTL and C in tb_data.",
    ),
    (
        "crash",
        r"(?:segmentation fault|sigsegv|core dumped|abnormal program termination|internal (?:compiler )?error|"
        r"an unexpected error|\[HLS 200-715\]|hs_err_pid)",
        "The tool itself crashed: run it again, and if it stays, change the layer's strategy or the tool's "
        "version.",
    ),
    (
        "killed",
        r"(?:^|\s)(?:killed|terminated|interrupted by)",
        "The run was stopped from outside: run it again.",
    ),
    (
        # The tool names no error when a design grows beyond it, but counts its instructions (UG1448).
        "unroll",
        r"\[HLS 200-1995\] There were \d[\d,]{9,} instructions",
        "The design unrolls to more than ten million instructions: use the Resource strategy, a higher reuse "
        "factor or io_stream.",
    ),
    (
        "compile",
        r"(?:\[HLS 200-70\]|\[HLS 207-\d+\]|compilation errors found|error: .*(?:undeclared|no matching|expected))",
        "The C++ doesn't compile with this tool: see the line, and the types in firmware/defines.h.",
    ),
)


def diagnose_log(text: str) -> Diagnosis:
    """Find the cause of a failure in the text of one of the tools' logs (`LOGS`), or of what they printed."""
    failure = last_error(text)
    # Causes are told in lines of errors first, and only then anywhere, since a log also quotes messages of
    # all kinds; what is for information alone (`INFO: [HLS 200-10] Checking out license`) is never a cause.
    lines = [line for line in text.splitlines() if not harmless(line)]
    errors = "\n".join(line for line in lines if re.search(r"\b(?:ERROR|FATAL|Fatal)\b", line))
    last = [line for line in lines if not line.lstrip().startswith("INFO:")][-60:]
    for scope in (errors, "\n".join(last) if failure or not _finished(text) else ""):
        for cause, pattern, advice in _RULES:
            match = re.search(rf"^.*(?:{pattern}).*$", scope, re.IGNORECASE | re.MULTILINE)
            if match:
                return Diagnosis(cause, match[0].strip(), advice)
    if failure:
        return Diagnosis("error", failure, "See the log around this line.")
    return Diagnosis("none", "", "The log shows no failure.")


def _finished(text: str) -> bool:
    ends = (
        r"Finished C synthesis|Finished Command csynth_design|Exiting (?:vitis|vivado)|"
        r"\[(?:v\+\+|vitis-run) 60-(?:791|1653)\]|\[HLS 200-112\] Total CPU user time"
    )
    return bool(re.search(ends, text, re.IGNORECASE))
