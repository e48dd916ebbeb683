"""What a search teaches once it is over: how sure its scores are, what mattered, whether training and mixing paid."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ..evaluation import Evaluation
from ..objectives import SIGNS, Objective
from .view import StudyView

LEAST_TRIALS = 20
"""Scored trials below which importances are noise."""
TREES, MOST_TRIALS = 32, 500
"""Of the importances: trees of the forest, and the latest trials that it sees; so it takes seconds at most."""


@dataclass(frozen=True)
class Rival:
    """A uniform baseline and the searched candidates that beat it."""

    trial: int
    name: str
    """`8 bit QAT`."""
    score: float
    cost: float
    cheaper: int | None
    """The cheapest searched, feasible candidate that scores at least as well."""
    ratio: float | None
    """Its cost over the baseline's."""
    better: int | None
    """The best searched, feasible candidate that costs no more."""
    gain: float | None
    """Its score less the baseline's, positive where it is better."""


@dataclass(frozen=True)
class Budget:
    """The best that fits a budget without training, and with it."""

    limit: float
    """The most of the cost that is allowed."""
    name: str
    """Which uniform baseline costs so much."""
    ptq: tuple[int, float] | None
    """Trial and score of the best that is only rounded, trained candidates before their training among them."""
    qat: tuple[int, float] | None
    """Trial and score of the best trained one."""
    gain: float | None
    """What training adds to the score, positive where it is better; None where one of the two is missing."""


@dataclass(frozen=True)
class Findings:
    """Everything of it for one study; `cost` is the study's first resource objective."""

    cost: str
    trials: int
    last_gain: int | None
    """The trial after which the hypervolume grew by less than a thousandth."""
    last_gain_seconds: float | None
    """Seconds of evaluation until then."""
    seconds: float
    """Seconds of evaluation in all."""
    hypervolume: float | None
    importance: Mapping[str, Mapping[str, float]]
    """Objective -> dimension -> share of the objective's variance that it explains (fANOVA), largest first."""
    rivals: tuple[Rival, ...]
    budgets: tuple[Budget, ...]
    lucky: tuple[int, ...]
    """Front members whose validation score is better than all of the interval of their test score."""

    def to_json(self) -> dict[str, Any]:
        """Return the findings as plain values."""
        return asdict(self)


def find(view: StudyView) -> Findings:
    """Return what a study teaches."""
    cost = view.costs[0]
    position = {e.number: i for i, e in enumerate(view.evaluations)}
    until = view.seconds_until
    last = view.last_gain
    return Findings(
        cost=cost.name,
        trials=len(view.evaluations),
        last_gain=last,
        last_gain_seconds=None if last is None else until[position[last]],
        seconds=until[-1],
        hypervolume=view.hypervolumes[-1][1] if view.hypervolumes else None,
        importance={o.name: importance(view.scored, o) for o in view.objectives},
        rivals=rivals(view, cost),
        budgets=budgets(view, cost),
        lucky=lucky(view),
    )


def importance(evaluations: Sequence[Evaluation], objective: Objective) -> dict[str, float]:
    """Return the share of an objective's variance that each dimension explains, as Optuna's fANOVA has it.

    Hutter, Hoos and Leyton-Brown, "An Efficient Approach for Assessing Hyperparameter Importance" (2014). Resources
    are taken by their logarithm. Empty where there are too few candidates, or the objective is the same for all.
    """
    seen = [e for e in evaluations if e.params][-MOST_TRIALS:]
    names = [n for n in (seen[-1].params if seen else ()) if len({e.params.get(n) for e in seen}) > 1]
    values = [objective.scaled(objective.value(e)) for e in seen]
    if len(seen) < LEAST_TRIALS or not names or np.ptp(values) == 0:
        return {}
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    kinds = {name: _distribution([e.params[name] for e in seen]) for name in names}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        study = optuna.create_study()
        for e, value in zip(seen, values, strict=True):
            params = {name: e.params[name] for name in names}
            study.add_trial(optuna.trial.create_trial(params=params, distributions=kinds, value=value))
        forest = optuna.importance.FanovaImportanceEvaluator(n_trees=TREES, seed=0)
        found = optuna.importance.get_param_importances(study, evaluator=forest)
    return {name: float(share) for name, share in found.items()}


def _distribution(values: Sequence[int | str]) -> Any:
    from optuna.distributions import CategoricalDistribution, IntDistribution

    numbers = [v for v in values if isinstance(v, int)]
    if len(numbers) == len(values):
        return IntDistribution(min(numbers), max(numbers))
    return CategoricalDistribution(tuple(dict.fromkeys(values)))


def rivals(view: StudyView, cost: Objective) -> tuple[Rival, ...]:
    """Return each uniform baseline that was scored, with what the search has to set against it."""
    sign = SIGNS[view.reference.metric.direction]
    searched = [e for e in view.scored if e.kind == "search" and e.feasible]
    uniform = {e.design: e for e in reversed(view.scored) if e.kind == "uniform"}  # each design once
    found = []
    for e in reversed(uniform.values()):
        limit = cost.value(e)
        as_good = [s for s in searched if sign * s.score >= sign * e.score]
        no_dearer = [s for s in searched if cost.value(s) <= limit]
        cheaper = min(as_good, key=cost.value, default=None)
        better = max(no_dearer, key=lambda s: sign * s.score, default=None)
        found.append(
            Rival(
                e.number,
                view.names[e.number],
                e.score,
                limit,
                cheaper.number if cheaper else None,
                cost.value(cheaper) / limit if cheaper and limit else None,
                better.number if better else None,
                sign * (better.score - e.score) if better else None,
            )
        )
    return tuple(found)


def budgets(view: StudyView, cost: Objective) -> tuple[Budget, ...]:
    """Return, for the costs of the uniform baselines, the best with and without training; the largest budget first.

    Candidates count that keep the limits on resources. One that was trained counts on the other side too, with its
    score before training.
    """
    sign = SIGNS[view.reference.metric.direction]
    drops = {c.name for c in view.reference.constraints if c.after_scoring}
    able = [e for e in view.scored if all(v <= 0 for k, v in e.constraints.items() if k not in drops)]
    limits: dict[str, float] = {}
    for e in view.scored:
        if e.kind == "uniform":  # trained and rounded ones differ a little in cost: the width has one budget
            name = view.width_names[e.number]
            limits[name] = max(cost.value(e), limits.get(name, 0.0))
    found = []
    for name, limit in sorted(limits.items(), key=lambda item: -item[1]):
        within = [e for e in able if cost.value(e) <= limit]
        sides = {}
        for method in ("ptq", "qat"):
            known = [e for e in within if method in e.metrics]
            best = max(known, key=lambda e: sign * e.metrics[method], default=None)
            sides[method] = (best.number, best.metrics[method]) if best else None
        ptq, qat = sides["ptq"], sides["qat"]
        gain = sign * (qat[1] - ptq[1]) if ptq and qat else None
        found.append(Budget(limit, name, ptq, qat, gain))
    return tuple(found)


def lucky(view: StudyView) -> tuple[int, ...]:
    """Return the front members whose validation score is better than the whole interval of their test score."""
    sign = SIGNS[view.reference.metric.direction]
    found = []
    for e in view.front:
        row = view.test_scores.of(e.number) if view.test_scores else None
        if row and row.interval and sign * e.score > max(sign * end for end in row.interval):
            found.append(e.number)
    return tuple(found)
