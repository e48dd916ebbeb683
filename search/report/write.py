"""Writes the report of a study into its folder, from that folder alone, and the page that compares
several.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..analysis.findings import find
from ..analysis.floor import Floor
from ..analysis.incoming import Incoming
from ..analysis.published import PublishedPoints, against
from ..analysis.sensitivity import Sensitivity
from ..analysis.view import StudyView
from ..trials.files import write_atomic
from ..trials.front import write_front_csv
from ..trials.objectives import Metric
from . import compare
from .charts import study_figures
from .comparison import Comparison
from .comparison_charts import comparison_figures
from .evidence_charts import sensitivity
from .figure import Figure
from .page import render
from .published_charts import published_figures


def write_report(study_dir: Path, *, figures: bool = True, published: PublishedPoints | None = None) -> Path:
    """Write `report.html`, `front.csv`, `front.png` and `figures/*` of a study and return the page's path.

    Only the study's own files are read (`study.yaml`, `reference.json`, `trials/*/evaluation.json`), so it
    works on a copy, and while the study runs.

    Args:
        study_dir: the study folder.
        figures: whether to write the PNG, SVG and PDF files too.
        published: points of others that the study is drawn beside.

    Raises:
        UserError: the folder is no study, a file in it is damaged, no trial has finished, or the points
            are of other data.
    """
    study_dir = Path(study_dir)
    view = StudyView.read(study_dir)
    found = find(view)
    beside = against(view, published) if published else None
    drawn = study_figures(view, found)
    if beside:
        drawn |= published_figures(view, beside)
    csv_path = study_dir / "front.csv"
    write_front_csv(csv_path, view.front, view.objectives)
    if figures:
        write_figures(drawn, study_dir / "figures")
        if view.scored:
            shutil.copy(study_dir / "figures" / f"front_{view.costs[0].name}.png", study_dir / "front.png")
    page = study_dir / "report.html"
    table = csv_path.read_text(encoding="utf-8")
    incoming = Incoming.read(study_dir, view)
    text = render(view, found, drawn, table, Floor.read(study_dir), beside, incoming)
    write_atomic(page, text)
    return page


def write_comparison(study_dirs: Sequence[Path], out: Path | None = None, *, figures: bool = True) -> Path:
    """Write the page that overlays studies, and its figures as PNG, SVG and PDF; return the page's path.

    Args:
        study_dirs: two or more study folders.
        out: folder to write; `compare-A-B` beside the first study by default.
        figures: whether to write the PNG, SVG and PDF files too.

    Raises:
        UserError: when a folder is no study, or the studies don't compare.
    """
    comparison = Comparison(tuple(StudyView.read(folder) for folder in study_dirs))
    names = "-".join(Path(folder).name for folder in study_dirs)
    drawn = comparison_figures(comparison)
    folder = out or Path(study_dirs[0]).parent / f"compare-{names}"
    if figures:
        write_figures(drawn, folder / "figures")
    page = folder / "report.html"
    write_atomic(page, compare.render(comparison, drawn))
    return page


def write_sensitivity_figure(rows: Sequence[Sensitivity], metric: Metric, study_dir: Path) -> list[Path]:
    """Write the sensitivity table as PNG, SVG and PDF into `figures/` of a study's folder and return their
    paths.
    """
    return sensitivity(rows, metric).write(study_dir / "figures", "sensitivity")


def write_figures(figures: Mapping[str, Figure], folder: Path) -> None:
    """Write figures as PNG, SVG and PDF into `folder`."""
    for name, figure in figures.items():
        figure.write(folder, name)
