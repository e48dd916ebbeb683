"""Who proposes the next candidate: Optuna's samplers, the surrogate, and a user's own."""

from typing import TYPE_CHECKING

from bitfront.spaces import lazy_door

if TYPE_CHECKING:
    from .choose import sampler_of
    from .optuna_samplers import as_optuna, baselines, optuna_sampler, suggest
    from .own_sampler import OwnSampler
    from .study_sampler import SeededSampler, StudySampler
    from .surrogate import Surrogate
    from .surrogate_sampler import SurrogateSampler

__all__ = [
    "OwnSampler",
    "SeededSampler",
    "StudySampler",
    "Surrogate",
    "SurrogateSampler",
    "as_optuna",
    "baselines",
    "optuna_sampler",
    "sampler_of",
    "suggest",
]

__getattr__ = lazy_door(
    __name__,
    {
        "choose": ("sampler_of",),
        "optuna_samplers": ("as_optuna", "baselines", "optuna_sampler", "suggest"),
        "own_sampler": ("OwnSampler",),
        "study_sampler": ("SeededSampler", "StudySampler"),
        "surrogate": ("Surrogate",),
        "surrogate_sampler": ("SurrogateSampler",),
    },
)
