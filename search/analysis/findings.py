"""What a search teaches once it is over: how sure its scores are, what mattered, whether training and mixing
paid.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ..trials.evaluation import Evaluation
from ..trials.objectives import SIGNS, Objective
from .against_float import knee_warning
from .uniform_comparison import baselines_of, best_at_no_more_cost, cheapest_as_good, searched
from .view import StudyView

LEAST_TRIALS = 20
"""Scored trials below which importances are noise."""
TREES, MOST_TRIALS = 32, 500
"""Of the importances: trees of the forest, and the latest trials that it sees; so it takes seconds at
most.
"""


@dataclass(frozen=True)
class UniformMatch:
    """A uniform baseline and the searched candidates that beat it."""

    trial: int
    name: str
    """`8 bit QAT`."""
    score: float
    """On validation data, as all scores and gains here whose names don't say test."""
    cost: float
    epochs: float | None
    """Epochs of training behind its weights; None of a trained one whose file doesn't say."""
    cheaper: int | None
    """The cheapest searched, feasible candidate that scores at least as well; of equally cheap ones, the
    best.
    """
    ratio: float | None
    """Its cost over the baseline's."""
    better: int | None
    """The best searched, feasible candidate that costs no more; of equally good ones, the cheapest."""
    gain: float | None
    """Its score less the baseline's, positive where it is better."""
    test: float | None
    """The baseline's score on test data; None where it was not scored there."""
    cheaper_test_gain: float | None
    """Test score of the cheapest less the baseline's, positive where it is better; None where one is
    missing.
    """
    better_test_gain: float | None
    """The same of the best."""


@dataclass(frozen=True)
class Budget:
    """The best designs that fit a budget, rounded ones and trained ones; each with the score and the cost
    that it has itself.
    """

    limit: float
    """The most of the cost that is allowed."""
    name: str
    """Which uniform baseline costs so much."""
    ptq: tuple[int, float, float] | None
    """Trial, score and cost of the best design that was rounded and not trained; of equally good ones, the
    cheapest.
    """
    qat: tuple[int, float, float] | None
    """The same of the best trained one."""
    gain: float | None
    """Score of the trained one less that of the rounded one, positive where it is better; None where one is
    missing.
    """


@dataclass(frozen=True)
class Picked:
    """A recommended candidate beside the float model, both on one split."""

    trial: int
    split: str
    """`test` once the study is over, else `validation`."""
    score: float
    float_score: float
    difference: float
    """Score less the float model's, in the metric's own direction."""
    validation: float
    """The validation score, which chose it."""
    cost: float


@dataclass(frozen=True)
class Findings:
    """Everything of it for one study; `cost` is the study's first resource objective."""

    cost: str
    trials: int
    picks: Mapping[str, Picked]
    """By the name that `export --pick` takes."""
    knee_drop: float
    """How much worse than the float model the knee may be on validation data."""
    knee_warning: str | None
    """Where it is worse than that, on validation or on test data."""
    last_gain: int | None
    """The trial after which the hypervolume grew by less than a thousandth."""
    last_gain_seconds: float | None
    """Seconds of evaluation until then."""
    seconds: float
    """Seconds of evaluation in all."""
    hypervolume: float | None
    importance: Mapping[str, Mapping[str, float]]
    """Objective -> dimension -> share of the objective's variance that it explains (fANOVA), largest
    first.
    """
    uniform_trained: bool
    """Whether uniform baselines were trained, or rounded only."""
    uniform_matches: tuple[UniformMatch, ...]
    budgets: tuple[Budget, ...]
    optimistic: tuple[int, ...]
    """Front members whose validation score is better than all of the interval of their test score."""

    def to_json(self) -> dict[str, Any]:
        """Return the findings as plain values, two of them under the names that older versions gave them
        too.
        """
        told = asdict(self)
        return told | {"rivals": told["uniform_matches"], "lucky": told["optimistic"]}


def find(view: StudyView) -> Findings:
    """Return what a study teaches."""
    cost = view.costs[0]
    position = {e.number: i for i, e in enumerate(view.evaluations)}
    until = view.seconds_until
    last = view.last_gain
    return Findings(
        cost=cost.name,
        trials=len(view.evaluations),
        picks={how: picked(view, e, cost) for how, e in view.picks.items()},
        knee_drop=view.reference.allowed_drop,
        knee_warning=knee_warning(view.reference, view.picks["knee"]) if view.picks else None,
        last_gain=last,
        last_gain_seconds=None if last is None else until[position[last]],
        seconds=until[-1],
        hypervolume=view.hypervolumes[-1][1] if view.hypervolumes else None,
        importance={o.name: importance(view.scored, o) for o in view.objectives},
        uniform_trained=view.uniform_trained,
        uniform_matches=uniform_matches(view, cost),
        budgets=budgets(view, cost),
        optimistic=optimistic(view),
    )


def picked(view: StudyView, e: Evaluation, cost: Objective) -> Picked:
    """Return a candidate beside the float model."""
    now = view.against(e)
    return Picked(e.number, now.split, now.score, now.float_score, now.difference, e.score, cost.value(e))


def importance(evaluations: Sequence[Evaluation], objective: Objective) -> dict[str, float]:
    """Return the share of an objective's variance that each dimension explains, as Optuna's fANOVA has it.

    Hutter, Hoos and Leyton-Brown, "An Efficient Approach for Assessing Hyperparameter Importance" (2014).
    Resources are taken by their logarithm. Empty where there are too few candidates, or the objective is the
    same for all.
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


def uniform_matches(view: StudyView, cost: Objective) -> tuple[UniformMatch, ...]:
    """Return each uniform baseline that was scored, with what the search has to set against it."""
    direction = view.reference.metric.direction
    sign, pool = SIGNS[direction], searched(view.scored)
    found = []
    for e in baselines_of(view.scored):
        limit = cost.value(e)
        cheaper = cheapest_as_good(e, pool, cost, direction)
        better = best_at_no_more_cost(limit, pool, cost, direction)
        found.append(
            UniformMatch(
                e.number,
                view.names[e.number],
                e.score,
                limit,
                None if e.method == "qat" and not e.epochs else e.epochs,
                cheaper.number if cheaper else None,
                cost.value(cheaper) / limit if cheaper and limit else None,
                better.number if better else None,
                sign * (better.score - e.score) if better else None,
                e.metrics.get("test"),
                _test_gain(cheaper, e, sign),
                _test_gain(better, e, sign),
            )
        )
    return tuple(found)


def _test_gain(found: Evaluation | None, baseline: Evaluation, sign: int) -> float | None:
    if found is None or "test" not in found.metrics or "test" not in baseline.metrics:
        return None
    return sign * (found.metrics["test"] - baseline.metrics["test"])


def budgets(view: StudyView, cost: Objective) -> tuple[Budget, ...]:
    """Return, for the costs of the uniform baselines, the best with and without training; the largest budget
    first.

    Candidates count that keep the limits on resources, each on the side of the design that it is: what a
    trained one scored before its training, or a rounded one after a training that made it worse, belongs to
    another design with another cost.
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
        sides = {method: [e for e in able if e.method == method] for method in ("ptq", "qat")}
        best = {
            m: best_at_no_more_cost(limit, pool, cost, view.reference.metric.direction)
            for m, pool in sides.items()
        }
        ptq, qat = _side(best["ptq"], cost), _side(best["qat"], cost)
        gain = sign * (qat[1] - ptq[1]) if ptq and qat else None
        found.append(Budget(limit, name, ptq, qat, gain))
    return tuple(found)


def _side(best: Evaluation | None, cost: Objective) -> tuple[int, float, float] | None:
    return None if best is None else (best.number, best.score, cost.value(best))


def optimistic(view: StudyView) -> tuple[int, ...]:
    """Return the front members whose validation score is better than the whole interval of their test
    score.
    """
    sign = SIGNS[view.reference.metric.direction]
    found = []
    for e in view.front:
        row = view.test_scores.of(e.number) if view.test_scores else None
        if row and row.interval and sign * e.score > max(sign * end for end in row.interval):
            found.append(e.number)
    return tuple(found)
