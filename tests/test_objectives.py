"""Objectives read the right figure, and constraints say how far a candidate is beyond them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plausible import METRIC, plausible

from bitfront.search.trials.objectives import (
    QUANTITIES,
    Constraint,
    Metric,
    Objective,
    broken,
    metric_violations,
    parse_constraints,
    parse_objectives,
    resource_violations,
)
from bitfront.spaces import UserError

MSE = Metric("mse", "minimize", 0.0)
CAPACITY = {"lut": 1000, "ff": 2000, "dsp": 40, "bram18": 60, "uram": 0}


def one(name, limit, metric=METRIC):
    (constraint,) = parse_constraints({name: limit}, metric, CAPACITY)
    return constraint


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
        ("lut", "2k", 1000, -0.5),
        ("lut", "10%", 150, 0.5),
        ("bram", "50%", 30, 0.0),
        ("dsp", 0, 10, 0.25),  # a limit of nothing is measured in shares of the device's 40 DSPs
        ("uram", "10%", 1, 1.0),
        ("latency", "1.5us", 3000, 1.0),
        ("ii", 100, 90, -0.1),
        ("energy", "1nJ", 1500, 0.5),
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
        ("accuracy", 0.5, METRIC, 0.4, 0.2),
        ("metric", "50%", METRIC, 0.6, -0.2),
        ("accuracy_drop", 0.1, METRIC, 0.6, 0.125),
        ("accuracy_drop", "25%", METRIC, 0.5, 0.125),
        ("metric_drop", "25%", METRIC, 0.6, 0.0),
        ("mse", 0.5, MSE, 1.0, 1.0),
        ("mse_drop", "25%", MSE, 1.2, 0.25),
        ("mse_drop", 0.2, MSE, 0.8, -0.25),
    ],
)
def test_metric_violations_follow_the_direction_of_the_metric(name, limit, metric, score, violation):
    constraint = one(name, limit, metric)
    assert constraint.after_scoring
    (found,) = metric_violations([constraint], score, 0.8).values()
    assert found == pytest.approx(violation, abs=1e-12)


def test_a_constraint_of_the_metric_waits_for_the_score():
    both = parse_constraints({"lut": 100, "accuracy_drop": "1%"}, METRIC, CAPACITY)
    assert set(resource_violations(both, {"lut": 50})) == {"lut"}
    assert set(metric_violations(both, 0.7, 0.8)) == {"metric_drop"}
    with pytest.raises(UserError, match="float model"):
        metric_violations(both, 0.7)


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"lut": -1}, "less than nothing"),
        ({"lut": "many"}, "not a limit"),
        ({"lut": True}, "not a limit"),
        ({"lut": "5 parsecs"}, "not a limit"),
        ({"lut": "5ns"}, "wrong unit"),
        ({"latency": "5pJ"}, "wrong unit"),
        ({"latency": 0}, "at least one clock cycle"),
        ({"latency": "10%"}, "makes no sense"),
        ({"latency": 10, "latency_ns": 20}, "given twice"),
        ({"lut_drop": 3}, "only the metric can drop"),
        ({"accuracy": 1.2}, "never passes 1"),
        ({"accuracy": "120%"}, "never passes 1"),
        ({"accuracy_drop": -0.1}, "drop lies between"),
        ({"acuracy": 0.9}, "did you mean 'accuracy'"),
    ],
)
def test_a_constraint_that_means_nothing_is_refused(limits, message):
    with pytest.raises(UserError, match=message):
        parse_constraints(limits, METRIC, CAPACITY)


def test_the_reason_names_value_and_limit():
    constraints = parse_constraints({"lut": 100, "dsp": 3, "ff": 900}, METRIC, CAPACITY)
    resources = {"lut": 123, "dsp": 4, "ff": 2}
    found = resource_violations(constraints, resources)
    assert broken(constraints, found, resources) == "constraint lut: 123 > 100, dsp: 4 > 3"
    assert broken(constraints, {"lut": 0.0}, resources) is None


def test_an_estimate_without_the_constrained_figure_is_an_error():
    with pytest.raises(UserError, match="'uram'"):
        resource_violations([one("uram", 3)], {"lut": 3})


def test_definitions_survive_json():
    for constraint in parse_constraints({"lut": "10%", "accuracy_drop": "1%"}, METRIC, CAPACITY):
        assert Constraint.from_json(constraint.to_json()) == constraint
    for objective in parse_objectives(["accuracy", "lut"], METRIC):
        assert Objective.from_json(objective.to_json()) == objective


@given(st.floats(1e-3, 1e6), st.floats(0, 1e6))
def test_a_resource_is_feasible_exactly_up_to_its_limit(limit, value):
    (constraint,) = parse_constraints({"latency": limit}, METRIC)
    assert (constraint.violation(value) <= 0) == (value <= constraint.limit)
