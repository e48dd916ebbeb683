"""Seeds from one training that moves the widths themselves, against a price that grows on its way.

Widths are variables of the bit-true model. Along one training each dimension of the space has a width between whole
bits; rounded ones compute. The loss says, by a surrogate gradient, what a bit of each is worth (see
`VariableFixedPoint`), the estimate of the design what it costs (see `Price`); the weight between them is steered so that
the cost of the widths falls from that of the start to the least of the space. Widths that the loss can't feel, those of tables say, are
narrowed beforehand by rounding. What the path passes are candidates with weights trained for them; from the best of
them ways lead further down by rounding alone (see `Descent`). Those that dominate most enter the search as ordinary
trials. Where the space has sparsity, ever more weights become zero on the path, and the cost falls on.

After HGQ (Sun et al., "Gradient-based Automatic Mixed Precision Quantization for Ultra-Low Latency on FPGAs", 2024),
whose widths are per weight; here they are those of the space, one a dimension.
"""

from __future__ import annotations

import json
import math
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bitfront.spaces import Dimension, Params, UserError, Weights

from .descent import Descent
from .evaluation import Evaluation, save_atomic
from .front import Box, dominating, pareto
from .objectives import Objective
from .price import Price
from .record import resources_of
from .weight_arrays import as_arrays, from_arrays

if TYPE_CHECKING:
    from .workbench import Workbench

FILE = "gradient.npz"
KEPT = 32
"""Candidates that enter the search, at most."""
START = 6
"""Bits that the path begins with, as far as the ranges allow."""
MOVES_AN_EPOCH, BATCHES_A_MOVE = 4, 14
"""Moves of the widths an epoch, and batches that are trained for each: with few, their slopes are noise."""
PULL = 10.0, 0.001
"""Mean weights by which a path that makes zeros pulls the others: over all its steps, and by one at most."""
PRICED = 4
"""Moves after which what a bit of each dimension costs is estimated anew: all of them take as long as the training."""
REACH = 3.0
"""Bits that a dimension could move beyond its share of the path: of the step's size."""
_DECAY = (0.8, 0.95)
"""Of Adam's two moments, shorter than usual: there are tens of moves, not thousands."""
_CONTROL = (8.0, 0.6)
"""Of what cost weighs: how its logarithm follows the cost beyond that wanted, over all that it shall fall, and the sum over moves."""
_MOST = 12.0
"""Largest change of that logarithm."""
_ABOVE = 1
"""Bits above the least of the space where a path ends that makes weights zero."""
_STILL_LOST = 0.005
"""Share of the float model's lead that widths may cost which the loss can't feel, before the path begins."""
SCORED = 400
"""Candidates of a path that are scored, at most: of a longer one every second, third, ... of its moves."""
WAYS = 8
"""Candidates of the path from which ways lead further down."""
_WAY_LOST = 0.02
"""Share of the lead that such a way may cost: what a short training can regain."""
_LEAST_FALL = 0.1
"""Of the cost's logarithm: with less to gain there is little to steer."""
_ARRIVAL = 0.85
"""Share of the path after which the least cost is wanted; the rest is for getting there."""


@dataclass(frozen=True, eq=False)
class Passed:
    """A candidate that the path passed, with the weights that it had there."""

    params: Params
    weights: Weights


Scored = tuple[Evaluation, Passed]


def gradient_seeds(
    bench: Workbench,
    objectives: Sequence[Objective],
    box: Box,
    study_dir: Path,
    say: Callable[[str], None],
) -> list[Passed]:
    """Return the candidates that a study's path proposes; found once, then read from its folder.

    There are none where the study asks for none, or its space has no `qat`.

    Raises:
        UserError: when the file can't be read.
    """
    config = bench.problem.config
    path = study_dir / FILE
    if not config.gradient or "qat" not in config.space.method:
        return []
    if not path.exists():
        say(f"Gradient: the widths move along a training of {config.gradient} epochs")
        pool = scored(bench, GradientPath(bench, objectives, config.gradient).passed())
        pool += narrower(bench, chosen(bench, pool, objectives, box, WAYS), objectives, config.scout)
        _write(path, chosen(bench, pool, objectives, box))
    try:
        return _read(path)
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(f"{path} can't be read ({error}): delete it, and it is made again.") from error


def scored(bench: Workbench, passed: Sequence[Passed]) -> list[Scored]:
    """Return each candidate with what its weights make of it."""
    return [(bench.inherited(number, one.params, one.weights), one) for number, one in enumerate(passed)]


def chosen(
    bench: Workbench, pool: Sequence[Scored], objectives: Sequence[Objective], box: Box, most: int = KEPT
) -> list[Passed]:
    """Return what dominates most of some candidates, each with the weights that score best for it."""
    best: dict[str, Scored] = {}
    for number, (evaluation, one) in enumerate(pool):
        known = best.get(evaluation.digest)
        if evaluation.feasible and (known is None or bench.ranking.better(evaluation.score, known[0].score)):
            best[evaluation.digest] = replace(evaluation, number=number), one
    front = pareto([e for e, _ in best.values()], objectives) if best else []
    by_digest = {e.digest: one for e, one in best.values()}
    return [by_digest[e.digest] for e in dominating(front, objectives, box, most)]


def narrower(
    bench: Workbench, found: Sequence[Passed], objectives: Sequence[Objective], most: int
) -> list[Scored]:
    """Return candidates on ways down from what a path found, with the same weights; so many are rounded in all."""
    descent = Descent(bench, objectives)
    return [
        (e, Passed(e.params, one.weights))
        for one in found
        for e in descent.from_trained(one.params, one.weights, most // len(found), _WAY_LOST)
    ]


def _write(path: Path, passed: Sequence[Passed]) -> None:
    arrays = {f"{i}/{name}": a for i, one in enumerate(passed) for name, a in as_arrays(one.weights).items()}
    arrays["params"] = np.array(json.dumps([dict(one.params) for one in passed]))
    save_atomic(path, lambda target: np.savez_compressed(target, **arrays))


def _read(path: Path) -> list[Passed]:
    with np.load(path, allow_pickle=False) as arrays:
        params = json.loads(str(arrays["params"]))
        own: list[dict[str, Any]] = [{} for _ in params]
        for key in arrays.files:
            if key != "params":
                number, name = key.split("/", 1)
                own[int(number)][name] = arrays[key]
    return [Passed(p, from_arrays(weights)) for p, weights in zip(params, own, strict=True)]


@dataclass(eq=False)
class GradientPath:
    """One training along which widths move; it begins with the float weights."""

    bench: Workbench
    objectives: Sequence[Objective]
    epochs: int
    _moments: dict[str, list[float]] = field(default_factory=dict)
    _price: Price = field(init=False)

    def __post_init__(self) -> None:
        self._price = Price(self.bench, self.objectives)

    def passed(self) -> list[Passed]:
        """Return what the path passed, in its order; empty where the space has no width that moves the loss."""
        bench = self.bench
        trainer = bench.training.trainer
        reached = trainer.reached()
        widths = [d for d in bench.space.dimensions if d.kind == "width"]
        moved = [d for d in widths if any(t in reached for t in d.targets)]
        if not moved:
            return []
        still = [d for d in widths if d not in moved]
        params = dict(bench.space.uniform(START, "qat"))
        params = dict(Descent(bench, self.objectives).narrowed(params, still, _STILL_LOST))
        width = {d.name: float(params[d.name]) for d in moved}
        zeros = bench.space.sparsities
        density = 1.0 - zeros[-1] / 100
        sparse = density < 1.0
        above = _ABOVE if sparse else 0
        most = self._cost(params)
        least = self._cost({**params, **{d.name: min(d.low + above, int(params[d.name])) for d in moved}})
        samples = len(bench.problem.data.x_train[0])
        batches = samples / bench.problem.config.training.batch_size
        moves = int(min(MOVES_AN_EPOCH, max(1, batches // BATCHES_A_MOVE)))
        steps = self.epochs * moves
        seldom = math.ceil(steps / SCORED)
        pull = min(PULL[0] / (self.epochs * batches), PULL[1]) if sparse else 0.0
        rate = REACH * max(width[d.name] - d.low for d in moved) / steps
        rng = np.random.default_rng([bench.problem.config.seed, 2])
        learning_rate = bench.problem.config.training.learning_rate
        trainer.reset()
        bench.begin()
        found: list[Passed] = []
        order: list[NDArray[np.integer]] = []
        base, missed = 0.0, 0.0
        costs: dict[str, float] = {}
        for step in range(steps):
            order = order or np.array_split(rng.permutation(samples), moves)
            params |= {name: round(value) for name, value in width.items()}
            progress = min(1.0, (step + 1) / (_ARRIVAL * steps))
            trainer.prune(share := 1.0 - density**progress, pull)
            try:
                bench.twin.assign(bench.types(bench.space.candidate(params), bench.twin.weights()))
            except UserError:  # a kernel has shrunk until its products can't be computed exactly
                break
            loss, slopes = trainer.explore(order.pop(), learning_rate)
            if not math.isfinite(loss):
                break
            weights = bench.twin.weights() if sparse else None
            if sparse:
                params["sparsity"] = max(zero for zero in zeros if zero <= 100 * share)
            if step % seldom == 0:
                found.append(Passed(dict(params), weights or bench.twin.weights()))
            worth = {d.name: sum(slopes.get(t, 0.0) for t in d.targets) for d in moved}
            if step % PRICED == 0:
                costs = self._costs(params, moved, weights)
            if not base and any(costs.values()):
                base = sum(abs(v) for v in worth.values()) / sum(abs(v) for v in costs.values())
            error = (self._cost(params) - most) / max(most - least, _LEAST_FALL) + progress
            missed += error
            exponent = _CONTROL[0] * error + _CONTROL[1] * missed
            price = base * math.exp(min(max(exponent, -_MOST), _MOST))
            for d in moved:
                push = self._normalised(d.name, worth[d.name] + price * costs[d.name])
                width[d.name] = min(max(width[d.name] - rate * push, float(d.low)), float(d.high))
        return found

    def _cost(self, params: Params, weights: Weights | None = None) -> float:
        """Return the price of a candidate, a logarithm; of its widths alone, as dense as the float model, without weights."""
        candidate = self.bench.space.candidate(params)
        return self._price(
            resources_of(self.bench.cost(candidate, self.bench.types(candidate, weights), weights))
        )

    def _costs(
        self, params: Params, dimensions: Sequence[Dimension], weights: Weights | None
    ) -> dict[str, float]:
        """Return what a bit of each dimension costs, relative to the whole: of one bit less, or one more."""
        cost = self._cost(params, weights)
        found = {}
        for d in dimensions:
            now = int(params[d.name])
            other = now - 1 if now > d.low else now + 1
            found[d.name] = (self._cost({**params, d.name: other}, weights) - cost) / (other - now)
        return found

    def _normalised(self, name: str, slope: float) -> float:
        """Return a move by Adam's rule (Kingma and Ba, 2015), within about -1..1."""
        first, second, count = self._moments.get(name, [0.0, 0.0, 0.0])
        first = _DECAY[0] * first + (1 - _DECAY[0]) * slope
        second = _DECAY[1] * second + (1 - _DECAY[1]) * slope * slope
        self._moments[name] = [first, second, count + 1]
        mean = first / (1 - _DECAY[0] ** (count + 1))
        size = math.sqrt(second / (1 - _DECAY[1] ** (count + 1)))
        return mean / size if size else 0.0
