"""A model with several inputs and outputs goes through a whole study, each output with its own task."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from bitfront.search import (
    export_bundle,
    load_problem,
    load_study,
    read_evaluations,
    run_study,
    verify_bundle,
)
from bitfront.search.evaluator.evaluator import Evaluator
from bitfront.spaces import UserError

MODEL = """
import keras
from keras import layers


def build():
    left, right = keras.Input((7, 2), name="left"), keras.Input((5,), name="right")
    a = layers.Conv1D(4, 3, activation="relu", name="conv")(left)
    a = layers.Flatten(name="flat")(a)
    b = layers.Dense(6, activation="relu", name="side")(right)
    x = layers.Concatenate(name="both")([a, b])
    sort = layers.Dense(3, activation="softmax", name="sort")(x)
    size = layers.Dense(1, name="size")(x)
    return keras.Model({"right": right, "left": left}, {"size": size, "sort": sort})
"""
STUDY = """
name: two
model: model.py:build
data: data.npz
task: {sort: multiclass, size: regression}
metric: {name: accuracy, output: sort}
objectives: [metric, lut]
space: {weights: 4..7, activations: 5..7, input: 6}
training: {float_epochs: 15, float_learning_rate: 0.02, epochs: 1}
budget: {trials: 9}
gradient_epochs: 0
tracking: {enabled: false}
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A folder with a study that ran."""
    folder = tmp_path_factory.mktemp("two")
    (folder / "model.py").write_text(MODEL)
    (folder / "study.yaml").write_text(STUDY)
    rng = np.random.default_rng(1)
    arrays = {}
    for split, samples in (("train", 600), ("val", 300), ("test", 300)):
        left, right = rng.normal(size=(samples, 7, 2)), rng.normal(size=(samples, 5))
        total = left[:, :, 0].sum(axis=1) + 2 * right[:, 0]
        arrays |= {f"x_{split}.left": left, f"x_{split}.right": right}
        arrays |= {f"y_{split}.sort": np.digitize(total, (-1.5, 1.5)), f"y_{split}.size": total / 4}
    np.savez(folder / "data.npz", **arrays)
    run_study(load_study(folder / "study.yaml", [f"output={folder / 'studies'}"]), folder)
    return folder


def test_the_output_that_is_named_ranks_and_training_learns_all(place):
    found = read_evaluations(place / "studies" / "two")
    config = load_study(place / "study.yaml", ["metric={name: mse, output: size}"])
    problem = load_problem(config, place)
    untrained = Evaluator(problem).float_score
    problem.model.load_weights(place / "studies" / "two" / "float.keras")

    assert {e.status for e in found} == {"complete"}
    assert max(e.score for e in found) > 0.8
    assert {e.method for e in found} == {"ptq", "qat"}
    assert Evaluator(problem).float_score < untrained / 3


@pytest.mark.skipif(shutil.which("g++") is None, reason="the emulation is compiled with g++")
def test_its_firmware_gives_every_output_bit_for_bit(place):
    bundle = export_bundle(place / "studies" / "two", "knee", place / "best")
    result = verify_bundle(bundle)

    assert result.ok
    assert result.values == 3 + 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("task={sort: multiclass}", "task names the outputs sort, the model has size, sort"),
        ("task=regression", "metric = 'accuracy' doesn't fit task regression"),
        ("metric.output=sorts", "did you mean 'sort'"),
        ("metric=accuracy", "set metric.output"),
    ],
)
def test_tasks_and_metrics_that_do_not_fit_the_outputs_are_refused(place, change, words):
    with pytest.raises(UserError, match=words):
        load_problem(load_study(place / "study.yaml", [change]), place)
