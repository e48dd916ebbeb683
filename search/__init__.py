"""The search: study files, the loop, tracking, export and the command line.

Names load on first use: TensorFlow, Optuna and MLflow take seconds to import, `bitfront --help` needs none.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .bundle import BundleSource, VerifyResult, export_bundle, verify_bundle, write_bundle
    from .bundle.reload import candidate_artifacts
    from .config import StudyConfig, load_study
    from .evaluator.evaluator import Workbench
    from .evaluator.space import space_of
    from .problem.load import Problem, load_problem
    from .report import write_report
    from .run.launcher import StudyResult, run_study
    from .trials.evaluation import Evaluation, read_evaluations
    from .trials.front import hypervolume, pareto, pick

_HOMES = {
    "bundle.reload": ("candidate_artifacts",),
    "bundle": ("BundleSource", "VerifyResult", "export_bundle", "verify_bundle", "write_bundle"),
    "config": ("StudyConfig", "load_study"),
    "trials.evaluation": ("Evaluation", "read_evaluations"),
    "trials.front": ("hypervolume", "pareto", "pick"),
    "run.launcher": ("StudyResult", "run_study"),
    "problem.load": ("Problem", "load_problem"),
    "report": ("write_report",),
    "evaluator.space": ("space_of",),
    "evaluator.evaluator": ("Workbench",),
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
