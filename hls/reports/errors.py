"""What can be wrong with a report; each error says what to do, and quotes the tool where it failed."""

from __future__ import annotations

import re

from bitfront.spaces import UserError

__all__ = [
    "EmptyReport",
    "FailedRun",
    "ReportError",
    "TruncatedReport",
    "WrongReport",
    "harmless",
    "last_error",
]


class ReportError(UserError):
    """A report can't be used."""


class EmptyReport(ReportError):
    """The file has no bytes, or blanks only: the tool was stopped before it wrote, or the disk was full."""


class TruncatedReport(ReportError):
    """The report starts well and ends early, so some figure is missing."""


class WrongReport(ReportError):
    """The text is no report of the kind that was asked for."""


class FailedRun(ReportError):
    """The report is of a run that ended in an error, which is quoted."""


_ERROR = re.compile(
    r"^\s*(?:\[\d[^\]]*\]\s*)?((?:ERROR|CRITICAL ERROR|FATAL|Fatal Error)\b[^\n]*)", re.MULTILINE
)
_HARMLESS = re.compile(r"\[HLS 200-642\].*config_array_partition -maximum_size|\[HLS 200-101\].*maximum_size")
_EMPTY = re.compile(
    r"Compilation errors found|while executing|SIM 211-100|Failed(?! dataflow)|aborting|HLS 200-1715",
    re.IGNORECASE,
)
"""What only says that something failed."""


def harmless(line: str) -> bool:
    """Return whether a line that is marked as an error stands in the logs of good runs too.

    hls4ml's `build_prj.tcl` catches the refusal of `config_array_partition -maximum_size`, which Vitis HLS
    has not known since 2020.2 and logs as an error (`[HLS 200-642]`; 2023.2:
    github.com/CMS-L1T-Jet-Tagging/CL2TaggerFirmware).
    """
    return _HARMLESS.search(line) is not None


def last_error(text: str) -> str | None:
    """Return the last line of a log that the tool marked as an error, without its time stamp; None without
    one.

    What only says that a command failed (`ERROR: [HLS 200-70] Compilation errors found`, say) is passed over
    where an earlier line says why.
    """
    found = [match[1].strip() for match in _ERROR.finditer(text) if not harmless(match[1])]
    telling = [line for line in found if not _EMPTY.search(line)]
    lines = telling or found
    return lines[-1] if lines else None


def require_text(text: str, kind: str) -> str:
    """Return `text`, stripped of a byte order mark.

    Raises:
        EmptyReport: nothing but blanks.
    """
    if not text.strip():
        raise EmptyReport(
            f"The {kind} is empty: the tool stopped before it wrote it, so run the synthesis again."
        )
    return text.lstrip("\ufeff")
