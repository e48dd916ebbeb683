"""Many candidates without training say where a search begins, and a search without gain ends."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from itertools import groupby

import numpy as np
import pytest
import small_study
from rich.console import Console

from bitfront.search import Evaluator, load_problem, load_study
from bitfront.search.problem.float_model import train_float
from bitfront.search.samplers.optuna_samplers import baselines
from bitfront.search.storage.warm_start_files import GREEDY_FILE, SCREENED_FILE
from bitfront.search.trials.front import hypervolume, last_gain, losses, pareto
from bitfront.search.trials.objectives import parse_objectives
from bitfront.search.warm_start.context import SearchContext
from bitfront.search.warm_start.greedy_widths import GreedyWidths
from bitfront.search.warm_start.screening import (
    AS_ROUNDED,
    KEPT,
    greedy,
    greedy_from_uniform,
    greedy_to_train,
    openers,
    screened,
    screening,
)
from bitfront.search.warm_start.uniform_training import FIRST
from bitfront.spaces import UserError


@pytest.fixture(scope="module")
def evaluator(tmp_path_factory):
    """The evaluator of a small study with screening, its float model trained."""
    file = small_study.write(tmp_path_factory.mktemp("screening"))
    problem = load_problem(
        load_study(file, ["screening=60", "training.float_epochs=10", "training.float_learning_rate=0.01"]),
        file.parent,
    )
    train_float(problem)
    return Evaluator(problem)


@pytest.fixture(scope="module")
def objectives(evaluator):
    """The objectives of that study."""
    return parse_objectives(evaluator.problem.config.objectives, evaluator.metric_record)


def test_no_uniform_candidate_without_training_dominates_a_screened_one(evaluator, objectives):
    """What enters the search is at least as good as the uniform candidates among which screening began."""
    found = screening(evaluator, objectives, evaluator.box(objectives), 60)
    chosen = losses(found, objectives)
    uniform = [
        evaluator.evaluate(n, p)[0] for n, p in enumerate(baselines(evaluator.space)) if p["method"] == "ptq"
    ]

    assert 0 < len(found) <= KEPT
    assert {e.method for e in found} == {"ptq"}
    for row in losses(uniform, objectives):
        assert not ((row <= chosen).all(1) & (row < chosen).any(1)).any()


@pytest.fixture(scope="module")
def way(evaluator, objectives):
    """Greedy width reduction from the uniform candidates, as far as it goes."""
    method = {"method": "ptq"}
    known = [
        evaluator.evaluate(n, p)[0] for n, p in enumerate(baselines(evaluator.space)) if p["method"] == "ptq"
    ]
    return list(GreedyWidths(evaluator, objectives).from_uniform(known, method, 1000))


def test_the_way_down_narrows_one_width_by_one_bit_at_a_time(evaluator, way):
    """Each candidate is one that was passed before it, with one bit less somewhere; none is tried twice."""
    passed = [dict(e.params) for e in way]
    for position, params in enumerate(passed[1:], 1):
        steps = [
            {k: before[k] - v for k, v in params.items() if before[k] != v} for before in passed[:position]
        ]
        assert [1] in [list(step.values()) for step in steps]
    assert len({tuple(sorted(p.items())) for p in passed}) == len(passed)
    assert {e.metrics["ptq"] for e in way} == {e.score for e in way}


def test_the_way_down_ends_when_the_metric_is_lost_or_nothing_can_be_narrowed(evaluator, way, objectives):
    """It goes below what training could regain, or to the narrowest candidate of the space."""
    lead = evaluator.float_score - evaluator.scores.blind()
    lost = min(e.score for e in way) < evaluator.float_score - 0.3 * lead
    narrowest = any(
        all(e.params[d.name] == d.low for d in evaluator.space.dimensions if d.kind == "width") for e in way
    )

    assert lost or narrowest
    known = [way[0]]
    assert len(list(GreedyWidths(evaluator, objectives).from_uniform(known, {"method": "ptq"}, 7))) == 7


def test_the_way_down_finds_a_larger_front_than_as_many_random_candidates(evaluator, way, objectives):
    """What it is for."""
    rng = np.random.default_rng(1)
    box = evaluator.box(objectives)
    widths = [d for d in evaluator.space.dimensions if d.kind == "width"]
    drawn = [{d.name: int(rng.integers(d.low, d.high + 1)) for d in widths} for _ in way]
    random = [evaluator.evaluate(n, {**p, "method": "ptq"})[0] for n, p in enumerate(drawn)]

    assert hypervolume(pareto(way, objectives), objectives, box) > hypervolume(
        pareto(random, objectives), objectives, box
    )


def test_slower_designs_with_reused_multipliers_are_on_the_scale_of_the_hypervolume(tmp_path):
    """Half the LUTs for a longer latency counts, also where the uniform baselines reuse nothing."""
    file = small_study.write(tmp_path)
    config = load_study(
        file, ["hls={strategy: Resource, reuse_factor: [1, 4]}", "objectives=[metric, lut, latency]"]
    )
    evaluator = Evaluator(load_problem(config, tmp_path))
    wanted = parse_objectives(config.objectives, evaluator.metric_record)
    reused = {**evaluator.space.uniform(6, "ptq"), "reuse_factor": 4}
    evaluation = evaluator.evaluate(0, reused)[0]

    latencies = [
        evaluator.evaluate(n, p)[0].resources["latency_ns"] for n, p in enumerate(baselines(evaluator.space))
    ]
    assert evaluation.resources["latency_ns"] > max(latencies)
    assert wanted[2].scaled(evaluation.resources["latency_ns"]) <= evaluator.box(wanted).reference[2]


def test_screening_is_done_once_and_proposes_training(evaluator, objectives, said, tmp_path):
    """A study that goes on reads what it found; a damaged file is named."""
    box = evaluator.box(objectives)
    context = SearchContext(evaluator, objectives, box, tmp_path)
    shown, to_train, found = greedy(context), greedy_to_train(context), screened(context)
    again = greedy(context), greedy_to_train(context), screened(context)

    assert again == (shown, to_train, found)
    assert found == json.loads((tmp_path / SCREENED_FILE).read_text())
    assert {params["method"] for params in shown} <= {"ptq"}
    assert {params["method"] for params in to_train} <= {"qat"}
    methods = [params["method"] for params in found]
    assert methods == sorted(methods)  # ptq first
    assert max(len(shown), methods.count("ptq")) <= AS_ROUNDED
    assert 0 < len(to_train) + methods.count("qat") <= KEPT
    assert not [params for params in found if params in shown + to_train]
    assert len(said) == 1
    for name in (SCREENED_FILE, GREEDY_FILE):
        (tmp_path / name).write_text("[")
        with pytest.raises(UserError, match=name):
            (screened if name == SCREENED_FILE else greedy)(context)


def test_screening_that_was_cut_off_on_its_way_down_goes_on_from_there(evaluator, objectives, tmp_path):
    """What it proposes is what it would have proposed."""
    box = evaluator.box(objectives)
    (tmp_path / "cut").mkdir()
    (tmp_path / "whole").mkdir()
    cut = SearchContext(evaluator, objectives, box, tmp_path / "cut")
    greedy(cut)
    evaluator.evaluate(0, evaluator.space.uniform(4, "qat"))
    went_on = screened(cut)

    assert went_on == screened(replace(cut, folder=tmp_path / "whole"))


def test_what_float32_cannot_hold_is_left_for_after_screening(tmp_path):
    """So that nothing is traced in float64 before the first candidates are there; where all are so wide, none
    is left.
    """
    settings = ["space={weights: 2..16, activations: 2..16, input: 16, method: [ptq, qat], sparsity: 0}"]
    file = small_study.write(tmp_path)
    wide = Evaluator(load_problem(load_study(file, settings), tmp_path))
    first = openers(wide)
    left = [p for p in baselines(wide.space) if p["method"] == "ptq" and p not in first]
    greedy_from_uniform(wide, parse_objectives(["accuracy", "lut"], wide.metric_record), 10)

    assert "predict_float64" not in wide.bit_true.traces
    assert min(wide.space.candidate(p).widths["hidden/weight"] for p in left) > 0
    assert max(p["hidden.weights"] for p in first) < min(p["hidden.weights"] for p in left)
    settings = ["space={weights: 15..16, activations: 15..16, input: 16, method: [ptq, qat], sparsity: 0}"]
    widest = Evaluator(load_problem(load_study(file, settings), tmp_path))
    assert len(openers(widest)) == len(baselines(widest.space)) / 2


def test_what_is_rounded_alone_is_tried_before_anything_is_trained(tmp_path):
    """Uniform candidates, then the best of greedy width reduction; then the trained uniform ones, before what was found
    is trained.
    """
    file = small_study.write(tmp_path)
    found = small_study.run(file, "screening=150", "training.float_epochs=60", trials=44)
    proposed = json.loads((tmp_path / "studies" / "small" / SCREENED_FILE).read_text())
    trials = [found[n] for n in sorted(found)]
    kinds = [(e.kind, e.params["method"]) for e in trials]
    uniform = kinds.count(("uniform", "ptq"))
    runs = [(kind, len(list(group))) for kind, group in groupby(kinds)]
    order = [kind for kind, _ in runs]

    assert runs[0] == (("uniform", "ptq"), uniform)
    assert order[1:4] == [("search", "ptq"), ("uniform", "qat"), ("search", "qat")]
    assert 0 < runs[1][1] <= AS_ROUNDED
    assert 0 < runs[2][1] <= FIRST
    at = next(n for n in range(len(trials)) if dict(trials[n].params) == proposed[0])
    assert 0 < at - sum(count for _, count in runs[:3]) <= KEPT // 2
    assert [dict(e.params) for e in trials[at : at + len(proposed)]] == proposed
    assert kinds.count(("uniform", "qat")) == uniform
    assert "uniform" not in {kind for kind, _ in kinds[at + len(proposed) + uniform - runs[2][1] :]}


def test_a_search_without_gain_ends_before_its_budget(tmp_path):
    """It says so, and going on ends at once."""
    file = small_study.write(
        tmp_path, study="space: {weights: 6..8, activations: 7..8, input: 5..6, method: [ptq]}\n"
    )
    file.write_text(
        file.read_text().replace(
            "space: {weights: 3..8, activations: 3..8, input: 4..6, method: [ptq, qat], sparsity: 0}\n", ""
        )
    )
    said = io.StringIO()
    found = small_study.run(
        file, "budget.trials=200", "budget.patience=6", trials=200, console=Console(file=said, width=200)
    )
    again = small_study.run(file, "budget.trials=200", "budget.patience=6", trials=200)

    assert 6 < len(found) < 40
    assert again.keys() == found.keys()
    assert "gained no hypervolume: the search ends here" in said.getvalue()


def test_the_last_gain_is_at_least_a_thousandth():
    """Smaller steps don't count as progress."""
    assert last_gain([(0, 0.5), (1, 0.9), (2, 0.9001), (3, 0.9002)]) == 1
    assert last_gain([]) is None
