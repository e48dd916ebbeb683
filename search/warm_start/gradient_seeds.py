"""Seeds from the gradient width search: one training in which the widths move, while the cost weighs more and
more.

Its candidates (see `GradientWidths`) have weights that were trained for them; from the best of them greedy
width reduction continues by rounding alone (see `GreedyWidths`). Those that dominate most enter the search as
ordinary trials: first those of the part that looks for the least cost, so that a search that ends during the
rest has some of them, then those of all.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..storage.warm_start_files import AGAIN_FILES, FIRST_FILE, GRADIENT_FILE, MADE_AGAIN
from ..trials.evaluation import Evaluation
from ..trials.files import save_atomic
from ..trials.front import Box, dominating, pareto
from ..trials.objectives import Objective
from ..trials.stored import DamagedFile, read_arrays
from ..trials.weight_arrays import as_arrays, from_arrays
from .context import SEEDS, WALKED, SearchContext
from .gradient_widths import FIRST, Scored, Seed
from .greedy_widths import GreedyWidths

if TYPE_CHECKING:
    from ..evaluator.evaluator import Evaluator

_log = logging.getLogger(__name__)

KEPT_FIRST = 6
"""Of `SEEDS`, candidates of the first part that enter before the rest is trained, at most."""
LEAST_AGAIN = 0.25
"""Share of the first search's epochs below which another isn't begun."""
REDUCED = 8
"""Candidates of the gradient width search from which greedy width reduction continues."""
_REDUCTION_LOST = 0.02
"""Share of the lead that this reduction may cost: what a short training can regain."""
_UNREADABLE = (ValueError, KeyError, TypeError, IndexError, AttributeError)


def first_seeds(context: SearchContext) -> list[Seed]:
    """Return the candidates that the first part of the gradient width search proposes; searched once, then
    read from a file.

    There are none where the study asks for no such search, its space has no `qat`, or single weights don't
    move in it.

    Raises:
        UserError: when the file can't be read.
    """
    if not _wanted(context.evaluator):
        return []
    first, _ = _first(context)
    return chosen(first, context.objectives, context.box, KEPT_FIRST)


def gradient_seeds(context: SearchContext) -> list[Seed]:
    """Return the candidates that the whole gradient width search proposes, without those of `first_seeds`.

    Searched once, then read from a file. There are none where the study asks for none, or its space has no
    `qat`.

    Raises:
        UserError: when a file can't be read.
    """
    evaluator, objectives, box, path = (
        context.evaluator,
        context.objectives,
        context.box,
        context.folder / GRADIENT_FILE,
    )
    if not _wanted(evaluator):
        return []
    if not path.exists():
        first, least = _first(context)
        before = [one.params for one in chosen(first, objectives, box, KEPT_FIRST)]
        pool = first + context.gradient_search.rest(least, context.pace(context.seconds_for_rest()))
        pool += narrower(
            evaluator, chosen(pool, objectives, box, REDUCED), objectives, evaluator.plan.screening
        )
        later = [one for one in chosen(pool, objectives, box) if one.params not in before]
        later = later[: SEEDS - len(before)]
        write_seeds(path, [dict(one.params) for one in later], later)
    return _proposed(path)


def further_seeds(context: SearchContext, number: int) -> list[Seed]:
    """Return the candidates of a further gradient width search, if there is time for one; searched once, then
    read from a file.

    None of them was trained for more epochs than those of the first, with which the uniform widths compare.
    There are none where the study file itself says how long the search is.

    Args:
        context: of the study.
        number: of the search, from 2.

    Raises:
        UserError: when a file can't be read.
    """
    evaluator, path = context.evaluator, context.folder / AGAIN_FILES[number]
    if not _wanted(evaluator) or not context.by_time:
        return []
    if not path.exists():
        epochs = min(context.epochs_left(), evaluator.plan.gradient_epochs)
        seeds: list[Seed] = []
        if epochs >= LEAST_AGAIN * evaluator.plan.gradient_epochs:
            _, least = _first(context)
            _log.info(f"Gradient: the widths move again, along {epochs} epochs")
            pool = context.gradient_search.again(
                number, epochs, least, context.pace(context.seconds_for_rest())
            )
            seeds = chosen(pool, context.objectives, context.box, SEEDS // 2)
        write_seeds(path, [dict(one.params) for one in seeds], seeds)
    return _proposed(path)


def _proposed(path: Path) -> list[Seed]:
    """Return the candidates that a file keeps, with their parameters."""
    record, seeds = read_seeds(path)
    return [replace(one, params=params) for params, one in zip(record["candidates"], seeds, strict=True)]


def _wanted(evaluator: Evaluator) -> bool:
    return bool(evaluator.plan.gradient_epochs) and "qat" in evaluator.problem.config.space.method


def _first(context: SearchContext) -> tuple[list[Scored], float | None]:
    """Return the front of the first part's candidates, and the least cost of all that are of use in it."""
    path = context.folder / FIRST_FILE
    if not path.exists():
        search = context.gradient_search
        _log.info(f"Gradient: the widths move along a training of {search.epochs} epochs")
        candidates = search.first(context.pace(FIRST * WALKED * context.seconds_left()))
        front = _front(candidates, context.objectives)  # nothing else can be on the front of both parts
        rows = [e.to_json() for e, _ in front]
        write_seeds(path, rows, [one for _, one in front], least=search.least(candidates))
    record, seeds = read_seeds(path)
    evaluations = [Evaluation.from_json(row) for row in record["candidates"]]
    scored = [(e, replace(one, params=e.params)) for e, one in zip(evaluations, seeds, strict=True)]
    return scored, record.get("least")


def chosen(
    pool: Sequence[Scored], objectives: Sequence[Objective], box: Box, most: int = SEEDS
) -> list[Seed]:
    """Return what dominates most of some candidates, those that add most first; of equal ones with other
    weights, one.
    """
    front = _front(pool, objectives)
    seeds: dict[str, Seed] = {}
    numbered = [replace(e, number=number) for number, (e, _) in enumerate(front)]
    for e in dominating(numbered, objectives, box, len(front)):
        _, one = front[e.number]
        seeds.setdefault(json.dumps(dict(one.params), sort_keys=True), one)
    return list(seeds.values())[:most]


def _front(pool: Sequence[Scored], objectives: Sequence[Objective]) -> list[Scored]:
    """Return what no other one beats; those of equal types are designs of their own, with other weights."""
    own = [
        replace(e, number=number, digest=f"{e.design}-{number}", kept="")
        for number, (e, _) in enumerate(pool)
        if e.feasible
    ]
    return [pool[e.number] for e in pareto(own, objectives)]


def narrower(
    evaluator: Evaluator, seeds: Sequence[Seed], objectives: Sequence[Objective], most: int
) -> list[Scored]:
    """Return candidates of the greedy width reduction of seeds, with the same weights; so many are rounded in
    all.
    """
    greedy = GreedyWidths(evaluator, objectives)
    return [
        (e, replace(one, params=e.params))
        for one in seeds
        for e in greedy.from_trained(one.params, one.weights, most // len(seeds), _REDUCTION_LOST)
    ]


def write_seeds(
    path: Path, candidates: Sequence[Mapping[str, Any]], seeds: Sequence[Seed], **more: Any
) -> None:
    """Write candidates as plain values, with the weights of each and their epochs; `more` is written beside
    them.
    """
    arrays = {f"{i}/{name}": a for i, one in enumerate(seeds) for name, a in as_arrays(one.weights).items()}
    record = {"candidates": candidates, "epochs": [one.epochs for one in seeds], **more}
    arrays["told"] = np.array(json.dumps(record))
    save_atomic(path, lambda target: np.savez_compressed(target, **arrays))


def read_seeds(path: Path) -> tuple[dict[str, Any], list[Seed]]:
    """Return what `write_seeds` wrote of candidates, and the weights of each with their epochs; no parameters
    yet.

    Raises:
        UserError: when the file can't be read.
    """
    arrays = read_arrays(path, MADE_AGAIN)
    try:
        record = json.loads(str(arrays["told"]))
        own: list[dict[str, Any]] = [{} for _ in record["candidates"]]
        for key in arrays:
            if key != "told":
                number, name = key.split("/", 1)
                own[int(number)][name] = arrays[key]
        epochs = record.get("epochs", [0.0] * len(own))
        return record, [Seed({}, from_arrays(one), float(n)) for one, n in zip(own, epochs, strict=True)]
    except _UNREADABLE as error:
        raise DamagedFile(path, error, MADE_AGAIN) from error
