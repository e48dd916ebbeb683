"""Writes the report of a study into its folder, from that folder alone, and the page that compares several."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..analysis.findings import find
from ..analysis.view import StudyView
from ..trials.files import write_atomic
from ..trials.front import write_front_csv
from . import compare
from .comparison import Comparison
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


def write_comparison(study_dirs: Sequence[Path], out: Path | None = None, *, figures: bool = True) -> Path:
    """Write the page that overlays studies, and its figures as PNG and PDF; return the page's path.

    Args:
        study_dirs: two or more study folders.
        out: folder to write; `compare-A-B` beside the first study by default.
        figures: whether to draw the PNG and PDF files too.

    Raises:
        UserError: when a folder is no study, or the studies don't compare.
    """
    comparison = Comparison(tuple(StudyView.read(folder) for folder in study_dirs))
    names = "-".join(Path(folder).name for folder in study_dirs)
    folder = out or Path(study_dirs[0]).parent / f"compare-{names}"
    if figures:
        from .figures import write_comparison_figures

        write_comparison_figures(comparison, folder / "figures")
    page = folder / "report.html"
    write_atomic(page, compare.render(comparison))
    return page
