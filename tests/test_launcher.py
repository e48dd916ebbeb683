"""A study runs, stops, goes on, exports and verifies, on a small real problem."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from bitfront.search import export_bundle, load_study, read_evaluations, run_study, verify_bundle
from bitfront.search.evaluation import trial_folder
from bitfront.spaces import UserError

MODEL = """
import keras

def build():
    return keras.Sequential([
        keras.Input((8, 8), name="rows"),
        keras.layers.GRU(8, name="gru"),
        keras.layers.Dense(10, activation="softmax", name="digit"),
    ])
"""
DATA = """
from sklearn.datasets import load_digits

def load():
    x, y = load_digits(return_X_y=True)
    x = (x / 16.0).reshape(-1, 8, 8).astype("float32")
    return {"x_train": x[:600], "y_train": y[:600], "x_val": x[600:900], "y_val": y[600:900],
            "x_test": x[900:1200], "y_test": y[900:1200]}
"""
STUDY = """
name: digits
model: model.py:build
data: data.py:load
task: multiclass
objectives: [metric, lut]
constraints: {metric_drop: 0.2}
space: {weights: 4..8, activations: 4..8, input: 4..6, method: [ptq, qat]}
training: {float_epochs: 6, float_learning_rate: 0.01, epochs: 1}
budget: {trials: 12}
tracking: {enabled: false}
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A folder with a study that ran seven trials, then went on to twelve."""
    folder = tmp_path_factory.mktemp("study")
    for name, text in (("model.py", MODEL), ("data.py", DATA), ("study.yaml", STUDY)):
        (folder / name).write_text(text)
    config = load_study(folder / "study.yaml", [f"output={folder / 'studies'}"])
    assert len(run_study(config, folder, trials=7).evaluations) == 7
    (trial_folder(folder / "studies" / "digits", 6) / "evaluation.json").unlink()
    result = run_study(config, folder)
    assert len(result.evaluations) >= 11
    return folder


def study(place: Path) -> Path:
    """Return the study's folder."""
    return place / "studies" / "digits"


def test_a_study_that_goes_on_repeats_nothing(place):
    """Trials are numbered once each, every scored one has figures, and the front holds scored ones."""
    found = read_evaluations(study(place))
    numbers = [e.number for e in found]

    assert len(set(numbers)) == len(numbers)
    assert all("score" in e.metrics and e.resources["lut"] > 0 for e in found if e.status == "complete")
    assert all("ptq" in e.metrics for e in found if e.method == "qat" and e.status == "complete")


def test_a_study_is_answered_at_once_when_its_budget_is_spent(place):
    """Running it again evaluates nothing."""
    before = [e.number for e in read_evaluations(study(place))]
    config = load_study(place / "study.yaml", [f"output={place / 'studies'}"])
    result = run_study(config, place)

    assert before == [e.number for e in result.evaluations]


def test_other_settings_are_refused_in_a_study_that_ran(place):
    """A study folder belongs to one space, model and data."""
    config = load_study(place / "study.yaml", [f"output={place / 'studies'}", "space.weights=2..3"])

    with pytest.raises(UserError, match="--fresh"):
        run_study(config, place)


@pytest.mark.skipif(shutil.which("g++") is None, reason="the emulation is compiled with g++")
def test_the_knee_is_exported_and_verifies_bit_for_bit(place):
    """The exported project computes what the search scored."""
    bundle = export_bundle(study(place), "knee", place / "best")

    assert verify_bundle(bundle).ok


def test_the_report_names_three_picks(place):
    """The page is written from the study folder alone."""
    text = (study(place) / "report.html").read_text()

    assert "bitfront export" in text
