"""The study in Optuna's storage: here alone candidates are asked for and results told."""

from __future__ import annotations

import contextlib
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import optuna
from optuna.trial import Trial, TrialState, create_trial

from bitfront.spaces import Params, Space

from .evaluation import Evaluation, Kind
from .execution import Job
from .journal import repair_journal
from .locks import Presence, alone
from .objectives import Objective
from .samplers import (
    Proposals,
    as_optuna,
    baselines,
    chosen_sampler,
    distributions,
    seeded_sampler,
    suggest,
)
from .storage import JOURNAL, JOURNAL_FILE, open_storage, patiently

if TYPE_CHECKING:
    from .config import StudyConfig
    from .store import StudyStore

_T = TypeVar("_T")
_HOLDER = "launcher"
"""User attribute of a trial: the launcher that has it."""
_STARTUP = 10
"""Trials that a sampler waits for before it models, at least."""


@dataclass(frozen=True)
class Stage:
    """Candidates to try before the sampler's own, once those of the stages before have begun."""

    candidates: Callable[[], Sequence[Params]]
    """Gives them, always the same; may take long the first time, and is called once a launcher."""
    kind: Kind = "search"


class Ledger:
    """Asks Optuna for candidates and tells it of results.

    Opening repairs what an interruption left: a torn journal, missing baselines, trials whose files are there but
    which the storage lost. With a database, several launchers may have a ledger of the same study.

    Args:
        config: the study.
        store: the study's folder.
        space: what a candidate is drawn from.
        objectives: what a finished trial is told with, in the order of the study's directions.
        finished: the evaluations that the folder holds.
        say: takes sentences for the user.
        stages: what is tried before the sampler's own candidates; the uniform baselines where None.
        proposals: what the `surrogate` sampler, which is `auto` too, proposes from.

    Raises:
        UserError: when the journal is damaged, the database can't be opened, or the sampler can't be had.
        ToolMissing: when the database's driver isn't installed.
    """

    def __init__(
        self,
        config: StudyConfig,
        store: StudyStore,
        space: Space,
        objectives: Sequence[Objective],
        finished: Iterable[Evaluation],
        say: Callable[[str], None],
        stages: Sequence[Stage] | None = None,
        proposals: Proposals | None = None,
    ) -> None:
        self._space, self._objectives, self._folder = space, objectives, store.folder
        self._url, self._say = config.storage, say
        self._open: dict[int, optuna.Trial] = {}
        self.shared = config.storage != JOURNAL
        self._presence = Presence(store.folder) if self.shared else None
        if not self.shared and (notice := repair_journal(store.folder / JOURNAL_FILE)):
            say(notice)
        uniform = baselines(space)
        self.uniform = len(uniform)
        """How many uniform candidates there are."""
        self.openers = 0
        """How many candidates come before the sampler's, as far as their stages have been entered."""
        self._stages = deque([Stage(lambda: uniform, "uniform")] if stages is None else stages)
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        with _quiet(), alone(store.folder):
            self._study = optuna.create_study(
                study_name=f"{config.name}-{store.run_id}" if self.shared else "bitfront",
                storage=open_storage(config.storage, store.folder),
                directions=[*config.directions()],  # type: ignore[list-item]
                load_if_exists=True,
                sampler=seeded_sampler(
                    chosen_sampler(config.sampler, config.budget.trials),
                    config.seed,
                    startup=lambda: max(_STARTUP, self.openers),
                    proposals=proposals,
                ),
            )
            self._restore({e.number: e for e in finished})

    @property
    def opening(self) -> bool:
        """Whether there are stages that have not been entered."""
        return bool(self._stages)

    def _restore(self, finished: Mapping[int, Evaluation]) -> None:
        """Enter the stages that have been, so that none of their candidates is missing, then put back trials that the storage lost."""
        known = len(self._study.get_trials(deepcopy=False))
        most = max(finished, default=-1) + 1
        self.enter(max(known, most) - 1)
        kinds = distributions(self._space)
        for number in range(max(known, self.openers), most):
            # as running: it is told from its files, or drawn again where there are none
            lost = finished.get(number)
            self._study.add_trial(
                create_trial(
                    state=TrialState.RUNNING,
                    params=as_optuna(self._space, lost.params) if lost else {},
                    distributions=kinds if lost else {},
                )
            )

    def enter(self, begun: int) -> None:
        """Enqueue the candidates of the stages whose turn it is when so many trials have begun; the first one's always."""
        while self._stages and max(0, begun) >= self.openers:
            stage = self._stages[0]
            candidates = stage.candidates()
            # those that the study has already: all of them where it has gone on beyond
            known = len(self._study.get_trials(deepcopy=False)) - self.openers
            for params in candidates[known:]:
                self._study.enqueue_trial(as_optuna(self._space, params), user_attrs={"kind": stage.kind})
            self._stages.popleft()
            self.openers += len(candidates)

    def interrupted(self) -> list[Job]:
        """Take over the trials that a launcher which is gone left running; a half-drawn one is drawn to its end."""
        return self._patiently(self._interrupted)

    def _interrupted(self) -> list[Job]:
        with _quiet(), alone(self._folder):
            left = [
                Trial(self._study, frozen._trial_id)
                for frozen in self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
                if frozen.number not in self._open and not self._held(frozen.user_attrs.get(_HOLDER))
            ]
            for trial in left:
                self._hold(trial)
        with _quiet():
            return [self._job(trial) for trial in left]

    def _held(self, holder: str | None) -> bool:
        """Whether a launcher other than this one, and alive, has a trial."""
        if self._presence is None or holder is None or holder == self._presence.name:
            return False
        return self._presence.lives(holder)

    def _hold(self, trial: optuna.Trial) -> None:
        if self._presence is not None:
            trial.set_user_attr(_HOLDER, self._presence.name)

    def ask(self, most: int | None) -> Job | None:
        """Draw a new candidate; None where `most` have been begun already, by all launchers together."""
        return self._patiently(lambda: self._ask(most))

    def _ask(self, most: int | None) -> Job | None:
        with _quiet():
            # under the lock, so that launchers don't exceed the budget together and every trial has a holder
            with alone(self._folder):
                trials = self._study.get_trials(deepcopy=False)
                begun = sum(t.state != TrialState.WAITING for t in trials)
                if most is not None and begun >= most:
                    return None
                self.enter(begun)
                trial = self._study.ask()
                self._hold(trial)
            return self._job(trial)

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
            values, state = None, TrialState.PRUNED if evaluation.status == "infeasible" else TrialState.FAIL
            if evaluation.status == "complete":
                values, state = [o.value(evaluation) for o in self._objectives], TrialState.COMPLETE
            self._study.tell(trial, values, state=state, skip_if_finished=True)

    def elsewhere(self) -> tuple[set[int], set[int]]:
        """Return the numbers of the trials that are finished, and of those that other launchers have running."""
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
        return patiently(action, self._url, self._say)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Hide Optuna's notices about experimental parts of its interface."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
