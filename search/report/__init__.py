"""The report of a study, or of several: offline pages, the front as a table, and every figure as PNG and PDF."""

from .compare import Comparison, write_comparison
from .write import write_report

__all__ = ["Comparison", "write_comparison", "write_report"]
