"""Studies shown while they run: the tracker's protocol, MLflow, and nothing."""

from ..config.secrets import redact
from .mlflow_tracker import MlflowTracker, default_uri
from .protocol import NullTracker, StudyRecord, Tracker
from .registry import ALIAS, Registered, choose, chosen, register
from .subprocess_tracker import SubprocessTracker
from .sync import sync
from .ui import StudyLinks, links, ui
from .ui import command as ui_command

__all__ = [
    "ALIAS",
    "MlflowTracker",
    "NullTracker",
    "Registered",
    "StudyLinks",
    "StudyRecord",
    "SubprocessTracker",
    "Tracker",
    "choose",
    "chosen",
    "default_uri",
    "links",
    "redact",
    "register",
    "sync",
    "ui",
    "ui_command",
]
