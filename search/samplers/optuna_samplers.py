"""Optuna's samplers, seeded by trial, so that a study that was interrupted goes on as if it had not been."""

from __future__ import annotations

import warnings
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bitfront.spaces import Params, Space, UserError

if TYPE_CHECKING:
    import optuna
    from optuna.distributions import BaseDistribution

    from ..trials.evaluation import Evaluation
    from .surrogate import Surrogate

POPULATION = 20
"""Of NSGA-II: a study of some hundred trials has no room for Optuna's 50."""
UNIFORM_WIDTHS = (16, 12, 10, 8, 7, 6, 5, 4, 3, 2)
"""Widths of the uniform baselines that a search begins with, as far as the space has them."""


_MANY = 1000
"""Trials beyond which the overhead of a model and its narrow view cost more than NSGA-II's slow start."""


def chosen_sampler(name: str, trials: int | None) -> str:
    """Return the sampler that a study's `sampler` stands for, given its budget of trials."""
    if name == "auto":
        return "nsga2" if trials is not None and trials > _MANY else "surrogate"
    return name


ONE_BY_ONE, GROWTH, AT_ONCE = 64, 16, 48
"""Trials of a study that `surrogate` proposes one by one; then one at once for every so many before, to the last at most.

What is known grows by the same share from one to the next, and each costs a fraction of the time.
"""


@dataclass(frozen=True)
class Proposals:
    """What the `surrogate` sampler proposes from."""

    surrogate: Surrogate
    known: Callable[[], Iterable[Evaluation]]
    """The study's finished trials."""


def proposed_with(number: int) -> tuple[int, int]:
    """Return the first of the trials that `surrogate` proposes together with trial `number`, and how many these are."""
    if number < ONE_BY_ONE:
        return number, 1
    first = ONE_BY_ONE
    while first + (count := min(AT_ONCE, first // GROWTH)) <= number:
        first += count
    return first, count


def make_sampler(name: str, seed: int, number: int, *, startup: int) -> optuna.samplers.BaseSampler:
    """Return the sampler for trial `number`.

    `startup` is how many trials TPE and GP wait for before they model: the baselines.

    Raises:
        UserError: when the Gaussian process needs PyTorch and it is missing.
    """
    import optuna

    mixed = (seed * 1_000_003 + number * 7_919 + 1) % 2**32
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        if name == "tpe":
            return optuna.samplers.TPESampler(multivariate=True, n_startup_trials=startup, seed=mixed)
        if name == "nsga2":
            return optuna.samplers.NSGAIISampler(population_size=POPULATION, seed=mixed)
        if name == "gp":
            try:
                import torch  # noqa: F401 - Optuna imports it inside
            except ImportError:
                raise UserError(
                    "sampler: gp needs PyTorch: pip install 'bitfront[gp]', or choose tpe."
                ) from None
            return optuna.samplers.GPSampler(
                n_startup_trials=startup, seed=mixed, deterministic_objective=True
            )
        return optuna.samplers.RandomSampler(seed=mixed)


def seeded_sampler(
    name: str, seed: int, *, startup: Callable[[], int] = lambda: 0, proposals: Proposals | None = None
) -> optuna.samplers.BaseSampler:
    """Return a sampler whose every draw depends on the trial's number and the trials before it alone.

    `startup` gives what `make_sampler` wants, at each draw; `surrogate` needs the `proposals`. So a trial that was cut off while it was drawn is drawn again as it was, the sequence goes on after an
    interruption, and two launchers that share a study never draw alike.

    Raises:
        UserError: when the Gaussian process needs PyTorch and it is missing.
    """
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial, TrialState

    if name == "surrogate":
        assert proposals is not None
        return _by_surrogate(proposals, seed)
    make_sampler(name, seed, 0, startup=0)  # refuses now what it would refuse later

    class Seeded(BaseSampler):
        def __init__(self) -> None:
            self._latest: tuple[int, BaseSampler] | None = None

        def _of(self, trial: FrozenTrial) -> BaseSampler:
            if self._latest is None or self._latest[0] != trial.number:
                self._latest = trial.number, make_sampler(name, seed, trial.number, startup=startup())
            return self._latest[1]

        def before_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
            self._of(trial).before_trial(study, trial)

        def infer_relative_search_space(
            self, study: optuna.Study, trial: FrozenTrial
        ) -> dict[str, BaseDistribution]:
            return self._of(trial).infer_relative_search_space(study, trial)

        def sample_relative(
            self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
        ) -> dict[str, Any]:
            return self._of(trial).sample_relative(study, trial, search_space)

        def sample_independent(
            self,
            study: optuna.Study,
            trial: FrozenTrial,
            param_name: str,
            param_distribution: BaseDistribution,
        ) -> Any:
            # by the parameter's name too: those that were drawn before a cut need not be drawn again
            own = seed ^ zlib.crc32(param_name.encode())
            sampler = make_sampler(name, own, trial.number, startup=startup())
            return sampler.sample_independent(study, trial, param_name, param_distribution)

        def after_trial(
            self, study: optuna.Study, trial: FrozenTrial, state: TrialState, values: Any
        ) -> None:
            self._of(trial).after_trial(study, trial, state, values)

    return Seeded()


def _by_surrogate(proposals: Proposals, seed: int) -> optuna.samplers.BaseSampler:
    """Return Optuna's view of a surrogate; what it finds depends on what `seeded_sampler` says."""
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial, TrialState

    space = proposals.surrogate.space

    class Proposing(BaseSampler):
        def __init__(self) -> None:
            self._proposed: dict[int, list[dict[str, int | str]]] = {}

        def infer_relative_search_space(
            self, study: optuna.Study, trial: FrozenTrial
        ) -> dict[str, BaseDistribution]:
            # a candidate that was enqueued needs no proposal
            return {} if "fixed_params" in trial.system_attrs else distributions(space)

        def sample_relative(
            self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
        ) -> dict[str, Any]:
            if not search_space:
                return {}
            first, count = proposed_with(trial.number)
            if first not in self._proposed:
                self._proposed = {first: self._proposals(study, first, count)}
            found = self._proposed[first]
            return dict(as_optuna(space, found[min(trial.number - first, len(found) - 1)]))

        def _proposals(self, study: optuna.Study, number: int, count: int) -> list[dict[str, int | str]]:
            """Return what `count` trials from `number` on try, given those before it."""
            known = [e for e in proposals.known() if e.number < number]
            finished = {e.number for e in known}
            pending = [
                from_optuna(space, other.params)
                for other in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
                if other.number < number
                and other.number not in finished
                and len(other.params) == len(space.dimensions)
            ]
            rng = np.random.default_rng((seed, number))
            return proposals.surrogate.propose(known, pending, rng, count)

        def sample_independent(
            self,
            study: optuna.Study,
            trial: FrozenTrial,
            param_name: str,
            param_distribution: BaseDistribution,
        ) -> Any:
            # of a trial of which a cut left some parameters
            rest = seeded_sampler("random", seed)
            return rest.sample_independent(study, trial, param_name, param_distribution)

    return Proposing()


def distributions(space: Space) -> dict[str, BaseDistribution]:
    """Return every dimension as `suggest` asks for it."""
    from optuna.distributions import CategoricalDistribution, IntDistribution

    found: dict[str, BaseDistribution] = {}
    for d in space.dimensions:
        if d.choices and d.ordinal:
            # ordinal though not evenly spaced (reuse factors): the sampler sees the position
            found[d.name] = IntDistribution(0, len(d.choices) - 1)
        elif d.choices:
            found[d.name] = CategoricalDistribution(d.choices)
        else:
            found[d.name] = IntDistribution(d.low, d.high)
    return found


def suggest(trial: Any, space: Space) -> dict[str, int | str]:
    """Ask Optuna for a value of every dimension; widths are ordinal."""
    stored: dict[str, int | str] = {}
    for name, kind in distributions(space).items():
        choices = getattr(kind, "choices", None)
        if choices is None:
            stored[name] = trial.suggest_int(name, kind.low, kind.high)  # type: ignore[attr-defined]
        else:
            stored[name] = trial.suggest_categorical(name, choices)
    return from_optuna(space, stored)


def as_optuna(space: Space, params: Params) -> dict[str, int | str]:
    """Return `params` as Optuna stores them."""
    stored: dict[str, int | str] = {}
    for d in space.dimensions:
        positioned = d.choices and d.ordinal
        stored[d.name] = d.position(params[d.name]) if positioned else params[d.name]
    return stored


def from_optuna(space: Space, stored: Params) -> dict[str, int | str]:
    """Return what Optuna stored as values of the dimensions."""
    params: dict[str, int | str] = {}
    for d in space.dimensions:
        value = stored[d.name]
        params[d.name] = d.choices[int(value)] if d.choices and d.ordinal else value
    return params


def baselines(space: Space) -> list[dict[str, int | str]]:
    """Return the uniform candidates, each width by each method, widest first, every different one once."""
    methods = ("ptq", "qat")
    found: list[dict[str, int | str]] = []
    for width in UNIFORM_WIDTHS:
        for method in methods:
            params = space.uniform(width, method)
            if params not in found:
                found.append(params)
    return found
