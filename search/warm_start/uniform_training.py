"""The training of the uniform widths: one that narrows all of a network's widths together.

A candidate of the gradient width search has epochs of training behind it before its own begin. Against
uniform widths that had their own epochs alone, part of what mixed widths seem to gain would be training. So
the uniform widths get as many epochs as the gradient width search, and share them as its candidates do: one
training narrows them all step by step and hands its weights on. Each width enters with the weights that it
had there, and is then trained like any other candidate.

The training begins where it matters: one width above the narrowest that keeps the metric when it is rounded.
That one and those below are what a cheaper candidate has to beat, so they enter first, before anything else
is trained; the wider ones, whose weights have little to regain, take over those of the first.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from bitfront.spaces import Params, UserError

from ..samplers.optuna_samplers import baselines
from ..storage.warm_start_files import GRADIENT_FILE, UNIFORM_FILE
from ..trials.objectives import SIGNS
from .context import SearchContext
from .gradient_seeds import read_seeds, write_seeds
from .gradient_widths import Seed
from .greedy_widths import KEPT_LEAD
from .pace import Pace
from .screening import in_float32

if TYPE_CHECKING:
    from ..evaluator.evaluator import Evaluator

_log = logging.getLogger(__name__)

FIRST = 6
"""Trained uniform widths that enter before anything else is trained, at most: with the rounded ones and those
of the greedy width reduction these are twenty trials or fewer."""
UNIFORM = 0.3
"""Share of the time left that this training may take: its epochs cost less than the gradient width search's,
and there are as many."""
_STREAM = 3
"""Of random numbers that order the training's samples."""


def first_uniform(context: SearchContext) -> list[Seed]:
    """Return the trained uniform candidates that enter first, widest first; trained once, then read from the
    study's folder.

    Raises:
        UserError: when the file can't be read.
    """
    seeds, first = _seeds(context)
    return seeds[first : first + FIRST]


def other_uniform(context: SearchContext) -> list[Seed]:
    """Return the other trained uniform candidates.

    Raises:
        UserError: when the file can't be read.
    """
    seeds, first = _seeds(context)
    return seeds[:first] + seeds[first + FIRST :]


def _seeds(context: SearchContext) -> tuple[list[Seed], int]:
    """Return every uniform candidate that is to be trained, widest first, and the position of the first to
    enter.
    """
    evaluator, path = context.evaluator, context.folder / UNIFORM_FILE
    uniform: list[Params] = [
        p for p in baselines(evaluator.space) if evaluator.space.candidate(p).method == "qat"
    ]
    if not uniform:
        return [], 0
    if not path.exists():
        first = widest_that_counts(evaluator, uniform)
        # a study that had its gradient width search before there was this training continues without
        epochs = 0 if (context.folder / GRADIENT_FILE).exists() else evaluator.plan.gradient_epochs
        if epochs:
            _log.info(f"Uniform widths: a training of {epochs} epochs narrows all of them together")
        pace = context.pace(UNIFORM * context.seconds_left()) if epochs else None
        narrower = list(narrowed_together(evaluator, uniform[first:], epochs, pace))
        seeds = [*(replace(narrower[0], params=params) for params in uniform[:first]), *narrower]
        write_seeds(path, [dict(params) for params in uniform], seeds, first=first)
    record, seeds = read_seeds(path)
    pairs = zip(record["candidates"], seeds, strict=True)
    return [replace(one, params=params) for params, one in pairs], int(record.get("first", 0))


def widest_that_counts(evaluator: Evaluator, uniform: Sequence[Params]) -> int:
    """Return the position of the width above the narrowest that keeps the metric without training."""
    sign = SIGNS[evaluator.metric_record.direction]
    lost = (1 - KEPT_LEAD) * abs(evaluator.float_score - evaluator.scores.blind())
    kept = 0
    for position, params in enumerate(uniform):
        if in_float32(evaluator, params):  # a wider one keeps it anyway, and takes long to compute
            score, _ = evaluator.rounded(evaluator.space.candidate(params))
            if sign * (evaluator.float_score - score) <= lost:
                kept = position
    return max(0, kept - 1)


def narrowed_together(
    evaluator: Evaluator, uniform: Sequence[Params], epochs: int, pace: Pace | None = None
) -> Iterator[Seed]:
    """Train for so many epochs in all while the widths go through uniform candidates; give each with its
    weights.

    Those that come after a training that diverged, and all where there are no epochs, have no weights.

    Args:
        evaluator: of the study; it holds other weights afterwards.
        uniform: the candidates, widest first.
        epochs: shared evenly; a narrower one has those of the wider ones behind it.
        pace: takes fewer where these take too long.
    """
    config, trainer = evaluator.problem.config, evaluator.training.trainer
    samples = len(evaluator.problem.data.x_train[0])
    rng = np.random.default_rng([config.seed, _STREAM])
    trainer.reset()
    evaluator.scores.begin_training()
    begun, sound = 0, epochs > 0
    for position, params in enumerate(uniform, 1):
        exact = sound and _assign(evaluator, params)
        while exact and sound and begun < round(epochs * position / len(uniform)):
            epochs = epochs if pace is None else pace.steps(begun, epochs)
            loss = trainer.epoch(rng.permutation(samples), evaluator.plan.learning_rate)
            begun, sound = begun + 1, math.isfinite(loss)
        trained = exact and sound and begun > 0
        yield Seed(params, evaluator.bit_true.weights() if trained else {}, float(begun) if trained else 0.0)


def _assign(evaluator: Evaluator, params: Params) -> bool:
    """Give the model a candidate's types for the weights that it holds; whether these can be computed
    exactly.
    """
    try:
        evaluator.bit_true.assign(
            evaluator.costs.types(evaluator.space.candidate(params), evaluator.bit_true.weights())
        )
    except UserError:
        return False
    return True
