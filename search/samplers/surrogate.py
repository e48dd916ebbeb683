"""Proposes the candidate whose training is expected to add most hypervolume, by Gaussian processes over the
space.

What sets it apart from a sampler that knows nothing of the problem: costs need no training, so the hundreds
of candidates that screening rounded teach what any other one costs before the first trial. Of the score, the
same roundings give the trend, and trials what training adds to it: an autoregressive model of two fidelities
(Kennedy and O'Hagan, "Predicting the output from a complex computer code when fast approximations are
available", 2000). A proposal is chosen among neighbours of the front, and none is made twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from bitfront.spaces import Params, Space

from ..trials.dominance import is_nondominated
from ..trials.evaluation import Evaluation
from ..trials.front import Box, pareto
from ..trials.objectives import Constraint, Objective
from .encoding import Encoding
from .expected_improvement import ExpectedImprovement
from .gaussian_process import Process, fitted_lengths

Array = NDArray[np.float64]
Positions = NDArray[np.int64]

LEAST = 6
"""Candidates from which on their costs, and scores, are modelled; with fewer costs, proposals are random."""
UNKNOWN = 0.3
"""Standard deviation of a loss that nothing is known of, on the box's scale."""
POOL = 320
"""Neighbours of the front that a proposal is chosen from."""
NEARER = 80
"""Neighbours of the best of these that are looked at after them."""
ANYWHERE = 32
"""Candidates drawn anywhere in the space beside them."""
MOST = 240
"""Candidates that a process learns from: its time grows with their cube."""
FITTED = 100
"""Candidates from which a process's lengths are fitted, which takes some hundred times as long as
learning.
"""
KEPT = 8
"""Of the neighbours, the best, whose own neighbours are looked at."""
GROWTH = 1.6
"""Factor by which the number of trials must grow until lengths are fitted again."""
FEW = 0.3
"""Different values over candidates, below which a cost is one of few values."""
RIDGE = 1e-3
"""Weight of the ridge that keeps the trend sound while few are known."""
FAR = 1.0
"""Of log2 of a limited resource: where no known candidate is nearer to its limit, nothing is modelled of
it.
"""
SLACK = 0.02
"""Of log2 of a limited resource: how far beyond its limit a candidate is still thought possible."""


@dataclass(frozen=True, eq=False)
class _Row:
    """What is used of an evaluation."""

    position: Positions
    costs: Array | None
    """Costs on the box's scale, NaN of what wasn't scored, then log2 of the limited resources; None where it
    has none."""
    rounded: float
    """Loss of metric without training on the box's scale, NaN where unknown."""
    loss: float
    """Loss of metric, NaN where it isn't what a proposal's would be like."""


@dataclass(eq=False)
class Surrogate:
    """Proposes candidates of one study; what it proposes depends on the trial's seed and the trials before it
    alone.

    Args:
        space: that candidates are of.
        objectives: the study's, one of them the metric.
        box: scale of the hypervolume.
        constraints: the study's.
        float_score: the float model's validation metric, which a drop is measured from.
        rounded: candidates that screening scored without training.
    """

    space: Space
    objectives: Sequence[Objective]
    box: Box
    constraints: Sequence[Constraint] = ()
    float_score: float = 0.0
    rounded: Sequence[Evaluation] = ()
    _fitted: dict[tuple[str, int], Array] = field(default_factory=dict, repr=False)
    _rows: dict[int, _Row] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        self._encoding = Encoding(self.space)
        self._metric = next(i for i, o in enumerate(self.objectives) if o.is_metric)
        self._costs = [(i, o) for i, o in enumerate(self.objectives) if not o.is_metric]
        self._limits = [c for c in self.constraints if not c.after_scoring]
        bounds = [c.threshold(self.float_score) for c in self.constraints if c.on_metric]
        self._most_loss = min((self._loss(bound) for bound in bounds), default=np.inf)
        self.learn(self.rounded)

    def learn(self, rounded: Sequence[Evaluation]) -> None:
        """Take up what screening rounded, in place of what was known of it; before the first proposal."""
        self.rounded = rounded
        self._archive = [self._row(e) for e in rounded]

    def propose(
        self,
        finished: Iterable[Evaluation],
        pending: Iterable[Params],
        rng: np.random.Generator,
        count: int = 1,
    ) -> list[dict[str, int | str]]:
        """Return candidates that are none of the `finished` trials nor `pending`, those under way.

        Each after the first is chosen as if those before it had got the score that is expected of them.
        """
        if not self._encoding.dimensions:
            return [self._encoding.params(np.zeros(0, np.int64))]
        # threads that wait for each other take longer over matrices of some hundred rows
        with _pools().limit(limits=1, user_api="blas"):
            return self._propose(finished, pending, rng, count)

    def _propose(
        self, finished: Iterable[Evaluation], pending: Iterable[Params], rng: np.random.Generator, count: int
    ) -> list[dict[str, int | str]]:
        trials = sorted(finished, key=lambda e: e.number)
        for e in trials:
            if e.number not in self._rows:
                self._rows[e.number] = self._row(e)
        rows = [self._rows[e.number] for e in trials]
        waiting = [self._encoding.positions(params) for params in pending]
        tried = {tuple(row.position) for row in rows} | {tuple(position) for position in waiting}
        scored = [row for row in rows if not np.isnan(row.loss) and row.costs is not None]
        if sum(row.costs is not None for row in [*self._archive, *rows]) < LEAST:
            drawn = self._new(self._encoding.random(ANYWHERE, rng), tried)
            return [self._encoding.params(one) for one in drawn[:count]]
        members = pareto(trials, self.objectives)
        front = self._front([e for e in members if e.feasible])
        objectives = len(self._costs)
        models = self._cost_models(rows)
        learnt = self._score_model(scored, front, models) if len(scored) >= LEAST else None

        def predicted(positions: Positions) -> tuple[Array, Array, Array]:
            x = self._encoding.columns(positions)
            costs = self._predicted_costs(x, models)
            rounded = models["rounded"].mean(x) if "rounded" in models else None
            if learnt is None:  # the score without training is all that is known of it
                guess = np.full(len(x), 0.5) if rounded is None else rounded
                return guess, np.full(len(x), UNKNOWN), costs
            score, trend = learnt
            mean, deviation = score.predict(x)
            return mean + self._basis(costs, rounded) @ trend, deviation, costs

        parents = np.array([self._rows[e.number].position for e in members])
        if not len(parents):
            parents = self._rounded_front(rows)
        if waiting:
            under_way = np.array(waiting)
            mean, _, costs = predicted(under_way)
            believed = np.column_stack([mean, costs[:, :objectives]])
            front = np.vstack([front, believed])
            promising = is_nondominated(front)[-len(believed) :]
            parents = np.vstack([parents, under_way[promising]])
            if learnt is not None:
                # what is believed of them makes their surroundings less uncertain, whatever comes of it
                x = self._encoding.columns(under_way)
                learnt = learnt[0].believing(x), learnt[1]

        def gains(thought: tuple[Array, Array, Array]) -> Array:
            mean, deviation, costs = thought
            improvement = ExpectedImprovement(front, self._most_loss).expected(
                mean, deviation, costs[:, :objectives]
            )
            return improvement * self._chance(costs)

        pool = [self._encoding.neighbours(parents, POOL, rng), self._encoding.random(ANYWHERE, rng)]
        first = self._new(np.vstack(pool), tried)
        best = first[np.argsort(-gains(predicted(first)))[: max(KEPT, 2 * count)]]
        near = self._new(np.vstack([best, self._encoding.neighbours(best, NEARER, rng)]), tried)
        thought = predicted(near)
        # each that is chosen takes from the gains of the others: those that gain least now are never next
        promised = gains(thought)
        shortlist = np.argsort(-promised)[: max(KEPT, 3 * count)]
        mean, deviation, costs = (part[shortlist] for part in thought)
        chosen = ExpectedImprovement(front, self._most_loss).sequence(
            0, mean, deviation, costs[:, :objectives], self._chance(costs), count
        )
        return [self._encoding.params(near[shortlist[one]]) for one in chosen]

    def _rounded_front(self, rows: Sequence[_Row]) -> Positions:
        """Return where to look while no trial has finished: what no other is both better and cheaper than,
        rounded; all that is known where nothing was.
        """
        every = [*rows, *self._archive]
        known = [row for row in every if row.costs is not None and not np.isnan(row.rounded)]
        if not known:
            return np.array([row.position for row in every])
        count = len(self._costs)
        losses = np.array(
            [[row.rounded, *np.nan_to_num(row.costs[:count])] for row in known if row.costs is not None]
        )
        return np.array([row.position for row in known])[is_nondominated(losses)]

    # -- what is known ---------------------------------------------------------------------------------------

    def _row(self, evaluation: Evaluation) -> _Row:
        """Read an evaluation; its score counts where it was trained, if the space has training.

        One that training made worse stands in the study as rounded, but says as much of what a proposal gets.
        """
        e = evaluation
        has_costs = e.status != "failed" and all(o.is_scored or o.key in e.resources for _, o in self._costs)
        has_costs = has_costs and all(limit.name in e.constraints for limit in self._limits)
        trained = "qat" in e.metrics or e.params.get("method") in {None, self._encoding.method}
        return _Row(
            self._encoding.positions(e.params),
            self._cost_row(e) if has_costs else None,
            self._loss(e.metrics["ptq"]) if "ptq" in e.metrics else np.nan,
            self._loss(e.score) if trained and e.status == "complete" else np.nan,
        )

    def _loss(self, score: float) -> float:
        """Return a score on the box's scale, 1 at most."""
        return min(1.0, self._scaled(self._metric, score))

    def _scaled(self, i: int, value: float) -> float:
        """Return the value of an objective on the box's scale, which `Box.normalise` cuts at 1."""
        ideal, reference = self.box.ideal[i], self.box.reference[i]
        return (self.objectives[i].scaled(value) - ideal) / (reference - ideal)

    def _cost_row(self, evaluation: Evaluation) -> Array:
        costs = [
            np.nan
            if o.is_scored and o.key not in evaluation.resources
            else self._scaled(i, o.value(evaluation))
            for i, o in self._costs
        ]
        for limit in self._limits:
            # as it is checked: corrected by syntheses
            value = limit.limit + evaluation.constraints[limit.name] * limit.scale
            costs.append(np.log2(1.0 + max(0.0, value)))
        return np.array(costs, np.float64)

    def _front(self, members: Sequence[Evaluation]) -> Array:
        rows = [(self._loss(e.score), self._rows[e.number].costs) for e in members]
        count = len(self._costs)
        table = [[loss, *costs[:count]] for loss, costs in rows if costs is not None]
        return np.array(table, np.float64).reshape(len(table), 1 + count)

    def _cost_models(self, rows: Sequence[_Row]) -> dict[str, Process]:
        """Return processes of the costs, of the limited resources and of the loss without training.

        Their lengths are those of what screening rounded, where it did; what training makes of the costs,
        sparse weights among them, they hear from every trial.
        """
        every = [*self._archive, *rows]
        fitted = len(self._archive) or _step(len(rows))
        costed = [row for row in every if row.costs is not None]
        first = sum(row.costs is not None for row in every[:fitted])
        x = self._encoding.columns(np.array([row.position for row in costed]))
        table = np.array([row.costs for row in costed])
        models = {}
        for j, y in enumerate(table.T):
            known = ~np.isnan(y)  # what was never scored has no drop under noise
            if known.sum() >= LEAST and self._matters(j, float(y[known].max())):
                key = (f"cost {j}", fitted)
                models[f"cost {j}"] = self._process(key, int(known[:first].sum()), x[known], y[known])
        rounded = [row for row in every if not np.isnan(row.rounded)]
        first = sum(not np.isnan(row.rounded) for row in every[:fitted])
        if first >= LEAST:
            x = self._encoding.columns(np.array([row.position for row in rounded]))
            losses = np.array([row.rounded for row in rounded])
            models["rounded"] = self._process(("rounded", fitted), first, x, losses)
        return models

    def _matters(self, column: int, most: float) -> bool:
        """Whether a cost is an objective, or a limit that the costliest candidate known comes near."""
        limit = column - len(self._costs)
        return limit < 0 or bool(most > np.log2(1.0 + self._limits[limit].limit) - FAR)

    def _process(self, key: tuple[str, int], first: int, x: Array, y: Array) -> Process:
        """Return a process of the latest rows, whose lengths are those of the first ones."""
        if key not in self._fitted:
            first = max(first, LEAST)
            self._fitted[key] = fitted_lengths(x[:first][-FITTED:], y[:first][-FITTED:])
        return Process(x[-MOST:], y[-MOST:], self._fitted[key])

    def _score_model(
        self, scored: Sequence[_Row], front: Array, models: Mapping[str, Process]
    ) -> tuple[Process, Array]:
        """Return the process of what the trend leaves of the loss, and the trend's weights."""
        losses = np.array([row.loss for row in scored])
        costs = np.array([row.costs for row in scored])
        x = self._encoding.columns(np.array([row.position for row in scored]))
        basis = self._basis(costs, models["rounded"].mean(x) if "rounded" in models else None)
        key = ("score", size := _step(len(scored)))
        if key not in self._fitted:
            # from these trials alone, whatever came after them: a study that is continued must fit the same
            rounded = np.array([row.rounded for row in scored[:size]])
            then = self._basis(costs[:size], None if np.isnan(rounded).any() else rounded)
            first = losses[:size] - then @ _ridge(then, losses[:size])
            every = np.column_stack([losses[:size], costs[:size, : len(self._costs)]])
            chosen = self._nearest(losses[:size], costs[:size], every, FITTED)
            self._fitted[key] = fitted_lengths(x[chosen], first[chosen])
        weights = _ridge(basis, losses)
        kept = self._nearest(losses, costs, front, MOST)
        return Process(x[kept], (losses - basis @ weights)[kept], self._fitted[key]), weights

    def _nearest(self, losses: Array, costs: Array, front: Array, most: int) -> Positions:
        """Return at most so many trials: those least far behind the front at their cost."""
        if len(losses) <= most or not len(front):
            return np.arange(len(losses))[-most:]
        count = len(self._costs)
        cheaper = (front[None, :, 1:] <= costs[:, None, :count]).all(axis=2)
        behind = losses - np.where(cheaper, front[None, :, 0], 1.0).min(axis=1)
        return np.sort(np.argsort(behind, kind="stable")[:most])

    # -- what is thought of others ---------------------------------------------------------------------------

    def _basis(self, costs: Array, rounded: Array | None) -> Array:
        """Return the columns that the trend is linear in: the costs, and the loss without training with its
        square.
        """
        columns = [np.ones(len(costs)), *np.clip(costs[:, : len(self._costs)], -0.5, 1.5).T]
        if rounded is not None:
            loss = np.clip(rounded, -0.5, 1.0)
            columns += [loss, loss**2]
        return np.column_stack(columns)

    def _predicted_costs(self, x: Array, models: Mapping[str, Process]) -> Array:
        """Return the costs that are expected; of one that has few values, what is likely not exceeded.

        Such a latency is interpolated between its values: taken as expected, a cycle's fraction that no
        design can save would promise more than any real gain.
        """
        processes = [models.get(f"cost {j}") for j in range(len(self._costs) + len(self._limits))]

        def of(j: int, process: Process | None) -> Array:
            if process is None:  # an objective is always known, but for what too few were scored for
                return np.full(len(x), 0.0 if j < len(self._costs) else -np.inf)
            return process.upper(x) if process.different < FEW else process.mean(x)

        return np.column_stack([of(j, one) for j, one in enumerate(processes)])

    def _chance(self, costs: Array) -> Array:
        """Return how likely each candidate meets the limits on resources, never quite 0, so that some are
        nearer.
        """
        beyond = np.zeros(len(costs))
        for j, limit in enumerate(self._limits, len(self._costs)):
            beyond += np.maximum(0.0, costs[:, j] - np.log2(1.0 + limit.limit))
        chance: Array = np.exp(-beyond / SLACK).clip(1e-200)
        return chance

    def _new(self, positions: Positions, tried: set[tuple[int, ...]]) -> Positions:
        """Return the candidates that were not tried, each once; all of them where none is new."""
        different = list(dict.fromkeys(map(tuple, positions)))
        return np.array([one for one in different if one not in tried] or different)


@cache
def _pools() -> ThreadpoolController:
    """Return what limits the libraries' threads: looking for them takes as long as some proposals."""
    return ThreadpoolController()


def _ridge(basis: Array, values: Array) -> Array:
    """Return the weights of the columns, the first of which is not held small."""
    held = RIDGE * len(values) * np.eye(basis.shape[1])
    held[0, 0] = 0.0
    return np.asarray(np.linalg.solve(basis.T @ basis + held, basis.T @ values), np.float64)


def _step(count: int) -> int:
    """Return the largest number of a sequence that grows by `GROWTH` that doesn't exceed `count`."""
    size = LEAST
    while (larger := int(np.ceil(size * GROWTH))) <= count:
        size = larger
    return min(size, count)
