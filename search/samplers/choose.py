"""The sampler that a study file asks for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from bitfront.spaces import Space

from ..trials.evaluation import Evaluation
from ..trials.front import Box
from ..trials.objectives import Constraint, Objective
from .optuna_samplers import chosen_sampler, optuna_sampler
from .own_sampler import OwnSampler
from .study_sampler import SeededSampler, StudySampler
from .surrogate import Surrogate
from .surrogate_sampler import SurrogateSampler

if TYPE_CHECKING:
    from ..config import StudyConfig


def sampler_of(
    config: StudyConfig,
    space: Space,
    objectives: Sequence[Objective],
    *,
    box: Box,
    constraints: Sequence[Constraint],
    float_score: float,
    finished: Mapping[int, Evaluation],
    own: Callable[..., Any] | None = None,
) -> StudySampler:
    """Return who proposes a study's candidates.

    Args:
        config: the study.
        space: what a candidate is drawn from.
        objectives: the study's.
        box: scale of the hypervolume.
        constraints: the study's.
        float_score: the float model's validation metric.
        finished: the study's finished trials by number, which grow while it runs.
        own: the user's function that makes one (see `OwnSampler`), where the study file names it.

    Raises:
        UserError: when the sampler can't be had.
    """
    if own is not None:
        return OwnSampler(own, config.seed, space, objectives)
    name = chosen_sampler(config.sampler, config.budget.trials)
    if name == "surrogate":
        surrogate = Surrogate(space, objectives, box, constraints, float_score)
        return SurrogateSampler(surrogate, config.seed, finished)
    return SeededSampler(partial(optuna_sampler, name), config.seed)
