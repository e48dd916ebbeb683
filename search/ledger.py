"""The study in Optuna's storage: here alone candidates are asked for and results told."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bitfront.spaces import Space

from .evaluation import Evaluation, Kind
from .execution import Job
from .journal import repair_journal
from .objectives import Objective
from .samplers import as_optuna, baselines, distributions, seeded_sampler, suggest

if TYPE_CHECKING:
    import optuna

    from .config import StudyConfig

JOURNAL = "journal.log"
_STARTUP = 10
"""Trials that a sampler waits for before it models, at least."""


class Ledger:
    """Asks Optuna for candidates and tells it of results.

    Opening repairs what an interruption left: a torn journal, missing baselines, trials whose files are there but
    which the journal lost.

    Args:
        config: the study.
        folder: the study's folder.
        space: what a candidate is drawn from.
        objectives: what a finished trial is told with, in the order of the study's directions.
        finished: the evaluations that the folder holds.
        say: takes sentences for the user.

    Raises:
        UserError: when the journal is damaged, or the sampler can't be had.
    """

    def __init__(
        self,
        config: StudyConfig,
        folder: Path,
        space: Space,
        objectives: Sequence[Objective],
        finished: Iterable[Evaluation],
        say: Callable[[str], None],
    ) -> None:
        self._space, self._objectives = space, objectives
        self._open: dict[int, optuna.Trial] = {}
        notice = repair_journal(folder / JOURNAL)
        if notice:
            say(notice)
        uniform = baselines(space)
        with _quiet():
            sampler = seeded_sampler(config.sampler, config.seed, startup=max(_STARTUP, len(uniform)))
            self._study = _open_study(folder / JOURNAL, config.directions(), sampler)
            self._restore({e.number: e for e in finished}, uniform)

    def _restore(self, finished: Mapping[int, Evaluation], uniform: Sequence[Mapping[str, Any]]) -> None:
        """Enqueue the uniform baselines that are missing, then put back trials that the journal lost."""
        from optuna.trial import TrialState, create_trial

        trials = self._study.get_trials(deepcopy=False)
        begun = len(trials)
        if all(t.state == TrialState.WAITING for t in trials):
            for params in uniform[begun:]:
                self._study.enqueue_trial(as_optuna(self._space, params), user_attrs={"kind": "uniform"})
        known = max(begun, len(uniform))
        kinds = distributions(self._space)
        for number in range(known, max(finished, default=-1) + 1):
            # as running: it is told from its files, or drawn again where there are none
            lost = finished.get(number)
            self._study.add_trial(
                create_trial(
                    state=TrialState.RUNNING,
                    params=as_optuna(self._space, lost.params) if lost else {},
                    distributions=kinds if lost else {},
                )
            )

    def interrupted(self) -> list[Job]:
        """Return the trials that a launcher which is gone left running; one that was half drawn is drawn to its end."""
        from optuna.trial import Trial, TrialState

        with _quiet():
            return [
                self._job(Trial(self._study, frozen._trial_id))
                for frozen in self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
                if frozen.number not in self._open
            ]

    def ask(self) -> Job:
        """Draw a new candidate."""
        with _quiet():
            return self._job(self._study.ask())

    def _job(self, trial: optuna.Trial) -> Job:
        params = suggest(trial, self._space)
        self._open[trial.number] = trial
        kind: Kind = "uniform" if trial.user_attrs.get("kind") == "uniform" else "search"
        return Job(trial.number, params, self._space.candidate(params), kind)

    def tell(self, evaluation: Evaluation) -> None:
        """Tell what became of a trial that was asked for."""
        from optuna.trial import TrialState

        trial = self._open.pop(evaluation.number)
        with _quiet():
            for name, violation in evaluation.constraints.items():
                trial.set_constraint(name, violation)
            if evaluation.status == "complete":
                self._study.tell(trial, [o.value(evaluation) for o in self._objectives])
            else:
                state = TrialState.PRUNED if evaluation.status == "infeasible" else TrialState.FAIL
                self._study.tell(trial, state=state)


def _open_study(
    journal: Path, directions: Sequence[str], sampler: optuna.samplers.BaseSampler
) -> optuna.Study:
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna.create_study(
        study_name="bitfront",
        storage=JournalStorage(JournalFileBackend(str(journal))),
        directions=[*directions],  # type: ignore[list-item]
        load_if_exists=True,
        sampler=sampler,
    )


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Hide Optuna's notices about experimental parts of its interface."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
