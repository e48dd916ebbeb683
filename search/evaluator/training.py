"""Quantization-aware training of a study's candidates, each from given weights, on the one bit-true model."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from bitfront.hls import BitTrue, Trainer, Types, zero_share
from bitfront.spaces import Candidate, Graph, Params, Weights

from ..problem.class_weights import sample_weights
from ..trials.evaluation import Evaluation, Fidelity
from .cache import History, TrainingCache, content_digest, entry_key
from .costs import Cost
from .plan import Plan
from .promotion import Promotion
from .scores import Scores

if TYPE_CHECKING:
    from ..problem.load import Problem

FINAL_RATE = 0.1
"""The learning rate of the last epoch, as a share of the first's; a cosine between (Loshchilov and Hutter,
2017).
"""
FULL_FROM = 2 / 3
"""Share of a sparse training's epochs in which its zeros become as many as they shall be."""
SPARSE_START = 0.5
"""Share of a candidate's lead over a blind guess that sparse weights, to begin with, may lack."""


def is_sparse(graph: Graph, params: Params, weights: Weights) -> bool:
    """Whether weights have zeros that were made: a share that the candidate names, or units that a gradient
    width search removed.
    """
    if "sparsity" in params:
        return bool(params["sparsity"])
    return zero_share(weights) > zero_share(graph.weights)


@dataclass(frozen=True, eq=False)
class Start:
    """Trained weights of another candidate, to begin with."""

    name: str
    """`trial 12`, `gradient` or `uniform`."""
    weights: Weights
    sparse: bool = False
    """Whether many are zero."""
    per_weight: bool = False
    """Whether each is a multiple of a step of its own (see `PerWeightSteps`), which training keeps."""
    epochs: float = 0.0
    """Epochs that they were trained for."""

    @property
    def digest(self) -> str:
        """Identifies the weights: 64 hex digits."""
        state = hashlib.sha256()
        for node, roles in sorted(self.weights.items()):
            for role, array in sorted(roles.items()):
                state.update(f"{node}/{role}".encode())
                state.update(np.ascontiguousarray(array, np.float32).data)
        return state.hexdigest()


def nearest(params: Params, others: Iterable[Evaluation]) -> Evaluation | None:
    """Return the trained candidate whose widths differ least, by the sum of the bits; of equals, the first.

    Half as many weights that aren't zero count as a bit. None that is sparser is taken.
    """
    halvings = _halvings(params)

    def distance(other: Evaluation) -> float:
        pairs = ((value, other.params.get(name)) for name, value in params.items() if name != "sparsity")
        bits = sum(abs(a - b) for a, b in pairs if isinstance(a, int) and isinstance(b, int))
        return bits + halvings - _halvings(other.params)

    trained = [
        e for e in others if e.status == "complete" and e.method == "qat" and _halvings(e.params) <= halvings
    ]
    return min(trained, key=lambda e: (distance(e), e.number), default=None)


def _halvings(params: Params) -> float:
    sparsity = params.get("sparsity", 0)
    return -math.log2(1 - sparsity / 100) if isinstance(sparsity, int) else 0.0


@dataclass(frozen=True, eq=False)
class Trained:
    """What the training stage leaves of a candidate."""

    weights: Weights | None
    """None where the float weights stay: nothing was trained, or the training failed."""
    types: Types
    """What the weights were trained for."""
    fidelity: Fidelity = "ptq"
    """How far the training went, as `Evaluation.fidelity` names it."""
    start: str = "float"
    """What it began with, as `Evaluation.start` names it."""
    epochs: float = 0.0
    """Epochs behind the weights, those of the start included."""
    history: History = ()
    """One row per epoch, counted from 1: loss and validation metric; row 0 is an inherited start."""
    fault: str = ""
    """Why the training failed; empty where it didn't."""


@dataclass(frozen=True, eq=False)
class _Beginning:
    """What a training begins with, and how well that scores."""

    start: Start | None
    """None stands for the float weights."""
    types: Types
    score: float
    history: History


@dataclass(frozen=True, eq=False)
class _ShortRung:
    """Whether a training is worth its rest after the first epochs."""

    promotion: Promotion
    rounded: float
    """The candidate's metric without training."""
    resources: Mapping[str, float]
    better: Callable[[float, float], bool]

    def ends(self, history: History) -> bool:
        """Whether a training with these epochs isn't worth its rest after those of the rung."""
        epochs = self.promotion.short_epochs
        values = [self.rounded, *(row["metric"] for row in history if row["epoch"] <= epochs)]
        best = max(values) if self.better(1.0, 0.0) else min(values)
        return not self.promotion.worth("short", best, self.resources)


class Training:
    """Trains a study's candidates on its bit-true model; nothing is built or traced again for the next.

    Args:
        problem: the study's data and settings.
        graph: its model.
        bit_true: the bit-true model of the graph.
        scores: scores what that model outputs.
        cache: keeps trained weights for this study and others; nothing is kept where None.
    """

    def __init__(
        self,
        problem: Problem,
        graph: Graph,
        bit_true: BitTrue,
        scores: Scores,
        cache: TrainingCache | None = None,
    ) -> None:
        self.cache = cache
        self._problem, self._graph, self._bit_true, self._scores = problem, graph, bit_true, scores
        self._better = scores.ranking.better
        self.plan = Plan.of(problem.config)
        """Epochs and learning rate among others."""

    @cached_property
    def trainer(self) -> Trainer:
        """What trains the model; it holds the training data."""
        config, data = self._problem.config.training, self._problem.data
        return Trainer(
            self._bit_true,
            data.x_train,
            data.y_train,
            tasks=[output.task for output in self._problem.outputs.values()],
            batch_size=config.batch_size,
            optimizer=config.optimizer,
            loss=config.loss,
            weights=sample_weights(self._problem.class_weights, data.y_train),
            keep_zeros=self._problem.keeps_zeros,
        )

    def train(
        self,
        candidate: Candidate,
        types: Types,
        rounded: float,
        cost: Cost,
        *,
        start: Start | None = None,
        promotion: Promotion | None = None,
    ) -> Trained:
        """Train a candidate, whose types and float weights the model holds, as far as that is worth it.

        The weights are those of the best epoch. Where training makes weights zero, they are the last epoch's:
        earlier ones score better, since they are less sparse than the candidate says; not so where the
        training begins as sparse as that. A whole training comes from the cache where the same was trained
        before.

        Args:
            candidate: what is trained.
            types: its types with the float weights.
            rounded: its validation metric with these.
            cost: what it costs, with the weights of `start` and their types where there is one.
            start: weights to begin with, if they score well enough (see `_begin`); the float ones where None.
            promotion: ends the training before it begins, or after its short rung, where the rest isn't worth
                it.
        """
        begun = self._begin(types, rounded, cost, start)
        left = Trained(None, begun.types, history=begun.history)
        if begun.start is not None:
            left = replace(left, start=begun.start.name, epochs=begun.start.epochs)
        if candidate.sparsity:  # what its zeros save shows only at the end
            promotion = None
        if promotion is not None and not promotion.worth("rounded", begun.score, cost.resources):
            if begun.start is None:
                return left
            return replace(left, weights=begun.start.weights, fidelity="inherited")
        rung = None
        if promotion is not None and promotion.short_epochs < self.plan.epochs:
            rung = _ShortRung(promotion, rounded, cost.resources, self._better)
        if self.cache is None:
            trained = self._epochs(candidate, begun, rung)
        else:
            trained = self._cached(self.cache, candidate, begun, cost.precision, rung)
        epochs = left.epochs + max((row["epoch"] for row in trained.history), default=0)
        return replace(trained, start=left.start, epochs=epochs)

    def _begin(self, types: Types, rounded: float, cost: Cost, start: Start | None) -> _Beginning:
        """Give the model what the training begins with: `start` where it scores better than the float
        weights.

        Not much worse is enough of sparse weights: what zeros cost in score is not to be paid again.
        """
        if start is None:
            self._scores.begin_training()
            return _Beginning(None, types, rounded, ())
        inherited = self._scores.of(cost.types, start.weights)
        enough = rounded
        if start.sparse:
            enough = rounded + SPARSE_START * (self._scores.blind() - rounded)
        if self._better(inherited, enough):
            row = {"epoch": 0, "loss": math.nan, "metric": inherited}
            return _Beginning(start, cost.types, inherited, (row,))
        self._scores.begin_training(types)
        return _Beginning(None, types, rounded, ())

    def _cached(
        self,
        cache: TrainingCache,
        candidate: Candidate,
        begun: _Beginning,
        precision: Mapping[str, str],
        rung: _ShortRung | None,
    ) -> Trained:
        """Take a whole training from the cache, if it would have gone to its end; train, and keep it,
        otherwise.
        """
        key = entry_key(
            content_digest(self._problem, self._graph, self.plan),
            candidate.digest,
            precision,
            begun.start.digest if begun.start is not None else "",
        )
        entry = cache.get(key)
        if entry is not None:
            weights, history = entry
            if rung is None or not rung.ends(history):
                return Trained(weights, begun.types, "full", history=tuple(history))
        trained = self._epochs(candidate, begun, rung)
        if trained.weights is not None and trained.fidelity == "full":
            cache.put(key, trained.weights, trained.history)
        return trained

    def _epochs(self, candidate: Candidate, begun: _Beginning, rung: _ShortRung | None) -> Trained:
        """Train the weights that the model holds for the study's epochs, or up to the end of the short
        rung.
        """
        plan, samples = self.plan, len(self._problem.data.x_train[0])
        # the candidate, not its number, seeds the order: the same candidate trains the same way anywhere
        rng = np.random.default_rng([self._problem.config.seed, int(candidate.digest, 16)])
        self.trainer.reset()
        inherits, per_weight = begun.start is not None, begun.start is not None and begun.start.per_weight
        if per_weight:
            self.trainer.hold(self._bit_true.types)
        elif inherits and not candidate.sparsity:  # of the units that a path has removed
            self.trainer.keep_zeros()
        # inherited weights are an outcome of training too: the best epoch may be none
        best: Weights | None = self._bit_true.weights() if inherits else None
        best_value = begun.score if inherits else math.nan
        history = list(begun.history)
        zeros = candidate.sparsity / 100
        becomes_sparse = zeros > 0 and not (inherits and zero_share(self._bit_true.weights()) >= zeros)

        def failed(reason: str) -> Trained:
            return Trained(None, begun.types, "full", history=tuple(history), fault=reason)

        for epoch in range(plan.epochs):
            if rung is not None and epoch == rung.promotion.short_epochs and rung.ends(history):
                return Trained(best, begun.types, "short", history=tuple(history))
            rate = learning_rate(plan.learning_rate, epoch, plan.epochs)
            if zeros:
                self.trainer.prune(zeros * (ramp(epoch, plan.epochs) if becomes_sparse else 1.0))
            loss = self.trainer.epoch(rng.permutation(samples), rate)
            if not math.isfinite(loss):
                return failed(
                    f"nan_loss: the training diverged in epoch {epoch + 1}, lower training.learning_rate"
                )
            value = self._score_of_multiples() if per_weight else self._scores.of_model()
            history.append({"epoch": epoch + 1, "loss": loss, "metric": value})
            if not math.isfinite(value):
                return failed(f"nan_metric: outputs are not finite after epoch {epoch + 1}")
            if best is None or becomes_sparse or self._better(value, best_value):
                best, best_value = self.trainer.weights(), value
        return Trained(best, begun.types, "full", history=tuple(history))

    def _score_of_multiples(self) -> float:
        """Return the metric of the weights as multiples of their steps, and continue with the weights as they
        were.
        """
        weights = self._bit_true.weights()
        self._bit_true.restore(self.trainer.weights())
        value = self._scores.of_model()
        self._bit_true.restore(weights)
        return value


def ramp(epoch: int, epochs: int) -> float:
    """Return the share of its zeros that a sparse training has from an epoch (counted from 0) on: all for its
    last third.

    Zhu and Gupta, "To prune, or not to prune", 2017: a cubic curve, fast while many weights don't matter.
    """
    reached = min(1.0, (epoch + 1) / max(1, round(epochs * FULL_FROM)))
    return 1.0 - (1.0 - reached) ** 3


def learning_rate(first: float, epoch: int, epochs: int) -> float:
    """Return the rate of an epoch (counted from 0): a cosine from `first` to `FINAL_RATE` of it."""
    cosine = (1 + math.cos(math.pi * epoch / (epochs - 1))) / 2 if epochs > 1 else 1.0
    return first * (FINAL_RATE + (1 - FINAL_RATE) * cosine)
