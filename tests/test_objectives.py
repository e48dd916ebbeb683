"""Objectives read the right figure, and constraints say how far a candidate is beyond them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plausible import METRIC, plausible

from bitfront.search.config import StudyConfig
from bitfront.search.quantities import QUANTITIES, Limit, limits
from bitfront.search.trials.objectives import (
    Constraint,
    Metric,
    Objective,
    broken,
    constraints_of,
    metric_violations,
    parse_limit,
    parse_objectives,
    resource_violations,
)
from bitfront.spaces import UserError

MSE = Metric("mse", "minimize", 0.0)
STOCK = {"lut": 1000, "ff": 2000, "dsp": 40, "bram18": 60, "uram": 0}


def one(name, limit, metric=METRIC):
    (constraint,) = constraints_of({name: Limit(limit)}, metric, STOCK)
    return constraint


def study(**values):
    return StudyConfig(model="m.py:build", data="d.py:load", task="binary", **values)


def test_objectives_read_the_score_and_the_resources():
    e = plausible(10)
    objectives = parse_objectives(["accuracy", "lut", "latency_ns", "energy"], METRIC)
    assert [o.name for o in objectives] == ["metric", "lut", "latency", "energy"]
    assert [o.direction for o in objectives] == ["maximize", "minimize", "minimize", "minimize"]
    assert [o.value(e) for o in objectives] == [
        e.metrics["score"],
        e.resources["lut"],
        e.resources["latency_ns"],
        e.resources["energy_pj"],
    ]
    assert objectives[0].loss(e) == -e.metrics["score"]


def test_an_error_metric_is_minimised():
    metric, _ = parse_objectives(["metric", "lut"], MSE)
    assert metric.direction == "minimize"
    assert metric.loss(plausible(10)) == plausible(10).score


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["metric"], "two to four"),
        (["metric", "lut", "ff", "dsp", "ii"], "two to four"),
        (["metric", "lutt"], "did you mean 'lut'"),
        (["metric", "accuracy"], "listed twice"),
        (["metric", "lut", "lut"], "listed twice"),
    ],
)
def test_a_list_of_objectives_that_cannot_be_searched_is_refused(names, message):
    with pytest.raises(UserError, match=message):
        parse_objectives(names, METRIC)


@pytest.mark.parametrize(
    ("name", "limit", "value", "violation"),
    [
        ("lut", 200, 300, 0.5),
        ("lut", 2000, 1000, -0.5),
        ("bram", 30, 30, 0.0),
        ("dsp", 0, 10, 0.25),  # a limit of nothing is measured in shares of the device's 40 DSPs
        ("uram", 0, 1, 1.0),
        ("latency", 1500, 3000, 1.0),
        ("ii", 100, 90, -0.1),
        ("energy", 1000, 1500, 0.5),
    ],
)
def test_resource_violations_are_relative_to_the_limit(name, limit, value, violation):
    constraint = one(name, limit)
    assert not constraint.after_scoring
    found = resource_violations([constraint], {QUANTITIES[name].key: value})
    assert found == {name: pytest.approx(violation)}


@pytest.mark.parametrize(
    ("name", "limit", "metric", "score", "violation"),
    [
        ("metric", 0.5, METRIC, 0.4, 0.2),
        ("metric", 0.5, METRIC, 0.6, -0.2),
        ("metric_drop", 0.1, METRIC, 0.6, 0.125),
        ("metric_drop", 0.2, METRIC, 0.6, 0.0),
        ("metric", 0.5, MSE, 1.0, 1.0),
        ("metric_drop", 0.2, MSE, 1.2, 0.25),
        ("metric_drop", 0.2, MSE, 0.8, -0.25),
    ],
)
def test_metric_violations_follow_the_direction_of_the_metric(name, limit, metric, score, violation):
    constraint = one(name, limit, metric)
    assert constraint.after_scoring
    (found,) = metric_violations([constraint], score, 0.8).values()
    assert found == pytest.approx(violation, abs=1e-12)


def test_a_constraint_of_the_metric_waits_for_the_score():
    both = constraints_of({"lut": Limit(100), "metric_drop": Limit(0.01)}, METRIC, STOCK)
    assert set(resource_violations(both, {"lut": 50})) == {"lut"}
    assert set(metric_violations(both, 0.7, 0.8)) == {"metric_drop"}
    with pytest.raises(UserError, match="float model"):
        metric_violations(both, 0.7)


@pytest.mark.parametrize(
    ("name", "said", "limit", "text"),
    [
        ("lut", "10%", 172_800, "10%"),
        ("lut", 20_000, 20_000, "20000"),
        ("lut", "20k", 20_000, "20k"),
        ("latency", "2us", 2000, "2us"),
        ("ii", "80 cycles", 400, "80 cycles"),
        ("energy", "0.5nJ", 500, "0.5nJ"),
        ("metric", 0.85, 0.85, "0.85"),
    ],
)
def test_a_constraint_keeps_the_words_of_the_study_file_beside_its_limit(name, said, limit, text):
    wanted = study(device="xcvu13p", constraints={name: said}).limits()
    found = {c.name: c for c in constraints_of(wanted, METRIC, STOCK)}
    assert (found[name].limit, found[name].text) == (limit, text)
    assert found["ff"].limit == 3_456_000
    assert found["ff"].text == "100%"  # nothing was said, but a design must fit the device


def test_a_limit_that_is_read_again_keeps_its_words():
    assert limits.share_or_count(limits.share_or_count("10 %")).text == "10 %"
    assert limits.time(limits.time("2us")).text == "2us"
    assert limits.energy(limits.energy("2nJ")) == Limit(2000, "pJ")


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [("lut", "10k", 10_000), ("lut", "1_500", 1500), ("latency", "1.5us", 1500), ("energy", "2nj", 2000)],
)
def test_a_limit_to_pick_by_is_read_in_the_units_of_a_study_file(name, text, value):
    assert parse_limit(name, text, name) == value


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("lut", "many", "is not a limit"),
        ("lut", True, "is not a limit"),
        ("lut", "5 parsecs", "is not a limit"),
        ("lut", "5ns", "wrong unit"),
        ("latency", "5pJ", "wrong unit"),
        ("latency", "10%", "wrong unit"),
    ],
)
def test_a_limit_that_means_nothing_is_refused(name, text, message):
    with pytest.raises(UserError, match=message):
        parse_limit(name, text, name)


def test_the_reason_names_value_and_limit():
    constraints = constraints_of({"lut": Limit(100), "dsp": Limit(3), "ff": Limit(900)}, METRIC, STOCK)
    resources = {"lut": 123, "dsp": 4, "ff": 2}
    found = resource_violations(constraints, resources)
    assert broken(constraints, found, resources) == "constraint lut: 123 > 100, dsp: 4 > 3"
    assert broken(constraints, {"lut": 0.0}, resources) is None


def test_an_estimate_without_the_constrained_figure_is_an_error():
    with pytest.raises(UserError, match="'uram'"):
        resource_violations([one("uram", 3)], {"lut": 3})


def test_definitions_survive_json():
    for constraint in constraints_of(
        {"lut": Limit(9, given="10%"), "metric_drop": Limit(0.1)}, METRIC, STOCK
    ):
        assert Constraint.from_json(constraint.to_json()) == constraint
    for objective in parse_objectives(["accuracy", "lut"], METRIC):
        assert Objective.from_json(objective.to_json()) == objective


@given(st.floats(1e-3, 1e6), st.floats(0, 1e6))
def test_a_resource_is_feasible_exactly_up_to_its_limit(limit, value):
    constraint = one("latency", limit)
    assert (constraint.violation(value) <= 0) == (value <= constraint.limit)
