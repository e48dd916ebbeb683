"""The front holds what nothing beats, its size never shrinks, and a pick is the point its name promises."""

from __future__ import annotations

import csv
import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plausible import METRIC, OBJECTIVES, plausible_study, reference

from bitfront.search.trials.evaluation import Evaluation
from bitfront.search.trials.front import (
    Box,
    hypervolume,
    hypervolume_history,
    least_violating,
    pareto,
    pick,
    write_front_csv,
)
from bitfront.search.trials.objectives import parse_objectives
from bitfront.spaces import NothingFeasible, UserError

TWO = parse_objectives(["accuracy", "lut"], METRIC)


def point(number, score, lut, latency=100.0, **changes):
    base = Evaluation(
        number=number,
        digest=f"d{number}",
        method="ptq",
        status="complete",
        metrics={"ptq": score, "score": score},
        resources={"lut": lut, "latency_ns": latency},
    )
    return replace(base, **changes)


# few distinct values, so that ties and equal points are common
points = st.lists(
    st.tuples(
        st.sampled_from([0.5, 0.6, 0.7, 0.8]),
        st.integers(0, 5),
        st.integers(1, 4),
        st.sampled_from([-1.0, 0.5]),
    ),
    min_size=1,
    max_size=14,
).map(lambda rows: [point(n, s, u, t, constraints={"lut": c}) for n, (s, u, t, c) in enumerate(rows)])


def beats(a, b):
    x, y = ([o.loss(e) for o in OBJECTIVES] for e in (a, b))
    return all(p <= q for p, q in zip(x, y, strict=True)) and x != y


@settings(deadline=None)
@given(points)
def test_the_front_is_what_comparing_every_pair_finds(evaluations):
    feasible = [e for e in evaluations if e.feasible]
    pool = feasible or least_violating(evaluations)
    expected = [e for e in pool if not any(beats(other, e) for other in pool)]
    assert pareto(evaluations, OBJECTIVES) == expected


@settings(deadline=None)
@given(points, st.randoms())
def test_the_front_does_not_depend_on_the_order_of_the_trials(evaluations, random):
    shuffled = list(evaluations)
    random.shuffle(shuffled)
    assert pareto(shuffled, OBJECTIVES) == pareto(evaluations, OBJECTIVES)


def test_infeasible_and_failed_trials_are_never_on_the_front():
    good = point(0, 0.6, 100)
    better_but_broken = point(1, 0.9, 10, constraints={"lut": 0.1})
    failed = Evaluation(number=2, digest="x", method="qat", status="failed", reason="nan_loss: epoch 1")
    assert pareto([good, better_but_broken, failed], TWO) == [good]
    assert pareto([failed], TWO) == []


def test_without_anything_feasible_the_front_is_what_breaks_least():
    far = point(0, 0.9, 900, constraints={"lut": 0.9})
    near = point(1, 0.6, 200, constraints={"lut": 0.1})
    unscored = point(
        2, 0.6, 200, status="infeasible", reason="constraint lut: 9 > 8", constraints={"lut": 0.01}
    )
    assert pareto([far, near, unscored], TWO) == [near]
    assert pareto([unscored], TWO) == [unscored]


def test_a_design_tried_twice_is_on_the_front_once():
    assert pareto([point(4, 0.7, 10), point(9, 0.7, 10, digest="d4")], TWO) == [point(4, 0.7, 10)]


def test_a_uniform_baseline_can_be_on_the_front():
    uniform = point(0, 0.8, 50, kind="uniform")
    assert pareto([uniform, point(1, 0.7, 60)], TWO) == [uniform]


@settings(max_examples=60, deadline=None)
@given(points, points)
def test_more_points_never_shrink_the_hypervolume(some, more):
    everything = some + [replace(e, number=e.number + 100, digest=f"m{e.number}") for e in more]
    box = Box(ideal=(-0.8, 0.0, 6.0), reference=(-0.5, 3.0, 7.0))
    part, whole = hypervolume(some, OBJECTIVES, box), hypervolume(everything, OBJECTIVES, box)
    assert 0 <= part <= whole + 1e-12
    assert whole == pytest.approx(hypervolume(pareto(everything, OBJECTIVES), OBJECTIVES, box)) or not any(
        e.feasible for e in everything
    )


def test_the_hypervolume_of_one_point_is_the_rectangle_it_dominates():
    box = Box(ideal=(-0.9, 0.0), reference=(-0.5, 10.0))
    one = point(0, 0.7, 2**5 - 1)
    assert hypervolume([one], TWO, box) == pytest.approx(0.5 * 0.5)
    assert hypervolume([point(0, 0.4, 3)], TWO, box) == 0.0
    assert hypervolume([], TWO, box) == 0.0


def test_the_box_spans_the_uniform_candidates_and_what_the_inputs_are_worth():
    box = Box.spanning([{"lut": 1023.0}, {"lut": 15.0}], TWO, 0.9, 0.5)
    assert (box.ideal, box.reference) == ((-0.9, 4.0), (-0.5, 10.0))
    assert Box.from_json(box.to_json()) == box


@pytest.mark.parametrize("blind", [0.9, 0.95, math.nan, -math.inf])
def test_a_blind_score_that_gives_no_scale_leaves_one_unit(blind):
    assert Box.spanning([{"lut": 1.0}], TWO, 0.9, blind).reference[0] == pytest.approx(0.1)


def test_the_history_climbs_to_the_hypervolume_of_the_study():
    evaluations = plausible_study(60)
    box = reference("toy").box
    history = hypervolume_history(evaluations, OBJECTIVES, box)
    values = [value for _, value in history]
    assert [number for number, _ in history] == [e.number for e in evaluations]
    assert values == sorted(values)
    assert values[-1] == pytest.approx(hypervolume(evaluations, OBJECTIVES, box))
    assert values[-1] > values[6] > 0


FRONT = [
    point(0, 0.80, 8000),
    point(1, 0.79, 1000),
    point(2, 0.70, 500),
    point(3, 0.55, 400),
    point(4, 0.6, 9000),
]


@pytest.mark.parametrize(
    ("how", "number"),
    [
        ("best", 0),
        ("smallest", 3),
        ("knee", 1),
        ("4", 4),
        ("lut<5000", 1),
        ("lut < 1k", 2),
        ("lut<=1k", 1),
        ("lut<1000, latency<=1us", 2),
        ("accuracy>=0.7", 2),
        ("accuracy>0.6, lut>700", 0),
    ],
)
def test_a_pick_is_the_point_its_name_promises(how, number):
    assert pick(FRONT, TWO, how).number == number


def test_costs_that_rise_together_do_not_outvote_the_metric():
    steep = [point(0, 0.80, 8000, 400.0), point(1, 0.79, 2000, 200.0), point(2, 0.55, 500, 100.0)]
    assert pick(steep, OBJECTIVES, "knee").number == 1
    assert pick([steep[0], steep[2]], OBJECTIVES, "knee").number in {0, 2}


def test_baselines_that_do_not_differ_leave_a_scale_of_one():
    box = Box.spanning([{"lut": 0.0}, {"lut": 0.0}], TWO, 0.9, 0.5)
    assert (box.ideal[1], box.reference[1]) == (0.0, 1.0)


def test_of_equally_good_candidates_the_best_is_the_cheapest():
    assert pick([point(0, 0.8, 90), point(1, 0.8, 80, 500.0)], OBJECTIVES, "best").number == 1


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("fastest", "Can't pick"),
        ("lut", "Can't pick"),
        ("lut<", "Can't pick"),
        ("lutt<3", "'lutt' is unknown"),
        ("lut<many", "not a limit"),
        ("lut<3ns", "wrong unit"),
        ("__import__('os').system('true')<3", "Can't pick"),
        ("99", "trials up to 4"),
    ],
)
def test_a_pick_that_means_nothing_is_refused(how, message):
    with pytest.raises(UserError, match=message):
        pick(FRONT, TWO, how)


def test_a_limit_that_nothing_meets_says_so():
    with pytest.raises(NothingFeasible, match="lut<10"):
        pick(FRONT, TWO, "lut<10")


def test_with_nothing_feasible_a_pick_points_to_the_nearest_trial():
    broken = [point(0, 0.8, 90, constraints={"lut": 0.5}), point(1, 0.7, 60, constraints={"lut": 0.2})]
    with pytest.raises(NothingFeasible, match="trial 1 comes nearest"):
        pick(broken, TWO, "knee")
    assert pick(broken, TWO, "1").number == 1


def test_a_trial_without_a_score_cannot_be_picked():
    failed = Evaluation(number=2, digest="x", method="qat", status="failed", reason="nan_loss: epoch 1")
    with pytest.raises(UserError, match="nan_loss"):
        pick([failed], TWO, "2")


def test_the_table_of_the_front_has_every_figure_a_plot_needs(tmp_path):
    evaluations = plausible_study(60)
    members = pareto(evaluations, OBJECTIVES)
    path = tmp_path / "front.csv"
    write_front_csv(path, members, OBJECTIVES)
    rows = list(csv.DictReader(path.open()))
    assert {int(r["trial"]) for r in rows} == {e.number for e in members}
    assert [float(r["score"]) for r in rows] == sorted((e.score for e in members), reverse=True)
    assert {"lut", "lut_low", "lut_high", "latency_ns", "param.lstm.weight"} <= set(rows[0])
    assert not {"ptq", "qat"} & set(rows[0])
    for row in rows:
        e = next(e for e in members if e.number == int(row["trial"]))
        assert row["untrained_score"] == (str(e.metrics["ptq"]) if e.method == "qat" else "")
        assert row["untrained_lut"] == (str(e.ptq_resources["lut"]) if e.method == "qat" else "")
