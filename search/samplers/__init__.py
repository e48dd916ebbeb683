"""Who proposes the next candidate: Optuna's samplers and the surrogate."""

from typing import TYPE_CHECKING

from bitfront.spaces import lazy_door

if TYPE_CHECKING:
    from .optuna_samplers import Proposals, as_optuna, baselines, make_sampler, seeded_sampler, suggest
    from .surrogate import Surrogate

__all__ = [
    "Proposals",
    "Surrogate",
    "as_optuna",
    "baselines",
    "make_sampler",
    "seeded_sampler",
    "suggest",
]

__getattr__ = lazy_door(
    __name__,
    {
        "optuna_samplers": (
            "Proposals",
            "as_optuna",
            "baselines",
            "make_sampler",
            "seeded_sampler",
            "suggest",
        ),
        "surrogate": ("Surrogate",),
    },
)
