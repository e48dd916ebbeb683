"""The study in Optuna's storage: here alone candidates are asked for and results told."""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import optuna
from optuna.trial import FrozenTrial, Trial, TrialState, create_trial

from bitfront.spaces import Params, Space

from ..execution import Job
from ..samplers.optuna_samplers import as_optuna, baselines, distributions, suggest
from ..samplers.study_sampler import StudySampler
from ..samplers.tried import KEPT, REPEATS, Tried
from ..trials.evaluation import Evaluation, Kind
from ..trials.objectives import Objective
from .identity import Identity
from .journal import repair_journal
from .locks import Presence, alone
from .optuna_storage import JOURNAL, JOURNAL_FILE, open_storage, patiently

if TYPE_CHECKING:
    from ..config import StudyConfig
    from .study_folder import StudyFolder

_log = logging.getLogger(__name__)
_T = TypeVar("_T")
_HOLDER = "launcher"
"""User attribute of a trial: the launcher that has it."""
_STARTUP = 10
"""Trials that a sampler waits for before it models, at least."""
_DRAWS = 4
"""Times in a row that a sampler may draw what was tried, before one that wasn't is drawn at random."""


@dataclass(frozen=True)
class Stage:
    """Candidates to try before the sampler's own, once those of the stages before have begun."""

    candidates: Callable[[], Sequence[Params]]
    """Gives them, always the same; may take long the first time, and is called once per launcher."""
    kind: Kind = "search"


class OptunaStudy:
    """Asks Optuna for candidates and tells it of results.

    Opening repairs what an interruption left: a torn journal, missing baselines, trials whose files are there
    but which the storage lost. With a database, several launchers may each open the same study.

    Args:
        config: the study.
        study_folder: the study's folder.
        space: what a candidate is drawn from.
        objectives: what a finished trial is told with, in the order of the study's directions.
        finished: the evaluations that the folder holds.
        sampler: proposes candidates once the stages have none left.
        stages: what is tried before the sampler's own candidates; the uniform baselines where None.

    Raises:
        UserError: when the journal is damaged, the database can't be opened, or the sampler can't be had.
        ToolMissing: when the database's driver isn't installed.
    """

    def __init__(
        self,
        config: StudyConfig,
        study_folder: StudyFolder,
        space: Space,
        objectives: Sequence[Objective],
        finished: Iterable[Evaluation],
        sampler: StudySampler,
        stages: Sequence[Stage] | None = None,
    ) -> None:
        self._space, self._objectives, self._folder = space, objectives, study_folder.folder
        self._url = config.storage
        self._open: dict[int, optuna.Trial] = {}
        self.shared = config.storage != JOURNAL
        self._presence = Presence(study_folder.folder) if self.shared else None
        if not self.shared and (notice := repair_journal(study_folder.folder / JOURNAL_FILE)):
            _log.info(notice)
        uniform = baselines(space)
        identity = Identity.read(study_folder.folder)
        self._carried = identity.carried if identity else 0
        self.openers = self._carried
        """How many candidates come before the sampler's, as far as their stages have been entered: those of a
        narrower space that the study was widened from, then those of the stages."""
        self._sampler = sampler
        sampler.startup = max(_STARTUP, self.openers)
        self._sampled = config.sampler != "grid-uniform"
        self._seed = config.seed
        self._tried = Tried(space)
        self._said = False
        self._stages = deque([Stage(lambda: uniform, "uniform")] if stages is None else stages)
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        name = f"{config.name}-{identity.run if identity else ''}" if self.shared else "bitfront"
        with _quiet(), alone(study_folder.folder):
            self._storage = open_storage(config.storage, study_folder.folder)
            self._study = optuna.create_study(
                study_name=name,
                storage=self._storage,
                directions=[*config.directions()],  # type: ignore[list-item]
                load_if_exists=True,
                sampler=sampler,
            )
            self._restore({e.number: e for e in finished})

    @property
    def warm_start(self) -> bool:
        """Whether there are stages that have not been entered."""
        return bool(self._stages)

    def _restore(self, finished: Mapping[int, Evaluation]) -> None:
        """Enter the stages that have been, so that none of their candidates is missing, then put back trials
        that the storage lost.
        """
        stored = len(self._study.get_trials(deepcopy=False))
        most = max(finished, default=-1) + 1
        for number in range(stored, self._carried):
            self._carry(finished.get(number))
        stored = max(stored, self._carried)
        before = (e.params for n, e in finished.items() if n < self._carried)
        self._before = {self._space.candidate(params).digest for params in before}
        self.enter(max(stored, most) - 1)
        kinds = distributions(self._space)
        for number in range(max(stored, self.openers), most):
            # as running: it is told from its files, or drawn again where there are none
            lost = finished.get(number)
            self._study.add_trial(
                create_trial(
                    state=TrialState.RUNNING,
                    params=as_optuna(self._space, lost.params) if lost else {},
                    distributions=kinds if lost else {},
                )
            )

    def _carry(self, lost: Evaluation | None) -> None:
        """Put back a trial of the narrower space that the study was widened from; one that was cut off there
        stays so.
        """
        kinds = distributions(self._space)
        if lost is None:
            self._study.add_trial(create_trial(state=TrialState.FAIL, user_attrs={REPEATS: -1}))
            return
        params = as_optuna(self._space, lost.params)
        self._study.add_trial(create_trial(state=TrialState.RUNNING, params=params, distributions=kinds))
        self._open[lost.number] = self._trial(len(self._study.get_trials(deepcopy=False)) - 1)
        self.tell(lost)

    def _trial(self, number: int) -> Trial:
        """Return a trial of the storage that is to be continued."""
        study = self._storage.get_study_id_from_name(self._study.study_name)
        return Trial(self._study, self._storage.get_trial_id_from_study_id_trial_number(study, number))

    def enter(self, begun: int) -> None:
        """Enqueue the candidates of the stages whose turn it is when so many trials have begun; the first
        one's always.
        """
        while self._stages and max(0, begun) >= self.openers:
            stage = self._stages[0]
            candidates = [
                params for params in stage.candidates() if not self._carried or self._is_new(params)
            ]
            # those that the study has already: all of them where it has gone on beyond
            there = len(self._study.get_trials(deepcopy=False)) - self.openers
            for params in candidates[there:]:
                self._study.enqueue_trial(as_optuna(self._space, params), user_attrs={"kind": stage.kind})
            self._stages.popleft()
            self.openers += len(candidates)
            self._sampler.startup = max(_STARTUP, self.openers)

    def _is_new(self, params: Params) -> bool:
        """Whether a candidate was not among those that the study was widened with."""
        return self._space.candidate(params).digest not in self._before

    def interrupted(self) -> list[Job]:
        """Take over the trials that a launcher which is gone left running; a half-drawn one is drawn to its
        end.
        """
        return self._patiently(self._interrupted)

    def _interrupted(self) -> list[Job]:
        with _quiet(), alone(self._folder):
            left = [
                self._trial(frozen.number)
                for frozen in self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
                if frozen.number not in self._open and not self._held(frozen.user_attrs.get(_HOLDER))
            ]
            for trial in left:
                self._hold(trial)
        with _quiet():
            jobs = [self._job(trial) for trial in left]
            return [job for job in jobs if not self._repeated(job)]

    def _held(self, holder: str | None) -> bool:
        """Whether a launcher other than this one, and alive, has a trial."""
        if self._presence is None or holder is None or holder == self._presence.name:
            return False
        return self._presence.lives(holder)

    def _hold(self, trial: optuna.Trial) -> None:
        if self._presence is not None:
            trial.set_user_attr(_HOLDER, self._presence.name)

    def ask(self, most: int | None) -> Job | None:
        """Draw a new candidate that was not tried; None where there is none, or `most` were begun, by all
        launchers together.
        """
        return self._patiently(lambda: self._ask(most))

    def _ask(self, most: int | None) -> Job | None:
        draws = 0  # of the sampler
        with _quiet():
            while True:
                # under the lock, so that launchers don't exceed the budget together and every trial has a
                # holder
                with alone(self._folder):
                    trials = self._study.get_trials(deepcopy=False)
                    begun = [t for t in trials if t.state != TrialState.WAITING]
                    if most is not None and sum(REPEATS not in t.user_attrs for t in begun) >= most:
                        return None
                    self.enter(len(begun))
                    waits = self._waits()
                    if self._exhausted(begun) or not (waits or self._sampled):
                        return None
                    draws += not waits
                    if draws > _DRAWS and not waits:
                        self._study.enqueue_trial(
                            as_optuna(self._space, self._tried.another(begun, self._seed))
                        )
                    trial = self._study.ask()
                    self._hold(trial)
                job = self._job(trial)
                if not self._repeated(job):
                    return job

    def _waits(self) -> bool:
        return bool(self._study.get_trials(deepcopy=False, states=(TrialState.WAITING,)))

    def _exhausted(self, begun: Sequence[FrozenTrial]) -> bool:
        """Whether every candidate of the space was begun; says so, once."""
        exhausted = self._tried.all_of(begun)
        if exhausted and not self._said:
            self._said = True
            most = self._space.different
            what = f"{most} candidates, all of which have" if most > 1 else "a single candidate, which has"
            _log.info(f"The space has {what} been tried: the search ends here.")
        return exhausted

    def _repeated(self, job: Job) -> bool:
        """Whether an earlier trial has a job's candidate, or kept it; then the trial ends, and uses up none
        of the budget.

        Not a uniform one: it is what others are compared to, whoever had the candidate before.
        """
        if job.kind == "uniform":
            return False
        earlier = self._study.get_trials(deepcopy=False)[: job.number]
        first = self._tried.first(job.candidate.digest, earlier)
        if first is None:
            return False
        trial = self._open.pop(job.number)
        trial.set_user_attr(REPEATS, first.number)
        self._study.tell(
            trial, state=TrialState.FAIL, skip_if_finished=True
        )  # samplers learn nothing from it
        return True

    def _job(self, trial: optuna.Trial) -> Job:
        params = suggest(trial, self._space)
        self._open[trial.number] = trial
        kind: Kind = "uniform" if trial.user_attrs.get("kind") == "uniform" else "search"
        return Job(trial.number, params, self._space.candidate(params), kind)

    def tell(self, evaluation: Evaluation) -> None:
        """Tell what became of a trial that was asked for."""
        self._patiently(lambda: self._tell(evaluation))
        del self._open[evaluation.number]

    def _tell(self, evaluation: Evaluation) -> None:
        trial = self._open[evaluation.number]
        with _quiet():
            for name, violation in evaluation.constraints.items():
                trial.set_constraint(name, violation)
            for key in ("method", "fidelity"):
                trial.set_user_attr(key, getattr(evaluation, key))
            if evaluation.kept:
                trial.set_user_attr(KEPT, evaluation.kept)
            values, state = None, TrialState.PRUNED if evaluation.status == "infeasible" else TrialState.FAIL
            if evaluation.status == "complete":
                values, state = [o.value(evaluation) for o in self._objectives], TrialState.COMPLETE
            self._study.tell(trial, values, state=state, skip_if_finished=True)

    def elsewhere(self) -> tuple[set[int], set[int]]:
        """Return the numbers of the trials that are finished, and of those that other launchers have
        running.
        """
        if not self.shared:
            return set(), set()
        trials = self._patiently(lambda: self._study.get_trials(deepcopy=False))
        return (
            {t.number for t in trials if t.state.is_finished()},
            {t.number for t in trials if t.state == TrialState.RUNNING and t.number not in self._open},
        )

    def close(self) -> None:
        """Show other launchers that this one is gone."""
        if self._presence is not None:
            self._presence.end()

    def _patiently(self, action: Callable[[], _T]) -> _T:
        return patiently(action, self._url)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Hide Optuna's notices about experimental parts of its interface."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
