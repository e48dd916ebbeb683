"""A candidate on its way to whoever evaluates it, what comes back, and the evaluation in the launcher's
process.
"""

from __future__ import annotations

import contextlib
import signal
import threading
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import FrameType
from typing import TYPE_CHECKING, Protocol

from bitfront.hls import BuildError
from bitfront.hls.estimate import Correction
from bitfront.spaces import BitfrontError, Candidate, Weights

from ..evaluator.plan import Plan
from ..evaluator.promotion import Promotion
from ..trials.evaluation import Evaluation, Kind

if TYPE_CHECKING:
    from ..evaluator.evaluator import Evaluator
    from ..evaluator.training import Start

LOG_LINES = 60
"""Lines of a log that a failed trial keeps: a traceback through Keras is some forty."""


@dataclass(frozen=True)
class Job:
    """One trial to evaluate."""

    number: int
    params: Mapping[str, int | str]
    """Value of every dimension of the space."""
    candidate: Candidate
    kind: Kind = "search"
    correction: Correction | None = None
    """What the study's syntheses say so far; limits are checked on estimates that it corrects."""
    promotion: Promotion | None = None
    """Decides how far the candidate is trained; wholly where None."""
    start: Start | None = None
    """Trained weights of its nearest neighbour; the float model's where None."""
    plan: Plan | None = None
    """How it is trained; as the study file says where None."""


@dataclass(frozen=True)
class Outcome:
    """What became of a job."""

    evaluation: Evaluation
    weights: Weights | None = None
    """Trained weights, where the candidate was trained."""
    log: str = ""
    """The last lines that tell of a failure: a traceback, a compiler's messages."""


class Executor(Protocol):
    """Evaluates jobs, in whatever order they end; nothing but the launcher's own mistakes is raised.

    `submit` as many as `slots` allows, then `wait` for one; `close` ends whatever still runs.
    """

    shares_process: bool
    """Whether a candidate that ends its process ends the launcher's."""

    @property
    def slots(self) -> int:
        """How many jobs can be under way now; changes as workers come and go."""

    def submit(self, job: Job) -> None:
        """Begin to evaluate a job."""

    def wait(self) -> Outcome:
        """Return the next outcome.

        Raises:
            UserError: when nobody is left who could evaluate.
        """

    def close(self) -> None:
        """Stop what runs and release what was started."""


class InProcess:
    """Evaluates each job where it is, when it is waited for.

    Args:
        evaluator: of the study.
        wall: longest time of one candidate in seconds. It is kept as far as Python's signals reach: in the
            main thread, between two operations of TensorFlow.
    """

    shares_process = True
    slots = 1

    def __init__(self, evaluator: Evaluator, wall: float) -> None:
        self._evaluator, self._wall = evaluator, wall
        self._job: Job | None = None

    def submit(self, job: Job) -> None:
        """Take a job."""
        assert self._job is None, "one at a time"
        self._job = job

    def wait(self) -> Outcome:
        """Evaluate the job that was taken."""
        assert self._job is not None, "submit() comes first"
        job, self._job = self._job, None
        try:
            with _alarm(self._wall):
                return evaluate(self._evaluator, job)
        except _Overdue:
            return failure(job, overdue(self._wall), traceback.format_exc())

    def close(self) -> None:
        """Release nothing."""


def evaluate(evaluator: Evaluator, job: Job) -> Outcome:
    """Evaluate a job; whatever goes wrong with the candidate is an outcome with a typed reason and a log.

    The reason begins with its class: `nan_loss`, `nan_metric` (see `Evaluator.evaluate`), `refused`,
    `compiler`, `out_of_memory`, `error`; executors add `timeout` and `crash`.
    """
    try:
        evaluator.costs.correction = job.correction or evaluator.costs.correction
        evaluator.plan = job.plan or evaluator.plan
        return Outcome(
            *evaluator.evaluate(job.number, job.params, job.kind, promotion=job.promotion, start=job.start)
        )
    except BuildError as error:
        return failure(job, f"compiler: {error}", error.log)
    except BitfrontError as error:
        # a candidate that can't be computed (types too wide to be exact, say) is an outcome, not the study's
        # end
        return failure(job, f"refused: {error}")
    except _Overdue:
        raise
    except Exception as error:  # TensorFlow and a user's metric raise whatever they like
        if isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError":
            return failure(job, f"out_of_memory: {_line(error)}", traceback.format_exc())
        return failure(job, f"error: {type(error).__name__}: {_line(error)}", traceback.format_exc())


def failure(job: Job, reason: str, log: str = "") -> Outcome:
    """Return the outcome of a job that failed."""
    evaluation = Evaluation(
        number=job.number,
        digest=job.candidate.digest,
        method=job.candidate.method,  # type: ignore[arg-type]
        status="failed",
        kind=job.kind,
        params=job.params,
        reason=reason,
    )
    return Outcome(evaluation, log="\n".join(log.splitlines()[-LOG_LINES:]))


def overdue(seconds: float) -> str:
    """Return the reason of a candidate that took too long."""
    return f"timeout: it took longer than {seconds:g} s (trial.wall)"


def _line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [""])[0][:200]


class _Overdue(BaseException):
    """The time limit passed; no `except Exception` of a user's function swallows it."""


@contextlib.contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    """Raise `_Overdue` in the main thread after so many seconds."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(number: int, frame: FrameType | None) -> None:
        raise _Overdue

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
