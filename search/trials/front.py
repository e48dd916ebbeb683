"""The Pareto front: who is on it, how large it is, and which point to take."""

from __future__ import annotations

import csv
import heapq
import io
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bitfront.spaces import NothingFeasible, UserError

from ..quantities import QUANTITIES, named
from . import dominance
from .dominance import Losses
from .evaluation import Evaluation
from .files import write_atomic
from .objectives import Metric, Objective, parse_limit

_CONDITION = re.compile(r"^\s*([A-Za-z][A-Za-z0-9_]*)\s*(<=|>=|<|>)\s*([^<>=]+?)\s*$")
PICKS = ("best", "knee", "smallest")


def losses(evaluations: Sequence[Evaluation], objectives: Sequence[Objective]) -> Losses:
    """Return a row an evaluation and a column an objective, all to be minimised, as `Objective.scaled` gives
    them.
    """
    table = np.empty((len(evaluations), len(objectives)))
    for row, evaluation in enumerate(evaluations):
        for column, objective in enumerate(objectives):
            table[row, column] = objective.scaled(objective.value(evaluation))
    return table


def least_violating(evaluations: Sequence[Evaluation]) -> list[Evaluation]:
    """Return the evaluations that break the constraints least, scored ones if there are any (failed ones
    never).
    """
    for status in ("complete", "infeasible"):
        pool = [e for e in evaluations if e.status == status]
        if pool:
            smallest = min(e.violation for e in pool)
            return _one_a_design([e for e in pool if e.violation == smallest])
    return []


def pareto(evaluations: Sequence[Evaluation], objectives: Sequence[Objective]) -> list[Evaluation]:
    """Return the evaluations that no other one beats, by trial number.

    Only complete and feasible ones count, uniform baselines among them; a design that was tried twice appears
    once, under its first number. Where nothing is feasible, these are the least violating ones: check
    `Evaluation.feasible`.
    """
    pool = _one_a_design([e for e in evaluations if e.feasible])
    if not pool:
        pool = least_violating(evaluations)
        if any(e.status != "complete" for e in pool):
            return pool
    if not pool:
        return []
    on_front = dominance.is_nondominated(np.array([[o.loss(e) for o in objectives] for e in pool]))
    return sorted((e for e, on in zip(pool, on_front, strict=True) if on), key=lambda e: e.number)


@dataclass(frozen=True)
class Box:
    """The scale of the hypervolume: 0 at `ideal` and 1 at `reference`, per objective.

    A study settles it before its first trial and records it in `reference.json`, so that the hypervolume
    never falls while it runs, and studies of one model, data and device compare. A point worse than the
    reference adds nothing; one better than the ideal (fewer LUTs than any uniform candidate) counts for more,
    so 1 is not the maximum.
    """

    ideal: tuple[float, ...]
    reference: tuple[float, ...]

    @classmethod
    def spanning(
        cls,
        costs: Sequence[Mapping[str, float]],
        objectives: Sequence[Objective],
        float_score: float,
        blind_score: float,
    ) -> Box:
        """Return the box from the smallest to the largest of `costs`, and from the float model's score to a
        blind one's.

        Args:
            costs: resources of the uniform candidates, as `Evaluation.resources` names them.
            objectives: the study's.
            float_score: the float model's metric.
            blind_score: the metric of outputs that ignore the inputs; where it isn't worse than the float
                model's or isn't finite, the metric's scale is one unit.
        """
        ideal, reference = [], []
        for objective in objectives:
            if objective.is_metric:
                ends: Sequence[float] = (float_score, blind_score)
            elif objective.is_scored:  # no loss, or all that there is to lose
                lost = abs(float_score - blind_score)
                ends = (0.0, lost if math.isfinite(lost) else 1.0)
            else:
                ends = [one[objective.key] for one in costs]
            scaled = [objective.scaled(end) for end in ends]
            best = scaled[0] if objective.is_metric else min(scaled)
            ideal.append(best)
            # where the candidates don't differ (no DSP in any) there is no scale: take one unit
            worst = max(scaled)
            reference.append(worst if best < worst < math.inf else best + 1.0)
        return cls(tuple(ideal), tuple(reference))

    def to_json(self) -> dict[str, list[float]]:
        """Return the box as plain values."""
        return {"ideal": list(self.ideal), "reference": list(self.reference)}

    @classmethod
    def from_json(cls, data: Mapping[str, Sequence[float]]) -> Box:
        """Read what `to_json` wrote."""
        return cls(*(tuple(float(value) for value in data[key]) for key in ("ideal", "reference")))

    def normalise(self, table: Losses) -> Losses:
        """Return `losses` on the box's scale; what is worse than the reference is cut to 1."""
        ideal, reference = np.array(self.ideal), np.array(self.reference)
        scaled: Losses = np.minimum((table - ideal) / (reference - ideal), 1.0)
        return scaled


def hypervolume(evaluations: Sequence[Evaluation], objectives: Sequence[Objective], box: Box) -> float:
    """Return the volume that the feasible evaluations dominate, in units of the box (exact)."""
    feasible = [e.uncorrected for e in evaluations if e.feasible]
    return dominated(box.normalise(losses(feasible, objectives))) if feasible else 0.0


def dominated(table: Losses, reference: NDArray[np.float64] | None = None) -> float:
    """Return the volume between losses, one row per point, and a reference (ones where None), which none
    exceeds.
    """
    return dominance.hypervolume(table, np.ones(table.shape[1]) if reference is None else reference)


def dominating(
    front: Sequence[Evaluation], objectives: Sequence[Objective], box: Box, most: int
) -> list[Evaluation]:
    """Return at most so many members of a front, each the one that adds most to the hypervolume of those
    before it.

    What a member adds never grows with what is there already, so only the most promising is measured again
    (Minoux 1978).
    """
    found: list[Evaluation] = []
    volume = 0.0
    promises = [(-hypervolume([e], objectives, box), position, 0) for position, e in enumerate(front)]
    heapq.heapify(promises)
    while promises and len(found) < most:
        gain, position, measured = heapq.heappop(promises)
        if measured == len(found):
            found.append(front[position])
            volume -= gain
        else:
            gain = volume - hypervolume([*found, front[position]], objectives, box)
            heapq.heappush(promises, (gain, position, len(found)))
    return found


def hypervolume_history(
    evaluations: Sequence[Evaluation], objectives: Sequence[Objective], box: Box
) -> list[tuple[int, float]]:
    """Return (trial number, hypervolume after it) for every evaluation, by trial number."""
    history: list[tuple[int, float]] = []
    seen: list[Evaluation] = []
    volume = 0.0
    for evaluation in sorted(evaluations, key=lambda e: e.number):
        if evaluation.feasible:
            seen = pareto([*seen, evaluation], objectives)
            volume = hypervolume(seen, objectives, box)
        history.append((evaluation.number, volume))
    return history


def last_gain(history: Sequence[tuple[int, float]]) -> int | None:
    """Return the last trial of a `hypervolume_history` with a gain (a thousandth of the final value, at
    least).
    """
    best, last = 0.0, None
    final = max((value for _, value in history), default=0.0)
    for number, value in history:
        if value > best + 1e-3 * final:
            best, last = value, number
    return last


def pick(
    evaluations: Sequence[Evaluation],
    objectives: Sequence[Objective],
    how: str,
    metric: Metric | None = None,
    *,
    floor: float | None = None,
) -> Evaluation:
    """Return the evaluation that `how` names.

    - `best`: the front's best metric; of equals, the cheapest.
    - `smallest`: the front's least LUTs (or least of the first resource objective); of equals, the best
      metric.
    - `knee`: the front's largest bulge towards the ideal: with every objective scaled to the front's own
      range, the point with the least sum of the metric's loss and the mean of the resources', which with one
      resource is the farthest from the line through the extremes (Das, 1999, "On characterizing the knee of
      the Pareto curve"). Resources share one vote because they rise and fall together. With a `floor`, only
      the members whose metric is at least as good count, where there are any: `Reference.knee_floor` is what
      a study says.
    - `12`: that trial, feasible or not.
    - `lut<5000`, `lut<10k, latency<=1us`, `accuracy>0.75`: of all feasible candidates within the limits the
      best metric, or the smallest where only the metric is limited. Joined by commas; the text is parsed,
      never run.

    Raises:
        UserError: `how` can't be read, or the trial doesn't exist or was never scored.
        NothingFeasible: no candidate meets the constraints, or the limits.
    """
    how = how.strip()
    if how.isdecimal() and len(how) < 19:
        return _numbered(evaluations, int(how))
    conditions = None if how in PICKS else _conditions(how, metric or _metric_of(objectives))
    feasible = _one_a_design([e for e in evaluations if e.feasible])
    if not feasible:
        nearest = least_violating(evaluations)
        hint = (
            f"trial {nearest[0].number} comes nearest, name it to take it anyway"
            if nearest
            else "run more trials"
        )
        raise NothingFeasible(f"No candidate meets the constraints: {hint}, or relax a constraint.")
    if conditions is not None:
        within = [e for e in feasible if all(condition.holds(e) for condition in conditions)]
        if not within:
            raise NothingFeasible(f"No feasible candidate has {how}: relax the limit or run more trials.")
        only_metric = all(condition.key == "score" for condition in conditions)
        return _ranked(within, objectives, "smallest" if only_metric else "best")
    members = pareto(feasible, objectives)
    if how != "knee":
        return _ranked(members, objectives, how)
    bound = next((o.scaled(floor) for o in objectives if o.is_metric and floor is not None), math.inf)
    near = [e for e in members if all(o.loss(e) <= bound for o in objectives if o.is_metric)]
    members = near or members
    table = losses(members, objectives)
    low, span = table.min(axis=0), np.ptp(table, axis=0)
    scaled = (table - low) / np.where(span > 0, span, 1.0)
    costs = sum(not objective.is_metric for objective in objectives)
    votes = np.array([1.0 if objective.is_metric else 1.0 / costs for objective in objectives])
    return members[int(np.argmin(scaled @ votes))]


def write_front_csv(path: Path, members: Sequence[Evaluation], objectives: Sequence[Objective]) -> None:
    """Write one row per front member, best metric first: scores, resources with their intervals, parameters.

    `score` and `test` are of the design whose resources follow. What a trained one scored and costs
    untrained, another design, stands in columns of its own: `untrained_score`, `untrained_lut`, ...
    """
    metric_first = sorted(members, key=lambda e: tuple(o.loss(e) for o in objectives) if e.metrics else ())
    resources = [q.key for q in QUANTITIES.values() if any(q.key in e.resources for e in members)]
    bounded = [key for key in resources if any(key in e.intervals for e in members)]
    params = list(dict.fromkeys(name for e in members for name in e.params))
    scores = [key for key in ("score", "test") if any(key in e.metrics for e in members)]
    ties = [key for key in ("share", "lowest") if any(key in e.ties for e in members)]
    head = ["trial", "kind", "method", "feasible", "digest", *scores, *(f"ties_{key}" for key in ties)]
    head += resources
    head += [f"{key}_{end}" for key in bounded for end in ("low", "high")]
    untrained = [o.key for o in objectives if any(o.key in e.ptq_resources for e in members)]
    head += ["untrained_score", *(f"untrained_{key}" for key in untrained)] if untrained else []
    head += [f"param.{name}" for name in params]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(head)
    for e in metric_first:
        row: list[object] = [e.number, e.kind, e.method, str(e.feasible).lower(), e.digest]
        row += [e.metrics.get(key, "") for key in scores] + [e.ties.get(key, "") for key in ties]
        row += [e.resources.get(key, "") for key in resources]
        row += [x for key in bounded for x in e.intervals.get(key, ("", ""))]
        if untrained:
            row += [e.metrics.get("ptq", "") if e.ptq_resources else ""]
            row += [e.ptq_resources.get(key, "") for key in untrained]
        row += [e.params.get(name, "") for name in params]
        writer.writerow(row)
    write_atomic(path, text.getvalue())


@dataclass(frozen=True)
class _Condition:
    key: str
    operator: str
    limit: float

    def holds(self, evaluation: Evaluation) -> bool:
        value = (evaluation.metrics if self.key == "score" else evaluation.resources).get(self.key)
        if value is None:
            return False
        return {
            "<": value < self.limit,
            "<=": value <= self.limit,
            ">": value > self.limit,
            ">=": value >= self.limit,
        }[self.operator]


def _conditions(how: str, metric: Metric) -> list[_Condition]:
    found = []
    for part in how.split(","):
        match = _CONDITION.match(part)
        if not match:
            raise UserError(
                f"Can't pick {how!r}: use best, knee, smallest, a trial number, or a limit such as "
                f"'lut<5000'."
            )
        name = match[1].lower()
        quantity = named(name)
        if name in {"metric", metric.name.lower()}:
            name, key = "metric", "score"
        elif quantity:
            name, key = quantity.name, quantity.key
        else:
            known = ", ".join([metric.name, *QUANTITIES])
            raise UserError(f"Can't pick {how!r}: {match[1]!r} is unknown, use one of {known}.")
        found.append(_Condition(key, match[2], parse_limit(match[1], match[3], name)))
    return found


def _metric_of(objectives: Sequence[Objective]) -> Metric:
    for objective in objectives:
        if objective.is_metric:
            return Metric(objective.label.lower().replace(" ", "_"), objective.direction)
    return Metric("metric")


def _numbered(evaluations: Sequence[Evaluation], number: int) -> Evaluation:
    for evaluation in evaluations:
        if evaluation.number == number:
            if evaluation.status != "complete":
                raise UserError(f"Trial {number} has no scored candidate to take: {evaluation.reason}.")
            return evaluation
    last = max((e.number for e in evaluations), default=None)
    known = "no trial has finished yet" if last is None else f"the study has trials up to {last}"
    raise UserError(f"There is no finished trial {number}: {known}.")


def _ranked(pool: Sequence[Evaluation], objectives: Sequence[Objective], how: str) -> Evaluation:
    costs = [o for o in objectives if not o.is_metric]
    costs.sort(key=lambda o: o.stock != "lut")
    direction = _metric_of(objectives).direction

    def key(e: Evaluation) -> tuple[float, ...]:
        metric = -e.score if direction == "maximize" else e.score
        cost = [o.loss(e) for o in costs]
        return (metric, *cost, e.number) if how == "best" else (*cost[:1], metric, *cost[1:], e.number)

    return min(pool, key=key)


def _one_a_design(evaluations: Sequence[Evaluation]) -> list[Evaluation]:
    first: dict[str, Evaluation] = {}
    for evaluation in sorted(evaluations, key=lambda e: e.number):
        first.setdefault(evaluation.design, evaluation)
    return list(first.values())
