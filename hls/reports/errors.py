"""What can be wrong with a report; each error says what to do, and quotes the tool where it failed."""

from __future__ import annotations

import re

from bitfront.spaces import UserError

__all__ = ["EmptyReport", "FailedRun", "ReportError", "TruncatedReport", "WrongReport", "last_error"]


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


def last_error(text: str) -> str | None:
    """Return the last line of a log that the tool marked as an error, without its time stamp; None without
    one.

    What only says that a command failed (`ERROR: [HLS 200-70] Compilation errors found`, say) is passed over
    where an earlier line says why.
    """
    found = [match[1].strip() for match in _ERROR.finditer(text)]
    empty = re.compile(r"Compilation errors found|while executing|SIM 211-100|Failed|aborting", re.IGNORECASE)
    telling = [line for line in found if not empty.search(line)]
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
