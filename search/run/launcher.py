"""The loop: ask, have evaluated, write down, tell; one writer, resumable at any moment.

The order is what makes it resumable: a trial's files are complete before Optuna hears of it, so what a cut-off study
has running is either without files (it is evaluated again under its number) or with files (it is told from them).
"""

from __future__ import annotations

import logging
import time
from collections import deque
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from bitfront.spaces import UserError

from ..analysis.latency import record_latency
from ..analysis.test_scores import score_on_test
from ..analysis.uniform_comparison import compared
from ..evaluator.cache import TrainingCache
from ..evaluator.evaluator import Evaluator
from ..evaluator.promotion import Promotion
from ..evaluator.training import Start, nearest
from ..execution import Executor, Job, Outcome, bound_tensorflow, failure, open_executor
from ..measurements.corrected import read_evaluations
from ..samplers.optuna_samplers import Proposals, chosen_sampler
from ..samplers.surrogate import Surrogate
from ..storage.locks import alone, locked
from ..storage.optuna_storage import JOURNAL
from ..storage.optuna_study import OptunaStudy
from ..storage.study_folder import StudyFolder
from ..tracking import MlflowTracker, NullTracker, StudyRecord, SubprocessTracker, Tracker
from ..trials.evaluation import FILE, Evaluation
from ..trials.files import trial_folder
from ..trials.front import hypervolume, hypervolume_history, last_gain, pareto
from ..trials.objectives import Objective
from ..trials.reference import Reference
from ..warm_start.context import SearchContext
from ..warm_start.stages import WarmStart
from .background_synthesis import BackgroundSynthesis
from .messages import messages_on
from .progress import Progress
from .result import StudyResult

if TYPE_CHECKING:
    from rich.console import Console

    from ..config import StudyConfig

_log = logging.getLogger(__name__)
_SUSPECT = ("error:", "crash:", "timeout:", "out_of_memory:", "compiler:")
"""Classes of failure that may be the study's or the machine's, rather than a candidate's."""
_MOST_IN_A_ROW = 10
"""Such failures in a row after which the search stops."""


def run_study(
    config: StudyConfig,
    base_dir: Path,
    *,
    trials: int | None = None,
    wall: float | None = None,
    fresh: bool = False,
    console: Console | None = None,
) -> StudyResult:
    """Run a study, or go on with it where it stands; return when its budget is spent.

    Args:
        config: the study.
        base_dir: folder that paths in the study file are relative to.
        trials: other number of trials than the study's budget.
        wall: other wall-clock budget than the study's, in seconds.
        fresh: begin anew; the old folder is kept beside it, numbered.
        console: shows what is logged meanwhile, and a live table if it is a terminal; `logging` alone hears it where None.

    Raises:
        UserError: for anything in the study, the model or the data that can't be used, and when the folder holds
            a study with other settings.
    """
    study_folder = StudyFolder(Path(config.output) / config.name)
    if fresh:
        study_folder.set_aside()
    with locked(study_folder.folder, shared=config.storage != JOURNAL), messages_on(console):
        return _Launcher(config, base_dir, study_folder, Progress(console), trials, wall).run()


@dataclass
class _Launcher:
    config: StudyConfig
    base_dir: Path
    study_folder: StudyFolder
    progress: Progress
    trials: int | None
    wall: float | None
    evaluations: dict[int, Evaluation] = field(default_factory=dict)
    interrupted: bool = False
    _streak: int = 0
    _spent: float = 0.0
    _began: float = 0.0

    def run(self) -> StudyResult:
        study_folder, config = self.study_folder, self.config
        _log.info(f"Study {config.name} in {study_folder.folder}")
        bound_tensorflow()
        with alone(study_folder.folder):
            problem = study_folder.open(config, self.base_dir)
            cache = None
            if config.cache:
                cache = TrainingCache(Path(config.output).resolve() / ".cache", config.cache)
            self.evaluator = evaluator = Evaluator(problem, cache)
            reference = study_folder.write_reference(evaluator)
            self.objectives, self.box = reference.objectives, reference.box
        self.evaluations = {e.number: e for e in read_evaluations(study_folder.folder, corrected=False)}
        study_folder.require_weights(self.evaluations.values())
        self._volumes = hypervolume_history(list(self.evaluations.values()), self.objectives, self.box)
        proposals = self._proposals()
        learn = proposals.surrogate.learn if proposals else lambda rounded: None
        context = SearchContext(evaluator, self.objectives, self.box, study_folder.folder)
        self.warm_start = WarmStart(context, learn)
        optuna_study = OptunaStudy(
            config,
            study_folder,
            evaluator.space,
            self.objectives,
            self.evaluations.values(),
            self.warm_start.stages(),
            proposals,
        )
        tracker = self._tracker()
        self._start_tracking(tracker)
        self.progress.start(evaluator, reference, self.objectives)
        self.background = BackgroundSynthesis(study_folder.folder, config, reference, tracker)
        self.background.start(self.evaluations.values())
        try:
            self._search(optuna_study, tracker)
            self.background.finish(self.evaluations)
        except KeyboardInterrupt:
            self.interrupted = True
            _log.info("Interrupted: what is finished is kept, the same command goes on from here.")
        except OSError as error:
            raise UserError(
                f"The study folder {study_folder.folder} can't be written ({error.strerror or error}): see to it, and run the "
                f"same command again; {len(self.evaluations)} finished trials are kept."
            ) from error
        finally:
            self.background.stop()
            self.progress.stop()
            optuna_study.close()
        return self._close(evaluator, tracker)

    def _proposals(self) -> Proposals | None:
        """Return what the `surrogate` sampler proposes from; None where another one samples."""
        if chosen_sampler(self.config.sampler, self.config.budget.trials) != "surrogate":
            return None
        surrogate = Surrogate(
            self.evaluator.space,
            self.objectives,
            self.box,
            self.evaluator.constraints,
            self.evaluator.float_score,
        )
        return Proposals(surrogate, lambda: self.evaluations.values())

    def _start_tracking(self, tracker: Tracker) -> None:
        """Open the study's run, and log the trials that were cut off between their files and their runs."""
        with alone(self.study_folder.folder):
            tracker.start(StudyRecord.of(self.study_folder.folder))
            for evaluation in self.evaluations.values():
                tracker.trial(evaluation)

    # -- the loop ----------------------------------------------------------------------------------------------

    def _search(self, optuna_study: OptunaStudy, tracker: Tracker) -> None:
        self._spent, self._began = self.study_folder.spent_seconds(), time.monotonic()
        executor: Executor | None = None
        again = deque(optuna_study.interrupted())
        under_way = 0
        try:
            while True:
                while executor is None or under_way < executor.slots:
                    job = again.popleft() if again else self._next(optuna_study)
                    if job is None:
                        break
                    executor = executor or open_executor(self.evaluator, self.study_folder.folder)
                    outcome = self._known(job, executor)
                    if outcome is None:
                        executor.submit(self._planned(job))
                        under_way += 1
                    else:
                        self._finish(optuna_study, tracker, outcome)
                if under_way:
                    assert executor is not None
                    self._finish(optuna_study, tracker, executor.wait())
                    under_way -= 1
                    continue
                again = deque(optuna_study.interrupted())  # of launchers that ended meanwhile
                if not again:
                    _, running = optuna_study.elsewhere()
                    if running:
                        _log.info(f"{len(running)} trials are still evaluated by other launchers.")
                    return
                self._start_tracking(tracker)
        finally:
            if executor is not None:
                executor.close()

    def _next(self, optuna_study: OptunaStudy) -> Job | None:
        """Return a new candidate if the budget allows one."""
        trials = self.trials or (self.config.budget.trials if self.wall is None else None)
        wall = self.wall if self.wall is not None else self.config.budget.wall
        if wall is not None and self._spent + time.monotonic() - self._began >= wall:
            return None
        if self._stalled(optuna_study):
            return None
        return optuna_study.ask(trials)

    def _stalled(self, optuna_study: OptunaStudy) -> bool:
        """Whether the search has gone on for the study's patience without a gain of hypervolume; says so, once."""
        patience = self.config.budget.patience
        if (
            patience is None
            or optuna_study.warm_start
            or len(self._volumes) < optuna_study.openers + patience
        ):
            return False
        last = last_gain(self._volumes)
        waited = len(self._volumes) if last is None else [n for n, _ in self._volumes][::-1].index(last)
        if waited < patience:
            return False
        _log.info(f"The last {waited} candidates gained no hypervolume: the search ends here.")
        return True

    def _planned(self, job: Job) -> Job:
        """Return a job with all that shapes its evaluation: corrections, how far to train, and from which weights."""
        job = replace(job, correction=self.background.correction)
        section = self.config.fidelity
        if job.candidate.method != "qat":
            return job
        known = list(self.evaluations.values())
        if job.kind == "uniform":  # trained to the end, from nothing that isn't uniform
            known = [e for e in known if e.kind == "uniform"]
        elif section.least_gain:
            promotion = Promotion.of(
                known,
                self.objectives,
                self.box,
                self.evaluator.constraints,
                self.evaluator.float_score,
                least=section.least_gain,
                short_epochs=section.short_epochs,
            )
            job = replace(job, promotion=promotion)
        start = self.warm_start.start(job.params, job.kind)
        if start is None and section.start == "nearest":
            found = nearest(job.params, known)
            weights = self.study_folder.weights(found) if found else None
            if found and weights:
                sparse = bool(found.params.get("sparsity", 0))
                per_weight = found.start == "gradient" and "sparsity" in found.params
                start = Start(f"trial {found.number}", weights, sparse, per_weight, found.epochs)
        return job if start is None else replace(job, start=start)

    def _known(self, job: Job, executor: Executor) -> Outcome | None:
        """Return the outcome of a job that needs no evaluation: done before, or too dangerous to try again."""
        done = self.evaluations.get(job.number) or self._read(job.number)
        if done is not None and dict(done.params) == dict(job.params):
            return Outcome(done, self.study_folder.weights(done))
        bit_true = next((e for e in self.evaluations.values() if dict(e.params) == dict(job.params)), None)
        if bit_true is not None:
            same = replace(bit_true, number=job.number, kind=job.kind, params=job.params, seconds={})
            return Outcome(same, self.study_folder.weights(bit_true))
        if executor.shares_process and self.study_folder.attempt(job.number) > self.config.trial.attempts:
            times = self.config.trial.attempts
            return failure(job, f"crash: the search's process ended {times} times while it was evaluated")
        return None

    def _finish(self, optuna_study: OptunaStudy, tracker: Tracker, outcome: Outcome) -> None:
        """Write an outcome down, then tell everyone."""
        evaluation = outcome.evaluation
        if self.evaluations.get(evaluation.number) != evaluation:
            evaluation = self.study_folder.write_trial(evaluation, outcome.weights, outcome.log)
            self.evaluations[evaluation.number] = evaluation
        optuna_study.tell(evaluation)
        self._hear(optuna_study)
        tracker.trial(evaluation)
        self.background.step(self.evaluations)
        figures = self._figures(self.evaluator)
        self._volumes.append((evaluation.number, figures.get("search/hypervolume", 0.0)))
        tracker.progress(evaluation.number, figures)
        (shown,) = self.background.view([evaluation])
        self.progress.trial(shown, figures, self._front())
        self.study_folder.spend(self._spent + time.monotonic() - self._began)
        self._check_streak(outcome)

    def _hear(self, optuna_study: OptunaStudy) -> None:
        """Take up what other launchers of the study have finished."""
        finished, _ = optuna_study.elsewhere()
        found = {number: self._read(number) for number in finished - self.evaluations.keys()}
        self.evaluations |= {number: e for number, e in found.items() if e is not None}

    def _read(self, number: int) -> Evaluation | None:
        path = trial_folder(self.study_folder.folder, number) / FILE
        return Evaluation.read(path) if path.exists() else None

    def _check_streak(self, outcome: Outcome) -> None:
        """Stop a study whose every candidate fails in a way that isn't the candidate's.

        Raises:
            UserError: with the last reason.
        """
        reason = outcome.evaluation.reason or ""
        self._streak = self._streak + 1 if reason.startswith(_SUSPECT) else 0
        if self._streak >= _MOST_IN_A_ROW:
            folder = trial_folder(self.study_folder.folder, outcome.evaluation.number)
            raise UserError(
                f"The last {self._streak} candidates failed, {reason}: the cause is not theirs, see {folder / 'log.txt'}."
            )

    # -- around it ---------------------------------------------------------------------------------------------

    def _tracker(self) -> Tracker:
        section = self.config.tracking
        if not section.enabled:
            return NullTracker()
        # launchers that share a study take turns to start, so there `start` must be done when it returns
        kind = SubprocessTracker if self.config.storage == JOURNAL else MlflowTracker
        return kind(Path(self.config.output), section.uri)

    def _front(self) -> list[Evaluation]:
        return pareto(self.background.view(self.evaluations.values()), self.objectives)

    def _figures(self, evaluator: Evaluator) -> dict[str, float]:
        """Return the study's figures after this trial, for charts over trials."""
        found = self.background.view(self.evaluations.values())
        feasible = [e for e in found if e.feasible]
        figures = {
            "search/n_feasible": float(len(feasible)),
            "search/n_failed": float(sum(e.status == "failed" for e in found)),
            "search/n_trained": float(sum("qat" in e.metrics for e in found)),
        }
        if feasible:
            figures["search/hypervolume"] = hypervolume(self._front(), self.objectives, self.box)
            best = min(feasible, key=self.objectives_metric.loss)
            figures["search/best_metric"] = best.score
        return figures

    @property
    def objectives_metric(self) -> Objective:
        """The objective that is the metric."""
        return next(o for o in self.objectives if o.is_metric)

    def _close(self, evaluator: Evaluator, tracker: Tracker) -> StudyResult:
        """Score the front on the test split, write front and report, and finish tracking."""
        from ..report import write_report

        front = self._front()
        if front and front[0].feasible and not self.interrupted:
            _log.info("Scoring the front and the uniform baselines on the test data, with intervals")
            shown = self.background.view(self.evaluations.values())
            chosen = (front, compared(shown, self.objectives))
            as_filed = ([self.evaluations[e.number] for e in some] for some in chosen)
            self.evaluations |= score_on_test(evaluator, self.study_folder, *as_filed)
            front = self._front()
            self.study_folder.write_reference(evaluator, test=True)
        artifacts: list[Path] = []
        if self.evaluations:
            if not self.interrupted:
                record_latency(
                    self.study_folder.folder,
                    evaluator.problem.model,
                    evaluator.problem.data.x_val,
                    again=False,
                )
            _log.info("Writing the report")
            report = write_report(self.study_folder.folder)
            artifacts = [
                p for p in (report, *(self.study_folder.folder / n for n in _ARTIFACTS)) if p.exists()
            ]
        tracker.finish([e.number for e in front if e.feasible], artifacts)
        result = StudyResult(
            self.study_folder.folder,
            tuple(self.background.view(self.evaluations[n] for n in sorted(self.evaluations))),
            tuple(front),
            self.interrupted,
        )
        self.progress.summary(result, Reference.read(self.study_folder.folder))
        return result


_ARTIFACTS = ("study.yaml", "reference.json", "front.csv", "front.png")
