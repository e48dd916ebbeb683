"""A study runs, stops, goes on, exports and verifies, on a small real problem."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import small_study
from rich.console import Console

from bitfront.search import export_bundle, load_study, read_evaluations, run_study, verify_bundle
from bitfront.search.analysis.view import StudyView
from bitfront.search.bundle.reload import golden_inputs
from bitfront.search.cli import main
from bitfront.search.evaluator.evaluator import Evaluator
from bitfront.search.problem.load import load_problem
from bitfront.search.tracking import register
from bitfront.search.trials.files import trial_folder
from bitfront.search.trials.front import pick
from bitfront.search.trials.reference import Reference
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
constraints: {metric_drop: 0.2, lut: 16500}
space: {weights: 4..8, activations: 4..8, input: 4..6, method: [ptq, qat], sparsity: 0}
training: {float_epochs: 6, float_learning_rate: 0.01, epochs: 1}
budget: {trials: 12}
screening: 0
gradient_epochs: 0
tracking: {enabled: false}
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A folder with a study that ran seven trials, then went on to twelve."""
    folder = tmp_path_factory.mktemp("study")
    for name, text in (("model.py", MODEL), ("data.py", DATA), ("study.yaml", STUDY)):
        (folder / name).write_text(text)
    config = load_study(folder / "study.yaml", [f"output={folder / 'studies'}"])
    with (folder / "said.txt").open("w") as file:
        console = Console(file=file, width=200)
        assert len(run_study(config, folder, trials=7, console=console).evaluations) == 7
        (trial_folder(folder / "studies" / "digits", 6) / "evaluation.json").unlink()
        result = run_study(config, folder, console=console)
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


def test_the_hypervolume_that_a_run_shows_never_falls(place):
    """Its scale is settled before the first trial, and taken up again by the next run and the report."""
    runs = (place / "said.txt").read_text().split("Study digits in")[1:]
    shown = [[float(v) for v in re.findall(r"hv (\S+)", run)] for run in runs]
    history = [value for _, value in StudyView.read(study(place)).hypervolumes]

    assert [sorted(one) for one in shown] == shown
    assert 0 < shown[-1][-1] == pytest.approx(history[-1], abs=1e-3)


def test_uniform_baselines_beyond_a_limit_are_scored_but_not_on_the_front(place):
    """They are what the search is compared to; other candidates beyond it are stopped before scoring."""
    found = read_evaluations(study(place))
    beyond = [e for e in found if e.constraints.get("lut", 0) > 0]

    assert [e for e in beyond if e.kind == "uniform"]
    assert all(e.status == ("complete" if e.kind == "uniform" else "infeasible") for e in beyond)
    assert not any(e.feasible for e in beyond)


def test_training_that_makes_a_candidate_worse_is_not_kept(place):
    """Such a candidate is a ptq one of the float weights; what training gave is still told."""
    overrides = ["training.learning_rate=3", "training.epochs=2", "constraints={}"]
    problem = load_problem(load_study(place / "study.yaml", overrides), place)
    problem.model.load_weights(study(place) / "float.keras")
    evaluator = Evaluator(problem)
    plain, trained = (evaluator.evaluate(0, evaluator.space.uniform(8, method)) for method in ("ptq", "qat"))

    assert trained[0].metrics["qat"] < trained[0].metrics["ptq"] == trained[0].score
    assert (trained[0].method, trained[0].design, trained[1]) == ("ptq", plain[0].digest, None)
    assert trained[0].digest == evaluator.space.candidate(evaluator.space.uniform(8, "qat")).digest
    assert trained[0].resources == plain[0].resources


def test_the_score_of_a_trained_candidate_is_that_of_its_best_epoch_and_recorded_types(place):
    """No score is worse than that of the same candidate without training."""
    found = [e for e in read_evaluations(study(place)) if e.params["method"] == "qat"]

    assert {e.method for e in found} >= {"qat"}
    for e in found:
        assert e.metrics["qat"] == max(row["metric"] for row in e.history)
        assert e.score == max(e.metrics["qat"], e.metrics["ptq"])


def test_other_settings_are_refused_in_a_study_that_ran(place):
    """A study folder belongs to one space, model and data."""
    config = load_study(place / "study.yaml", [f"output={place / 'studies'}", "space.weights=2..3"])

    with pytest.raises(UserError, match="--fresh"):
        run_study(config, place)


def test_a_small_validation_split_leaves_enough_golden_samples_to_export(tmp_path):
    """Inputs of the other splits follow the validation ones."""
    file = small_study.write(tmp_path)
    (tmp_path / "data.py").write_text(small_study.DATA.replace("500:700", "500:560"))
    small_study.run(file, trials=1)
    (golden,) = golden_inputs(tmp_path / "studies" / "small")
    x = np.random.default_rng(1).normal(size=(900, 8)).astype("float32")

    assert np.array_equal(golden[:60], x[500:560])
    assert np.array_equal(golden[60:256], x[700:896])


@pytest.mark.skipif(shutil.which("g++") is None, reason="the emulation is compiled with g++")
def test_the_knee_is_exported_and_verifies_bit_for_bit(place):
    """The exported project computes what the search scored."""
    bundle = export_bundle(study(place), "knee", place / "best")

    assert verify_bundle(bundle).ok


@pytest.mark.skipif(shutil.which("g++") is None, reason="the emulation is compiled with g++")
def test_an_exported_trial_is_loaded_by_its_alias_and_predicts_what_the_firmware_does(place, tmp_path):
    """MLflow's own loader, given nothing but the alias, returns the bundle's golden outputs bit for bit."""
    import mlflow

    study_folder = f"sqlite:///{place / 'studies' / 'registry.db'}"
    best = pick(read_evaluations(study(place)), Reference.read(study(place)).objectives, "best")
    bundle = export_bundle(study(place), str(best.number), tmp_path / "best")

    model = register(study(place), best.number, study_folder)
    mlflow.set_tracking_uri(study_folder)
    loaded = mlflow.pyfunc.load_model("models:/digits@champion")

    assert model.uri == "models:/digits@champion"
    x = np.load(bundle / "golden" / "inputs.npy").astype("float32")
    assert np.array_equal(loaded.predict(x), np.load(bundle / "golden" / "outputs.npy"))
    assert loaded.metadata.signature.inputs.input_types() == [np.dtype("float32")]

    client = mlflow.MlflowClient(study_folder)
    version = client.get_model_version_by_alias("digits", "champion")
    assert version.tags["part"] == "xcvu13p-flga2577-2-e"
    assert float(version.tags["lut"]) == pytest.approx(best.resources["lut"], rel=1e-5)
    assert float(version.tags["latency_ns"]) == pytest.approx(best.resources["latency_ns"], rel=1e-5)
    assert version.tags["source"] == "estimate"
    assert client.get_run(version.run_id).data.tags["bitfront.trial"] == str(best.number)

    assert register(study(place), best.number, study_folder) == model, "the same trial is one version"
    other = next(
        e for e in read_evaluations(study(place)) if e.status == "complete" and e.digest != best.digest
    )
    assert register(study(place), other.number, study_folder).version == "2"
    assert client.get_model_version_by_alias("digits", "champion").tags["trial"] == str(other.number)


@pytest.mark.skipif(shutil.which("g++") is None, reason="the emulation is compiled with g++")
def test_an_export_without_its_server_warns_and_sync_registers_later(place, tmp_path, monkeypatch, capsys):
    """The bundle is written all the same; `bitfront sync` makes up for it."""
    import mlflow

    copy = tmp_path / "studies" / "digits"
    shutil.copytree(study(place), copy)
    text = (copy / "study.yaml").read_text()
    (copy / "study.yaml").write_text(text.replace("enabled: false", "uri: http://127.0.0.1:9"))
    (copy / "manifest.sha256").unlink()  # what is edited here is no damage

    def bitfront(*words):
        monkeypatch.setattr(sys, "argv", ["bitfront", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        return ended.value.code or 0, capsys.readouterr()

    code, said = bitfront("export", str(copy), "--out", str(tmp_path / "best"))
    assert code == 0
    assert "bitfront sync" in said.err
    assert verify_bundle(tmp_path / "best").ok

    study_folder = f"sqlite:///{tmp_path / 'later.db'}"
    code, said = bitfront("sync", str(copy), "--uri", study_folder)
    assert code == 0
    assert "models:/digits@champion (version 1)" in said.out
    version = mlflow.MlflowClient(study_folder).get_model_version_by_alias("digits", "champion")
    assert int(version.version) == 1


def test_the_report_names_three_picks(place):
    """The page is written from the study folder alone."""
    text = (study(place) / "report.html").read_text()

    assert "bitfront export" in text
