"""Studies shown while they run: the tracker's protocol, MLflow, and nothing."""

from .mlflow_tracker import MlflowTracker, default_uri, redact, sync
from .protocol import NullTracker, StudyRecord, Tracker
from .ui import StudyLinks, links, ui

__all__ = [
    "MlflowTracker",
    "NullTracker",
    "StudyLinks",
    "StudyRecord",
    "Tracker",
    "default_uri",
    "links",
    "redact",
    "sync",
    "ui",
]
