"""Optuna's view of the surrogate: which of its proposals a trial gets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from optuna.trial import TrialState

from .optuna_samplers import as_optuna, distributions, from_optuna, optuna_sampler
from .study_sampler import SeededSampler, StudySampler

if TYPE_CHECKING:
    import optuna
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

    from ..trials.evaluation import Evaluation
    from .surrogate import Surrogate

ONE_BY_ONE, GROWTH, AT_ONCE = 64, 16, 48
"""Trials of a study that are proposed one by one; then one at once for every so many before, to the last at
most.

What is known grows by the same share from one to the next, and each costs a fraction of the time.
"""


def proposed_with(number: int) -> tuple[int, int]:
    """Return the first of the trials that are proposed together with trial `number`, and how many these
    are.
    """
    if number < ONE_BY_ONE:
        return number, 1
    first = ONE_BY_ONE
    while first + (count := min(AT_ONCE, first // GROWTH)) <= number:
        first += count
    return first, count


class SurrogateSampler(StudySampler):
    """Gives each trial what the surrogate proposes for it.

    Args:
        surrogate: proposes.
        seed: the study's.
        finished: the study's finished trials by number, which grow while it runs.
    """

    def __init__(self, surrogate: Surrogate, seed: int, finished: Mapping[int, Evaluation]) -> None:
        self._surrogate, self._seed, self._finished = surrogate, seed, finished
        self._space = surrogate.space
        self._proposed: dict[int, list[dict[str, int | str]]] = {}
        self._rest = SeededSampler(partial(optuna_sampler, "random"), seed)

    def learn(self, rounded: Sequence[Evaluation]) -> None:
        """Take up the candidates that screening rounded: they say what others cost, and score rounded."""
        self._surrogate.learn(rounded)

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Return every dimension; none of a candidate that was enqueued, which needs no proposal."""
        return {} if "fixed_params" in trial.system_attrs else distributions(self._space)

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return the trial's candidate, as Optuna stores it."""
        if not search_space:
            return {}
        first, count = proposed_with(trial.number)
        if first not in self._proposed:
            self._proposed = {first: self._proposals(study, first, count)}
        proposals = self._proposed[first]
        return dict(as_optuna(self._space, proposals[min(trial.number - first, len(proposals) - 1)]))

    def _proposals(self, study: optuna.Study, number: int, count: int) -> list[dict[str, int | str]]:
        """Return what `count` trials from `number` on try, given those before it."""
        finished = [e for e in self._finished.values() if e.number < number]
        numbers = {e.number for e in finished}
        pending = [
            from_optuna(self._space, other.params)
            for other in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
            if other.number < number
            and other.number not in numbers
            and len(other.params) == len(self._space.dimensions)
        ]
        rng = np.random.default_rng((self._seed, number))
        return self._surrogate.propose(finished, pending, rng, count)

    def sample_independent(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """Return a value at random, for a trial of which a cut left some parameters."""
        return self._rest.sample_independent(study, trial, param_name, param_distribution)
