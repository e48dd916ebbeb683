"""Sends to MLflow what it lacks of a study: what an outage kept back, or everything, to another store."""

from __future__ import annotations

from pathlib import Path

from bitfront.spaces import UserError

from ..measurements.corrected import read_evaluations
from ..measurements.record import read_records
from ..trials.front import pareto
from ..trials.reference import Reference
from .mlflow_tracker import MlflowTracker, default_uri
from .protocol import StudyRecord

ARTIFACTS = ("report.html", "study.yaml", "reference.json", "front.csv", "front.png")
"""What the parent run keeps of a study folder, where it exists."""


def tracking_uri(study_dir: Path) -> str:
    """Return where a study is tracked: its `tracking.uri`, or the SQLite file beside it."""
    from ..config import load_study

    file = Path(study_dir) / "study.yaml"
    own = load_study(file).tracking.uri if file.is_file() else None
    return own or default_uri(Path(study_dir).parent)


def sync(study_dir: Path, *, uri: str | None = None) -> int:
    """Send every trial of a study folder that MLflow lacks, and the front; return how many trials the study
    has.

    Args:
        study_dir: the study folder.
        uri: another store or server than the study's own.

    Raises:
        UserError: the folder is no study, or the store fails.
    """

    def refuse(message: str) -> None:
        raise UserError(message)

    study_dir = Path(study_dir)
    evaluations = read_evaluations(study_dir, corrected=False)
    front = [
        e.number
        for e in pareto(read_evaluations(study_dir), Reference.read(study_dir).objectives)
        if e.feasible
    ]
    tracker = MlflowTracker(study_dir.parent, uri or tracking_uri(study_dir), warn=refuse)
    tracker.start(StudyRecord.of(study_dir))
    for evaluation in evaluations:
        tracker.trial(evaluation)
    for record in read_records(study_dir):
        tracker.synthesis(record)
    tracker.finish(front, [study_dir / name for name in ARTIFACTS])
    return len(evaluations)
