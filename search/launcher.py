"""The loop: ask, evaluate, write down, tell; one writer, resumable at any moment.

The order is what makes it resumable: a trial's files are complete before Optuna hears of it, so a study that was
cut off has at most one trial that is running without files (it is evaluated again under its number) or with files
(it is told from them).
"""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from bitfront.spaces import BitfrontError, Weights

from .evaluation import Evaluation, Kind, read_evaluations
from .front import hypervolume, pareto
from .objectives import Objective
from .progress import Progress
from .samplers import as_optuna, baselines, from_optuna, make_sampler, suggest
from .store import StudyStore
from .tracking import MlflowTracker, NullTracker, StudyRecord, Tracker
from .workbench import Workbench

if TYPE_CHECKING:
    import optuna
    from rich.console import Console

    from .config import StudyConfig

_STARTUP = 10
"""Trials that a sampler waits for before it models, at least."""


@dataclass(frozen=True)
class StudyResult:
    """What a run leaves: the study folder and what is in it."""

    folder: Path
    evaluations: tuple[Evaluation, ...]
    front: tuple[Evaluation, ...]
    interrupted: bool = False

    @property
    def feasible(self) -> bool:
        """Whether any candidate meets every constraint."""
        return any(e.feasible for e in self.evaluations)


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
        console: where progress goes; plain lines where it is no terminal.

    Raises:
        UserError: for anything in the study, the model or the data that can't be used, and when the folder holds
            a study with other settings.
    """
    store = StudyStore(Path(config.output) / config.name)
    if fresh:
        store.set_aside()
    with store.locked():
        return _Launcher(config, base_dir, store, Progress(console), trials, wall).run()


@dataclass
class _Launcher:
    config: StudyConfig
    base_dir: Path
    store: StudyStore
    progress: Progress
    trials: int | None
    wall: float | None
    evaluations: dict[int, Evaluation] = field(default_factory=dict)
    interrupted: bool = False

    def run(self) -> StudyResult:
        store, config = self.store, self.config
        self.progress.say(f"Study {config.name} in {store.folder}")
        problem = store.open(config, self.base_dir, self.progress)
        bench = Workbench(problem)
        reference = store.write_reference(bench)
        self.objectives, self.box = reference.objectives, reference.box
        tracker = self._tracker()
        tracker.start(StudyRecord.of(store.folder))
        for evaluation in read_evaluations(store.folder):
            self.evaluations[evaluation.number] = evaluation
        study = self._optuna(bench)
        self.progress.start(bench, reference, self.objectives)
        try:
            self._search(study, bench, tracker)
        except KeyboardInterrupt:
            self.interrupted = True
            self.progress.say("Interrupted: what is finished is kept, the same command goes on from here.")
        finally:
            self.progress.stop()
        return self._close(bench, tracker)

    # -- the loop ----------------------------------------------------------------------------------------------

    def _search(self, study: optuna.Study, bench: Workbench, tracker: Tracker) -> None:
        first = len(baselines(bench.space))
        startup = max(_STARTUP, first)
        spent = self.store.spent_seconds()
        began = time.monotonic()
        limit = self.trials or (self.config.budget.trials if self.wall is None else None)
        wall = self.wall if self.wall is not None else self.config.budget.wall
        for number in self._unfinished(study):
            self._one(study, bench, tracker, number)
        while (limit is None or len(self.evaluations) < limit) and (
            wall is None or spent + time.monotonic() - began < wall
        ):
            number = len(study.get_trials(deepcopy=False))
            study.sampler = make_sampler(self.config.sampler, self.config.seed, number, startup=startup)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                trial = study.ask()
                suggest(trial, bench.space)
            self._one(study, bench, tracker, trial.number)
            self.store.spend(spent + time.monotonic() - began)

    def _unfinished(self, study: optuna.Study) -> list[int]:
        """Return the numbers of trials that a launcher which is gone left running, after repairing half-asked ones."""
        from optuna.trial import TrialState

        numbers = []
        for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            if len(trial.params) < len(trial.distributions) or not trial.params:
                study.tell(trial.number, state=TrialState.FAIL)
            else:
                numbers.append(trial.number)
        return numbers

    def _one(self, study: optuna.Study, bench: Workbench, tracker: Tracker, number: int) -> None:
        """Evaluate trial `number` unless its files are there, then tell everyone."""
        frozen = study.get_trials(deepcopy=False)[number]
        params = from_optuna(bench.space, frozen.params)
        kind: Kind = "uniform" if frozen.user_attrs.get("kind") == "uniform" else "search"
        evaluation = self.evaluations.get(number)
        if evaluation is None:
            evaluation, weights = self._evaluate(bench, number, params, kind)
            self.store.write_trial(evaluation, weights)
            self.evaluations[number] = evaluation
        self._tell(study, evaluation)
        tracker.trial(evaluation)
        figures = self._figures(bench)
        tracker.progress(number, figures)
        self.progress.trial(evaluation, figures, self._front())

    def _evaluate(
        self, bench: Workbench, number: int, params: dict[str, int | str], kind: Kind
    ) -> tuple[Evaluation, Weights | None]:
        digest = bench.space.candidate(params).digest
        known = next(
            (e for e in self.evaluations.values() if e.digest == digest and e.status != "failed"), None
        )
        if known is not None:
            from dataclasses import replace

            return replace(known, number=number, kind=kind, params=params, seconds={}), self.store.weights(
                known.number
            )
        try:
            return bench.evaluate(number, params, kind)
        except BitfrontError as error:
            # a candidate that can't be computed (types too wide to be exact, say) is an outcome, not the study's end
            candidate = bench.space.candidate(params)
            reason = f"refused: {error}"
            return (
                Evaluation(
                    number=number,
                    digest=candidate.digest,
                    method=candidate.method,  # type: ignore[arg-type]
                    status="failed",
                    kind=kind,
                    params=params,
                    reason=reason,
                ),
                None,
            )

    def _tell(self, study: optuna.Study, evaluation: Evaluation) -> None:
        from optuna.trial import Trial, TrialState

        frozen = study.get_trials(deepcopy=False)[evaluation.number]
        if frozen.state.is_finished():
            return
        trial = Trial(study, frozen._trial_id)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for name, violation in evaluation.constraints.items():
                trial.set_constraint(name, violation)
        if evaluation.status == "complete":
            study.tell(evaluation.number, [o.value(evaluation) for o in self.objectives])
        else:
            state = TrialState.PRUNED if evaluation.status == "infeasible" else TrialState.FAIL
            study.tell(evaluation.number, state=state)

    # -- around it ---------------------------------------------------------------------------------------------

    def _optuna(self, bench: Workbench) -> optuna.Study:
        import optuna
        from optuna.storages import JournalStorage
        from optuna.storages.journal import JournalFileBackend

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            storage = JournalStorage(JournalFileBackend(str(self.store.folder / "journal.log")))
            study = optuna.create_study(
                study_name="bitfront",
                storage=storage,
                directions=[*self.config.directions()],  # type: ignore[list-item]
                load_if_exists=True,
            )
        if not study.get_trials(deepcopy=False):
            for params in baselines(bench.space):
                study.enqueue_trial(as_optuna(bench.space, params), user_attrs={"kind": "uniform"})
        return study

    def _tracker(self) -> Tracker:
        section = self.config.tracking
        if not section.enabled:
            return NullTracker()
        return MlflowTracker(Path(self.config.output), section.uri, warn=self.progress.say)

    def _front(self) -> list[Evaluation]:
        return pareto(list(self.evaluations.values()), self.objectives)

    def _figures(self, bench: Workbench) -> dict[str, float]:
        """Return the study's figures after this trial, for charts over trials."""
        found = list(self.evaluations.values())
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

    def _close(self, bench: Workbench, tracker: Tracker) -> StudyResult:
        """Score the front on the test split, write front and report, and finish tracking."""
        from .report import write_report

        front = self._front()
        if front and front[0].feasible and not self.interrupted:
            front = [self.store.score_on_test(bench, e) for e in front]
            self.evaluations |= {e.number: e for e in front}
            self.store.write_reference(bench, test=True)
        artifacts: list[Path] = []
        if self.evaluations:
            self.progress.say("Writing the report")
            report = write_report(self.store.folder)
            artifacts = [p for p in (report, *(self.store.folder / n for n in _ARTIFACTS)) if p.exists()]
        tracker.finish([e.number for e in front if e.feasible], artifacts)
        result = StudyResult(
            self.store.folder,
            tuple(self.evaluations[n] for n in sorted(self.evaluations)),
            tuple(front),
            self.interrupted,
        )
        self.progress.summary(result, self.objectives, bench)
        return result


_ARTIFACTS = ("study.yaml", "reference.json", "front.csv", "front.png")
