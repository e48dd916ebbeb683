"""A study as an object of a Python session: from a model and arrays in memory to a bundle."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from bitfront.search import Study, verify_bundle
from bitfront.search.notebook import bar_html
from bitfront.spaces import UserError

SETTINGS = {
    "task": "multiclass",
    "objectives": ["metric", "lut"],
    "space": {"weights": "3..8", "activations": "3..8", "input": "4..6", "method": ["ptq"], "sparsity": 0},
    "training": {"epochs": 1},
    "budget": {"trials": 3},
    "sampler": "random",
    "screening": 0,
    "gradient_epochs": 0,
    "tracking": {"enabled": False},
}


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """A trained model, its arrays, and a folder for studies."""
    import keras

    keras.utils.set_random_seed(1)
    rng = np.random.default_rng(1)
    x = rng.normal(size=(500, 4)).astype("float32")
    y = (x @ rng.normal(size=(4, 3))).argmax(1)
    model = keras.Sequential(
        [keras.Input((4,), name="x"), keras.layers.Dense(3, activation="softmax", name="out")],
        name="tiny_net",
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(x[:300], y[:300], epochs=3, verbose=0)
    data = {"x_train": x[:300], "y_train": y[:300], "x_val": x[300:400], "y_val": y[300:400]}
    data |= {"x_test": x[400:], "y_test": y[400:]}
    return model, data, tmp_path_factory.mktemp("studies")


@pytest.fixture(scope="module")
def study(given):
    """The study, run; the model, the arrays and the device are all it was told of the problem."""
    model, data, folder = given
    study = Study(model, data, device="xc7z020clg400-1", output=str(folder), **SETTINGS)
    assert study.run(progress=False).feasible
    return study


def test_the_front_is_a_table_with_a_row_a_candidate_best_score_first(study):
    front = study.front
    assert len(front) >= 1
    assert list(front["score"]) == sorted(front["score"], reverse=True)
    assert {"method", "test", "lut"} <= set(front.columns)
    assert study.best.number == front.index[0]
    assert study.best.resources["lut"] == front["lut"].iloc[0]


def test_a_study_is_called_after_its_model(study, given):
    assert study.folder == given[2] / "tiny_net"
    assert (study.folder / "report.html").is_file()


def test_a_notebook_shows_the_front_as_a_table_and_a_candidate_with_its_types(study):
    shown = study._repr_html_()
    assert "<table" in shown
    assert f"{len(study.front)} on the front" in shown
    candidate = study.pick("smallest")._repr_html_()
    assert "LUT" in candidate
    assert all(name in candidate for name in study.pick("smallest").precision)


def test_a_plot_is_an_object_that_shows_itself_and_writes_files(study, tmp_path):
    figure = study.plot()
    assert figure._repr_svg_().startswith("<svg")
    assert {path.suffix for path in figure.write(tmp_path, "front")} == {".png", ".svg", ".pdf"}


def test_a_cost_that_was_not_searched_is_refused_by_name(study):
    with pytest.raises(UserError, match=r"'dsp' is no cost .* lut"):
        study.plot("dsp")


def test_a_study_that_has_not_run_says_so(given):
    model, data, folder = given
    waiting = Study(model, data, name="waiting", output=str(folder), **SETTINGS)
    with pytest.raises(UserError, match="call run"):
        _ = waiting.front
    assert "has not run yet" in waiting._repr_html_()


@pytest.mark.slow  # g++ builds the firmware
def test_the_best_candidate_of_a_model_in_memory_becomes_a_bundle_that_verifies(study, tmp_path):
    assert verify_bundle(study.best.export(tmp_path / "bundle")).ok


def test_a_bar_names_the_trials_that_are_done_of_those_to_come():
    assert 'max="8" value="3"' in bar_html(3, 8, 12.4, 2)
    assert "trial 3 of 8, 2 on the front, 12 s" in bar_html(3, 8, 12.4, 2)
    assert "trial 3, 2 on the front" in bar_html(3, None, 12.4, 2)


@pytest.mark.slow  # TensorFlow loads once more
def test_importing_a_study_first_keeps_tensorflow_off_the_notebook():
    run = subprocess.run(
        [sys.executable, "-c", "from bitfront.search import Study; import keras, tensorflow"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout + run.stderr == ""
