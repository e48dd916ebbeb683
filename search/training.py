"""Quantization-aware training of a study's candidates, each from given weights, on the one bit-true model."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from bitfront.hls import BitTrue, Trainer
from bitfront.spaces import Candidate, Graph, Weights

from .cache import TrainingCache, content_digest, entry_key
from .record import Record

if TYPE_CHECKING:
    from .problem import Problem

FINAL_RATE = 0.1
"""The learning rate of the last epoch, as a share of the first's; a cosine between (Loshchilov and Hutter, 2017)."""


@dataclass(eq=False)
class Training:
    """Trains candidates whose types the bit-true model holds; nothing is built or traced again for the next."""

    problem: Problem
    graph: Graph
    twin: BitTrue
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
                self.twin,
                data.x_train,
                data.y_train,
                tasks=[output.task for output in self.problem.outputs.values()],
                batch_size=config.batch_size,
                optimizer=config.optimizer,
                loss=config.loss,
            )
        return self._trainer

    def weights(
        self, candidate: Candidate, record: Record, cache: TrainingCache | None
    ) -> tuple[Weights | None, str]:
        """Return what training gives (see `train`), from the cache where the same was trained before."""
        if cache is None:
            return self.train(candidate, record)
        self._content = self._content or content_digest(self.problem, self.graph)
        key = entry_key(self._content, candidate.digest, record.precision)
        known = cache.get(key)
        if known is not None:
            weights, record.history = known
            return weights, ""
        trained, fault = self.train(candidate, record)
        if trained is not None:
            cache.put(key, trained, record.history)
        return trained, fault

    def train(self, candidate: Candidate, record: Record) -> tuple[Weights | None, str]:
        """Train from the weights that the model holds; return the weights of the best epoch, or None and why."""
        config, data = self.problem.config.training, self.problem.data
        # the candidate, not its number, seeds the order: the same candidate trains the same way anywhere
        rng = np.random.default_rng([self.problem.config.seed, int(candidate.digest, 16)])
        self.trainer.reset()
        best: Weights | None = None
        best_value = math.nan
        for epoch in range(config.epochs):
            rate = learning_rate(config.learning_rate, epoch, config.epochs)
            loss = self.trainer.epoch(rng.permutation(len(data.x_train[0])), rate)
            if not math.isfinite(loss):
                return (
                    None,
                    f"nan_loss: the training diverged in epoch {epoch + 1}, lower training.learning_rate",
                )
            value = self.score()
            record.history.append({"epoch": epoch + 1, "loss": loss, "metric": value})
            if not math.isfinite(value):
                return None, f"nan_metric: outputs are not finite after epoch {epoch + 1}"
            if best is None or self.better(value, best_value):
                best, best_value = self.twin.weights(), value
        return best, ""


def learning_rate(first: float, epoch: int, epochs: int) -> float:
    """Return the rate of an epoch (counted from 0): a cosine from `first` to `FINAL_RATE` of it."""
    cosine = (1 + math.cos(math.pi * epoch / (epochs - 1))) / 2 if epochs > 1 else 1.0
    return first * (FINAL_RATE + (1 - FINAL_RATE) * cosine)
