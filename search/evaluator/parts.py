"""What the stages of an evaluation find of a candidate, and the evaluation that is built of it once, at the
end.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bitfront.hls import Types
from bitfront.spaces import Candidate, Params, Weights

from ..trials.evaluation import Evaluation, Kind, Status
from .costs import Cost
from .training import Trained

if TYPE_CHECKING:
    from ..problem.metrics import Outcome


@dataclass(frozen=True, eq=False)
class Rounded:
    """A candidate with the float weights, rounded to its types."""

    types: Types
    outputs: Sequence[NDArray[np.float64]]
    """For the validation split."""
    score: float


@dataclass(frozen=True, eq=False)
class Judged:
    """The candidate that is kept, with its own cost, and what its outputs for the validation split come
    to.
    """

    candidate: Candidate
    cost: Cost
    outcome: Outcome
    violations: Mapping[str, float]
    """Of the limits on the metric, by name: 0 or less where it is met."""
    weights: Weights | None = None
    """None where it is the rounded one."""
    trained_score: float | None = None
    """Of the trained weights, kept or not; None where nothing was trained."""
    scored: Mapping[str, float] = field(default_factory=dict)
    """What else is scored, as `Evaluation.resources` names it: `noise_drop`."""
    rounded_resources: Mapping[str, float] | None = None
    """What a trained one costs with the float weights; None of a rounded one."""


def evaluation_of(
    number: int,
    params: Params,
    kind: Kind,
    candidate: Candidate,
    cost: Cost,
    *,
    rounded: Rounded | None = None,
    trained: Trained | None = None,
    judged: Judged | None = None,
    status: Status = "complete",
    reason: str | None = None,
    seconds: Mapping[str, float] | None = None,
) -> Evaluation:
    """Return the evaluation of a candidate, of the parts that there are.

    Args:
        number: the trial's.
        params: value of every dimension of the space.
        kind: `uniform` for a baseline.
        candidate: what was tried.
        cost: of it, before training; that of the candidate which is `judged` counts where there is one.
        rounded: its score without training.
        trained: what training left of it.
        judged: what is kept of it.
        status: what became of it.
        reason: why it isn't complete.
        seconds: wall seconds by stage.
    """
    kept, weights_stay, scores = candidate, False, {}
    if rounded is not None:
        scores["ptq"] = rounded.score
    violations = dict(cost.violations)
    if judged is not None:
        kept, cost, weights_stay = judged.candidate, judged.cost, judged.weights is None
        if judged.trained_score is not None:
            scores["qat"] = judged.trained_score
        scores["score"] = judged.outcome.score
        violations = {**cost.violations, **judged.violations}
    return Evaluation(
        number=number,
        digest=candidate.digest,
        kept="" if kept == candidate else kept.digest,
        method=kept.method,  # type: ignore[arg-type]
        status=status,
        fidelity=trained.fidelity if trained else "ptq",
        start=trained.start if trained else "float",
        epochs=trained.epochs if trained and not weights_stay else 0.0,
        kind=kind,
        params=dict(params),
        metrics={name: value for name, value in scores.items() if math.isfinite(value)},
        ties=judged.outcome.ties if judged else {},
        recall=judged.outcome.recall if judged else {},
        resources={**cost.resources, **(judged.scored if judged else {})},
        ptq_resources=(judged.rounded_resources if judged else None) or {},
        intervals=cost.intervals,
        upper=cost.upper,
        layers=cost.layers,
        precision=cost.precision,
        constraints=violations,
        history=tuple(trained.history) if trained else (),
        seconds=dict(seconds or {}),
        reason=reason,
    )
