"""How much a search rounds and trains follows from its time; what it can't lower is said."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from itertools import pairwise

import pytest
import small_study

from bitfront.search import Evaluator, load_problem, load_study
from bitfront.search.analysis.floor import FEWER, NARROWEST, Floor, floor_of, narrowest
from bitfront.search.config.settings import as_begun
from bitfront.search.evaluator.plan import PLAN_FILE, Plan
from bitfront.search.problem import train_float
from bitfront.search.trials.files import write_atomic
from bitfront.search.trials.objectives import parse_objectives
from bitfront.search.warm_start.context import SEEDS, SearchContext
from bitfront.search.warm_start.gradient_seeds import first_seeds, further_seeds, gradient_seeds
from bitfront.search.warm_start.gradient_widths import BATCHES_A_MOVE, MOVES_AN_EPOCH, moves_an_epoch
from bitfront.search.warm_start.pace import Pace
from bitfront.search.warm_start.planning import planned
from bitfront.spaces import UserError

LEFT_TO_TIME = ["gradient_epochs=auto", "training.epochs=auto", "screening=auto"]


@pytest.fixture(scope="module")
def evaluator(tmp_path_factory):
    """The evaluator of a small study that leaves its numbers to the time."""
    file = small_study.write(tmp_path_factory.mktemp("planned"))
    return Evaluator(load_problem(load_study(file, LEFT_TO_TIME), file.parent))


def test_more_time_means_longer_training_and_never_less_of_anything(evaluator):
    plans = [planned(evaluator, seconds, time.process_time) for seconds in (20, 200, 2000)]

    for shorter, longer in pairwise(plans):
        assert 0 < shorter.gradient_epochs < longer.gradient_epochs
        assert shorter.screening <= longer.screening
        assert shorter.epochs <= longer.epochs


def test_a_gradient_width_search_fits_into_its_time(evaluator):
    """By the seconds that were measured, the two trainings take less than the whole."""
    plan = planned(evaluator, 60, time.process_time)

    assert plan.gradient_epochs * (plan.seconds["epoch"] + plan.seconds["explore"]) < 60


def test_with_too_little_time_nothing_is_walked(evaluator):
    assert planned(evaluator, 0.01, time.process_time).gradient_epochs == 0


def test_what_the_study_file_gives_is_taken_and_nothing_is_measured(tmp_path):
    file = small_study.write(tmp_path)
    given = ["gradient_epochs=7", "training.epochs=2", "screening=11", "training.learning_rate=0.01"]
    evaluator = Evaluator(load_problem(load_study(file, given), file.parent))

    def never():
        pytest.fail("the clock was read")

    plan = planned(evaluator, 100, never)

    assert (plan.gradient_epochs, plan.epochs, plan.screening, plan.learning_rate) == (7, 2, 11, 0.01)


def test_one_key_may_be_given_and_the_others_left_to_the_time(tmp_path):
    file = small_study.write(tmp_path)
    settings = [*LEFT_TO_TIME, "gradient_epochs=5"]
    plan = planned(Evaluator(load_problem(load_study(file, settings), file.parent)), 100, time.process_time)

    assert plan.gradient_epochs == 5
    assert plan.epochs > 1


class Ticking:
    """A clock that stands still until it is told how long something took."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def walked(seconds_a_step: float, allowed: float, planned_steps: int) -> tuple[int, float]:
    """Return how many steps a paced training has, and how long it takes."""
    clock = Ticking()
    pace, done, steps = Pace(allowed, clock), 0, planned_steps
    while done < steps:
        steps = pace.steps(done, steps)
        if done < steps:
            clock.now, done = clock.now + seconds_a_step, done + 1
    return done, clock.now


def test_a_training_as_quick_as_planned_keeps_its_steps():
    assert walked(0.1, allowed=10, planned_steps=90) == (90, pytest.approx(9))


@pytest.mark.parametrize("slower", [1.5, 3, 10])
def test_a_training_that_is_slower_than_planned_ends_in_its_time(slower):
    done, seconds = walked(0.1 * slower, allowed=10, planned_steps=100)

    assert done < 100
    assert 9 < seconds <= 10 + 0.1 * slower


def test_measuring_leaves_the_float_weights_in_place(evaluator):
    before = evaluator.scores.of(evaluator.costs.types(_candidate(evaluator)), None)
    planned(evaluator, 100, time.process_time)

    assert evaluator.scores.of(evaluator.costs.types(_candidate(evaluator)), None) == before


def test_a_search_keeps_its_plan_when_it_goes_on(tmp_path):
    """Another machine, or a busier one, would measure other seconds: the study goes on with those it has."""
    file = small_study.write(tmp_path)
    settings = [*LEFT_TO_TIME, "budget={wall: 30s}"]
    small_study.run(file, *settings, trials=7)
    path = tmp_path / "studies" / "small" / PLAN_FILE
    plan = json.loads(path.read_text())
    assert plan["wall"] <= 30
    write_atomic(path, json.dumps(plan | {"epochs": 3, "gradient_epochs": 0}))

    trials = small_study.run(file, *settings, trials=12)

    trained = [e for e in trials.values() if e.method == "qat" and e.history and e.number >= 8]
    assert trained
    assert {row["epoch"] for e in trained for row in e.history} <= {0, 1, 2, 3}
    assert json.loads(path.read_text())["epochs"] == 3


def test_a_damaged_plan_is_told_in_a_sentence(tmp_path):
    (tmp_path / PLAN_FILE).write_text("{")

    with pytest.raises(UserError, match=r"plan\.json can't be read .* delete it"):
        Plan.read(tmp_path)


@pytest.mark.parametrize(
    ("value", "said"),
    [("three", "a whole number from 0"), (-1, "a whole number from 0"), (True, "a whole number from 0")],
)
def test_what_is_neither_a_number_nor_auto_is_refused(tmp_path, value, said):
    with pytest.raises(UserError, match=said):
        load_study(small_study.write(tmp_path), [f"gradient_epochs={json.dumps(value)}"])


def test_widths_move_more_often_in_an_epoch_where_there_are_few(evaluator):
    """A large set of data has time for a few epochs alone, and as many moves as others."""
    assert moves_an_epoch(10 * BATCHES_A_MOVE, 1000) == MOVES_AN_EPOCH
    assert moves_an_epoch(10 * BATCHES_A_MOVE, 3) == 10
    assert moves_an_epoch(1, 1000) == 1


def test_a_study_of_other_defaults_goes_on_with_those_that_it_began_with(tmp_path):
    """Unless its file sets the key: then that is what is asked for."""
    file = small_study.write(tmp_path)
    now = load_study(file)
    then = now.to_dict()
    then["training"]["learning_rate"], then["space"]["tables"], then["screening"] = 0.001, 12, 200

    config, kept = as_begun(now, then)

    assert kept == {"training.learning_rate": 0.001, "space.tables": 12}
    assert (config.training.learning_rate, config.space.tables.low) == (0.001, 12)
    assert as_begun(load_study(file, ["space.tables=4..8"]), then)[0].space.tables.low == 4


GATED = """
import keras

def build():
    return keras.Sequential([keras.Input((8,), name="x"), keras.layers.Dense(6, activation="tanh", name="hidden"),
                             keras.layers.Dense(3, activation="softmax", name="out")])
"""


def test_the_cost_of_a_fixed_width_is_named_and_that_of_a_searched_one_is_not(tmp_path):
    file = small_study.write(tmp_path)
    (tmp_path / "model.py").write_text(GATED)

    def floor(*settings: str) -> Floor:
        evaluator = Evaluator(load_problem(load_study(file, settings), file.parent))
        objectives = parse_objectives(["metric", "ebops", "lut"], evaluator.metric_record)
        return floor_of(evaluator, objectives, narrowest(evaluator))

    fixed = floor("space.layers={hidden: {weights: 12}}")
    (weights,) = [one for one in fixed.fixed if not one.lossless]
    assert (weights.name, weights.bits) == ("hidden.weights", 12)
    assert 0.2 < weights.shares["ebops"] < 1
    assert any(one.startswith("hidden.weights is fixed at 12 bits") for one in fixed.sentences())
    assert weights.bits > NARROWEST
    assert all(one.lossless for one in floor("space.layers={hidden: {weights: 2..12}}").fixed)


def test_what_a_lossless_accumulator_costs_is_named_where_it_counts(tmp_path):
    file = small_study.write(tmp_path)
    evaluator = Evaluator(load_problem(load_study(file, ["space.weights=8", "space.input=8"]), file.parent))
    objectives = parse_objectives(["metric", "lut"], evaluator.metric_record)
    floor = floor_of(evaluator, objectives, evaluator.space.uniform(8, "ptq"))

    named = [one for one in floor.fixed if one.lossless]
    assert {one.name for one in named} <= {"hidden.accumulators", "out.accumulators"}
    for one in named:
        assert 0 < one.shares["lut"] < 0.9
        assert f"{FEWER} bits fewer would save" in one.sentence


def test_by_default_no_width_under_the_cheapest_candidate_is_fixed(tmp_path):
    """What costs is in the default space."""
    file = small_study.write(tmp_path)
    (tmp_path / "model.py").write_text(GATED)
    (tmp_path / "study.yaml").write_text("model: model.py:build\ndata: data.py:load\ntask: multiclass\n")
    evaluator = Evaluator(load_problem(load_study(file), file.parent))
    objectives = parse_objectives(["metric", "ebops", "lut"], evaluator.metric_record)

    floor = floor_of(evaluator, objectives, narrowest(evaluator))
    assert all(one.lossless for one in floor.fixed)
    assert evaluator.space.sparsities[-1] > 90


def test_a_floor_is_read_back_as_it_was_written(tmp_path):
    file = small_study.write(tmp_path)
    evaluator = Evaluator(load_problem(load_study(file), file.parent))
    objectives = parse_objectives(["metric", "lut"], evaluator.metric_record)
    floor = floor_of(evaluator, objectives, narrowest(evaluator))
    floor.write(tmp_path)

    assert Floor.read(tmp_path) == floor


def _candidate(evaluator):
    return evaluator.space.candidate(evaluator.space.uniform(6, "ptq"))


@pytest.fixture(scope="module")
def walked_context(tmp_path_factory):
    """What the warm start of a planned study with sparsity works with, after its first two parts; trained."""
    folder = tmp_path_factory.mktemp("walked")
    file = small_study.write(folder)
    settings = [*LEFT_TO_TIME, "space.sparsity=[0, 50, 90]", "training.float_epochs=8"]
    problem = load_problem(load_study(file, settings), file.parent)
    train_float(problem)
    evaluator = Evaluator(problem)
    seconds = {"explore": 0.01, "cost": 0.001, "epoch": 0.01, "rounding": 0.001}
    evaluator.plan = replace(Plan.of(problem.config), gradient_epochs=24, seconds=seconds, wall=60.0)
    objectives = parse_objectives(["metric", "ebops"], evaluator.metric_record)
    left = [60.0]
    context = SearchContext(
        evaluator, objectives, evaluator.box(objectives), folder, lambda: left[0], lambda: 0.0
    )
    first_seeds(context)
    gradient_seeds(context)
    return context, left


def test_time_that_is_left_goes_into_another_search_of_no_more_epochs(walked_context):
    context, _ = walked_context

    seeds = further_seeds(context, 2)

    assert 0 < len(seeds) <= SEEDS // 2
    assert all(0 < one.epochs <= 24 for one in seeds)
    first = {json.dumps(dict(one.params), sort_keys=True) for one in gradient_seeds(context)}
    assert {json.dumps(dict(one.params), sort_keys=True) for one in seeds} - first


def test_a_search_for_which_there_was_no_time_is_not_begun_when_the_study_goes_on(walked_context):
    """Else trials that have begun since would change their numbers."""
    context, left = walked_context
    left[0] = 0.01
    assert further_seeds(context, 3) == []
    left[0] = 60.0

    assert further_seeds(context, 3) == []
    assert [one.params for one in further_seeds(context, 2)] == [
        one.params for one in further_seeds(context, 2)
    ]


@pytest.mark.parametrize(
    ("strategy", "most"),
    [("Latency", 98), ("Resource", 0), ("{hidden: Resource}", 98), ('{"*": Resource}', 0)],
)
def test_zeros_are_searched_by_default_where_they_spare_something(tmp_path, strategy, most):
    file = small_study.write(tmp_path)
    config = load_study(file, ["space={method: [ptq, qat]}", f"hls.strategy={strategy}"])

    assert Evaluator(load_problem(config, file.parent)).space.sparsities[-1] == most
