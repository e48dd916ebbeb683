"""Reports of Vivado after C-synthesis: utilization (logic synthesis, placed, routed) and timing summary.

Formats: UG906, "report_utilization" and "report_timing_summary"; hls4ml keeps the former as
`vivado_synth.rpt`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from .errors import FailedRun, TruncatedReport, WrongReport, last_error, require_text

__all__ = ["TimingReport", "UtilizationReport", "parse_timing", "parse_utilization"]


@dataclass(frozen=True, kw_only=True)
class UtilizationReport:
    """What a design uses.

    Attributes:
        lut, ff, dsp, uram: used; `bram18` counts RAMB18 (a half tile each).
        available: the device's, under the same names, as far as the report says.
        state: the tool's word: `Synthesized`, `Optimized`, `Fully Placed`, `Routed`.
        part, version: as far as the report says.
    """

    lut: int
    ff: int
    dsp: int
    bram18: int
    uram: int
    available: dict[str, int]
    state: str | None
    part: str | None
    version: str | None

    def measured(self) -> dict[str, float]:
        """Return the figures under the names that estimates use."""
        return {name: float(getattr(self, name)) for name in ("lut", "ff", "dsp", "bram18", "uram")}


@dataclass(frozen=True, kw_only=True)
class TimingReport:
    """The design timing summary.

    Attributes:
        wns_ns: worst negative slack of set-up (positive: met); tns_ns: the total.
        whs_ns: worst hold slack.
        met: whether no constraint is violated.
        unconstrained: whether the report has no constrained path, so that `wns_ns` is None.
    """

    wns_ns: float | None
    tns_ns: float | None
    whs_ns: float | None
    met: bool
    unconstrained: bool


_SITES = {
    "lut": ("CLB LUTs", "Slice LUTs"),
    "ff": ("CLB Registers", "Slice Registers"),
    "bram": ("Block RAM Tile",),
    "uram": ("URAM",),
    "dsp": ("DSPs", "DSP Slices"),
}


def parse_utilization(text: str) -> UtilizationReport:
    """Read the text of `report_utilization`, of any Vivado from 2016 to 2025.

    Raises:
        EmptyReport, FailedRun, WrongReport: no text; a log that ends in an error; another text.
        TruncatedReport: the table of logic or of memory is missing.
    """
    text = require_text(text, "utilization report")
    rows: dict[str, tuple[float, float | None]] = {}
    columns: list[str] = []
    for line in text.splitlines():
        if "|" not in line:
            continue
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if cells[0] in ("Site Type", "Ref Name"):
            columns = cells if cells[0] == "Site Type" else []
            continue
        # 'CLB LUTs*': the star points to a footnote.
        name = cells[0].rstrip("*")
        for key, names in _SITES.items():
            if columns and name in names and key not in rows and len(cells) >= 2:
                by_column = dict(zip(columns, cells, strict=False))
                used = _number(by_column.get("Used", cells[1]))
                total = _number(by_column.get("Available", ""))
                if used is not None:
                    rows[key] = (used, total)
    if not rows:
        failure = last_error(text)
        if failure:
            raise FailedRun(f"The run failed with '{failure}': see `diagnose_log` of its log.")
        raise WrongReport(
            "This is no utilization report of Vivado: give vivado_synth.rpt or a report_utilization."
        )
    missing = [name for name in ("lut", "ff", "bram", "dsp") if name not in rows]
    if missing:
        raise TruncatedReport(
            f"The utilization report lacks {', '.join(missing)}: it ends early, so run it again."
        )
    state = re.search(r"Design State\s*:\s*([^\n|]+)", text)
    device = re.search(r"\|\s*Device\s*:\s*(\S+)", text)
    version = re.search(r"Tool Version\s*:\s*Vivado v\.([\d.]+)", text)
    available = {
        key: round(total * (2 if key == "bram" else 1))
        for key, (_, total) in rows.items()
        if total is not None
    }
    if "bram" in available:
        available["bram18"] = available.pop("bram")
    return UtilizationReport(
        lut=round(rows["lut"][0]),
        ff=round(rows["ff"][0]),
        dsp=round(rows["dsp"][0]),
        bram18=round(2 * rows["bram"][0]),
        uram=round(rows.get("uram", (0.0, None))[0]),
        available=available,
        state=state[1].strip() if state else None,
        part=device[1] if device else None,
        version=version[1] if version else None,
    )


def _number(text: str) -> float | None:
    match = re.fullmatch(r"[<]?\s*([\d,]+(?:\.\d+)?)", text)
    return float(match[1].replace(",", "")) if match else None


def parse_timing(text: str) -> TimingReport:
    """Read the text of `report_timing_summary`.

    Raises:
        EmptyReport, FailedRun, WrongReport: no text; a log that ends in an error; another text.
        TruncatedReport: the summary's figures are missing.
    """
    text = require_text(text, "timing report")
    lines = text.splitlines()
    heads = [index for index, line in enumerate(lines) if "WNS(ns)" in line and "TNS(ns)" in line]
    if not heads:
        failure = last_error(text)
        if failure:
            raise FailedRun(f"The run failed with '{failure}': see `diagnose_log` of its log.")
        if "Design Timing Summary" in text:
            raise TruncatedReport("The timing report ends before its summary: run it again.")
        raise WrongReport("This is no timing summary of Vivado: give the text of report_timing_summary.")
    names = re.findall(r"[A-Z]+(?=\(ns\))|(?:TNS|THS|TPWS) \w+ Endpoints", lines[heads[0]])
    values = next(
        (
            line.split()
            for line in lines[heads[0] + 1 : heads[0] + 4]
            if line.strip() and not set(line.strip()) <= set("- ")
        ),
        None,
    )
    if values is None or len(values) < 2:
        raise TruncatedReport("The timing report has no figures below its summary's heads: run it again.")
    by_name = dict(zip(names, values, strict=False))
    wns, tns, whs = (_slack(by_name.get(name)) for name in ("WNS", "TNS", "WHS"))
    violated = any(slack is not None and slack < 0 for slack in (wns, whs, _slack(by_name.get("WPWS"))))
    return TimingReport(wns_ns=wns, tns_ns=tns, whs_ns=whs, met=not violated, unconstrained=wns is None)


def _slack(text: str | None) -> float | None:
    try:
        return float(text) if text not in (None, "NA", "inf") else None
    except (TypeError, ValueError):
        return None
