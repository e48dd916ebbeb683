"""Peers are judged by one rule: their types bit-true, their fronts by validation, their volume by test
scores.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import small_study

from bitfront.experiments.benchmarks.exhaustive import volume
from bitfront.experiments.benchmarks.peers import Found, Judge, RunLog, Task, hypervolumes
from bitfront.experiments.benchmarks.peers import tasks as peers_tasks
from bitfront.experiments.benchmarks.peers.outcome import Box, at, front, reached, table
from bitfront.experiments.benchmarks.training_count import trainings_spent
from bitfront.search import Evaluation, load_study
from bitfront.search.evaluator import Plan

SCRIPTS = Path(peers_tasks.__file__).parent


def found(seconds, val, test, ebops):
    return Found(seconds, seconds, val, test, ebops)


SEEN = [found(1, 0.7, 0.71, 1000.0), found(2, 0.9, 0.86, 8000.0), found(3, 0.8, 0.82, 3000.0)]
SEEN += [found(4, 0.85, 0.79, 2000.0), found(5, 0.6, 0.95, 9000.0)]
BOX = Box(0.5, 0.95, float(np.log2(500)), float(np.log2(20000)))


def test_the_front_is_what_validation_scores_show():
    """A test score that only luck made doesn't bring a candidate onto it."""
    assert [f.seconds for f in front(SEEN)] == [1, 4, 2]


def test_the_volume_is_that_of_test_scores_as_steps_under_the_front():
    members = front(SEEN)
    steps = sorted((float(np.log2(1 + f.ebops)), f.test - BOX.worst) for f in members)
    ends = [*(cost for cost, _ in steps[1:]), BOX.most]
    whole = sum((end - cost) * height for (cost, height), end in zip(steps, ends, strict=True))
    scale = (BOX.best - BOX.worst) * (BOX.most - BOX.least)
    assert BOX.volume(members) == pytest.approx(whole / scale)
    assert volume([(f.test, f.ebops) for f in members], (BOX.worst, BOX.most)) == pytest.approx(whole)


def test_the_course_tells_when_what_was_reached():
    run_log = RunLog("t", "bitfront", 1, tuple(SEEN))
    rival = RunLog("t", "other", 1, tuple(SEEN[:1]))
    history = hypervolumes(run_log, BOX)
    assert at(history, 0.5) == 0.0
    assert at(history, 1.5) == BOX.volume(SEEN[:1])
    assert "bitfront has what other has after 5 s after 1.0 s" in reached([run_log, rival], {"t": BOX}, 5.0)
    assert "| other |" in table([run_log, rival], {"t": BOX}, 5.0)


class SmallTask(Task):
    """The tests' small study in place of a ready one."""

    @property
    def study_folder(self):
        return self.folder / "study"


@pytest.fixture(scope="module")
def task(tmp_path_factory):
    folder = tmp_path_factory.mktemp("peers")
    small_study.write(folder / "study")
    return SmallTask("small", 1, folder)


def test_the_judge_computes_what_the_qkeras_model_computes(task, tmp_path, monkeypatch):
    """A peer's quantized model, built by QKeras, and its types and weights in the bit-true model agree on
    every output.
    """
    monkeypatch.syspath_prepend(str(SCRIPTS))
    import rebuilt
    from candidates import Candidates, read_task

    facts, arrays = read_task(task.write())
    chosen = {"hidden/weight": (4, 0), "hidden/result": (5, 2), "out/weight": (3, 0)}
    model = rebuilt.build(facts, chosen)
    model.set_weights([arrays[f"w{i}"] for i in range(4)])
    kept = Candidates(tmp_path, 1e9)
    kept.add(1.0, rebuilt.weights_of(model, facts), types=rebuilt.types_of(facts, chosen))
    kept.write()
    (judged,) = Judge(task).scored(tmp_path)

    outputs = model.predict(arrays["rounded_x_test"], verbose=0)
    # classes that tie for the largest output count as if they drew lots
    largest = outputs == outputs.max(1, keepdims=True)
    hit = largest[np.arange(len(outputs)), task.problem.data.y_test[0]] / largest.sum(1)
    assert judged.test == pytest.approx(hit.mean(), abs=1e-12)
    assert 0 < judged.ebops < rebuilt.bit_operations(facts, chosen, model)

    # a peer whose layers the bit-true model hasn't is scored by what it predicts, and costs what its types do
    told = Candidates(tmp_path / "told", 1e9)
    blind = {part: np.eye(3)[np.zeros(200, int)] for part in ("val", "test")}
    told.add(1.0, rebuilt.weights_of(model, facts) | blind, types=rebuilt.types_of(facts, chosen))
    told.write()
    (own,) = Judge(task).scored(tmp_path / "told")
    assert own.test == float((task.problem.data.y_test[0] == 0).mean())
    assert (own.ebops, own.lut) == (judged.ebops, judged.lut)
    for module in ("rebuilt", "candidates"):
        sys.modules.pop(module, None)
    keras.backend.clear_session()


def test_models_that_are_traced_anew_every_trial_are_judged_alike(task):
    """What stands for rebuilt models where QKeras has no layers: each candidate trained, none sparse, within
    the time.
    """
    from bitfront.experiments.benchmarks.peers.retraced import search

    found = search(task, 6.0)
    assert found
    assert [one.trainings for one in found] == list(range(1, len(found) + 1))
    assert all(0 < one.seconds <= 6.0 and one.ebops > 0 and one.lut > 0 for one in found)
    assert len({one.ebops for one in found}) == len(found)


def test_a_peer_is_given_no_test_labels(task):
    """It predicts; the judge scores."""
    with np.load(task.write() / "task.npz") as arrays:
        assert not [key for key in arrays.files if "test" in key and key.startswith("y")]
    assert json.loads((task.folder / "task.json").read_text())["layers"][0]["units"] == 6


def test_a_gradient_path_is_spent_where_it_was_walked(tmp_path):
    """Epochs that a trial inherits cost nothing again, and a search without a path spends none on it."""

    def evaluated(number, epochs, start="float"):
        history = tuple({"epoch": float(n), "loss": 0.1, "metric": 0.5} for n in epochs)
        scores = {"score": 0.5, "ptq": 0.5, "qat": 0.5}
        return Evaluation(
            number=number,
            digest=str(number),
            method="qat",
            status="complete",
            start=start,
            metrics=scores,
            history=history,
        )

    trials = [evaluated(0, ()), evaluated(1, (1, 2)), evaluated(2, (0, 1, 2), "gradient")]
    trials += [evaluated(3, (0, 1), "gradient"), evaluated(4, (1, 2))]
    file = small_study.write(tmp_path)
    searched = Plan.of(load_study(file, ["training.epochs=2", "gradient_epochs=20"]))
    assert trainings_spent(trials, searched) == [0.0, 1.0, 12.0, 12.5, 13.5]
    plain = Plan.of(load_study(file, ["training.epochs=2", "gradient_epochs=0"]))
    assert trainings_spent(trials[:2], plain) == [0.0, 1.0]
