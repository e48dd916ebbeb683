"""What a trial is: its evaluation, what is optimised and limited, the front of several."""

from ..quantities import QUANTITIES
from .evaluation import Evaluation
from .files import save_atomic, trial_folder, write_atomic
from .front import Box, dominated, hypervolume, hypervolume_history, pareto, pick
from .objectives import (
    SIGNS,
    Constraint,
    Metric,
    Objective,
    parse_objectives,
    resource_violations,
)
from .reference import Reference

__all__ = [
    "QUANTITIES",
    "SIGNS",
    "Box",
    "Constraint",
    "Evaluation",
    "Metric",
    "Objective",
    "Reference",
    "dominated",
    "hypervolume",
    "hypervolume_history",
    "pareto",
    "parse_objectives",
    "pick",
    "resource_violations",
    "save_atomic",
    "trial_folder",
    "write_atomic",
]
