"""C-synthesis reports of Vivado HLS (2018-2020) and Vitis HLS (2020-2025): `csynth.xml` and `*_csynth.rpt`.

The XML is preferred: it is complete and alike in all versions but for the DSP's name (`DSP48E` before
2020.2), the order of resources and elements that are read by nobody (`FlowTarget` and `SummaryOfViolations`
in 2024.1, `PerformancePragma` in 2025.1). Of the text reports, one function's (`NAME_csynth.rpt`) and the
design's own (`csynth.rpt`, which `v++` copies to `reports/hls_compile.rpt`) serve where only they were kept.
Formats: UG902 and UG1399, "Synthesis report"; of 2024.1 and 2025.1, reports in
github.com/goossens-springer/goossens-book-ip-projects, github.com/Doug-github-thing/ECE450-Lab2 and
github.com/Joseph-Luke-04/Program-Synthesis-for-Efficient-ML.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass

from .errors import FailedRun, TruncatedReport, WrongReport, last_error, require_text

__all__ = [
    "CsynthReport",
    "ModuleReport",
    "parse_csynth",
    "parse_csynth_rpt",
    "parse_csynth_summary",
    "parse_csynth_xml",
]


@dataclass(frozen=True, kw_only=True)
class ModuleReport:
    """One function of a design, as C-synthesis reports it.

    Attributes:
        name: the function's name in RTL. latency_min, latency_max, interval_min, interval_max: cycles; None
        where the tool can't tell (`?`,
            `undef`).
        lut, ff, dsp, bram18, uram: estimated; None where the report has no line for it.
        estimated_clock_ns: estimated period.
        pipeline: the tool's word (`yes`, `no`, `none`, `function`, `dataflow`, `loop rewind...`).
    """

    name: str
    latency_min: int | None
    latency_max: int | None
    interval_min: int | None
    interval_max: int | None
    lut: int | None
    ff: int | None
    dsp: int | None
    bram18: int | None
    uram: int | None
    estimated_clock_ns: float | None
    pipeline: str | None


@dataclass(frozen=True, kw_only=True)
class CsynthReport:
    """A whole design after C-synthesis.

    Attributes:
        top: the top function.
        version: of the tool, such as `2023.2`.
        part: part string.
        target_clock_ns, uncertainty_ns: as set.
        available: what the device has, by lut, ff, dsp, bram18, uram.
        modules: the functions below the top, where the report lists them.
    """

    top: ModuleReport
    version: str | None
    part: str | None
    target_clock_ns: float | None
    uncertainty_ns: float | None
    available: dict[str, int]
    modules: tuple[ModuleReport, ...]

    def measured(self) -> dict[str, float]:
        """Return the figures under the names that estimates use; unknown ones are left out."""
        top = self.top
        figures = {
            "lut": top.lut,
            "ff": top.ff,
            "dsp": top.dsp,
            "bram18": top.bram18,
            "uram": top.uram,
            "latency_cycles": top.latency_max,
            "ii_cycles": top.interval_max,
        }
        return {name: float(value) for name, value in figures.items() if value is not None}


_RESOURCES = {
    "lut": ("LUT",),
    "ff": ("FF",),
    "dsp": ("DSP", "DSP48E"),
    "bram18": ("BRAM_18K",),
    "uram": ("URAM",),
}


def parse_csynth(text: str) -> CsynthReport:
    """Read any form of a C-synthesis report.

    Raises:
        ReportError: see `parse_csynth_xml`, `parse_csynth_rpt` and `parse_csynth_summary`.
    """
    text = require_text(text, "C-synthesis report")
    if text.lstrip().startswith("<"):
        return parse_csynth_xml(text)
    return parse_csynth_summary(text) if _SUMMARY.search(text) else parse_csynth_rpt(text)


def _whole(text: str | None) -> int | None:
    match = re.fullmatch(r"\s*~?\s*(\d+)\s*", text or "")
    return int(match[1]) if match else None


def _real(text: str | None) -> float | None:
    match = re.match(r"\s*(\d+(?:\.\d+)?)", text or "")
    return float(match[1]) if match else None


def _text(node: ET.Element, path: str) -> str | None:
    found = node.find(path)
    return found.text if found is not None else None


def parse_csynth_xml(text: str) -> CsynthReport:
    """Read a `csynth.xml` (of the design, or of one function).

    Raises:
        EmptyReport: no text.
        TruncatedReport: the XML ends early, or has no resources or latency.
        WrongReport: XML of something else, or with declarations that no report has.
        FailedRun: the text holds an error line of the tool.
    """
    text = require_text(text, "C-synthesis XML report")
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise WrongReport(
            "This XML declares entities, which no synthesis report does: give the tool's own csynth.xml."
        )
    try:
        root = ET.fromstring(text)  # noqa: S314  (no declarations, see above)
    except ET.ParseError as error:
        failure = last_error(text)
        if failure:
            raise FailedRun(
                f"The C-synthesis failed with '{failure}': see `diagnose_log` of its log."
            ) from None
        if not re.search(r"<(profile|PerformanceEstimates|UserAssignments|ReportVersion)\b", text):
            raise WrongReport(
                "This is no csynth.xml: give the file in <project>/<solution>/syn/report."
            ) from None
        raise TruncatedReport(f"The csynth.xml ends early ({error}): run the synthesis again.") from None
    if root.find(".//AreaEstimates") is None and root.find(".//PerformanceEstimates") is None:
        raise WrongReport(f"This XML is a <{root.tag}> and no csynth.xml: give the file in syn/report.")
    name = _text(root, "./UserAssignments/TopModelName") or _text(root, ".//TopModelName") or "top"
    area = root.find("./AreaEstimates")
    if area is None or root.find("./PerformanceEstimates") is None or area.find("./Resources") is None:
        raise TruncatedReport(
            f"The csynth.xml of {name} has no resources or no latency: run the synthesis again."
        )
    modules = tuple(
        _module(node, _text(node, "./Name") or "?") for node in root.findall("./ModuleInformation/Module")
    )
    available = _amounts(area.find("./AvailableResources"))
    return CsynthReport(
        top=_module(root, name),
        version=_text(root, "./ReportVersion/Version"),
        part=_text(root, "./UserAssignments/Part"),
        target_clock_ns=_real(_text(root, "./UserAssignments/TargetClockPeriod")),
        uncertainty_ns=_real(_text(root, "./UserAssignments/ClockUncertainty")),
        available={key: value for key, value in available.items() if value is not None},
        modules=modules,
    )


def _amounts(node: ET.Element | None) -> dict[str, int | None]:
    found: dict[str, int | None] = dict.fromkeys(_RESOURCES)
    for child in node if node is not None else ():
        for key, names in _RESOURCES.items():
            if child.tag in names and found[key] is None:
                found[key] = _whole(child.text)
    return found


def _module(node: ET.Element, name: str) -> ModuleReport:
    performance = node.find("./PerformanceEstimates")
    latency = performance.find("./SummaryOfOverallLatency") if performance is not None else None
    # A function's own interval stands as one value or as a range, by version.
    interval = _text(latency, "./PipelineInitiationInterval") if latency is not None else None
    low, _, high = (interval or "").partition("~")
    cycles = {
        key: _whole(_text(latency, f"./{tag}")) if latency is not None else None
        for key, tag in (
            ("latency_min", "Best-caseLatency"),
            ("latency_max", "Worst-caseLatency"),
            ("interval_min", "Interval-min"),
            ("interval_max", "Interval-max"),
        )
    }
    if cycles["interval_max"] is None and interval:
        cycles["interval_min"], cycles["interval_max"] = _whole(low), _whole(high or low)
    clock = (
        _text(performance, "./SummaryOfTimingAnalysis/EstimatedClockPeriod")
        if performance is not None
        else None
    )
    pipeline = _text(performance, "./PipelineType") if performance is not None else None
    return ModuleReport(
        name=name,
        estimated_clock_ns=_real(clock),
        pipeline=pipeline or (_text(latency, "./PipelineType") if latency is not None else None),
        **cycles,
        **_amounts(node.find("./AreaEstimates/Resources")),
    )


_SUMMARY = re.compile(r"==\s*Synthesis Summary Report of '([^']+)'")
_HEAD = re.compile(r"==\s*(?:Vivado|Vitis) HLS Report for '([^']+)'")
_ROW = re.compile(r"^[ \t]*\|(.*)\|[ \t]*$", re.MULTILINE)


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.split("|")]


def parse_csynth_rpt(text: str) -> CsynthReport:
    """Read a `*_csynth.rpt` of Vivado HLS or Vitis HLS.

    Raises:
        EmptyReport: no text.
        FailedRun: the text is a log that ends in an error.
        WrongReport: no such report.
        TruncatedReport: the performance or the utilization table is missing.
    """
    text = require_text(text, "C-synthesis report")
    head = _HEAD.search(text)
    if head is None:
        failure = last_error(text)
        if failure:
            raise FailedRun(f"The C-synthesis failed with '{failure}': see `diagnose_log` of its log.")
        raise WrongReport(
            "This is no report of Vivado HLS or Vitis HLS: give the *_csynth.rpt in syn/report."
        )
    name = head[1]
    performance, _, area = text.partition("== Utilization Estimates")
    latency = _latency_row(performance)
    totals, available = _table_row(area, "Total"), _table_row(area, "Available")
    if latency is None or not totals:
        missing = "latency" if latency is None else "utilization"
        raise TruncatedReport(
            f"The report of {name} ends before its {missing} table: run the synthesis again."
        )
    clock = re.search(
        r"\|\s*(?:ap_clk|default)\s*\|\s*([\d.]+)[^|]*\|\s*([\d.]+)[^|]*\|\s*([\d.]+)", performance
    )
    version, device = _made_with(text)
    numbers = [_whole(latency[index]) for index in (0, 1, -3, -2)]
    top = ModuleReport(
        name=name,
        latency_min=numbers[0],
        latency_max=numbers[1],
        interval_min=numbers[2],
        interval_max=numbers[3],
        estimated_clock_ns=float(clock[2]) if clock else None,
        pipeline=latency[-1] or None,
        **{key: totals.get(key) for key in _RESOURCES},
    )
    return CsynthReport(
        top=top,
        version=version,
        part=device,
        target_clock_ns=float(clock[1]) if clock else None,
        uncertainty_ns=float(clock[3]) if clock else None,
        available={key: value for key, value in available.items() if value is not None},
        modules=(),
    )


def _made_with(text: str) -> tuple[str | None, str | None]:
    """Return tool version and part of a text report's head."""
    version = re.search(r"\*\s*Version:\s*([\d.]+)", text)
    device = re.search(r"\*\s*Target device:\s*(\S+)", text)
    return version[1] if version else None, device[1] if device else None


_SUMMARY_CELLS = 14
"""Module, issue, slack, latency in cycles and in ns, iteration latency, interval, trip count, pipelined,
BRAM, DSP, FF, LUT, URAM.
"""


def parse_csynth_summary(text: str) -> CsynthReport:
    """Read the design's text report of Vitis HLS, `csynth.rpt`: a row for the design and for each function.

    It gives one latency and one interval, the largest, and no clock.

    Raises:
        EmptyReport: no text.
        WrongReport: no such report.
        TruncatedReport: the design's row is missing.
    """
    text = require_text(text, "C-synthesis summary")
    head = _SUMMARY.search(text)
    if head is None:
        raise WrongReport("This is no summary of a C-synthesis: give the csynth.rpt in syn/report.")
    rows = [
        _summary_row(cells)
        for match in _ROW.finditer(text)
        if len(cells := _cells(match[1])) == _SUMMARY_CELLS and re.match(r"\+\s+\S", cells[0])
    ]
    if not rows:
        raise TruncatedReport(f"The report of {head[1]} ends before its table: run the synthesis again.")
    version, device = _made_with(text)
    return CsynthReport(
        top=rows[0], version=version, part=device, target_clock_ns=None, uncertainty_ns=None, available={},
        modules=tuple(rows[1:]),
    )  # fmt: skip


def _summary_row(cells: list[str]) -> ModuleReport:
    latency, interval = _whole(cells[3]), _whole(cells[6])
    amounts = [0 if cell == "-" else _whole(cell.partition("(")[0]) for cell in cells[9:]]
    return ModuleReport(
        name=cells[0].lstrip("+* "),
        latency_min=latency,
        latency_max=latency,
        interval_min=interval,
        interval_max=interval,
        estimated_clock_ns=None,
        pipeline=cells[8] or None,
        **dict(zip(("bram18", "dsp", "ff", "lut", "uram"), amounts, strict=True)),
    )


def _latency_row(text: str) -> list[str] | None:
    """Return the cells of the summary row below the latency table's heads: two cycles, ..., two intervals, a
    type.
    """
    start = text.find("+ Latency")
    seen_head = False
    for match in _ROW.finditer(text, max(start, 0)):
        cells = _cells(match[1])
        if cells[0] == "min":
            seen_head = True
        elif seen_head and len(cells) >= 5:
            # Since 2019.2 times in nanoseconds stand between cycles and intervals; before, they don't.
            return cells
    return None


def _table_row(text: str, label: str) -> dict[str, int | None]:
    """Return one row of the utilization summary by resource; Vitis writes `Available SLR` rows too, which
    aren't it.
    """
    columns: list[str] = []
    for match in _ROW.finditer(text):
        cells = _cells(match[1])
        if cells[0] == "Name" and "LUT" in cells:
            columns = cells
        elif columns and cells[0] == label and len(cells) == len(columns):
            by_name = dict(zip(columns, cells, strict=True))
            found: dict[str, int | None] = {}
            for key, names in _RESOURCES.items():
                text_ = next((by_name[name] for name in names if name in by_name), None)
                found[key] = 0 if text_ == "-" else _whole(text_)
            return found
    return {}
