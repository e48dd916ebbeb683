"""After a search: test scores with intervals, what mattered, what mixing and training gained over uniform
widths.
"""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import small_study
from plausible import FLOAT, METRIC, OBJECTIVES, plausible, plausible_study, reference, write_study
from scipy.stats import binomtest, spearmanr
from sklearn.metrics import accuracy_score, roc_auc_score
from typer.testing import CliRunner

from bitfront.search import Evaluator, load_study
from bitfront.search.analysis.findings import LEAST_TRIALS, budgets, find, importance, uniform_matches
from bitfront.search.analysis.test_scores import (
    FILE,
    RESAMPLES,
    TestScores,
    read_test_scores,
    resampled,
    rescore,
    score_on_test,
)
from bitfront.search.analysis.uniform_comparison import compared
from bitfront.search.analysis.view import StudyView
from bitfront.search.cli.main import app
from bitfront.search.report import write_report
from bitfront.search.storage.study_folder import StudyFolder
from bitfront.spaces import UserError

LUT = OBJECTIVES[1]


def test_intervals_are_those_of_the_binomial_law_for_an_accuracy():
    """For a share of 400 the exact interval (Clopper and Pearson) is nearly the same."""
    rng = np.random.default_rng(3)
    y = rng.integers(0, 2, 400)
    right = rng.random(400) < 0.85
    outputs = np.where(right, y, 1 - y)
    [(score, interval, *_)] = resampled(lambda t, o, _: accuracy_score(t[0], o[0]), [y], [[outputs]])
    exact = binomtest(int(right.sum()), 400).proportion_ci(0.95)

    assert score == right.mean()
    assert interval == pytest.approx((exact.low, exact.high), abs=0.012)


def test_models_are_scored_on_the_same_draws_so_that_differences_are_surer():
    """An equal model differs by nothing on any draw; a difference of two near ones is narrower than their
    scores.
    """
    rng = np.random.default_rng(5)
    y = rng.integers(0, 2, 300)
    good = y + rng.normal(0, 0.7, 300)
    near = good + rng.normal(0, 0.05, 300)
    rows = resampled(
        lambda t, o, _: float(roc_auc_score(t[0], o[0])), [y], [[good], [good.copy()], [near]], best=2
    )

    assert rows[1][2] == (0.0, 0.0)
    assert rows[2][3] == (0.0, 0.0)
    assert rows[0][0] == roc_auc_score(y, good)
    assert np.diff(rows[2][2]) < 0.3 * np.diff(rows[2][1])


def test_a_metric_that_refuses_a_draw_has_no_interval():
    """A rare class is missing from some draws."""
    y = np.zeros(40, int)
    y[0] = 1

    def strict(labels, outputs, _):
        if labels[0].max() == 0:
            raise UserError("one class alone")
        return float((labels[0] == outputs[0]).mean())

    [(score, interval, *_)] = resampled(strict, [y], [[y]])
    assert score == 1.0
    assert interval is None


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A small study that has run to its end."""
    file = small_study.write(tmp_path_factory.mktemp("findings"))
    small_study.run(file, trials=LEAST_TRIALS + 4)
    return file, file.parent / "studies" / "small"


def test_a_finished_study_has_its_front_on_test_data(finished):
    """The scores are those of the evaluations, computed apart; the float model stands first."""
    _, folder = finished
    view = StudyView.read(folder)
    found = read_test_scores(folder)

    assert found.rows[0].trial is None
    assert found.rows[0].score == view.reference.float_scores["test"]
    trials = [row.trial for row in found.rows[1:]]
    assert trials[: len(view.front)] == sorted(e.number for e in view.front)
    told = [one for r in uniform_matches(view, view.costs[0]) for one in (r.trial, r.cheaper, r.better)]
    assert set(trials[len(view.front) :]) == set(told) - {None, *(e.number for e in view.front)}
    assert (found.samples, found.resamples) == (200, RESAMPLES)
    for e in (e for e in view.scored if e.number in trials):
        row = found.of(e.number)
        assert row.score == e.metrics["test"]
        assert row.interval[0] <= row.score <= row.interval[1]


def test_the_front_is_rescored_only_once(finished):
    """A study that is run again keeps the file; a damaged one is named."""
    file, folder = finished
    config = load_study(file, [f"output={folder.parent}"])
    study_folder = StudyFolder(folder)
    evaluator = Evaluator(study_folder.open(config, file.parent))
    before = (folder / FILE).stat().st_mtime_ns
    view = StudyView.read(folder)
    front = sorted(view.front, key=lambda e: e.number)
    score_on_test(evaluator, study_folder, front, compared(view.evaluations, view.objectives))
    assert (folder / FILE).stat().st_mtime_ns == before

    shorter = rescore(evaluator, study_folder, front[:1])
    assert [row.trial for row in shorter.rows] == [None, front[0].number]
    (folder / FILE).write_text("{")
    with pytest.raises(UserError, match=FILE):
        read_test_scores(folder)
    rescore_again = folder / FILE
    rescore_again.unlink()
    rescore(evaluator, study_folder, front)


def test_the_width_that_an_objective_hangs_on_is_the_most_important():
    """LUTs that grow with one width alone are explained by it; rank correlation says the same."""
    rng = np.random.default_rng(1)
    seen = []
    for number in range(60):
        e = plausible(number)
        params = {name: int(rng.integers(2, 9)) for name in ("a", "b", "c")}
        lut = 100.0 * params["b"] + params["a"]
        seen.append(
            replace(
                e,
                status="complete",
                reason=None,
                params=params,
                metrics={"score": 0.5},
                resources={"lut": lut},
            )
        )
    found = importance(seen, LUT)
    ranks = {
        n: abs(spearmanr([e.params[n] for e in seen], [e.resources["lut"] for e in seen])[0]) for n in "abc"
    }

    assert max(found, key=found.get) == max(ranks, key=ranks.get) == "b"
    assert found["b"] > 0.9
    assert sum(found.values()) == pytest.approx(1.0)


def test_too_few_or_equal_candidates_give_no_importance():
    """Nothing is made of noise."""
    seen = [e for e in plausible_study(60) if e.status == "complete"]
    assert importance(seen[: LEAST_TRIALS - 1], LUT) == {}
    assert importance([replace(e, resources={"lut": 5.0}) for e in seen], LUT) == {}


@pytest.fixture
def view(tmp_path):
    """A plausible study, read back from its folder."""
    return StudyView.read(write_study(tmp_path / "toy-lstm", plausible_study(60)))


def test_each_uniform_baseline_meets_what_beats_it(view):
    """The cheapest as good and the best at no more cost, found by hand."""
    found = {r.trial: r for r in uniform_matches(view, LUT)}
    searched = [e for e in view.scored if e.kind == "search" and e.feasible]
    for e in (e for e in view.scored if e.kind == "uniform"):
        as_good = sorted((s.resources["lut"], -s.score, s.number) for s in searched if s.score >= e.score)
        at_no_more_cost = sorted(
            (-s.score, s.resources["lut"], s.number)
            for s in searched
            if s.resources["lut"] <= e.resources["lut"]
        )
        uniform_match = found[e.number]
        assert uniform_match.cheaper == (as_good[0][2] if as_good else None)
        assert uniform_match.ratio == (as_good[0][0] / e.resources["lut"] if as_good else None)
        assert uniform_match.better == (at_no_more_cost[0][2] if at_no_more_cost else None)
        assert uniform_match.gain == (-at_no_more_cost[0][0] - e.score if at_no_more_cost else None)
    assert len(found) == sum(e.kind == "uniform" for e in view.scored)


def test_training_is_weighed_against_rounding_at_every_budget(view):
    """By designs that have that score and that cost; what a trained one scored before costs something
    else.
    """
    rows = budgets(view, LUT)
    assert [r.limit for r in rows] == sorted((r.limit for r in rows), reverse=True)
    for row in rows:
        able = [
            e
            for e in view.scored
            if e.resources["lut"] <= row.limit and e.constraints["lut"] <= 0 and e.constraints["latency"] <= 0
        ]
        for side, method in ((row.ptq, "ptq"), (row.qat, "qat")):
            pool = [e for e in able if e.method == method]
            best = min(pool, key=lambda e: (-e.score, e.resources["lut"], e.number), default=None)
            assert side == (None if best is None else (best.number, best.score, best.resources["lut"]))
        assert row.gain == (row.qat[1] - row.ptq[1] if row.qat and row.ptq else None)


def test_a_validation_score_above_the_whole_interval_is_called_luck(view, tmp_path):
    """The page, the terminal and the JSON say so."""
    optimistic, fair = view.front[0], view.front[-1]
    rows = [
        {
            "trial": None,
            "score": FLOAT["test"],
            "interval": [0.82, 0.85],
            "to_float": [0, 0],
            "to_best": [0, 0],
        }
    ]
    for e, end in ((optimistic, e_below(optimistic)), (fair, fair.score + 0.01)):
        rows.append(
            {
                "trial": e.number,
                "score": end - 0.01,
                "interval": [end - 0.02, end],
                "to_float": None,
                "to_best": None,
            }
        )
    folder = tmp_path / "toy-lstm"
    (folder / FILE).write_text(
        json.dumps({"samples": 90, "confidence": 0.95, "resamples": 500, "rows": rows})
    )
    page = write_report(folder, figures=False).read_text()
    shown = CliRunner().invoke(app, ["show", str(folder)], env={"COLUMNS": "160"}).output
    told = json.loads(CliRunner().invoke(app, ["report", str(folder), "--json"]).output)[0]

    assert find(StudyView.read(folder)).optimistic == (optimistic.number,)
    assert told["optimistic"] == [optimistic.number]
    assert told["test"]["rows"][1]["trial"] == optimistic.number
    assert page.count("validation score above the interval") == 1
    assert f"{optimistic.score:.4f}*" in shown
    assert f"{fair.score:.4f}*" not in shown


def e_below(evaluation):
    """An upper end of an interval that a validation score is beyond."""
    return evaluation.score - 0.005


def test_the_findings_say_when_the_search_stopped_improving(view):
    """Trial and seconds of evaluation until then, and how many followed."""
    found = find(view)
    until = sum(sum(e.seconds.values()) for e in view.evaluations if e.number <= found.last_gain)
    assert found.last_gain == view.last_gain
    assert found.last_gain_seconds == pytest.approx(until)
    assert found.trials == 60


def test_a_smaller_error_is_a_gain_too(view):
    """Where less is better, gains and ratios keep their sense."""
    lower = replace(reference("toy-lstm"), metric=replace(METRIC, direction="minimize"))
    flipped = [
        replace(e, metrics={k: 1 - v for k, v in e.metrics.items()}) if e.metrics else e
        for e in view.evaluations
    ]
    other = StudyView(lower, tuple(flipped), "toy-lstm", "")
    ups = {r.trial: r for r in uniform_matches(view, LUT)}
    for r in uniform_matches(other, LUT):
        assert (r.cheaper, r.better) == (ups[r.trial].cheaper, ups[r.trial].better)
        assert r.gain == pytest.approx(ups[r.trial].gain)


def test_scores_of_no_trial_are_none():
    """Asking for what wasn't scored is no error."""
    assert TestScores(1, 0.95, 500, ()).of(3) is None
