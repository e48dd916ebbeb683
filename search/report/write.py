"""Writes the report into a study's folder, from that folder alone."""

from __future__ import annotations

from pathlib import Path

from ..analysis.findings import find
from ..analysis.view import StudyView
from ..trials.evaluation import write_atomic
from ..trials.front import write_front_csv
from .page import render


def write_report(study_dir: Path, *, figures: bool = True) -> Path:
    """Write `report.html`, `front.csv`, `front.png` and `figures/*` of a study and return the page's path.

    Only the study's own files are read (`study.yaml`, `reference.json`, `trials/*/evaluation.json`), so it works on
    a copy, and while the study runs.

    Args:
        study_dir: the study folder.
        figures: whether to draw the PNG and PDF files too (a few seconds).

    Raises:
        UserError: the folder is no study, a file in it is damaged, or no trial has finished.
    """
    study_dir = Path(study_dir)
    view = StudyView.read(study_dir)
    found = find(view)
    csv_path = study_dir / "front.csv"
    write_front_csv(csv_path, view.front, view.objectives)
    if figures:
        from .figures import write_figures

        write_figures(view, found, study_dir)
    page = study_dir / "report.html"
    write_atomic(page, render(view, found, csv_path.read_text(encoding="utf-8")))
    return page
