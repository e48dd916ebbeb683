"""Typed readers of the vendor tools' reports: text in, dataclass out, one sentence where a report can't be
used.
"""

from .cosim import CosimReport, parse_cosim
from .csynth import (
    CsynthReport,
    ModuleReport,
    parse_csynth,
    parse_csynth_rpt,
    parse_csynth_summary,
    parse_csynth_xml,
)
from .errors import EmptyReport, FailedRun, ReportError, TruncatedReport, WrongReport
from .implementation import TimingReport, UtilizationReport, parse_timing, parse_utilization
from .log import LOGS, Diagnosis, diagnose_log
from .project import ProjectReports, read_project

__all__ = [
    "LOGS",
    "CosimReport",
    "CsynthReport",
    "Diagnosis",
    "EmptyReport",
    "FailedRun",
    "ModuleReport",
    "ProjectReports",
    "ReportError",
    "TimingReport",
    "TruncatedReport",
    "UtilizationReport",
    "WrongReport",
    "diagnose_log",
    "parse_cosim",
    "parse_csynth",
    "parse_csynth_rpt",
    "parse_csynth_summary",
    "parse_csynth_xml",
    "parse_timing",
    "parse_utilization",
    "read_project",
]
