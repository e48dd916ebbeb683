"""Widths move along one training; what it passes enters the search with the weights it had there."""

from __future__ import annotations

import math
from dataclasses import replace

import keras
import numpy as np
import pytest
import small_study

from bitfront.hls import BitTrue, Trainer
from bitfront.search import Evaluator, load_problem, load_study
from bitfront.search.evaluator.training import Start
from bitfront.search.problem.float_model import train_float
from bitfront.search.storage.warm_start_files import FIRST_FILE, GRADIENT_FILE
from bitfront.search.trials.front import hypervolume
from bitfront.search.trials.objectives import parse_objectives
from bitfront.search.warm_start.context import SearchContext
from bitfront.search.warm_start.cost import WeightedCost
from bitfront.search.warm_start.gradient_seeds import (
    KEPT_FIRST,
    SEEDS,
    _front,
    chosen,
    first_seeds,
    gradient_seeds,
    narrower,
)
from bitfront.search.warm_start.gradient_widths import START, GradientWidths
from bitfront.search.warm_start.greedy_widths import GreedyWidths
from bitfront.search.warm_start.screening import screening
from bitfront.spaces import FixedPoint, UserError, lower

EPOCHS = 12


def axes(evaluator):
    """Return the objectives that the path is steered by here."""
    return parse_objectives(["accuracy", "ebops"], evaluator.metric_record)


@pytest.fixture(scope="module")
def evaluator(tmp_path_factory):
    """The evaluator of a small study, its float model trained."""
    file = small_study.write(tmp_path_factory.mktemp("gradient"))
    problem = load_problem(
        load_study(file, [f"gradient_epochs={EPOCHS}", "training.float_epochs=10"]), file.parent
    )
    train_float(problem)
    return Evaluator(problem)


def rounded(x, width, integer):
    step = 2.0 ** (integer - width)
    return np.clip(np.round(x / step), -(2 ** (width - 1)), 2 ** (width - 1) - 1) * step


def test_the_slope_of_a_width_is_what_its_rounding_error_does_to_the_loss():
    """Computed by hand for one layer: ln 2 times the error of each weight times the loss's derivative by
    it.
    """
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((3,), name="x"), keras.layers.Dense(1, use_bias=False, name="out")])
    rng = np.random.default_rng(0)
    x = rounded(rng.uniform(-1, 1, (8, 3)), 8, 1).astype("float32")
    y = rng.normal(size=(8, 1)).astype("float32")
    graph = lower(model)
    bit_true = BitTrue(graph)
    types = {
        "x/result": FixedPoint(8, 1),
        "out/weight": FixedPoint(4, 2),
        "out/bias": FixedPoint(4, 2),
        "out/result": FixedPoint(24, 8),
        "out/accum": FixedPoint(24, 8),
    }
    bit_true.assign({key: types[key] for key in types if key in types})
    weights = np.asarray(model.get_weights()[0])
    trainer = Trainer(bit_true, [x], [y], tasks=["regression"], batch_size=8, optimizer="sgd")
    loss, slopes = trainer.explore(np.arange(8), 0.0)

    seen = rounded(weights, 4, 2)
    missed = x @ seen - y
    upstream = x.T @ (2 * missed / 8)
    assert loss == pytest.approx(float((missed**2).mean()), rel=1e-4)
    assert slopes["out/weight"] == pytest.approx(
        math.log(2) * float((upstream * (weights - seen)).sum()), rel=1e-3
    )
    assert slopes["x/result"] == pytest.approx(0.0, abs=1e-6)


def test_exploring_leaves_ordinary_training_as_it_was(evaluator):
    """The same candidate trains to the same weights before and after, and nothing is traced again."""
    params = evaluator.space.uniform(4, "qat")
    first, before = evaluator.evaluate(0, params)
    GradientWidths(evaluator, axes(evaluator), 1).searched()
    traces = dict(evaluator.bit_true.traces)
    again, after = evaluator.evaluate(0, params)

    assert again.metrics == first.metrics
    assert (before is None) == (after is None)
    assert evaluator.bit_true.traces == traces


@pytest.fixture(scope="module")
def pool(evaluator):
    return GradientWidths(evaluator, axes(evaluator), EPOCHS).searched()


@pytest.fixture(scope="module")
def passed(pool):
    return [one for _, one in pool]


def ebops(evaluator, params):
    candidate = evaluator.space.candidate(params)
    return evaluator.costs.estimate(candidate, evaluator.costs.types(candidate)).ebops


def test_the_path_leads_from_wide_types_to_narrow_ones(evaluator, passed):
    """It ends near the least EBOPs of the space, and every step is a candidate of the space."""
    least = ebops(evaluator, evaluator.space.uniform(3, "qat"))
    costs = [ebops(evaluator, one.params) for one in passed]
    assert costs[0] == ebops(evaluator, evaluator.space.uniform(START, "qat"))
    assert min(costs) < 2 * least
    assert len({tuple(one.params.values()) for one in passed}) > len(passed) / 2


def test_a_path_is_the_same_when_it_is_walked_again(evaluator, passed):
    """The seed decides."""
    again = GradientWidths(evaluator, axes(evaluator), EPOCHS).searched()
    assert [one.params for _, one in again] == [one.params for one in passed]


def test_what_the_path_passes_is_told_with_what_its_weights_make_of_it(evaluator, pool):
    """As they are evaluated alone, while the training goes on."""
    for evaluation, one in pool[:: len(pool) // 3]:
        alone = evaluator.inherited(0, one.params, one.weights)
        assert alone.metrics == evaluation.metrics
        assert alone.resources == evaluation.resources


def test_what_the_path_proposes_dominates_more_than_rounding_alone(evaluator, pool):
    """Its candidates, with their own weights, against the screened ones, which are not trained."""
    objectives = axes(evaluator)
    box = evaluator.box(objectives)
    found = chosen(pool, objectives, box)

    assert 0 < len(found) <= SEEDS
    assert volume(evaluator, found) > hypervolume(screening(evaluator, objectives, box, 60), objectives, box)


def volume(evaluator, pool):
    objectives = axes(evaluator)
    found = [evaluator.inherited(number, one.params, one.weights) for number, one in enumerate(pool)]
    return hypervolume(found, objectives, evaluator.box(objectives))


def test_candidates_of_equal_types_and_other_weights_are_other_designs(evaluator, pool):
    """A cheaper one isn't lost to one that scores more, though at most one of them enters."""
    objectives = axes(evaluator)
    (evaluation, one), other = pool[len(pool) // 2], pool[0]
    cheaper = replace(evaluation, resources={**evaluation.resources, "ebops": 1.0})
    better = replace(evaluation, metrics={**evaluation.metrics, "score": evaluation.score + 0.01})
    found = chosen([other, (better, one), (cheaper, one)], objectives, evaluator.box(objectives))
    assert sum(f.params == one.params for f in found) == 1
    again = chosen(
        [(better, one), (cheaper, replace(one, params=other[1].params))],
        objectives,
        evaluator.box(objectives),
    )
    assert len(again) == 2


def test_ways_lead_on_from_what_the_path_found_with_its_weights(evaluator, pool):
    """Rounded alone, at most so many, each narrower than where its way began, and together they dominate
    more.
    """
    objectives = axes(evaluator)
    box = evaluator.box(objectives)
    found = chosen(pool, objectives, box, 3)
    more = [one for _, one in narrower(evaluator, found, objectives, 60)]

    assert 3 < len(more) <= 60
    for one in more:
        (begun,) = [f for f in found if f.weights is one.weights]
        assert all(
            one.params[d.name] <= begun.params[d.name]
            for d in evaluator.space.dimensions
            if d.kind == "width"
        )
    assert volume(evaluator, [*found, *more]) > volume(evaluator, found)


def test_a_width_that_the_loss_cannot_feel_is_as_narrow_as_the_float_weights_allow(tmp_path):
    """Narrowed alone, without losing more of the metric than it may."""
    file = small_study.write(tmp_path)
    problem = load_problem(load_study(file, ["training.float_epochs=80"]), file.parent)
    train_float(problem)
    evaluator = Evaluator(problem)
    params = evaluator.space.uniform(8, "qat")
    (dimension,) = [d for d in evaluator.space.dimensions if d.name == "hidden.activations"]
    found = GreedyWidths(evaluator, axes(evaluator)).narrowed(params, [dimension], 0.02)
    score = evaluator.inherited(0, found, evaluator.graph.weights).score
    wide = evaluator.inherited(0, params, evaluator.graph.weights).score

    assert {name for name in params if found[name] != params[name]} == {"hidden.activations"}
    assert found["hidden.activations"] < 8
    assert score >= wide - 0.02 * (evaluator.float_score - evaluator.scores.blind())


def test_asking_which_widths_the_loss_reaches_trains_nothing(evaluator):
    """They are those that exploring gives a slope of."""
    evaluator.scores.begin_training()
    before = evaluator.bit_true.weights()
    reached = evaluator.training.trainer.reached()
    for node, roles in evaluator.bit_true.weights().items():
        for role, value in roles.items():
            np.testing.assert_array_equal(value, before[node][role])
    _, slopes = evaluator.training.trainer.explore(np.arange(8), 0.0)
    assert reached == set(slopes)
    assert "hidden/weight" in reached


def test_the_price_is_a_share_of_the_device_where_its_stock_is_an_objective(evaluator):
    """Of LUTs and DSPs together, whichever is named, since a product takes one or the other."""
    figures = {"lut": 2000.0, "ff": 10.0, "dsp": 20.0, "bram18": 1.0, "uram": 0.0, "ebops": 500.0}
    for names in (["accuracy", "lut"], ["accuracy", "dsp", "latency"]):
        weighted_cost = WeightedCost(evaluator, parse_objectives(names, evaluator.metric_record))
        assert weighted_cost({**figures, "lut": 1000.0}) < weighted_cost(figures)
        assert weighted_cost({**figures, "dsp": 10.0}) < weighted_cost(figures)
        assert weighted_cost({**figures, "ff": 5.0}) == weighted_cost(figures)
    weighted_cost = WeightedCost(evaluator, axes(evaluator))
    assert weighted_cost({**figures, "lut": 1000.0}) == weighted_cost(figures)
    assert weighted_cost({**figures, "ebops": 250.0}) == pytest.approx(weighted_cost(figures) - math.log(2))


def test_single_weights_move_only_where_their_bits_cost_something(evaluator, sparse, tmp_path):
    """Not where the study searches no zeros, nor where a strategy gives all weights one multiplier."""
    for names, counted in ((["accuracy", "ebops"], True), (["accuracy", "lut"], False)):
        weighted_cost = WeightedCost(evaluator, parse_objectives(names, evaluator.metric_record))
        assert weighted_cost.counts_bits("Latency")
        assert weighted_cost.counts_bits("distributed_arithmetic")
        assert weighted_cost.counts_bits("Resource") is counted

    def kernels_of(evaluator, *names):
        path = GradientWidths(evaluator, parse_objectives(["accuracy", *names], evaluator.metric_record), 1)
        widths = [d for d in evaluator.space.dimensions if d.kind == "width"]
        return path._with_per_weight_steps(dict(evaluator.space.uniform(START, "qat")), widths)

    assert kernels_of(evaluator, "lut") == {}
    assert kernels_of(sparse, "lut") == {f"{n}.weights": [f"{n}/weight"] for n in ("hidden", "out")}
    file = small_study.write(tmp_path)
    settings = ["space.sparsity=[0, 50]", "hls.strategy=Resource", "training.float_epochs=1"]
    problem = load_problem(load_study(file, settings), file.parent)
    train_float(problem)
    shared = Evaluator(problem)
    assert kernels_of(shared, "lut") == {}
    assert kernels_of(shared, "ebops") == kernels_of(sparse, "ebops")
    path = GradientWidths(shared, parse_objectives(["accuracy", "lut"], shared.metric_record), 2)
    assert {one.params["sparsity"] for _, one in path.searched()} == {0}


def test_seeds_are_found_once_and_a_damaged_file_is_named(evaluator, said, tmp_path):
    """A study that goes on reads them with their weights."""
    objectives = parse_objectives(evaluator.problem.config.objectives, evaluator.metric_record)
    context = SearchContext(evaluator, objectives, evaluator.box(objectives), tmp_path)
    first, again = gradient_seeds(context), gradient_seeds(context)

    assert len(said) == 1
    assert [one.params for one in again] == [one.params for one in first]
    for one, other in zip(first, again, strict=True):
        for node, roles in one.weights.items():
            for role, value in roles.items():
                np.testing.assert_array_equal(value, other.weights[node][role])
    (tmp_path / GRADIENT_FILE).write_bytes(b"PK")
    with pytest.raises(UserError, match=GRADIENT_FILE):
        gradient_seeds(context)


def first_trained(found):
    """Return the number of the first uniform candidate that was trained."""
    return min(n for n, e in found.items() if e.kind == "uniform" and e.params["method"] == "qat")


def test_seeds_are_ordinary_trials_that_begin_with_the_weights_of_the_path(tmp_path):
    """They follow the first uniform baselines, and score at least what they scored on the path."""
    file = small_study.write(tmp_path)
    found = small_study.run(file, f"gradient_epochs={EPOCHS}", "training.float_epochs=8", trials=20)
    seeds = [e for e in found.values() if e.start == "gradient"]
    assert seeds
    assert min(e.number for e in seeds) > first_trained(found)
    assert {e.kind for e in seeds} == {"search"}
    for e in seeds:
        assert e.score >= e.history[0]["metric"] > e.metrics["ptq"]


@pytest.fixture(scope="module")
def sparse(tmp_path_factory):
    """The evaluator of a study that searches sparsity too."""
    file = small_study.write(tmp_path_factory.mktemp("sparse"))
    settings = [
        "gradient_epochs=60",
        "space.sparsity=[0, 50, 90]",
        "training.float_epochs=40",
        "training.epochs=4",
    ]
    problem = load_problem(load_study(file, settings), file.parent)
    train_float(problem)
    return Evaluator(problem)


@pytest.fixture(scope="module")
def sparse_pool(sparse):
    return GradientWidths(sparse, axes(sparse), 60).searched()


def kernels(weights):
    return {
        (node, role): np.asarray(a)
        for node, roles in weights.items()
        for role, a in roles.items()
        if a.ndim > 1
    }


def test_a_path_in_a_space_with_sparsity_makes_ever_more_weights_zero(sparse, sparse_pool):
    """It goes below the least EBOPs that widths alone reach, and its candidates are as sparse as their
    parameters say.
    """

    def zeros(one):
        arrays = kernels(one.weights).values()
        return sum(int((k == 0).sum()) for k in arrays) / sum(k.size for k in arrays)

    for _, one in sparse_pool:
        assert zeros(one) >= one.params["sparsity"] / 100
    assert {one.params["sparsity"] for _, one in sparse_pool} >= {0, 50}
    least = ebops(sparse, {**sparse.space.uniform(3, "qat"), "sparsity": 0})
    blind, lead = sparse.scores.blind(), sparse.float_score - sparse.scores.blind()
    useful = [e.resources["ebops"] for e, _ in sparse_pool if e.score > blind + 0.7 * lead]
    assert min(useful) < 0.5 * least


def test_weights_of_a_sparse_path_have_fewer_bits_than_their_types(sparse, sparse_pool):
    """They are multiples of steps of their own, which their types hold exactly."""
    saved = []
    for evaluation, one in sparse_pool:
        types = {key: FixedPoint.parse(text) for key, text in evaluation.precision.items()}
        for (node, role), array in kernels(one.weights).items():
            kind = types[f"{node}/{role}"]
            whole = np.abs(np.round(kind.quantize(array) / kind.step)).astype(int)
            last = (whole & -whole)[whole > 0]
            saved.append(float(np.log2(last).mean()) if last.size else 0.0)
    assert np.mean(saved[len(saved) // 2 :]) > 0.5


def test_training_on_from_the_path_keeps_the_steps_of_its_weights(sparse, sparse_pool):
    """So that a candidate costs what it cost on the path, and scores no less."""
    objectives = axes(sparse)
    blind, found = sparse.scores.blind(), chosen(sparse_pool, objectives, sparse.box(objectives), 8)
    one = [one for one in found if sparse.inherited(0, one.params, one.weights).score > blind][-1]
    before = sparse.inherited(0, one.params, one.weights)
    start = Start("gradient", one.weights, sparse=True, per_weight=True)
    after, weights = sparse.evaluate(1, one.params, start=start)
    freely, _ = sparse.evaluate(2, one.params, start=replace(start, per_weight=False))

    assert after.start == "gradient"
    assert after.score >= before.score
    assert after.resources["ebops"] <= 1.15 * before.resources["ebops"]
    assert after.resources["ebops"] <= freely.resources["ebops"]
    for key, array in kernels(weights).items():
        assert not array[kernels(one.weights)[key] == 0].any()
    types = {key: FixedPoint.parse(text) for key, text in after.precision.items()}
    assert sparse.scores.of_outputs(sparse.scores.outputs(types, weights)) == after.score


def test_what_costs_little_is_tried_before_the_path_is_walked(tmp_path):
    """No path where the budget ends before it, and a study that goes on from there is as if it had not
    stopped.
    """
    settings = (f"gradient_epochs={EPOCHS}", "training.float_epochs=20", "screening=60")
    file = small_study.write(tmp_path / "cut")
    small_study.run(file, *settings, trials=12)
    assert not (tmp_path / "cut" / "studies" / "small" / GRADIENT_FILE).exists()
    small_study.run(file, *settings, trials=31)
    again = small_study.run(file, *settings, trials=36)
    whole = small_study.run(small_study.write(tmp_path / "whole"), *settings, trials=36)

    first = min(n for n, e in whole.items() if e.start == "gradient")
    assert first > first_trained(whole)
    assert [dict(again[n].params) for n in sorted(again)] == [dict(whole[n].params) for n in sorted(whole)]
    assert [again[n].start for n in sorted(again)] == [whole[n].start for n in sorted(whole)]


def test_the_first_part_of_a_path_proposes_before_the_rest_is_walked(sparse, said, tmp_path):
    """What it found stays in the choice from the whole, which proposes none of it again; each is found
    once.
    """
    objectives = axes(sparse)
    box = sparse.box(objectives)
    context = SearchContext(sparse, objectives, box, tmp_path)
    first = first_seeds(context)
    assert (tmp_path / FIRST_FILE).exists()
    assert not (tmp_path / GRADIENT_FILE).exists()
    sparse.evaluate(
        0, first[0].params, start=Start("gradient", first[0].weights, sparse=True, per_weight=True)
    )
    rest = gradient_seeds(context)
    again = first_seeds(context), gradient_seeds(context)
    (tmp_path / "at_once").mkdir()
    at_once = gradient_seeds(replace(context, folder=tmp_path / "at_once"))

    assert 0 < len(first) <= KEPT_FIRST
    assert 0 < len(rest) <= SEEDS
    assert not [one.params for one in rest if one.params in [other.params for other in first]]
    assert [[one.params for one in found] for found in again] == [
        [one.params for one in found] for found in (first, rest)
    ]
    assert [one.params for one in at_once] == [one.params for one in rest]
    assert len(said) == 2
    for name, seeds in ((FIRST_FILE, first_seeds), (GRADIENT_FILE, gradient_seeds)):
        (tmp_path / name).write_bytes(b"PK")
        with pytest.raises(UserError, match=name):
            seeds(context)


def test_only_the_front_of_the_first_part_is_kept_and_nothing_is_lost_by_that(sparse, sparse_pool):
    """What the whole pool proposes is what the front of its beginning and the rest propose."""
    objectives = axes(sparse)
    box = sparse.box(objectives)
    begin = GradientWidths(sparse, objectives, 60).first()
    front = _front(begin, objectives)

    assert 0 < len(front) < len(begin)
    assert [one.params for _, one in sparse_pool[: len(begin)]] == [one.params for _, one in begin]
    kept = chosen([*front, *sparse_pool[len(begin) :]], objectives, box)
    assert [one.params for one in kept] == [one.params for one in chosen(sparse_pool, objectives, box)]


def test_a_study_cut_off_between_the_parts_of_a_path_goes_on_as_if_it_had_not_stopped(tmp_path):
    """With the weights of both parts for their candidates."""
    settings = ("gradient_epochs=40", "training.float_epochs=20", "space.sparsity=[0, 50, 90]")
    file = small_study.write(tmp_path / "cut")
    folder = tmp_path / "cut" / "studies" / "small"
    whole = small_study.run(small_study.write(tmp_path / "whole"), *settings, trials=30)
    first = min(n for n, e in whole.items() if e.start == "gradient")
    small_study.run(file, *settings, trials=first + 1)
    assert (folder / FIRST_FILE).exists()
    assert not (folder / GRADIENT_FILE).exists()
    again = small_study.run(file, *settings, trials=30)
    assert (folder / GRADIENT_FILE).exists()

    assert [dict(again[n].params) for n in sorted(again)] == [dict(whole[n].params) for n in sorted(whole)]
    assert [again[n].start for n in sorted(again)] == [whole[n].start for n in sorted(whole)]
    assert sum(e.start == "gradient" for e in whole.values()) > 1
