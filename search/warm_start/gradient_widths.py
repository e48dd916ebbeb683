"""The gradient width search: a training in which widths move, from which a study's gradient seeds come.

Each dimension of the space has a width between whole bits; rounded ones compute. The loss says, by a
surrogate gradient, what a bit of each is worth (see `VariableFixedPoint`), the estimate of the design what it
costs (see `WeightedCost`); the weight between the two is steered so that the cost falls evenly from that of
the start. Widths that don't change the loss, those of tables say, are narrowed beforehand by rounding.

Where the space has sparsity, single weights move too: the same cost weight gives each the step that it is
worth (see `PerWeightSteps`), and a kernel's width is what its finest steps ask for; parts of an attention and
units are removed where they aren't worth their cost (see `unit_pruning`). The least cost that the network can
have is then unknown, so that a first quarter of the search looks for it, and the rest stops there.

After HGQ (Sun et al., "Gradient-based Automatic Mixed Precision Quantization for Ultra-Low Latency on FPGAs",
2024), whose widths are per weight and activation; here the types are those of the space. What single weights,
their integer bits and the attention's parts gain was measured (`experiments/benchmarks/peers.md`, "What made
the difference"). The constants below were chosen by hand, and no measurement of any one of them is on record,
unless it says otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bitfront.hls import Types, WeightContent, pruned, zero_share
from bitfront.spaces import Dimension, Params, UserError, Weights

from ..quantities.table import resources_of
from ..trials.evaluation import Evaluation
from ..trials.objectives import SIGNS, Objective
from .attention_pruning import free_parts
from .cost import WeightedCost
from .greedy_widths import GreedyWidths
from .pace import Pace
from .unit_pruning import fewer_units, prunings_of

if TYPE_CHECKING:
    from ..evaluator.evaluator import Evaluator

START = 6
"""Bits that the search begins with, as far as the ranges allow."""
MOVES_AN_EPOCH, BATCHES_A_MOVE = 2, 14
"""Moves of the widths per epoch, at most, and batches that are trained for each, at least: with few, their
slopes are noise. The moves were halved (4 to 2) with commit 5fd402b."""
WANTED_MOVES = 120
"""Moves of a whole search, as far as the batches of its epochs allow."""
ESTIMATED_EVERY = 8
"""Moves after which what a bit of each dimension costs is estimated anew, which takes as long as the
training. Doubled (4 to 8) with commit 5fd402b to save time."""
REACH = 3.0
"""Times that a width could fall from the start to its least one if it always moved that way: sets the size of
a move.
"""
FIRST = 0.25
"""Share of the epochs that look for the least cost, where single weights move."""
SCORED = 200
"""Candidates of either part of the search that are scored, at most: of a longer one those of every second,
third, ... move. Halved (400 to 200) with commit 5fd402b."""
_DECAY = (0.8, 0.95)
"""Of Adam's two moments (Kingma and Ba, 2015), shorter than their 0.9 and 0.999: there are tens of moves, not
thousands.
"""
_CONTROL = (8.0, 0.6)
"""Gains of a proportional-integral controller of the cost weight: how its logarithm follows the cost beyond
that wanted, as a share of all that the cost shall fall, and that share's sum over moves. The same idea as
HGQ2's `BetaPID`. Doubled, from 4.0 and 0.3, with commit abfd1a8."""
_MOST = 12.0
"""Largest change of that logarithm."""
_STILL_LOST = 0.005
"""Share of the float model's lead that narrowing the widths that don't change the loss may cost, before the
search begins.
"""
_LEAST_FALL = 0.1
"""Of the cost's logarithm: with less to gain there is little to steer."""
_ARRIVAL = 0.85
"""Share of the moves after which the least cost is wanted; the rest is for getting there."""
_LOST = 0.4
"""Share of the lead whose loss makes a candidate useless; that of `greedy_widths.LOST_LEAD`."""
_GONE = 0.05, 5
"""A part of the search ends after this share of its scored candidates, and this many, in a row that are
useless.
"""
_WARM = 3
"""Moves before single weights get steps: their gradients are averaged first."""


def moves_an_epoch(batches: float, epochs: int) -> int:
    """Return how often the widths move in an epoch of so many batches: more often where there are few
    epochs.
    """
    most = max(MOVES_AN_EPOCH, math.ceil(WANTED_MOVES / max(1, epochs)))
    return int(min(most, max(1, batches // BATCHES_A_MOVE)))


@dataclass(frozen=True, eq=False)
class Seed:
    """A candidate of a training in which widths move, with the weights that it had then."""

    params: Params
    weights: Weights
    epochs: float = 0.0
    """Epochs that these had been trained for."""


Scored = tuple[Evaluation, Seed]


@dataclass(frozen=True)
class _Fall:
    """How the logarithm of the cost shall fall during the search."""

    most: float
    least: float

    def error(self, cost: float, progress: float) -> float:
        """Return how far a cost is above what is wanted, over all that it shall fall."""
        return (cost - self.most) / max(self.most - self.least, _LEAST_FALL) + progress


@dataclass(eq=False)
class GradientWidths:
    """The gradient width search of a study, in one part or two; each begins with the float weights."""

    evaluator: Evaluator
    objectives: Sequence[Objective]
    epochs: int
    _moments: dict[str, list[float]] = field(default_factory=dict)
    _weighted_cost: WeightedCost = field(init=False)
    _bit_costs: dict[str, float] = field(default_factory=dict)
    _per_weight: dict[str, list[str]] = field(default_factory=dict)
    _begin: tuple[Params, list[Dimension], _Fall] | None = None

    def __post_init__(self) -> None:
        self._weighted_cost = WeightedCost(self.evaluator, self.objectives)
        self._kinds = [part for part in free_parts(self.evaluator.graph) if part.whole]
        self._lead = abs(self.evaluator.float_score - self.evaluator.scores.blind()) or 1.0

    def first(self, pace: Pace | None = None) -> list[Scored]:
        """Return the candidates of the part that looks for the least cost; empty where single weights don't
        move. With a pace, it has fewer epochs where these take too long.
        """
        start, moved, fall = self._start()
        if not self._per_weight:
            return []
        return list(self._search(start, moved, fall, self._first_epochs, pace))

    @property
    def _first_epochs(self) -> int:
        return math.ceil(FIRST * self.epochs)

    def least(self, first: Sequence[Scored]) -> float | None:
        """Return the least cost of the candidates of the first part that are of use; None where none is."""
        return min(
            (self._weighted_cost(e.resources) for e, _ in first if self._lost(e) <= _LOST), default=None
        )

    def rest(self, least: float | None = None, pace: Pace | None = None) -> list[Scored]:
        """Return the candidates of the other part, in which the cost falls to the `least` of the first; as
        far as it can where None. With a pace, it has fewer epochs where these take too long.
        """
        self._start()  # says whether there is a first part
        return self.again(1, self.epochs - (self._first_epochs if self._per_weight else 0), least, pace)

    def again(self, number: int, epochs: int, least: float | None, pace: Pace | None = None) -> list[Scored]:
        """Return the candidates of a search of so many epochs, as `rest`; its number, from 1, sets the order
        of the samples.
        """
        start, moved, fall = self._start()
        if not moved:
            return []
        fall = fall if least is None or not self._per_weight else _Fall(fall.most, least)
        return list(self._search(start, moved, fall, epochs, pace, number))

    def searched(self) -> list[Scored]:
        """Return the candidates of both parts, in their order, each evaluated with its weights.

        Empty where the space has no width that moves the loss.
        """
        first = self.first()
        return first + self.rest(self.least(first))

    def _start(self) -> tuple[Params, list[Dimension], _Fall]:
        """Return where the search begins, the widths that move in it, and how far the cost may fall; computed
        once.
        """
        if self._begin is None:
            self._begin = self._found_start()
        return self._begin

    def _found_start(self) -> tuple[Params, list[Dimension], _Fall]:
        evaluator = self.evaluator
        reached = evaluator.training.trainer.reached()
        widths = [d for d in evaluator.space.dimensions if d.kind == "width"]
        moved = [d for d in widths if any(t in reached for t in d.targets)]
        start: Params = dict(evaluator.space.uniform(START, "qat"))
        if not moved:
            return start, moved, _Fall(0.0, 0.0)
        still = [d for d in widths if d not in moved]
        start = dict(GreedyWidths(evaluator, self.objectives).narrowed(start, still, _STILL_LOST))
        self._per_weight = self._with_per_weight_steps(start, moved)
        narrow = {**start, **{d.name: min(d.low, int(start[d.name])) for d in moved}}
        weights = None
        if self._per_weight:
            weights = pruned(evaluator.graph, evaluator.graph.weights, evaluator.space.sparsities[-1] / 100)
        weights = fewer_units(evaluator, weights)
        return start, moved, _Fall(self._cost(start), self._cost(narrow, weights))

    def _with_per_weight_steps(self, start: Params, moved: Sequence[Dimension]) -> dict[str, list[str]]:
        """Return the dimensions that set the width of kernels whose weights move singly, with these
        kernels.
        """
        if len(self.evaluator.space.sparsities) == 1:
            return {}
        strategy = self.evaluator.space.candidate(start).chosen("strategy")
        kernels = {
            key
            for key in self.evaluator.training.trainer.per_weight_steps
            if self._weighted_cost.counts_bits(strategy.get(key.rsplit("/", 1)[0], "Latency"))
        }
        of_dimensions = {d.name: [t for t in d.targets if t in kernels] for d in moved}
        return {name: keys for name, keys in of_dimensions.items() if keys}

    def _search(
        self,
        start: Params,
        moved: Sequence[Dimension],
        fall: _Fall,
        epochs: int,
        pace: Pace | None,
        number: int = 1,
    ) -> Iterator[Scored]:
        """Train for so many epochs while the widths move, and give the candidates on the way.

        Where a pace finds that these take longer than they may, there are fewer, and the cost falls faster.
        """
        evaluator, trainer = self.evaluator, self.evaluator.training.trainer
        config = evaluator.problem.config
        samples = len(evaluator.problem.data.x_train[0])
        moves = moves_an_epoch(samples / config.training.batch_size, self.epochs)
        steps = epochs * moves
        seldom = math.ceil(steps / SCORED)
        params, width = dict(start), {d.name: float(start[d.name]) for d in moved}
        rate = REACH * max((width[d.name] - d.low for d in moved), default=0.0) / max(1, steps)
        rng = np.random.default_rng([config.seed, 2, *([number] if number > 1 else [])])
        order: list[NDArray[np.integer]] = []
        base, missed, gone = 0.0, 0.0, 0
        costs: dict[str, float] = {}
        trainer.reset()
        evaluator.scores.begin_training()
        prunings = prunings_of(evaluator, per_weight=bool(self._per_weight))
        self._moments.clear()
        self._bit_costs.clear()
        for step in count():
            if pace is not None and step % ESTIMATED_EVERY == 0:
                steps = pace.steps(step, steps)
            if step >= steps:
                return
            order = order or np.array_split(rng.permutation(samples), moves)
            params |= {name: round(value) for name, value in width.items()}
            try:
                types = evaluator.costs.types(evaluator.space.candidate(params), trainer.weights())
                evaluator.bit_true.assign(types)
            except UserError:  # a kernel has shrunk until its products can't be computed exactly
                return
            loss, slopes = trainer.explore(order.pop(), evaluator.plan.learning_rate)
            if not math.isfinite(loss):
                return
            weights = trainer.weights() if self._per_weight else evaluator.bit_true.weights()
            if "sparsity" in params:
                share = 100 * zero_share(weights)
                params["sparsity"] = max(zeros for zeros in evaluator.space.sparsities if zeros <= share)
            if step % seldom == 0:
                evaluation = self._evaluated(params, weights)
                yield evaluation, Seed(dict(params), weights, (step + 1) / moves)
                gone = gone + 1 if self._per_weight and self._lost(evaluation) > _LOST else 0
                if gone >= max(_GONE[1], _GONE[0] * steps / seldom):
                    return
            worth = {d.name: sum(slopes.get(t, 0.0) for t in d.targets) for d in moved}
            if step % ESTIMATED_EVERY == 0:
                costs = self._costs(params, moved, weights if prunings else None)
                self._bit_costs |= self._costs_of_bits(params, types, weights)
            if not base and any(costs.values()):
                base = sum(abs(v) for v in worth.values()) / sum(abs(v) for v in costs.values())
            progress = min(1.0, (step + 1) / (_ARRIVAL * steps))
            error = fall.error(self._cost(params, weights if prunings else None), progress)
            missed += error
            cost_weight = base * math.exp(min(max(_CONTROL[0] * error + _CONTROL[1] * missed, -_MOST), _MOST))
            for d in (d for d in moved if d.name not in self._per_weight):
                push = self._normalised(d.name, worth[d.name] + cost_weight * costs[d.name])
                width[d.name] = min(max(width[d.name] - rate * push, float(d.low)), float(d.high))
            if step >= _WARM and step % ESTIMATED_EVERY == 0:
                for pruning in prunings:
                    weights = pruning.take(weights, partial(self._cost, dict(params)), cost_weight)
            if self._per_weight and step >= _WARM:
                bits = {key: cost_weight * cost for key, cost in self._bit_costs.items()}
                trainer.per_weight_steps.move(bits, config.training.batch_size)
                width |= self._asked(moved, types)

    def _asked(self, moved: Sequence[Dimension], types: Types) -> dict[str, float]:
        """Return the widths that the steps of single weights ask for, where they ask for any."""
        per_weight_steps, widths = self.evaluator.training.trainer.per_weight_steps, {}
        for d in moved:
            fractions = {key: per_weight_steps.fraction(key) for key in self._per_weight.get(d.name, ())}
            asked = [types[key].integer + bits for key, bits in fractions.items() if bits is not None]
            if asked:
                widths[d.name] = float(min(max(*asked, d.low), d.high))
        return widths

    def _evaluated(self, params: Params, weights: Weights) -> Evaluation:
        """Return what these weights make of a candidate; training continues as it was."""
        weights_before = self.evaluator.bit_true.weights()
        evaluation = self.evaluator.inherited(0, params, weights)
        self.evaluator.bit_true.restore(weights_before)
        return evaluation

    def _lost(self, evaluation: Evaluation) -> float:
        """Return the share of the float model's lead that a candidate has lost."""
        sign = SIGNS[self.evaluator.metric_record.direction]
        return sign * (self.evaluator.float_score - evaluation.score) / self._lead

    def _cost(self, params: Params, weights: Weights | None = None) -> float:
        """Return the weighted cost of a candidate, a logarithm; without weights, that of a design as dense as
        the float model.
        """
        candidate = self.evaluator.space.candidate(params)
        return self._weighted_cost(
            resources_of(
                self.evaluator.costs.estimate(
                    candidate, self.evaluator.costs.types(candidate, weights), weights
                )
            )
        )

    def _costs(
        self, params: Params, dimensions: Sequence[Dimension], weights: Weights | None
    ) -> dict[str, float]:
        """Return what a bit of each dimension costs, relative to the whole: of one bit less, or one more."""
        cost = self._cost(params, weights)
        costs = {}
        for d in dimensions:
            now = int(params[d.name])
            other = now - 1 if now > d.low else now + 1
            costs[d.name] = (self._cost({**params, d.name: other}, weights) - cost) / (other - now)
        return costs

    def _costs_of_bits(self, params: Params, types: Types, weights: Weights) -> dict[str, float]:
        """Return what a bit of a single weight of each kernel costs, relative to the whole: in the mean of
        their last ones.

        Or its share in all that goes with the keys, values or heads of an attention, if that is more. A
        kernel that has none left is absent.
        """
        candidate = self.evaluator.space.candidate(params)

        def cost(these: Weights) -> float:
            return self._weighted_cost(resources_of(self.evaluator.costs.estimate(candidate, types, these)))

        whole = cost(weights)
        bit_costs: dict[str, float] = {}
        counts: dict[str, int] = {}
        for key in (key for keys in self._per_weight.values() for key in keys):
            node, role = key.rsplit("/", 1)
            step = types[key].step
            steps = np.round(types[key].quantize(np.asarray(weights[node][role])) / step).astype(np.int64)
            size = np.abs(steps)
            fewer = np.sign(steps) * (size - (size & -size))
            counts[key] = WeightContent.of(steps).bits
            bits = counts[key] - WeightContent.of(fewer).bits
            if bits:
                without = {**weights[node], role: (fewer * step).astype(np.float32)}
                bit_costs[key] = max(0.0, whole - cost({**weights, node: without})) / bits
        for part in self._kinds:
            # products of variables are saved only once all of these are zero: by itself no bit would be worth
            # it
            saved = max(0.0, whole - cost(part.erased(weights)))
            share = saved / max(1, sum(counts.get(key, 0) for key in part.kernels))
            bit_costs |= {key: max(bit_costs[key], share) for key in part.kernels if key in bit_costs}
        return bit_costs

    def _normalised(self, name: str, slope: float) -> float:
        """Return a move by Adam's rule (Kingma and Ba, 2015), within about -1..1."""
        first, second, count = self._moments.get(name, [0.0, 0.0, 0.0])
        first = _DECAY[0] * first + (1 - _DECAY[0]) * slope
        second = _DECAY[1] * second + (1 - _DECAY[1]) * slope * slope
        self._moments[name] = [first, second, count + 1]
        mean = first / (1 - _DECAY[0] ** (count + 1))
        size = math.sqrt(second / (1 - _DECAY[1] ** (count + 1)))
        return mean / size if size else 0.0
