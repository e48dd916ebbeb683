"""A sampler of the user's own, which a study file names as `sampler: file.py:function`."""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from optuna.samplers import BaseSampler

from bitfront.spaces import BitfrontError, Space, UserError

from ..trials.objectives import Objective
from .study_sampler import SeededSampler

if TYPE_CHECKING:
    import optuna
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial, TrialState


class OwnSampler(SeededSampler):
    """The user's sampler, made anew for each trial; its faults are one sentence each.

    Args:
        function: the user's, called with a seed, the space and the objectives; returns a sampler of Optuna.
        seed: the study's.
        space: what a candidate is drawn from.
        objectives: the study's.

    Raises:
        UserError: when the function returns something else, or fails.
    """

    def __init__(
        self, function: Callable[..., Any], seed: int, space: Space, objectives: Sequence[Objective]
    ) -> None:
        def make(trial_seed: int, startup: int) -> BaseSampler:
            sampler = function(trial_seed, space, tuple(objectives))
            if not isinstance(sampler, BaseSampler):
                raise UserError(
                    f"sampler: the function returned {sampler!r:.100}, not an object of "
                    f"optuna.samplers.BaseSampler."
                )
            return sampler

        super().__init__(make, seed)

    def before_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        """Pass on that a trial begins."""
        with _told():
            super().before_trial(study, trial)

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Return what the trial's sampler draws together."""
        with _told():
            return super().infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return what the trial's sampler draws together."""
        with _told():
            return super().sample_relative(study, trial, search_space)

    def sample_independent(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """Return a value of one dimension."""
        with _told():
            return super().sample_independent(study, trial, param_name, param_distribution)

    def after_trial(self, study: optuna.Study, trial: FrozenTrial, state: TrialState, values: Any) -> None:
        """Pass on that a trial has ended."""
        with _told():
            super().after_trial(study, trial, state, values)


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """Make a fault of the user's sampler a sentence with its place."""
    try:
        yield
    except BitfrontError:
        raise
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        message = (str(error).strip().splitlines() or [""])[0].rstrip(".")
        raise UserError(
            f"sampler: it failed at {last.filename}:{last.lineno}: {type(error).__name__}: {message}."
        ) from error
