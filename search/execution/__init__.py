"""Who evaluates candidates: the launcher's own process, or workers of a Dask cluster that come and go."""

from .devices import bound_tensorflow
from .job import Executor, InProcess, Job, Outcome, evaluate, failure
from .open import open_executor

__all__ = [
    "Executor",
    "InProcess",
    "Job",
    "Outcome",
    "bound_tensorflow",
    "evaluate",
    "failure",
    "open_executor",
]
