"""What a study asks of whoever proposes its candidates, and the same for any sampler of Optuna."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from optuna.samplers import BaseSampler

from .optuna_samplers import mixed_seed

if TYPE_CHECKING:
    import optuna
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial, TrialState

    from ..trials.evaluation import Evaluation

Make = Callable[[int, int], BaseSampler]
"""Makes a sampler from a seed and a number of trials, those that it waits for before it models."""


class StudySampler(BaseSampler):
    """A sampler of Optuna whose every draw depends on the trial's number and the trials before it alone.

    So a trial that was cut off while it was drawn is drawn again as it was, the sequence continues after an
    interruption, and two launchers that share a study never draw alike.

    Attributes:
        startup: trials to wait for before anything is modelled: those that the warm start proposes. The study
            sets it.
    """

    startup: int = 0

    def learn(self, rounded: Sequence[Evaluation]) -> None:
        """Take up the candidates that screening rounded without training, before the first draw; most
        samplers can't.
        """


class SeededSampler(StudySampler):
    """A sampler that is made anew for each trial, with a seed of the trial's own.

    Args:
        make: makes it. What it knows of earlier trials it must read from the study.
        seed: the study's.

    Raises:
        UserError: what `make` raises where it can't.
    """

    def __init__(self, make: Make, seed: int) -> None:
        self._make, self._seed = make, seed
        self._latest: tuple[int, BaseSampler] | None = None
        make(mixed_seed(seed, 0), 0)  # refuses now what it would refuse later

    def _of(self, trial: FrozenTrial) -> BaseSampler:
        if self._latest is None or self._latest[0] != trial.number:
            self._latest = trial.number, self._make(mixed_seed(self._seed, trial.number), self.startup)
        return self._latest[1]

    def before_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        """Pass on that a trial begins."""
        self._of(trial).before_trial(study, trial)

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Return what the trial's sampler draws together."""
        return self._of(trial).infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return what the trial's sampler draws together."""
        return self._of(trial).sample_relative(study, trial, search_space)

    def sample_independent(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """Return a value of one dimension, drawn by a seed of its name too: those drawn before a cut need not
        be drawn again.
        """
        own = self._seed ^ zlib.crc32(param_name.encode())
        sampler = self._make(mixed_seed(own, trial.number), self.startup)
        return sampler.sample_independent(study, trial, param_name, param_distribution)

    def after_trial(self, study: optuna.Study, trial: FrozenTrial, state: TrialState, values: Any) -> None:
        """Pass on that a trial has ended."""
        self._of(trial).after_trial(study, trial, state, values)
