"""Rare classes: what they weigh in training, that a split leaves some of each on both sides, and what is told
of them.
"""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
import yaml

from bitfront.search import StudyConfig
from bitfront.search.evaluator.evaluator import Evaluator
from bitfront.search.problem.class_weights import class_weights, sample_weights
from bitfront.search.problem.data import Shape, check
from bitfront.search.problem.float_model import train_float
from bitfront.search.problem.labels import Output
from bitfront.search.problem.load import load_problem
from bitfront.search.problem.split import stratified
from bitfront.spaces import UserError

BINARY, THREE, FREE = Output((1,), "binary"), Output((3,), "multiclass"), Output((2,), "regression")
LABELS = np.repeat([0, 1, 2], [90, 9, 1])


def study(**values):
    return StudyConfig(**{"model": "m.py:f", "data": "d.py:f", "task": "multiclass", **values})


def weights(wanted, outputs=None, y=(LABELS,)):
    parsed = study(training={"class_weights": wanted}).training.class_weights
    return class_weights(parsed, outputs or {"y": THREE}, y)


class TestWeights:
    def test_without_any_there_are_none(self):
        assert weights("none") == weights(None) == (None,)

    def test_balanced_gives_every_class_the_same_weight_in_all(self):
        (table,) = weights("balanced")
        (each,) = sample_weights((table,), (LABELS,))
        sums = np.bincount(LABELS, weights=each)

        assert sums == pytest.approx(np.full(3, 100 / 3), rel=1e-6)
        assert each.mean() == pytest.approx(1.0)

    def test_only_the_ratios_of_given_weights_count_and_those_left_out_are_one(self):
        (one,), (other,) = weights({0: 1, 2: 10}), weights({0: 5, 1: 5, 2: 50})

        assert one == pytest.approx(other)
        assert one[2] / one[0] == pytest.approx(10)
        assert one[1] == one[0]

    @pytest.mark.parametrize(
        "written", [{0: 1, 1: 4}, {"0": 1, "1": 4}, {False: 1, True: 4}, {0.0: 1, 1.0: "4"}]
    )
    def test_classes_are_known_however_they_are_written(self, written):
        (table,) = weights(written, {"y": BINARY}, (np.repeat([0, 1], [30, 10]),))

        assert table[1] / table[0] == pytest.approx(4)

    def test_a_study_file_that_was_written_from_them_gives_them_again(self):
        config = study(training={"class_weights": {0: 1, 2: 2.5}})
        again = StudyConfig(**yaml.safe_load(config.to_yaml()))

        assert again.training.class_weights == {0: 1.0, 2: 2.5}
        assert again.digest == config.digest
        assert config.digest != study().digest == study(training={"class_weights": "none"}).digest

    def test_of_several_outputs_each_has_its_own(self):
        outputs, y = {"a": BINARY, "b": THREE, "c": FREE}, (LABELS % 2, LABELS, np.zeros((100, 2)))
        a, b, c = weights({"b": {2: 3}}, outputs, y)
        balanced = weights("balanced", outputs, y)

        assert a is None
        assert b[2] / b[0] == pytest.approx(3)
        assert c is None
        assert [one is None for one in balanced] == [False, False, True]

    @pytest.mark.parametrize(
        ("wanted", "outputs", "words"),
        [
            ({7: 2}, {"y": THREE}, r"names class 7, but there are the classes 0\.\.2"),
            ({-1: 2}, {"y": THREE}, r"names class -1, but there are"),
            ({2: 2}, {"y": BINARY}, r"names class 2, but there are the classes 0\.\.1"),
            ({0: 2}, {"a": BINARY, "b": THREE}, r"2 outputs have some: give a mapping .* \{a: balanced\}"),
            (
                {"bb": "balanced"},
                {"a": BINARY, "b": THREE},
                r"'bb' is no output of the model: did you mean 'b'\?",
            ),
            ({"b": {3: 1}}, {"a": BINARY, "b": THREE}, r"names class 3 of 'b', but"),
            ({"c": "balanced"}, {"a": BINARY, "c": FREE}, r"the output 'c' is a regression"),
            ("balanced", {"c": FREE}, "a regression has no classes"),
        ],
    )
    def test_classes_and_outputs_that_are_not_there_are_refused(self, wanted, outputs, words):
        y = tuple(np.zeros((100, 2)) if one is FREE else LABELS % one.classes for one in outputs.values())
        with pytest.raises(UserError, match=words):
            weights(wanted, outputs, y)

    @pytest.mark.parametrize(
        ("wanted", "words"),
        [
            ("balance", "isn't known: write none, balanced"),
            ([1, 2], "isn't known: write none, balanced"),
            ({}, "isn't known: write none, balanced"),
            ({0: 0}, "gives class 0 the weight 0: write a number above 0"),
            ({0: -1}, "write a number above 0"),
            ({0: float("nan")}, "write a number above 0"),
            ({0: float("inf")}, "write a number above 0"),
            ({0: True}, "write a number above 0"),
            ({0: "10%"}, "write a number above 0"),
            ({0: 1, "0": 2}, "has class 0 twice"),
            ({"signal": 2}, "names the class 'signal': name classes by number"),
            ({0: 1, "signal": 2}, "class numbers and names side by side"),
            ({"a": {"signal": 2}}, "has no class numbers for 'a'"),
            ({"a": ["balanced"]}, "isn't known"),
            ({0.5: 1}, "names the class 0.5"),
        ],
    )
    def test_what_is_no_weight_is_refused_in_one_sentence(self, wanted, words):
        with pytest.raises(UserError, match=words) as found:
            study(training={"class_weights": wanted})
        assert str(found.value).startswith("StudyConfig: training.class_weights = ")
        assert "\n" not in str(found.value)


def imbalanced(seed: int = 0, share: float = 0.03):
    """Return three splits of a task in which one class is rare and overlaps with the other."""
    rng = np.random.default_rng(seed)
    found = {}
    for split, count in (("train", 3000), ("val", 1000), ("test", 1000)):
        y = (rng.random(count) < share).astype(np.int32)
        x = rng.normal(size=(count, 4)).astype(np.float32) + 1.2 * y[:, None]
        found |= {f"x_{split}": x, f"y_{split}": y}
    return found


def problem_of(kind: str, **training):
    keras.utils.set_random_seed(1)
    units, task = (1, "binary") if kind == "binary" else (2, "multiclass")
    model = keras.Sequential([keras.Input((4,), name="x"), keras.layers.Dense(units, name="y")])
    config = study(
        model=model,
        data=imbalanced(),
        task=task,
        model_trained=False,
        metric="balanced_accuracy",
        space={"weights": 6, "activations": 6, "input": 6, "method": ["ptq", "qat"], "sparsity": 0},
        training={
            "float_epochs": 8,
            "float_learning_rate": 0.02,
            "epochs": 4,
            "learning_rate": 0.02,
            **training,
        },
        cache=0,
    )
    return load_problem(config, Path())


@pytest.mark.parametrize("kind", ["binary", "multiclass"])
def test_weights_find_the_rare_class_in_float_training_and_in_qat_alike(kind):
    """Without them neither does; a model that comes untrained in its weights learns them in qat."""
    recall = {}
    for wanted in ("none", "balanced"):
        problem = problem_of(kind, class_weights=wanted)
        train_float(problem)
        evaluator = Evaluator(problem)
        recall["float", wanted] = evaluator.float_outcome.recall["y"][1]
    for wanted in ("none", "balanced"):
        problem = problem_of(kind, class_weights=wanted)
        evaluator = Evaluator(problem)
        order = np.arange(3000)
        evaluator.training.trainer.reset()
        evaluator.bit_true.assign(evaluator.costs.types(evaluator.space.candidate({"method": "qat"})))
        for _ in range(4):
            evaluator.training.trainer.epoch(order, 0.02)
        recall["qat", wanted] = evaluator.scores.ranking.outcome(
            problem.data.y_val, evaluator.bit_true.predict(problem.data.x_val)
        ).recall["y"][1]

    assert recall["float", "none"] < 0.6 < 0.8 < recall["float", "balanced"]
    assert recall["qat", "none"] < 0.6 < 0.8 < recall["qat", "balanced"]


def test_weights_work_with_several_outputs_and_a_loss_by_name():
    """The weighted output's alone changes; the loss of a class and of a function of Keras weigh alike."""
    inputs = keras.Input((4,), name="x")
    outputs = [keras.layers.Dense(1, name="a")(inputs), keras.layers.Dense(3, name="b")(inputs)]
    outputs.append(keras.layers.Dense(2, name="c")(inputs))
    model = keras.Model(inputs, outputs)
    rng = np.random.default_rng(1)
    data = {}
    for split in ("train", "val", "test"):
        y = rng.integers(0, 3, 300)
        data[f"x_{split}"] = rng.normal(size=(300, 4))
        data[f"y_{split}"] = {"a": y > 1, "b": np.eye(3)[y], "c": rng.normal(size=(300, 2))}
    config = study(
        model=model,
        data=data,
        task={"a": "binary", "b": "multiclass", "c": "regression"},
        metric={"name": "accuracy", "output": "b"},
        model_trained=False,
        training={"class_weights": {"b": "balanced"}, "float_epochs": 1},
    )
    problem = load_problem(config, Path())
    train_float(problem)

    assert [one is None for one in problem.class_weights] == [True, False, True]
    assert np.isfinite(Evaluator(problem).training.trainer.epoch(np.arange(300), 0.01))


class TestSplit:
    @pytest.mark.parametrize("seed", range(5))
    def test_every_class_is_held_out_in_its_share(self, seed):
        rng = np.random.default_rng(seed)
        labels = rng.choice(5, 1003, p=[0.6, 0.3, 0.07, 0.025, 0.005])
        held, train = stratified([labels], 201, seed)
        count = np.bincount(labels, minlength=5)

        assert len(held) == 201
        assert sorted([*held, *train]) == list(range(1003))
        assert np.abs(np.bincount(labels[held], minlength=5) - count * 201 / 1003).max() < 1.5
        assert len(set(held) & set(np.arange(201))) < 100, "shuffled, not the first of each class"

    def test_a_class_of_two_is_on_both_sides_and_one_of_one_on_either(self):
        labels = np.array([0] * 50 + [1] * 2 + [2])
        for seed in range(10):
            held, train = stratified([labels], 5, seed)
            assert {0, 1} <= set(labels[held])
            assert {0, 1} <= set(labels[train])
            assert len(held) == 5

    def test_of_several_outputs_the_classes_of_each_are_on_both_sides(self):
        rng = np.random.default_rng(2)
        a, b = rng.choice(4, 800, p=[0.9, 0.08, 0.015, 0.005]), rng.choice(3, 800, p=[0.98, 0.015, 0.005])
        held, train = stratified([a, b], 80, 3)

        for labels in (a, b):
            assert set(labels[held]) == set(labels[train]) == set(labels)
            shares = np.bincount(labels[held]) / np.bincount(labels)
            assert shares[0] == pytest.approx(0.1, abs=0.01)
        assert abs(len(held) - 80) <= 4

    def test_the_same_seed_gives_the_same_split_and_another_one_another(self):
        labels = np.arange(100) % 3
        one, again, other = (stratified([labels], 20, seed)[0].tolist() for seed in (1, 1, 2))

        assert one == again != other

    @pytest.mark.parametrize("form", ["integers", "floats", "one-hot", "column", "bool"])
    def test_data_without_a_validation_split_gets_one_with_every_class(self, form):
        """However its labels are written; `stratify: false` draws as it always did."""
        labels = np.repeat([0, 1], [190, 10])
        written = {
            "integers": labels,
            "floats": labels.astype(float),
            "one-hot": np.eye(2)[labels],
            "column": labels[:, None],
            "bool": labels.astype(bool),
        }[form]
        x = np.random.default_rng(1).normal(size=(200, 3))
        raw = {"x_train": x, "y_train": written, "x_test": x + 9, "y_test": written}
        shape = Shape({"x": (3,)}, {"y": Output((2,), "multiclass")})
        data = check(raw, shape, "data", 0.2, 3)
        plain = check(raw, shape, "data", 0.2, 3, stratify=False)
        order = np.random.default_rng(3).permutation(200)

        assert np.bincount(data.y_val[0]).tolist() == [38, 2]
        assert np.bincount(data.y_train[0]).tolist() == [152, 8]
        assert np.array_equal(plain.x_val[0], x[order[:40]].astype(np.float32))
        assert any(
            "y_val has fewer than 20 samples of 1 of 2 classes, 1 the first" in one for one in data.notices
        )

    def test_a_regression_is_drawn_as_it_always_was(self):
        x = np.random.default_rng(1).normal(size=(50, 3))
        raw = {"x_train": x, "y_train": x[:, :1], "x_test": x + 9, "y_test": x[:, :1]}
        data = check(raw, Shape({"x": (3,)}, {"y": Output((1,), "regression")}), "data", 0.2, 4)

        assert np.array_equal(
            data.x_val[0], x[np.random.default_rng(4).permutation(50)[:10]].astype(np.float32)
        )
