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
from bitfront.experiments.benchmarks.peers import Found, Judge, RunLog, Task, element_widths, hypervolumes
from bitfront.experiments.benchmarks.peers import tasks as peers_tasks
from bitfront.experiments.benchmarks.peers.judge import LEVELS, cheapest, front
from bitfront.experiments.benchmarks.peers.outcome import Box, at, least_costs, reached, table
from bitfront.experiments.benchmarks.peers.own import configuration
from bitfront.experiments.benchmarks.training_count import trainings_spent
from bitfront.search import Evaluation, load_study
from bitfront.search.evaluator import Plan
from bitfront.spaces import FixedPoint

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


def test_widths_per_element_cost_by_the_rule_that_one_type_a_tensor_does(task):
    """A network with a dead and an unread unit, negative inputs: the judge's EBOPs and those of the rule for
    HGQ2 agree.
    """
    evaluator, judge = task.evaluator, Judge(task)
    rng = np.random.default_rng(3)
    weights = {
        "hidden": {"weight": rng.normal(size=(8, 6)), "bias": rng.normal(size=6)},
        "out": {"weight": rng.normal(size=(6, 3)), "bias": rng.normal(size=3)},
    }
    weights["hidden"]["weight"][:, 1] = weights["hidden"]["bias"][1] = 0.0
    weights["out"]["weight"][4] = 0.0
    wanted = {f"{name}/weight": FixedPoint(5, 3, True, "RND_CONV", "SAT") for name in weights}
    wanted["hidden_relu/result"] = FixedPoint(4, 3, False, "RND_CONV", "SAT")
    types = judge.types(wanted, weights)
    candidate = evaluator.space.candidate(evaluator.space.uniform(8, "qat"))
    cost = evaluator.costs.estimate(candidate, types, weights)

    spans = [element_widths.span(types[f"{n}/weight"].quantize(weights[n]["weight"])) for n in weights]
    states = np.full(6, 4.0) * (np.arange(6) != 1)  # HGQ2 gives what is always zero no bits
    second, read = element_widths.dense(states, spans[1], np.ones(3, bool))
    assert list(read) == [unit not in (1, 4) for unit in range(6)]
    signed = element_widths.width(np.ones(8), types["x/result"].width - 1, 0)
    first, _ = element_widths.dense(signed, spans[0], read)
    assert first + second == cost.ebops > 0


def test_a_convolution_counts_every_product_of_every_place_that_is_read():
    """Against a loop over all products; strides, padding, inputs without bits and filters that nothing
    reads.
    """
    rng = np.random.default_rng(4)
    widths, spans = (
        rng.integers(0, 4, (5, 6, 2)).astype(float),
        rng.integers(0, 3, (3, 2, 2, 3)).astype(float),
    )
    for strides, padding, (down, across), before in (
        ((1, 1), "valid", (3, 5), (0, 0)),
        ((2, 2), "same", (3, 3), (1, 0)),
    ):
        used = rng.random((down, across, 3)) < 0.6
        ebops, needed = 0.0, np.zeros(widths.shape, bool)
        for i, j, r, c, x, y in np.ndindex(down, across, *spans.shape):
            row, column = i * strides[0] + r - before[0], j * strides[1] + c - before[1]
            if 0 <= row < 5 and 0 <= column < 6 and used[i, j, y]:
                ebops += widths[row, column, x] * spans[r, c, x, y]
                needed[row, column, x] |= bool(widths[row, column, x] * spans[r, c, x, y])
        counted, found = element_widths.convolution(widths, spans, used, strides, padding)
        assert counted == ebops
        assert (found == needed).all()


def test_a_recurrent_unit_counts_as_long_as_a_unit_that_is_read_reads_it():
    """Unit 0 is read behind the layer, 1 by 0's candidate, 2 by nobody but itself."""
    recurrent = np.zeros((3, 9))
    recurrent[1, 6] = recurrent[2, 2] = 2.0
    used, ones = np.array([True, False, False]), np.ones(3)
    gates = dict.fromkeys(("update", "reset", "candidate", "recurrent"), ones)
    ebops, needed = element_widths.gru(np.ones((4, 2)), np.ones((2, 9)), ones, recurrent, gates, used)
    a_step = 2 * 6 + 2.0 + 2 * (1 + 2)  # kernel's columns of two units, one recurrent weight, gates of two
    assert ebops == 4 * a_step
    assert needed.all()


def test_keys_that_no_query_meets_and_values_that_nothing_reads_cost_nothing():
    query = np.zeros((2, 1, 3))
    query[:, :, 0] = 4.0
    key, value, shares = np.full((2, 1, 3), 3.0), np.full((2, 1, 2), 5.0), np.full((1, 2, 2), 6.0)
    used = np.zeros((2, 1, 2), bool)
    used[:, :, 1] = True
    ebops, (queries, keys, values) = element_widths.attention(query, key, value, shares, used)
    assert ebops == 4 * (4 * 3) + 4 * (6 * 5)
    assert [mask.any((0, 1)).tolist() for mask in (queries, keys, values)] == [
        [True, False, False],
        [True, False, False],
        [False, True],
    ]


def test_da4ml_is_asked_for_what_is_told_and_nothing_else(task):
    """The cheapest of the front at each level of the test score."""
    assert cheapest(SEEN, [0.7, 0.8, 0.85, 0.99]) == [0, 1]
    asked = []
    for one in Judge(task).priced(SEEN, lambda place: asked.append(place) or 100.0 + place):
        assert one.da4ml in (None, 100.0 + SEEN.index(found(one.seconds, one.val, one.test, one.ebops)))
    assert asked == cheapest(SEEN, [task.level(share) for share in LEVELS])


def test_the_least_cost_is_told_as_a_share_of_the_best_rivals():
    own = RunLog("t", "bitfront, default", 1, (found(1, 0.9, 0.9, 500.0),))
    rival = RunLog("t", "hgq2", 1, (found(1, 0.9, 0.9, 2000.0),))
    levels = {("t", 1): [0.95, 0.9, 0.9, 0.8, 0.5]}
    rows = least_costs([own, rival], levels).splitlines()
    assert rows[4].endswith("| never | never | - |")
    assert all(row.endswith("| 500 | 2,000 | 0.25 |") for row in rows[5:9])
    assert least_costs([rival], levels).splitlines()[6].endswith("| 2,000 | - |")


def test_a_default_study_holds_nothing_but_the_task(task):
    """What the ready study tunes is not in its file."""
    config = configuration(task, "bitfront, default", 60.0)
    file = (task.folder / "default" / "study.yaml").read_text()
    assert {line.partition(":")[0] for line in file.splitlines()} == {"model", "data", "task"}
    assert (config.objectives, config.budget.wall) == (("metric", "ebops"), 60.0)
    assert config.space == type(config.space)()
    assert config.training == type(config.training)()
    assert configuration(task, "bitfront", 60.0).space != config.space
    bare = configuration(task, "default, no gradient search", 60.0)
    assert (bare.gradient_epochs, bare.name) == (0, "default-no-gradient-search")
