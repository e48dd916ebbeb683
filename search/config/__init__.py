"""The study file: what can be set, what it means, and how it's read."""

from ..quantities import Limit
from .constraints import ConstraintsConfig
from .fields import PYTHON_OBJECT
from .load import load_study, override, study_path
from .metric import MetricConfig
from .ready import ReadyStudy
from .running import ClusterConfig, TlsConfig, TrialConfig
from .sections import (
    DEFAULT_WALL,
    BudgetConfig,
    DeviceConfig,
    HlsConfig,
    TrackingConfig,
    TrainingConfig,
)
from .space import LayerSpace, SpaceConfig, check_patterns
from .study import StudyConfig
from .values import Widths

__all__ = [
    "DEFAULT_WALL",
    "PYTHON_OBJECT",
    "BudgetConfig",
    "ClusterConfig",
    "ConstraintsConfig",
    "DeviceConfig",
    "HlsConfig",
    "LayerSpace",
    "Limit",
    "MetricConfig",
    "ReadyStudy",
    "SpaceConfig",
    "StudyConfig",
    "TlsConfig",
    "TrackingConfig",
    "TrainingConfig",
    "TrialConfig",
    "Widths",
    "check_patterns",
    "load_study",
    "override",
    "study_path",
]
