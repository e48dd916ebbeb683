"""A model with a layer of the user's own is searched, and exported by a process that never saw the user's
file.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import keras
import pytest

from bitfront.search.problem.own_layers import check_registered
from bitfront.spaces import UserError

MODEL = """
import keras


@keras.saving.register_keras_serializable("mine")
class Position(keras.layers.Layer):
    def build(self, shape):
        self.vector = self.add_weight(shape=shape[1:], initializer="normal", name="vector")

    def call(self, x):
        return x + self.vector


def build():
    x = keras.Input((6,), name="x")
    return keras.Model(x, keras.layers.Dense(2, name="out")(Position(name="position")(x)))
"""
DATA = """
import numpy as np


def load():
    x = np.random.default_rng(0).normal(size=(700, 6)).astype("float32")
    y = (x[:, 0] > x[:, 1]).astype("int64")
    return {f"{n}_{s}": a[i : i + 230] for s, i in (("train", 0), ("val", 230), ("test", 460)) for n, a in (("x", x), ("y", y))}
"""
STUDY = """
model: model.py:build
data: data.py:load
task: multiclass
device: {part: xcvu13p-flga2577-2-e, clock_ns: 5}
training: {float_epochs: 1}
space: {method: [ptq], weights: 6..8}
budget: {trials: 2}
screening: 0
gradient_epochs: 0
tracking: {enabled: false}
"""


class Unregistered(keras.layers.Layer):
    """Keras can save it, and never load it."""

    def call(self, x):
        return x + 1.0


def test_a_layer_that_keras_cannot_load_is_refused_before_training():
    """Every export loads the float model from its file."""
    x = keras.Input((4,))

    with pytest.raises(UserError, match=r"'mine' \(Unregistered\).*register_keras_serializable"):
        check_registered(keras.Model(x, Unregistered(name="mine")(x)))


def test_a_trial_with_an_own_layer_is_taken_up_by_a_fresh_process_elsewhere(tmp_path):
    """The study says where its files lay, so a later process can import the layer's class."""
    home = tmp_path / "mine"
    home.mkdir()
    for name, text in (("model.py", MODEL), ("data.py", DATA), ("study.yaml", STUDY)):
        (home / name).write_text(text)
    run = [str(Path(sys.executable).with_name("bitfront")), "run", "study.yaml"]
    subprocess.run(run, cwd=home, check=True, capture_output=True)
    reload = (
        "from pathlib import Path; from bitfront.search.bundle.reload import candidate_artifacts;"
        f"print(candidate_artifacts(Path({str(home / 'studies' / 'mine')!r}), 0).name)"
    )

    done = subprocess.run(
        [sys.executable, "-c", reload], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert done.stdout.strip().endswith("mine-00000"), done.stderr
