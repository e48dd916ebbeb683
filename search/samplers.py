"""Optuna's samplers, seeded by trial, so that a study that was interrupted goes on as if it had not been."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from bitfront.spaces import Params, Space, UserError

if TYPE_CHECKING:
    import optuna

POPULATION = 20
"""Of NSGA-II: a study of some hundred trials has no room for Optuna's 50."""
UNIFORM_WIDTHS = (16, 12, 10, 8, 7, 6, 5, 4, 3, 2)
"""Widths of the uniform baselines that a search begins with, as far as the space has them."""


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
                raise UserError("sampler: gp needs PyTorch: pip install torch, or choose tpe.") from None
            return optuna.samplers.GPSampler(
                n_startup_trials=startup, seed=mixed, deterministic_objective=True
            )
        return optuna.samplers.RandomSampler(seed=mixed)


def suggest(trial: Any, space: Space) -> dict[str, int | str]:
    """Ask Optuna for a value of every dimension; widths are ordinal."""
    params: dict[str, int | str] = {}
    for d in space.dimensions:
        if d.choices and all(isinstance(c, int) for c in d.choices):
            # ordinal though not evenly spaced (reuse factors): the sampler sees the position
            index = trial.suggest_int(d.name, 0, len(d.choices) - 1)
            params[d.name] = d.choices[index]
        elif d.choices:
            params[d.name] = trial.suggest_categorical(d.name, d.choices)
        else:
            params[d.name] = trial.suggest_int(d.name, d.low, d.high)
    return params


def as_optuna(space: Space, params: Params) -> dict[str, int | str]:
    """Return `params` as Optuna stores them."""
    stored: dict[str, int | str] = {}
    for d in space.dimensions:
        ordinal = d.choices and all(isinstance(c, int) for c in d.choices)
        stored[d.name] = d.choices.index(params[d.name]) if ordinal else params[d.name]
    return stored


def from_optuna(space: Space, stored: Params) -> dict[str, int | str]:
    """Return what Optuna stored as values of the dimensions."""
    params: dict[str, int | str] = {}
    for d in space.dimensions:
        ordinal = d.choices and all(isinstance(c, int) for c in d.choices)
        value = stored[d.name]
        params[d.name] = d.choices[int(value)] if ordinal else value
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
