"""The loop of a study: ask for a candidate, have it evaluated, write it down, tell everyone; one writer.

The order is what makes it resumable at any moment: a trial's files are complete before Optuna hears of it, so
what a cut-off study has running is either without files (it is evaluated again under its number) or with
files (it is told from them).
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from bitfront.spaces import UserError

from ..config import DEFAULT_WALL, StudyConfig
from ..evaluator.evaluator import Evaluator
from ..evaluator.promotion import Promotion
from ..evaluator.training import Start, is_sparse, nearest
from ..execution import Executor, Job, Outcome, failure, open_executor
from ..storage.locks import alone
from ..storage.optuna_study import OptunaStudy
from ..storage.study_folder import StudyFolder
from ..tracking import StudyRecord, Tracker
from ..trials.evaluation import FILE, Evaluation
from ..trials.files import trial_folder
from ..trials.front import hypervolume, last_gain, pareto
from ..trials.reference import Reference
from ..warm_start.stages import WarmStart
from .background_synthesis import BackgroundSynthesis
from .progress import Progress

_log = logging.getLogger(__name__)
_SUSPECT = ("error:", "crash:", "timeout:", "out_of_memory:", "compiler:")
"""Classes of failure that may be the study's or the machine's, rather than a candidate's."""
_MOST_IN_A_ROW = 10
"""Such failures in a row after which the search stops."""


@dataclass(frozen=True)
class Budget:
    """How many candidates a run may begin, and for how long."""

    trials: int | None
    """Of the study in all; None sets no limit."""
    wall: float | None
    """Seconds of the study in all; None sets no limit."""
    spent: float
    """Seconds that earlier runs of the study took."""
    clock: Callable[[], float] = time.monotonic
    """Returns seconds; a search that is compared with others at equal CPU time counts those."""
    began: float = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "began", self.clock())

    @property
    def seconds(self) -> float:
        """Seconds that the study has taken so far, earlier runs included."""
        return self.spent + self.clock() - self.began

    @property
    def left(self) -> float:
        """Seconds that are left; of the default time where the study sets none."""
        return max(0.0, (self.wall or DEFAULT_WALL) - self.seconds)

    @property
    def over(self) -> bool:
        """Whether its time is over."""
        return self.wall is not None and self.seconds >= self.wall


@dataclass(eq=False)
class Search:
    """A study that is open, with all that its loop needs; `run` evaluates candidates until its budget is
    spent.
    """

    config: StudyConfig
    study_folder: StudyFolder
    evaluator: Evaluator
    reference: Reference
    warm_start: WarmStart
    optuna_study: OptunaStudy
    tracker: Tracker
    background: BackgroundSynthesis
    progress: Progress
    budget: Budget
    evaluations: dict[int, Evaluation]
    """The finished trials by number, which the sampler reads too."""
    volumes: list[tuple[int, float]]
    """Number of a trial and the hypervolume after it, in the order in which they finished."""
    _suspects: int = 0
    """Failures in a row that may not be the candidates'."""

    def run(self) -> None:
        """Evaluate candidates until the budget is spent, the space is exhausted or nothing is gained any
        more.

        Raises:
            UserError: when every candidate fails in a way that isn't its own, or nobody is left who could
                evaluate.
        """
        executor: Executor | None = None
        again = deque(self.optuna_study.interrupted())
        under_way = 0
        try:
            while True:
                while executor is None or under_way < executor.slots:
                    job = again.popleft() if again else self._next()
                    if job is None:
                        break
                    executor = executor or open_executor(self.evaluator, self.study_folder.folder)
                    outcome = self._without_evaluation(job, executor)
                    if outcome is None:
                        executor.submit(self._planned(job))
                        under_way += 1
                    else:
                        self._finish(outcome)
                if under_way:
                    assert executor is not None
                    self._finish(executor.wait())
                    under_way -= 1
                    continue
                again = deque(self.optuna_study.interrupted())  # of launchers that ended meanwhile
                if not again:
                    _, running = self.optuna_study.elsewhere()
                    if running:
                        _log.info(f"{len(running)} trials are still evaluated by other launchers.")
                    return
                self.start_tracking()
        finally:
            if executor is not None:
                executor.close()

    def start_tracking(self) -> None:
        """Open the study's run, and log the trials that were cut off between their files and their runs."""
        with alone(self.study_folder.folder):
            self.tracker.start(StudyRecord.of(self.study_folder.folder))
            for evaluation in self.evaluations.values():
                self.tracker.trial(evaluation)

    def front(self) -> list[Evaluation]:
        """Return the front, as syntheses correct it."""
        return pareto(self.background.view(self.evaluations.values()), self.reference.objectives)

    def _next(self) -> Job | None:
        """Return a new candidate if the budget allows one."""
        if self.budget.over or self._stalled():
            return None
        return self.optuna_study.ask(self.budget.trials)

    def _stalled(self) -> bool:
        """Whether the study's patience is over: so many candidates without a gain of hypervolume; logs it,
        once.
        """
        patience, finished = self.config.budget.patience, len(self.volumes)
        if patience is None or self.optuna_study.warm_start:
            return False
        if finished < self.optuna_study.openers + patience:
            return False
        last = last_gain(self.volumes)
        waited = finished if last is None else [number for number, _ in self.volumes][::-1].index(last)
        if waited < patience:
            return False
        _log.info(f"The last {waited} candidates gained no hypervolume: the search ends here.")
        return True

    def _without_evaluation(self, job: Job, executor: Executor) -> Outcome | None:
        """Return the outcome of a job that needs no evaluation: done before, or too dangerous to try
        again.
        """
        done = self.evaluations.get(job.number) or self._read(job.number)
        if done is not None and dict(done.params) == dict(job.params):
            return Outcome(done, self.study_folder.weights(done))
        same = next((e for e in self.evaluations.values() if dict(e.params) == dict(job.params)), None)
        if same is not None:
            copied = replace(same, number=job.number, kind=job.kind, params=job.params, seconds={})
            return Outcome(copied, self.study_folder.weights(same))
        if executor.shares_process and self.study_folder.attempt(job.number) > self.config.trial.attempts:
            times = self.config.trial.attempts
            return failure(job, f"crash: the search's process ended {times} times while it was evaluated")
        return None

    def _planned(self, job: Job) -> Job:
        """Return a job with all that shapes its evaluation: corrections, how far to train, and from which
        weights.
        """
        job = replace(job, correction=self.background.correction, plan=self.evaluator.plan)
        if job.candidate.method != "qat":
            return job
        section, others = self.config.fidelity, list(self.evaluations.values())
        if job.kind == "uniform":  # trained to the end, from nothing that isn't uniform
            others = [e for e in others if e.kind == "uniform"]
        elif section.least_gain:
            promotion = Promotion.of(
                others,
                self.reference.objectives,
                self.reference.box,
                self.evaluator.constraints,
                self.evaluator.float_score,
                least=section.least_gain,
                short_epochs=section.short_epochs,
            )
            job = replace(job, promotion=promotion)
        start = self.warm_start.start(job.params, job.kind)
        if start is None and section.start == "nearest":
            start = self._nearest(job, others)
        return replace(job, start=start)

    def _nearest(self, job: Job, others: Sequence[Evaluation]) -> Start | None:
        """Return the weights of the trained candidate that is most like a job's; None where there are
        none.
        """
        neighbour = nearest(job.params, others)
        weights = self.study_folder.weights(neighbour) if neighbour else None
        if neighbour is None or not weights:
            return None
        return Start(
            f"trial {neighbour.number}",
            weights,
            sparse=is_sparse(self.evaluator.graph, neighbour.params, weights),
            per_weight=neighbour.start == "gradient" and "sparsity" in neighbour.params,
            epochs=neighbour.epochs,
        )

    def _finish(self, outcome: Outcome) -> None:
        """Write an outcome down, then tell everyone."""
        evaluation = outcome.evaluation
        if self.evaluations.get(evaluation.number) != evaluation:
            evaluation = self.study_folder.write_trial(evaluation, outcome.weights, outcome.log)
            self.evaluations[evaluation.number] = evaluation
        self.optuna_study.tell(evaluation)
        self._take_up_elsewhere()
        self.tracker.trial(evaluation)
        self.background.step(self.evaluations)
        front = self.front()
        figures = self._figures(front)
        self.volumes.append((evaluation.number, figures.get("search/hypervolume", 0.0)))
        self.tracker.progress(evaluation.number, figures)
        (shown,) = self.background.view([evaluation])
        self.progress.trial(shown, figures, front)
        self.study_folder.spend(self.budget.seconds)
        self._require_sound(outcome)

    def _take_up_elsewhere(self) -> None:
        """Take up what other launchers of the study have finished."""
        finished, _ = self.optuna_study.elsewhere()
        read = {number: self._read(number) for number in finished - self.evaluations.keys()}
        self.evaluations.update({number: e for number, e in read.items() if e is not None})

    def _read(self, number: int) -> Evaluation | None:
        path = trial_folder(self.study_folder.folder, number) / FILE
        return Evaluation.read(path) if path.exists() else None

    def _figures(self, front: Sequence[Evaluation]) -> dict[str, float]:
        """Return the study's figures after a trial, for charts over trials."""
        shown = self.background.view(self.evaluations.values())
        feasible = [e for e in shown if e.feasible]
        figures = {
            "search/n_feasible": float(len(feasible)),
            "search/n_failed": float(sum(e.status == "failed" for e in shown)),
            "search/n_trained": float(sum("qat" in e.metrics for e in shown)),
        }
        if feasible:
            objectives = self.reference.objectives
            figures["search/hypervolume"] = hypervolume(front, objectives, self.reference.box)
            metric = next(o for o in objectives if o.is_metric)
            figures["search/best_metric"] = min(feasible, key=metric.loss).score
        return figures

    def _require_sound(self, outcome: Outcome) -> None:
        """Stop a study whose every candidate fails in a way that isn't the candidate's.

        Raises:
            UserError: with the last reason.
        """
        reason = outcome.evaluation.reason or ""
        self._suspects = self._suspects + 1 if reason.startswith(_SUSPECT) else 0
        if self._suspects >= _MOST_IN_A_ROW:
            folder = trial_folder(self.study_folder.folder, outcome.evaluation.number)
            raise UserError(
                f"The last {self._suspects} candidates failed, {reason}: the cause is not theirs, see "
                f"{folder / 'log.txt'}."
            )
