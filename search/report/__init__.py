"""The report of a study, or of several: offline pages, the front as a table, and every figure as PNG, SVG and
PDF.
"""

from .comparison import Comparison
from .write import write_comparison, write_report, write_sensitivity_figure

__all__ = ["Comparison", "write_comparison", "write_report", "write_sensitivity_figure"]
