"""The sampler that knows what candidates cost, and learns what training adds to their score."""

from __future__ import annotations

import itertools

import numpy as np
import optuna
import pytest
import small_study
from scipy.stats import norm

from bitfront.search.quantities import Limit
from bitfront.search.samplers.encoding import Encoding
from bitfront.search.samplers.expected_improvement import MANY, ExpectedImprovement
from bitfront.search.samplers.gaussian_process import Process, fitted_lengths
from bitfront.search.samplers.optuna_samplers import as_optuna, suggest
from bitfront.search.samplers.surrogate import LEAST, Surrogate
from bitfront.search.samplers.surrogate_sampler import (
    AT_ONCE,
    GROWTH,
    ONE_BY_ONE,
    SurrogateSampler,
    proposed_with,
)
from bitfront.search.trials.evaluation import Evaluation
from bitfront.search.trials.front import Box, dominated
from bitfront.search.trials.objectives import Metric, constraints_of, parse_objectives
from bitfront.spaces import Space
from bitfront.spaces.space import Dimension

METRIC = Metric("accuracy", "maximize", 1.0)
OBJECTIVES = parse_objectives(("metric", "lut"), METRIC)
BOX = Box((-0.9, 0.0), (-0.2, 12.0))
WIDTHS = tuple(
    Dimension(name=f"w{i}", kind="width", targets=(f"d{i}/weight",), low=2, high=8) for i in range(4)
)
SPACE = Space(dimensions=(*WIDTHS, Dimension(name="method", kind="method", choices=("ptq", "qat"))))
HARDWARE = Space(
    dimensions=(
        *WIDTHS,
        Dimension(name="reuse_factor", kind="reuse_factor", targets=("d0",), choices=(1, 2, 4, 16)),
        Dimension(name="strategy", kind="strategy", targets=("d0",), choices=("Latency", "Resource")),
    )
)
IMPORTANCE = np.array([1.0, 0.5, 0.2, 0.05])


def measured(number, params, *, lut_limit=None) -> Evaluation:
    """Return what a candidate is worth: each width costs alike, and the first matters most to the score."""
    widths = np.array([params[d.name] for d in WIDTHS], float)
    trained = params.get("method") != "ptq"
    loss = float((IMPORTANCE * 2.0 ** (-(widths if trained else widths - 1))).sum())
    lut = float(2 ** (widths.sum() / 3))
    broken = lut_limit is not None and lut > lut_limit
    score = {"score": 0.9 - loss, "ptq": 0.9 - 2 * loss}
    return Evaluation(
        number=number,
        digest=str(sorted(params.items())),
        method="qat" if trained else "ptq",
        status="infeasible" if broken else "complete",
        reason="constraint lut" if broken else None,
        params=params,
        metrics={} if broken else score,
        resources={"lut": lut},
        constraints={} if lut_limit is None else {"lut": (lut - lut_limit) / lut_limit},
    )


def begun(count=10, seed=0, **more):
    """Return so many random trials."""
    rng = np.random.default_rng(seed)
    encoding = Encoding(SPACE)
    return [measured(n, encoding.params(p), **more) for n, p in enumerate(encoding.random(count, rng))]


def searched(trials, surrogate, count, **more):
    """Return the trials after so many proposals, each evaluated."""
    for number in range(len(trials), len(trials) + count):
        (params,) = surrogate.propose(trials, [], np.random.default_rng(number))
        trials = [*trials, measured(number, params, **more)]
    return trials


def volume(trials):
    """Return the hypervolume of trials."""
    rows = [[-e.score, OBJECTIVES[1].scaled(e.resources["lut"])] for e in trials if e.status == "complete"]
    return dominated(BOX.normalise(np.array(rows)))


def test_it_finds_more_than_as_many_random_candidates():
    """What it is for: of 25 proposals after 10 random ones, against 200 random ones."""
    found = searched(begun(), Surrogate(SPACE, OBJECTIVES, BOX, float_score=0.9), 25)

    assert volume(found) > volume(begun(200))
    assert {e.params["method"] for e in found} == {"qat"}
    assert len({e.digest for e in found}) == len(found)


def test_rounded_candidates_teach_it_before_the_first_trials_say_much():
    """With them it is ahead after few proposals, on average of some beginnings."""
    rng = np.random.default_rng(1)
    rows = [{**Encoding(SPACE).params(p), "method": "ptq"} for p in Encoding(SPACE).random(150, rng)]
    rounded = [measured(n, params) for n, params in enumerate(rows)]
    found = [
        [
            volume(searched(begun(LEAST, seed), Surrogate(SPACE, OBJECTIVES, BOX, rounded=known), 6))
            for seed in range(4)
        ]
        for known in (rounded, ())
    ]

    assert np.mean(found[0]) > np.mean(found[1])


def test_it_keeps_to_limits_once_it_has_seen_some_broken():
    """Most of its proposals meet a limit that nearly no random candidate meets."""
    limits = constraints_of({"lut": Limit(20)}, METRIC)
    surrogate = Surrogate(SPACE, OBJECTIVES, BOX, limits, 0.9)
    random = begun(60, lut_limit=20)
    found = searched(random, surrogate, 20, lut_limit=20)[60:]

    assert np.mean([e.status == "complete" for e in random]) < 0.1
    assert np.mean([e.status == "complete" for e in found]) >= 0.5


def test_a_limit_on_the_metric_keeps_it_from_the_cheapest_candidates():
    """A candidate that breaks it adds no hypervolume, however cheap."""
    limits = constraints_of({"metric_drop": Limit(0.05)}, METRIC)
    free = searched(begun(20), Surrogate(SPACE, OBJECTIVES, BOX, (), 0.9), 20)[20:]
    bound = searched(begun(20), Surrogate(SPACE, OBJECTIVES, BOX, limits, 0.9), 20)[20:]

    assert np.mean([e.score >= 0.85 for e in bound]) > np.mean([e.score >= 0.85 for e in free])


def test_several_proposals_at_once_are_different_and_none_is_under_way():
    """As for the workers of a cluster."""
    trials, surrogate = begun(20), Surrogate(SPACE, OBJECTIVES, BOX)
    first = surrogate.propose(trials, [], np.random.default_rng(5), 6)
    more = surrogate.propose(trials, first, np.random.default_rng(5), 6)
    names = [str(sorted(params.items())) for params in (*first, *more)]

    assert len(set(names)) == 12


def test_it_proposes_before_any_trial_has_finished():
    """With more workers than first candidates; with and without screening, and where nothing can be
    chosen.
    """
    rng = np.random.default_rng(1)
    rows = [{**Encoding(SPACE).params(p), "method": "ptq"} for p in Encoding(SPACE).random(20, rng)]
    rounded = [measured(n, params) for n, params in enumerate(rows)]
    first = [e.params for e in begun(5)]
    method_alone = Space(dimensions=(SPACE["method"],))

    for known in ((), rounded):
        (params,) = Surrogate(SPACE, OBJECTIVES, BOX, rounded=known).propose([], first, rng)
        assert params not in first
    assert Surrogate(method_alone, OBJECTIVES, BOX).propose([], [], rng) == [{"method": "qat"}]


def test_trials_that_failed_teach_nothing_and_stop_nothing():
    """The first ten among twenty, say."""
    trials = begun(20)
    failed = [
        Evaluation(
            number=e.number,
            digest=e.digest,
            method="qat",
            status="failed",
            params=e.params,
            reason="crash: x",
        )
        for e in trials[:10]
    ]
    (params,) = Surrogate(SPACE, OBJECTIVES, BOX).propose(
        [*failed, *trials[10:]], [], np.random.default_rng(1)
    )

    assert params not in [e.params for e in trials]


def test_a_space_that_is_exhausted_still_gets_a_proposal():
    """A search may go on beyond the size of its space."""
    small = Space(dimensions=(Dimension(name="w0", kind="width", targets=("d0/weight",), low=2, high=8),))
    trials = []
    for number in range(12):
        (params,) = Surrogate(small, OBJECTIVES, BOX).propose(trials, [], np.random.default_rng(number))
        rest = dict.fromkeys(("w1", "w2", "w3"), 4)
        found = measured(number, {**params, **rest})
        trials.append(Evaluation(**{**vars(found), "params": params, "digest": str(params)}))

    assert {e.params["w0"] for e in trials} == set(range(2, 9))


def test_what_optuna_is_told_repeats_from_the_seed_and_the_trials_before():
    """One by one and several at once, also when the study was closed in between."""

    def search(count, again=()):
        trials = {e.number: e for e in again}
        surrogate = Surrogate(SPACE, OBJECTIVES, BOX)
        sampler = SurrogateSampler(surrogate, 3, trials)
        study = optuna.create_study(directions=["maximize", "minimize"], sampler=sampler)
        for e in again:
            study.enqueue_trial(as_optuna(SPACE, e.params))
            study.tell(study.ask(), [e.score, e.resources["lut"]])
        for _ in range(count - len(trials)):
            trial = study.ask()
            found = measured(trial.number, suggest(trial, SPACE))
            study.tell(trial, [found.score, found.resources["lut"]])
            trials[found.number] = found
        return [dict(e.params) for e in trials.values()]

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    count = ONE_BY_ONE + 3 * (ONE_BY_ONE // GROWTH) + 1
    whole = search(count)
    cut = [measured(n, params) for n, params in enumerate(whole[: ONE_BY_ONE + 2])]

    assert search(count, cut) == whole


def test_more_are_proposed_at_once_the_more_are_known():
    """One batch follows the other, and every trial names the one that it is in."""
    number, sizes = 0, []
    while number < 2000:
        first, count = proposed_with(number)
        assert first == number
        assert {proposed_with(n) for n in range(first, first + count)} == {(first, count)}
        number += count
        sizes.append(count)
    assert sizes[:ONE_BY_ONE] == [1] * ONE_BY_ONE
    assert sizes == sorted(sizes)
    assert sizes[-1] == AT_ONCE


def test_a_study_searches_with_it_and_goes_on_as_if_it_had_not_stopped(tmp_path):
    """By `bitfront run`, whose default it is."""
    settings = ("sampler=auto", "screening=40", "training.float_epochs=4")
    whole = small_study.run(small_study.write(tmp_path / "a"), *settings, trials=34)
    file = small_study.write(tmp_path / "b")
    small_study.run(file, *settings, trials=29)
    again = small_study.run(file, *settings, trials=34)

    assert [dict(again[n].params) for n in sorted(again)] == [dict(whole[n].params) for n in sorted(whole)]
    assert all("qat" in e.metrics for n, e in whole.items() if n >= 30)


@pytest.mark.parametrize("dimensions", [1, 2, 3])
def test_the_expected_gain_is_that_of_drawn_scores(dimensions):
    """Against Optuna's hypervolume, averaged over scores that are drawn."""
    rng = np.random.default_rng(dimensions)
    front = rng.random((6, 1 + dimensions))
    mean, deviation, costs = rng.random(5), rng.uniform(0.02, 0.3, 5), rng.random((5, dimensions))
    found = ExpectedImprovement(front).expected(mean, deviation, costs)
    before = dominated(np.minimum(front, 1.0))
    quantiles = norm.ppf((np.arange(400) + 0.5) / 400)
    for j in range(5):
        drawn = np.minimum(mean[j] + deviation[j] * quantiles, 1.0)
        gains = [dominated(np.vstack([front, [loss, *costs[j]]])) - before for loss in drawn]
        assert found[j] == pytest.approx(np.mean(gains), abs=0.003 + 0.05 * np.mean(gains))


def test_a_score_beyond_the_limit_gains_nothing():
    """Where a drop of the metric is bounded."""
    free = ExpectedImprovement(np.zeros((0, 2))).expected(
        np.array([0.5]), np.array([0.01]), np.array([[0.5]])
    )
    bound = ExpectedImprovement(np.zeros((0, 2)), 0.4).expected(
        np.array([0.5]), np.array([0.01]), np.array([[0.5]])
    )

    assert free[0] == pytest.approx(0.25, abs=0.01)
    assert bound[0] < 1e-6


def test_positions_stand_for_candidates_and_neighbours_are_near():
    """Widths, reuse factors that are not evenly spaced, and strategies that have no order."""
    encoding, rng = Encoding(HARDWARE), np.random.default_rng(0)
    drawn = encoding.random(50, rng)
    for row in drawn:
        params = encoding.params(row)
        assert (encoding.positions(params) == row).all()
        HARDWARE.candidate(params)
    near = encoding.neighbours(drawn[:1], 200, rng)

    assert (near >= 0).all()
    assert (near < encoding.sizes).all()
    assert np.median((near != drawn[:1]).sum(axis=1)) <= 2
    assert encoding.columns(near).shape == (200, 4 + 1 + 2)
    assert encoding.columns(near).min() >= 0
    assert encoding.columns(near).max() <= 1


def test_a_process_finds_which_dimension_matters():
    """And knows its own uncertainty away from what it was told."""
    grid = np.array(list(itertools.product(np.linspace(0, 1, 6), repeat=2)))
    values = np.sin(4 * grid[:, 0])
    theta = fitted_lengths(grid, values)
    process = Process(grid[:20], values[:20], theta)
    mean, deviation = process.predict(grid)

    assert theta[2] > theta[1]
    assert np.abs(mean[:20] - values[:20]).max() < 0.02
    assert deviation[30:].min() > deviation[:20].max()
    assert np.allclose(process.mean(grid), mean)


def test_those_that_are_chosen_together_are_chosen_one_after_the_other():
    """Each as if those before it had got what is expected of them."""
    rng = np.random.default_rng(3)
    front = rng.uniform(0.2, 0.9, (6, 3))
    mean, deviation = rng.uniform(0.1, 0.9, 30), rng.uniform(0.01, 0.2, 30)
    costs, weight = rng.uniform(0, 1, (30, 2)), rng.uniform(0.5, 1, 30)
    found = ExpectedImprovement(front).sequence(4, mean, deviation, costs, weight, 6)

    assert found[0] == 4
    assert len(set(found)) == 6
    for position in range(1, 6):
        before = found[:position]
        known = np.vstack([front, np.column_stack([mean, costs])[before]])
        gains = ExpectedImprovement(known)._expected(mean, deviation, costs, MANY) * weight
        gains[before] = -1
        assert gains[found[position]] == pytest.approx(gains.max(), rel=0.05)


def test_a_limit_that_nothing_known_comes_near_takes_no_model():
    """What is proposed is then the same as without it."""

    def surrogate(limit):
        limits = constraints_of({"lut": Limit(limit)}, METRIC) if limit else ()
        return Surrogate(SPACE, OBJECTIVES, BOX, limits, 0.9)

    far, near = surrogate(1e9), surrogate(1e6)
    for most, matters in ((1e8, False), (6e8, True)):
        assert far._matters(1, float(np.log2(most))) is matters
    assert near._matters(1, float(np.log2(1e6)))
    assert far._matters(0, 0.0)
    trials = [measured(e.number, e.params, lut_limit=1e9) for e in begun(20)]
    (one,), (other,) = (
        s.propose(known, [], np.random.default_rng(1))
        for s, known in ((far, trials), (surrogate(None), begun(20)))
    )
    assert one == other
