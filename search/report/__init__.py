"""The report of a study: one offline page, the front as a table, and every figure as PNG and PDF."""

from .view import StudyView
from .write import write_report

__all__ = ["StudyView", "write_report"]
