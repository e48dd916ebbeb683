"""The search: study files, the loop, tracking, export and the command line.

Names load on first use: TensorFlow, Optuna and MLflow take seconds to import, `bitfront --help` needs none.
"""

from typing import TYPE_CHECKING

from bitfront.spaces import lazy_door

if TYPE_CHECKING:
    from .bundle import (
        BundleSource,
        VerifyResult,
        candidate_artifacts,
        export_bundle,
        verify_bundle,
        write_bundle,
    )
    from .config import StudyConfig, load_study
    from .evaluator import Evaluator, space_of
    from .measurements import read_evaluations
    from .notebook import PickedCandidate, Study
    from .problem import Problem, load_problem
    from .report import write_report
    from .run import StudyResult, run_study
    from .trials import Evaluation, hypervolume, pareto, pick

__all__ = [
    "BundleSource",
    "Evaluation",
    "Evaluator",
    "PickedCandidate",
    "Problem",
    "Study",
    "StudyConfig",
    "StudyResult",
    "VerifyResult",
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

__getattr__ = lazy_door(
    __name__,
    {
        "bundle": (
            "BundleSource",
            "VerifyResult",
            "candidate_artifacts",
            "export_bundle",
            "verify_bundle",
            "write_bundle",
        ),
        "config": ("StudyConfig", "load_study"),
        "evaluator": ("Evaluator", "space_of"),
        "measurements": ("read_evaluations",),
        "notebook": ("PickedCandidate", "Study"),
        "problem": ("Problem", "load_problem"),
        "report": ("write_report",),
        "run": ("StudyResult", "run_study"),
        "trials": ("Evaluation", "hypervolume", "pareto", "pick"),
    },
)
