"""Optuna's samplers by their names in a study file, and a space's candidates as Optuna stores them."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from bitfront.spaces import Params, Space, UserError

if TYPE_CHECKING:
    import optuna
    from optuna.distributions import BaseDistribution

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


def mixed_seed(seed: int, number: int) -> int:
    """Return a seed of trial `number` of a study with this seed: 32 bits."""
    return (seed * 1_000_003 + number * 7_919 + 1) % 2**32


def optuna_sampler(name: str, seed: int, startup: int) -> optuna.samplers.BaseSampler:
    """Return a sampler of Optuna by the name that a study file gives it; random for any that isn't Optuna's.

    `startup` is how many trials TPE and GP wait for before they model: the baselines.

    Raises:
        UserError: when the Gaussian process needs PyTorch and it is missing.
    """
    import optuna

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        if name == "tpe":
            return optuna.samplers.TPESampler(multivariate=True, n_startup_trials=startup, seed=seed)
        if name == "nsga2":
            return optuna.samplers.NSGAIISampler(population_size=POPULATION, seed=seed)
        if name == "gp":
            try:
                import torch  # noqa: F401 - Optuna imports it inside
            except ImportError:
                raise UserError(
                    "sampler: gp needs PyTorch: pip install 'bitfront[gp]', or choose tpe."
                ) from None
            return optuna.samplers.GPSampler(
                n_startup_trials=startup, seed=seed, deterministic_objective=True
            )
        return optuna.samplers.RandomSampler(seed=seed)


def distributions(space: Space) -> dict[str, BaseDistribution]:
    """Return every dimension as `suggest` asks for it."""
    from optuna.distributions import CategoricalDistribution, IntDistribution

    kinds: dict[str, BaseDistribution] = {}
    for d in space.dimensions:
        if d.choices and d.ordinal:
            # ordinal though not evenly spaced (reuse factors): the sampler sees the position
            kinds[d.name] = IntDistribution(0, len(d.choices) - 1)
        elif d.choices:
            kinds[d.name] = CategoricalDistribution(d.choices)
        else:
            kinds[d.name] = IntDistribution(d.low, d.high)
    return kinds


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
    uniform: list[dict[str, int | str]] = []
    for width in UNIFORM_WIDTHS:
        for method in methods:
            params = space.uniform(width, method)
            if params not in uniform:
                uniform.append(params)
    return uniform
