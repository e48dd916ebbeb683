"""Quantization-aware training of a study's candidates, each from given weights, on the one bit-true model."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from bitfront.hls import BitTrue, Trainer, zero_share
from bitfront.spaces import Candidate, Graph, Params, Weights

from ..problem.class_weights import sample_weights
from ..trials.evaluation import Evaluation
from .cache import History, TrainingCache, content_digest, entry_key
from .promotion import Promotion
from .record import Record

if TYPE_CHECKING:
    from ..problem.load import Problem

FINAL_RATE = 0.1
"""The learning rate of the last epoch, as a share of the first's; a cosine between (Loshchilov and Hutter, 2017)."""
FULL_FROM = 2 / 3
"""Share of a sparse training's epochs in which its zeros become as many as they shall be."""


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


@dataclass(eq=False)
class Training:
    """Trains candidates whose types the bit-true model holds; nothing is built or traced again for the next."""

    problem: Problem
    graph: Graph
    bit_true: BitTrue
    score: Callable[[], float]
    """The validation metric of the bit-true model as it is."""
    better: Callable[[float, float], bool]
    """Whether one metric is strictly better than another."""
    _content: str = field(default="", repr=False)
    _trainer: Trainer | None = field(default=None, repr=False)

    @property
    def trainer(self) -> Trainer:
        """What trains the model; it holds the training data."""
        if self._trainer is None:
            config, data = self.problem.config.training, self.problem.data
            self._trainer = Trainer(
                self.bit_true,
                data.x_train,
                data.y_train,
                tasks=[output.task for output in self.problem.outputs.values()],
                batch_size=config.batch_size,
                optimizer=config.optimizer,
                loss=config.loss,
                weights=sample_weights(self.problem.class_weights, data.y_train),
                keep_zeros=self.problem.keeps_zeros,
            )
        return self._trainer

    def weights(
        self,
        candidate: Candidate,
        record: Record,
        cache: TrainingCache | None,
        *,
        start: Start | None = None,
        promotion: Promotion | None = None,
    ) -> tuple[Weights | None, str]:
        """Return the weights of the best epoch, or None and why; trained from those that the model holds.

        Where training makes weights zero, these are the last epoch's: earlier ones score better, since they are less
        sparse than the candidate says; not so where the training begins as sparse as that. The held ones are of `start`,
        or the float model's where None. A whole training
        comes from the cache where the same was trained before. With `promotion`, training ends after its short rung where
        the rest isn't worth it.
        """
        if cache is None:
            return self._train(candidate, record, promotion, start)
        self._content = self._content or content_digest(self.problem, self.graph)
        key = entry_key(self._content, candidate.digest, record.precision, start.digest if start else "")
        known = cache.get(key)
        if known is not None:
            weights, history = known
            if self._whole(history, record, promotion):
                record.history, record.fidelity = history, "full"
                return weights, ""
        trained, fault = self._train(candidate, record, promotion, start)
        if trained is not None and record.fidelity == "full":
            cache.put(key, trained, record.history)
        return trained, fault

    def _whole(self, history: History, record: Record, promotion: Promotion | None) -> bool:
        """Whether a training with this history would have gone on to its end; a sparse one's costs show only there."""
        sparse = record.candidate.sparsity > 0
        if promotion is None or sparse or promotion.short_epochs >= self.problem.config.training.epochs:
            return True
        seen = [
            record.metrics["ptq"],
            *(r["metric"] for r in history if r["epoch"] <= promotion.short_epochs),
        ]
        return promotion.worth("short", self._best(seen), record.resources)

    def _best(self, values: Sequence[float]) -> float:
        return max(values) if self.better(1.0, 0.0) else min(values)

    def _train(
        self, candidate: Candidate, record: Record, promotion: Promotion | None, start: Start | None
    ) -> tuple[Weights | None, str]:
        config, data = self.problem.config.training, self.problem.data
        # the candidate, not its number, seeds the order: the same candidate trains the same way anywhere
        rng = np.random.default_rng([self.problem.config.seed, int(candidate.digest, 16)])
        self.trainer.reset()
        kept, per_weight = start is not None, start is not None and start.per_weight
        if per_weight:
            self.trainer.hold(self.bit_true.types)
        # inherited weights are an outcome of training too: the best epoch may be none
        best: Weights | None = self.bit_true.weights() if kept else None
        best_value = record.history[-1]["metric"] if kept else math.nan
        record.fidelity = "full"
        zeros = candidate.sparsity / 100
        becomes_sparse = zeros > 0 and not (kept and zero_share(self.bit_true.weights()) >= zeros)
        for epoch in range(config.epochs):
            judged = promotion is not None and epoch == promotion.short_epochs
            if judged and not self._whole(record.history, record, promotion):
                record.fidelity = "short"
                break
            rate = learning_rate(config.learning_rate, epoch, config.epochs)
            if zeros:
                self.trainer.prune(zeros * (ramp(epoch, config.epochs) if becomes_sparse else 1.0))
            loss = self.trainer.epoch(rng.permutation(len(data.x_train[0])), rate)
            if not math.isfinite(loss):
                return (
                    None,
                    f"nan_loss: the training diverged in epoch {epoch + 1}, lower training.learning_rate",
                )
            value = self._score_of_multiples() if per_weight else self.score()
            record.history.append({"epoch": epoch + 1, "loss": loss, "metric": value})
            if not math.isfinite(value):
                return None, f"nan_metric: outputs are not finite after epoch {epoch + 1}"
            if best is None or becomes_sparse or self.better(value, best_value):
                best, best_value = self.trainer.weights(), value
        return best, ""

    def _score_of_multiples(self) -> float:
        """Return the metric of the weights as multiples of their steps; training goes on as it was."""
        held = self.bit_true.weights()
        self.bit_true.restore(self.trainer.weights())
        value = self.score()
        self.bit_true.restore(held)
        return value


def ramp(epoch: int, epochs: int) -> float:
    """Return the share of its zeros that a sparse training has from an epoch (counted from 0) on: all for its last third.

    Zhu and Gupta, "To prune, or not to prune", 2017: a cubic curve, fast while many weights don't matter.
    """
    reached = min(1.0, (epoch + 1) / max(1, round(epochs * FULL_FROM)))
    return 1.0 - (1.0 - reached) ** 3


def learning_rate(first: float, epoch: int, epochs: int) -> float:
    """Return the rate of an epoch (counted from 0): a cosine from `first` to `FINAL_RATE` of it."""
    cosine = (1 + math.cos(math.pi * epoch / (epochs - 1))) / 2 if epochs > 1 else 1.0
    return first * (FINAL_RATE + (1 - FINAL_RATE) * cosine)
