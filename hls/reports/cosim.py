"""Co-simulation reports (`*_cosim.rpt`) of Vivado HLS and Vitis HLS."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .errors import FailedRun, TruncatedReport, WrongReport, last_error, require_text

__all__ = ["CosimReport", "parse_cosim"]


@dataclass(frozen=True, kw_only=True)
class CosimReport:
    """What RTL co-simulation measured.

    Attributes:
        language: `Verilog` or `VHDL`.
        passed: whether RTL and C agreed.
        latency_min, latency_avg, latency_max, interval_min, interval_avg, interval_max: cycles; None where
            the test bench made too few calls (an interval needs two).
        total_cycles: of the whole simulation, where the version reports it (since 2021).
    """

    language: str
    passed: bool
    latency_min: int | None
    latency_avg: int | None
    latency_max: int | None
    interval_min: int | None
    interval_avg: int | None
    interval_max: int | None
    total_cycles: int | None

    def measured(self) -> dict[str, float]:
        """Return latency and interval under the names that estimates use; unknown ones are left out."""
        figures = {"latency_cycles": self.latency_max, "ii_cycles": self.interval_max}
        return {name: float(value) for name, value in figures.items() if value is not None}


def parse_cosim(text: str) -> CosimReport:
    """Read a co-simulation report; of Verilog and VHDL, the one that was run.

    Raises:
        EmptyReport, WrongReport: no text; another text.
        FailedRun: RTL and C disagree, or a log that ends in an error.
        TruncatedReport: no row of results.
    """
    text = require_text(text, "co-simulation report")
    if "Latency" not in text or "RTL" not in text:
        failure = last_error(text)
        if failure:
            raise FailedRun(f"The co-simulation failed with '{failure}': see `diagnose_log` of its log.")
        raise WrongReport("This is no co-simulation report: give the *_cosim.rpt in sim/report.")
    rows = []
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if cells[0] in ("Verilog", "VHDL") and len(cells) >= 8:
            rows.append(cells)
    if not rows:
        raise TruncatedReport("The co-simulation report has no results: it ends early, so run it again.")
    run = [cells for cells in rows if cells[1] not in ("NA", "")]
    if not run:
        raise TruncatedReport(
            "The co-simulation report says that neither Verilog nor VHDL was run: run it again."
        )
    cells = run[-1]
    numbers = [int(cell) if re.fullmatch(r"\d+", cell) else None for cell in cells[2:]]
    if cells[1].lower().startswith("fail"):
        raise FailedRun(f"The co-simulation's {cells[0]} and C disagree: compare their outputs in tb_data.")
    return CosimReport(
        language=cells[0],
        passed=cells[1].lower().startswith("pass"),
        latency_min=numbers[0],
        latency_avg=numbers[1],
        latency_max=numbers[2],
        interval_min=numbers[3],
        interval_avg=numbers[4],
        interval_max=numbers[5],
        total_cycles=numbers[6] if len(numbers) > 6 else None,
    )
