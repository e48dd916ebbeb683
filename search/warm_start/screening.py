"""Where a search should begin: many candidates are rounded without training, the best of them enter as
trials.

A candidate without training costs milliseconds here, one with training seconds. What rounding alone says is
no verdict on a trained candidate, so the chosen ones are proposed, not believed: they enter as ordinary
trials. Those that dominate most enter as they were rounded too, at once, so that a search has something to
show before anything is trained.
"""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

from bitfront.hls.precision import mantissa_bits
from bitfront.spaces import Params, UserError

from ..samplers.optuna_samplers import POPULATION, as_optuna, baselines, mixed_seed, optuna_sampler, suggest
from ..storage.warm_start_files import GREEDY_FILE, MADE_AGAIN, ROUNDED_FILE, SCREENED_FILE
from ..trials.evaluation import Evaluation
from ..trials.files import write_atomic
from ..trials.front import Box, dominating, pareto
from ..trials.objectives import Objective
from ..trials.stored import DamagedFile, read_json
from .context import SearchContext
from .greedy_widths import GreedyWidths

if TYPE_CHECKING:
    from ..evaluator.evaluator import Evaluator

_log = logging.getLogger(__name__)

_UNTRAINED: Mapping[str, int | str] = {"method": "ptq", "sparsity": 0}
"""What is chosen of a candidate's training, as it is without any."""
KEPT = 12
"""Candidates that enter the search to be trained, at most; half of them before NSGA-II continues from the
greedy width reduction.
"""
AS_ROUNDED = 4
"""Candidates that enter as they were rounded, at most, of the greedy width reduction and of the whole: these
have nearly all that the front of the roundings dominates."""


def screens(evaluator: Evaluator) -> bool:
    """Whether a study screens: not where it says so, nor where its space has no `ptq`."""
    return bool(evaluator.plan.screening) and "ptq" in evaluator.problem.config.space.method


def greedy(context: SearchContext) -> list[Params]:
    """Return the candidates of the greedy width reduction that dominate most, as they were rounded.

    Computed once, then read from the study's folder.

    There are none where nothing is screened.

    Raises:
        UserError: when the file can't be read.
    """
    return [e.params for e in _best_greedy(context)[:AS_ROUNDED]]


def greedy_to_train(context: SearchContext) -> list[Params]:
    """Return the candidates of the greedy width reduction that dominate most, to be trained; none where the
    space has no `qat`.

    Raises:
        UserError: when the file can't be read.
    """
    return _to_train(context.evaluator, _best_greedy(context)[: KEPT // 2])


def _best_greedy(context: SearchContext) -> list[Evaluation]:
    if not screens(context.evaluator):
        return []
    return best(context.evaluator, _greedy(context), context.objectives, context.box)


def screened(context: SearchContext) -> list[Params]:
    """Return what screening as a whole proposes: rounded candidates, then ones to train, without those of
    `greedy`.

    Computed once, then read from the study's folder.

    Raises:
        UserError: when a file can't be read.
    """
    evaluator, objectives, box, path = (
        context.evaluator,
        context.objectives,
        context.box,
        context.folder / SCREENED_FILE,
    )
    if not screens(evaluator):
        return []
    if path.exists():
        try:
            return [dict(params) for params in read_json(path, MADE_AGAIN)]
        except (ValueError, TypeError) as error:
            raise DamagedFile(path, error, MADE_AGAIN) from error
    reduced = _greedy(context)
    before = [*greedy(context), *greedy_to_train(context)]
    evaluations = further(evaluator, objectives, box, reduced, evaluator.plan.screening)
    pairs = zip_longest(evaluations, sparse(evaluator, evaluations))  # the sampler looks at the latest
    _write(context.folder / ROUNDED_FILE, [e for pair in pairs for e in pair if e is not None])
    dominant = best(evaluator, evaluations, objectives, box)
    as_rounded = dominant[:AS_ROUNDED] if _trains(evaluator) else dominant
    proposed: list[Params] = [e.params for e in as_rounded if e.params not in before]
    if _trains(evaluator):
        trained = [_key(params) for params in before if params.get("method") != "ptq"]
        new = [e for e in dominant if _key(e.params) not in trained]
        proposed += _to_train(evaluator, new[: KEPT - len(trained)], len(trained))
    write_atomic(path, json.dumps([dict(one) for one in proposed]) + "\n")
    return proposed


def _trains(evaluator: Evaluator) -> bool:
    return "qat" in evaluator.problem.config.space.method


def _to_train(evaluator: Evaluator, evaluations: Sequence[Evaluation], first: int = 0) -> list[Params]:
    """Return candidates as they are to be trained, in turn with every sparsity; none where the space has no
    `qat`.

    `first` is how many there were before.
    """
    if not _trains(evaluator):
        return []
    zeros = evaluator.space.sparsities
    trained: list[Params] = []
    for number, e in enumerate(evaluations, first):
        params = dict(e.params)
        for name, value in (("method", "qat"), ("sparsity", zeros[number % len(zeros)])):
            params |= {name: value} if name in params else {}
        trained.append(params)
    return trained


def _greedy(context: SearchContext) -> list[Evaluation]:
    path, count = context.folder / GREEDY_FILE, context.evaluator.plan.screening
    if not path.exists():
        _log.info(f"Screening: {count} candidates are rounded without training")
        _write(path, greedy_from_uniform(context.evaluator, context.objectives, count // 2))
    return _read(path)


def _write(path: Path, evaluations: Sequence[Evaluation]) -> None:
    slim = [replace(e, layers=(), precision={}, intervals={}, seconds={}).to_json() for e in evaluations]
    write_atomic(path, json.dumps(slim) + "\n")


def _read(path: Path) -> list[Evaluation]:
    way_out = f"delete it and {SCREENED_FILE}, and both are made again"
    try:
        return [Evaluation.from_json(row) for row in read_json(path, way_out)]
    except DamagedFile:
        raise
    except (TypeError, UserError) as error:
        raise DamagedFile(path, error, way_out) from error


def sparse(evaluator: Evaluator, evaluations: Sequence[Evaluation]) -> list[Evaluation]:
    """Return each candidate with some of its weights zero, estimated but not scored; none where the space has
    no sparsity.
    """
    zeros = evaluator.space.sparsities[1:]
    if not zeros:
        return []
    estimated: list[Evaluation] = []
    for e in evaluations:
        if e.status == "failed":
            continue
        params: Params = {**e.params, "method": "qat", "sparsity": zeros[len(estimated) % len(zeros)]}
        params = {name: value for name, value in params.items() if name in e.params}
        candidate = evaluator.space.candidate(params)
        types = evaluator.costs.types(candidate)
        cost = evaluator.costs.cost(types, evaluator.costs.untrained(candidate, types))
        estimated.append(
            replace(
                e,
                number=len(evaluations) + len(estimated),
                digest=candidate.digest,
                kept="",
                method="qat",
                status="infeasible",
                reason="estimated alone",
                params=params,
                metrics={},
                ties={},
                recall={},
                resources=cost.resources,
                upper=cost.upper,
                constraints={**e.constraints, **cost.violations},
            )
        )
    return estimated


def read_rounded(study_dir: Path) -> list[Evaluation]:
    """Return the candidates that a study's screening rounded; none where it did not screen.

    Raises:
        UserError: when the file can't be read.
    """
    path = study_dir / ROUNDED_FILE
    return _read(path) if path.exists() else []


def screening(
    evaluator: Evaluator, objectives: Sequence[Objective], box: Box, count: int
) -> list[Evaluation]:
    """Return the part of the front of `count` candidates, rounded without training, that dominates most.

    Uniform candidates are left out: a search begins with them anyway.
    """
    return best(evaluator, rounded(evaluator, objectives, box, count), objectives, box)


def best(
    evaluator: Evaluator, evaluations: Sequence[Evaluation], objectives: Sequence[Objective], box: Box
) -> list[Evaluation]:
    """Return the part of the evaluations' front that dominates most, without the uniform ones."""
    uniform = [_key(params) for params in baselines(evaluator.space)]
    front = [e for e in _front(evaluations, objectives) if _key(e.params) not in uniform]
    return dominating(front, objectives, box, KEPT)


def _key(params: Params) -> tuple[tuple[str, int | str], ...]:
    return tuple(sorted((name, value) for name, value in params.items() if name not in _UNTRAINED))


def rounded(evaluator: Evaluator, objectives: Sequence[Objective], box: Box, count: int) -> list[Evaluation]:
    """Search `count` candidates without training, after the uniform ones; return them all.

    Up to half of them are those of the greedy width reduction of a wide uniform candidate (`GreedyWidths`);
    NSGA-II continues from the front of these.
    """
    return further(evaluator, objectives, box, greedy_from_uniform(evaluator, objectives, count // 2), count)


def openers(evaluator: Evaluator) -> list[Params]:
    """Return the uniform candidates that screening begins with: those that are computed in float32, if any
    are.

    To trace the model in float64 too takes as long as a hundred roundings of a recurrent one.
    """
    uniform: list[Params] = [
        p for p in baselines(evaluator.space) if evaluator.space.candidate(p).method == "ptq"
    ]
    return [p for p in uniform if in_float32(evaluator, p)] or uniform


def in_float32(evaluator: Evaluator, params: Params) -> bool:
    """Whether a candidate is computed exactly in float32, for which the model is traced anyway."""
    from bitfront.hls.bit_true import FLOAT32_MANTISSA

    types = evaluator.costs.types(evaluator.space.candidate(params))
    return mantissa_bits(evaluator.graph, types) <= FLOAT32_MANTISSA


def greedy_from_uniform(evaluator: Evaluator, objectives: Sequence[Objective], most: int) -> list[Evaluation]:
    """Return the uniform candidates that screening begins with, and at most so many of the greedy width
    reduction of one.
    """
    uniform = [
        evaluator.evaluate(number, params, "uniform")[0] for number, params in enumerate(openers(evaluator))
    ]
    reduced = GreedyWidths(evaluator, objectives).from_uniform(uniform, _untrained(evaluator), most)
    return uniform + [replace(e, number=number) for number, e in enumerate(reduced, len(uniform))]


def _untrained(evaluator: Evaluator) -> Params:
    return {d.name: _UNTRAINED[d.kind] for d in evaluator.space.dimensions if d.kind in _UNTRAINED}


def further(
    evaluator: Evaluator,
    objectives: Sequence[Objective],
    box: Box,
    evaluations: Sequence[Evaluation],
    count: int,
) -> list[Evaluation]:
    """Continue from rounded candidates by NSGA-II until `count` are rounded, beyond those of the front that
    it begins with.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    kept = tuple(d for d in evaluator.space.dimensions if d.kind not in _UNTRAINED)
    space, method = replace(evaluator.space, dimensions=kept), _untrained(evaluator)
    evaluations = list(evaluations)
    parents = dominating(_front(evaluations, objectives), objectives, box, POPULATION)
    before = {_key(e.params): e for e in evaluations}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        study = optuna.create_study(
            directions=["minimize"] * len(objectives),
            sampler=optuna_sampler("nsga2", mixed_seed(evaluator.problem.config.seed, 0), startup=0),
        )
        for evaluation in parents:
            study.enqueue_trial(as_optuna(space, evaluation.params))
        for number in range(len(evaluations), len(parents) + count):
            trial = study.ask()
            params = {**suggest(trial, space), **method}
            known = before.get(_key(params))
            evaluation = known or evaluator.evaluate(number, params, narrow_elements=False)[0]
            if _key(params) not in before:
                before[_key(params)] = evaluation
                evaluations.append(evaluation)
            if evaluation.status == "complete":
                for name, violation in evaluation.constraints.items():
                    trial.set_constraint(name, violation)
                study.tell(trial, [o.loss(evaluation) for o in objectives])
            else:
                study.tell(trial, state=optuna.trial.TrialState.PRUNED)
    return evaluations


def _front(evaluations: Sequence[Evaluation], objectives: Sequence[Objective]) -> list[Evaluation]:
    return [e for e in pareto(evaluations, objectives) if e.feasible]
