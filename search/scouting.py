"""Where a search should begin: many candidates are rounded without training, the best of them enter as trials.

A candidate without training costs milliseconds here, one with training seconds. What rounding alone says is no verdict
on a trained candidate, so the chosen ones are proposed, not believed: they enter as ordinary trials.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

from bitfront.spaces import Params, UserError

from .descent import Descent
from .evaluation import Evaluation, write_atomic
from .front import Box, dominating, pareto
from .objectives import Objective, resource_violations
from .record import resources_of
from .samplers import POPULATION, as_optuna, baselines, make_sampler, suggest

if TYPE_CHECKING:
    from .workbench import Workbench

FILE = "scouted.json"
ROUNDED_FILE = "rounded.json"
"""All that were rounded, with score and cost: what the `surrogate` sampler learns from."""
_UNTRAINED: Mapping[str, int | str] = {"method": "ptq", "sparsity": 0}
"""What is chosen of a candidate's training, as it is without any."""
KEPT = 12
"""Candidates that enter the search, at most."""


def scouted(
    bench: Workbench,
    objectives: Sequence[Objective],
    box: Box,
    study_dir: Path,
    say: Callable[[str], None],
) -> list[Params]:
    """Return the candidates that scouting proposes for a study; found once, then read from its folder.

    They are to be trained where the space has `qat`. Nothing is scouted where the study says so, or where its space
    has no `ptq`.

    Raises:
        UserError: when the file can't be read.
    """
    config = bench.problem.config
    path = study_dir / FILE
    if not config.scout or "ptq" not in config.space.method:
        return []
    if path.exists():
        try:
            return [dict(params) for params in json.loads(path.read_text())]
        except (OSError, ValueError, TypeError) as error:
            raise UserError(f"{path} can't be read ({error}): delete it, and it is made again.") from error
    say(f"Scouting: {config.scout} candidates are rounded without training")
    evaluations = rounded(bench, objectives, box, config.scout)
    found = best(bench, evaluations, objectives, box)
    pairs = zip_longest(evaluations, sparse(bench, evaluations))  # the sampler looks at the latest
    kept = [e for pair in pairs for e in pair if e is not None]
    slim = [replace(e, layers=(), precision={}, intervals={}, seconds={}).to_json() for e in kept]
    write_atomic(study_dir / ROUNDED_FILE, json.dumps(slim) + "\n")
    method = "qat" if "qat" in config.space.method else "ptq"
    zeros = bench.space.sparsities
    proposed: list[Params] = []
    for number, e in enumerate(found):
        params = dict(e.params)
        for name, value in (("method", method), ("sparsity", zeros[number % len(zeros)])):
            params |= {name: value} if name in params else {}
        proposed.append(params)
    write_atomic(path, json.dumps(proposed) + "\n")
    return proposed


def sparse(bench: Workbench, evaluations: Sequence[Evaluation]) -> list[Evaluation]:
    """Return each candidate with some of its weights zero, priced but not scored; none where the space has no sparsity."""
    zeros = bench.space.sparsities[1:]
    if not zeros:
        return []
    found: list[Evaluation] = []
    for e in evaluations:
        if e.status == "failed":
            continue
        params: Params = {**e.params, "method": "qat", "sparsity": zeros[len(found) % len(zeros)]}
        params = {name: value for name, value in params.items() if name in e.params}
        candidate = bench.space.candidate(params)
        resources = resources_of(bench.priced(candidate, bench.types(candidate)))
        found.append(
            replace(
                e,
                number=len(evaluations) + len(found),
                digest=candidate.digest,
                method="qat",
                status="infeasible",
                reason="priced alone",
                params=params,
                metrics={},
                resources=resources,
                constraints={**e.constraints, **resource_violations(bench.constraints, resources)},
            )
        )
    return found


def read_rounded(study_dir: Path) -> list[Evaluation]:
    """Return the candidates that a study's scouting rounded; none where it did not scout.

    Raises:
        UserError: when the file can't be read.
    """
    path = study_dir / ROUNDED_FILE
    if not path.exists():
        return []
    try:
        return [Evaluation.from_json(row) for row in json.loads(path.read_text())]
    except (OSError, ValueError, TypeError, UserError) as error:
        raise UserError(
            f"{path} can't be read ({error}): delete it and {FILE}, and both are made again."
        ) from error


def scout(bench: Workbench, objectives: Sequence[Objective], box: Box, count: int) -> list[Evaluation]:
    """Return the part of the front of `count` candidates, rounded without training, that dominates most.

    Uniform candidates are left out: a search begins with them anyway.
    """
    return best(bench, rounded(bench, objectives, box, count), objectives, box)


def best(
    bench: Workbench, evaluations: Sequence[Evaluation], objectives: Sequence[Objective], box: Box
) -> list[Evaluation]:
    """Return the part of the evaluations' front that dominates most, without the uniform ones."""
    uniform = [_key(params) for params in baselines(bench.space)]
    front = [e for e in _front(evaluations, objectives) if _key(e.params) not in uniform]
    return dominating(front, objectives, box, KEPT)


def _key(params: Params) -> tuple[tuple[str, int | str], ...]:
    return tuple(sorted((name, value) for name, value in params.items() if name not in _UNTRAINED))


def rounded(bench: Workbench, objectives: Sequence[Objective], box: Box, count: int) -> list[Evaluation]:
    """Search `count` candidates without training, after the uniform ones; return them all.

    Up to half of them are on the way down from a wide uniform candidate, one width at a time (`Descent`); NSGA-II goes
    on from the front of these.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    kept = tuple(d for d in bench.space.dimensions if d.kind not in _UNTRAINED)
    space = replace(bench.space, dimensions=kept)
    method = {d.name: _UNTRAINED[d.kind] for d in bench.space.dimensions if d not in kept}
    uniform = [{**params, **method} for params in baselines(space)]
    evaluations = [bench.evaluate(number, params, "uniform")[0] for number, params in enumerate(uniform)]
    way = Descent(bench, objectives).from_uniform(evaluations, method, count // 2)
    evaluations += [replace(e, number=len(uniform) + number) for number, e in enumerate(way)]
    known = dominating(_front(evaluations, objectives), objectives, box, POPULATION)
    before = {_key(e.params): e for e in evaluations}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        study = optuna.create_study(
            directions=["minimize"] * len(objectives),
            sampler=make_sampler("nsga2", bench.problem.config.seed, 0, startup=0),
        )
        for evaluation in known:
            study.enqueue_trial(as_optuna(space, evaluation.params))
        for number in range(len(evaluations), len(known) + count):
            trial = study.ask()
            params = {**suggest(trial, space), **method}
            evaluation = before.get(_key(params)) or bench.evaluate(number, params)[0]
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
