"""An evaluation survives its file, and a damaged file is refused in one sentence."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from plausible import plausible, plausible_study

from bitfront.search.measurements.corrected import read_evaluations
from bitfront.search.trials.evaluation import Evaluation
from bitfront.search.trials.files import trial_folder, write_atomic
from bitfront.spaces import UserError

COMPLETE = Evaluation(
    number=3, digest="a" * 16, method="ptq", status="complete", metrics={"ptq": 0.5, "score": 0.5}
)


@pytest.mark.parametrize("evaluation", plausible_study(40), ids=lambda e: f"{e.number}-{e.status}")
def test_an_evaluation_reads_back_as_it_was_written(evaluation, tmp_path):
    path = evaluation.write(tmp_path)
    again = Evaluation.read(path)
    assert path == tmp_path / "trials" / f"{evaluation.number:05d}" / "evaluation.json"
    # NaN equals nothing, so the histories are compared as text
    assert str(again.history) == str(evaluation.history)
    assert replace(again, history=()) == replace(evaluation, history=())


def test_the_file_is_strict_json_though_a_loss_was_nan(tmp_path):
    failed = Evaluation(
        number=1,
        digest="b",
        method="qat",
        status="failed",
        reason="nan_loss: x",
        history=({"loss": math.nan},),
    )
    text = failed.write(tmp_path).read_text()
    assert "NaN" not in text
    assert json.loads(text)["history"] == [{"loss": None}]


def test_numpy_scalars_in_a_layer_row_become_plain_numbers(tmp_path):
    row = {"node": "a", "lut": np.int64(3), "types": ("x",), "ebops": np.float32(0.5)}
    again = Evaluation.read(replace(COMPLETE, layers=(row,)).write(tmp_path))
    assert again.layers == ({"node": "a", "lut": 3, "types": ["x"], "ebops": 0.5},)


def test_trials_come_back_by_number_and_unfinished_ones_are_passed_over(tmp_path):
    for number in (11, 2, 5):
        replace(COMPLETE, number=number).write(tmp_path)
    trial_folder(tmp_path, 7).mkdir()
    assert [e.number for e in read_evaluations(tmp_path)] == [2, 5, 11]
    assert read_evaluations(tmp_path / "nowhere") == []


def test_a_renamed_trial_folder_is_noticed(tmp_path):
    COMPLETE.write(tmp_path)
    trial_folder(tmp_path, 3).rename(trial_folder(tmp_path, 4))
    with pytest.raises(UserError, match="holds trial 3"):
        read_evaluations(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"number": -1}, "whole number"),
        ({"number": "3"}, "whole number"),
        ({"number": True}, "whole number"),
        ({"status": "done"}, "status 'done' is unknown"),
        ({"method": "qta"}, "method 'qta' is unknown"),
        ({"metrics": {}}, "no 'score'"),
        ({"metrics": {"score": math.inf}}, "finite"),
        ({"resources": {"lut": math.nan}}, "finite"),
        ({"intervals": {"lut": (3.0, 2.0)}}, "low must not exceed high"),
        ({"status": "failed"}, "gives no reason"),
    ],
)
def test_a_record_that_cannot_be_ranked_is_refused(change, message):
    with pytest.raises(UserError, match=message):
        replace(COMPLETE, **change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema": 99}, "schema 99"),
        ({"digest": ...}, "lacks digest"),
        ({"colour": "red"}, "unknown colour"),
        ({"metrics": {"score": "0.5"}}, "wrong kind"),
        ({"params": {"a.weight": 2.5}}, "wrong kind"),
        ({"intervals": {"lut": [1.0]}}, "wrong kind"),
        ({"layers": [3]}, "wrong kind"),
    ],
)
def test_a_damaged_file_is_refused_by_name(change, message, tmp_path):
    data = COMPLETE.to_json() | change
    path = tmp_path / "evaluation.json"
    path.write_text(json.dumps({k: v for k, v in data.items() if v is not ...}))
    with pytest.raises(UserError, match=message) as caught:
        Evaluation.read(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "[1, 2]", "null"])
def test_a_file_that_is_no_object_is_refused(text, tmp_path):
    path = tmp_path / "evaluation.json"
    path.write_text(text)
    with pytest.raises(UserError, match=r"evaluation\.json"):
        Evaluation.read(path)


def test_a_write_that_fails_leaves_the_old_file_and_no_scraps(tmp_path):
    path = tmp_path / "x.json"
    write_atomic(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_atomic(path, "new \ud800")
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["x.json"]


def test_only_broken_constraints_add_to_the_violation():
    e = replace(COMPLETE, constraints={"lut": -0.5, "dsp": 0.2, "latency": 0.1})
    assert e.violation == pytest.approx(0.3)
    assert not e.feasible
    assert replace(COMPLETE, constraints={"lut": 0.0}).feasible
    assert not replace(COMPLETE, status="infeasible", reason="constraint lut: 3 > 2").feasible


def test_the_gain_of_training_needs_both_scores():
    trained = replace(COMPLETE, method="qat", metrics={"ptq": 0.5, "qat": 0.75, "score": 0.75})
    assert trained.gain == 0.25
    assert COMPLETE.gain is None


def test_an_unscored_trial_has_no_score():
    unscored = replace(plausible(50), status="failed", metrics={}, reason="nan_loss: epoch 1")
    with pytest.raises(UserError, match="nan_loss"):
        _ = unscored.score
