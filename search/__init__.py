"""The search: study files, the loop, tracking, export and the command line.

Names load on first use: TensorFlow, Optuna and MLflow take seconds to import, `bitfront --help` needs none.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .artifacts import candidate_artifacts
    from .bundle import BundleSource, VerifyResult, export_bundle, verify_bundle, write_bundle
    from .config import StudyConfig, load_study
    from .evaluation import Evaluation, read_evaluations
    from .front import hypervolume, pareto, pick
    from .launcher import StudyResult, run_study
    from .problem import Problem, load_problem
    from .report import write_report
    from .study_space import space_of
    from .workbench import Workbench

_HOMES = {
    "artifacts": ("candidate_artifacts",),
    "bundle": ("BundleSource", "VerifyResult", "export_bundle", "verify_bundle", "write_bundle"),
    "config": ("StudyConfig", "load_study"),
    "evaluation": ("Evaluation", "read_evaluations"),
    "front": ("hypervolume", "pareto", "pick"),
    "launcher": ("StudyResult", "run_study"),
    "problem": ("Problem", "load_problem"),
    "report": ("write_report",),
    "study_space": ("space_of",),
    "workbench": ("Workbench",),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "BundleSource",
    "Evaluation",
    "Problem",
    "StudyConfig",
    "StudyResult",
    "VerifyResult",
    "Workbench",
    "candidate_artifacts",
    "export_bundle",
    "hypervolume",
    "load_problem",
    "load_study",
    "pareto",
    "pick",
    "read_evaluations",
    "run_study",
    "space_of",
    "verify_bundle",
    "write_bundle",
    "write_report",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{_HOME_OF[name]}", __name__), name)
    globals()[name] = value
    return value
