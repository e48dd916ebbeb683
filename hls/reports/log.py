"""Why a run of Vitis HLS, Vivado HLS or Vivado ended early, read out of its log."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from .errors import last_error

__all__ = ["Diagnosis", "diagnose_log"]

Cause = Literal[
    "none",
    "unroll",
    "memory",
    "licence",
    "part",
    "timeout",
    "disk",
    "compile",
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
        r"(?:\[XFORM 203-504\]|\[HLS 200-1510\]|stop unrolling loop|unroll.*(?:too large|exceed|limit)|"
        r"array_partition.*(?:exceed|too many|limit)|\[XFORM 203-103\].*exceed|maximum.*partition)",
        "A layer is larger than the tool unrolls (4096 elements): use the Resource strategy, a higher reuse "
        "factor or io_stream.",
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
        "compile",
        r"(?:\[HLS 200-70\]|\[HLS 207-\d+\]|compilation errors found|error: .*(?:undeclared|no matching|expected))",
        "The C++ doesn't compile with this tool: see the line, and the types in firmware/defines.h.",
    ),
)


def diagnose_log(text: str) -> Diagnosis:
    """Find the cause of a failure in the text of a log (`vitis_hls.log`, `vivado_hls.log`, `vivado.log`)."""
    failure = last_error(text)
    # Causes are told in lines of errors first, and only then anywhere, since a log also quotes messages of
    # all kinds.
    errors = "\n".join(line for line in text.splitlines() if re.search(r"\b(?:ERROR|FATAL|Fatal)\b", line))
    for scope in (errors, "\n".join(text.splitlines()[-60:]) if failure or not _finished(text) else ""):
        for cause, pattern, advice in _RULES:
            match = re.search(rf"^.*(?:{pattern}).*$", scope, re.IGNORECASE | re.MULTILINE)
            if match:
                return Diagnosis(cause, match[0].strip(), advice)
    if failure:
        return Diagnosis("error", failure, "See the log around this line.")
    return Diagnosis("none", "", "The log shows no failure.")


def _finished(text: str) -> bool:
    ends = r"Finished C synthesis|Finished Command csynth_design|Exiting (?:vitis|vivado)"
    return bool(re.search(ends, text, re.IGNORECASE))
