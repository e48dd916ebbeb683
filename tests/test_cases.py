"""What users brought runs through the command line, and is judged by what Keras alone computes."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
import zoo

from bitfront.experiments.benchmarks.cases.__main__ import main
from bitfront.experiments.benchmarks.cases.commands import Outcome, run_case
from bitfront.experiments.benchmarks.cases.score import main as keras_score
from bitfront.experiments.benchmarks.cases.verdict import judge, same

MODEL = """
import keras
from keras import layers as L


def build():
    x = keras.Input((4,), name="x")
    return keras.Model(x, L.Dense(3, activation={activation!r}, name="out", kernel_initializer="ones")(x))
"""
DATA = """
import numpy as np


def load():
    x = np.random.default_rng(7).normal(size=(700, 4)).astype("float32")
    y = np.repeat(x.sum(1, keepdims=True), 3, 1)
    cuts = (400, 550)
    return {f"{n}_{t}": part for n, a in (("x", x), ("y", y)) for t, part in
            zip(("train", "val", "test"), np.split(a, cuts))}
"""
STUDY = """
model: model.py:build
data: data.py:load
task: regression
space: {weights: 6..14, activations: 8..14}
budget: {trials: 3}
screening: 0
gradient_epochs: 0
model_trained: true
tracking: {enabled: false}
"""


def case(folder: Path, activation: str = "linear") -> Path:
    """Write a case whose labels are its own model's outputs."""
    folder.mkdir(parents=True)
    (folder / "model.py").write_text(MODEL.format(activation=activation))
    (folder / "data.py").write_text(DATA)
    (folder / "study.yaml").write_text(STUDY)
    return folder


def outcomes(**changes: tuple[int, str]) -> dict[str, Outcome]:
    """Return how the commands of a case ended, all well where not said otherwise; those after `run` only if
    it did.
    """
    ended = dict.fromkeys(("doctor", "validate", "run", "export", "verify"), (0, "fine")) | changes
    if ended["run"][0]:
        del ended["export"], ended["verify"]
    return {name: Outcome(name, code, said, 1.0) for name, (code, said) in ended.items()}


REFUSAL = (2, "bitfront: The layer 'a' can't be built: use another one.")


def test_a_refusal_before_training_with_a_sentence_is_right(tmp_path):
    verdict = judge("a", tmp_path, outcomes(doctor=REFUSAL, validate=REFUSAL, run=REFUSAL))

    assert (verdict.ended, verdict.note) == ("refused", "The layer 'a' can't be built: use another one.")


@pytest.mark.parametrize(
    ("ended", "words"),
    [
        ({"run": REFUSAL}, "validate passes what run refuses"),
        ({"validate": REFUSAL, "run": (3, "No candidate.")}, "run ended with 3"),
        ({"validate": REFUSAL, "run": (2, "bitfront: no end")}, "no sentence"),
        ({"run": (1, "something unexpected happened (KeyError)")}, "run ended with 1"),
        ({"doctor": (1, "Traceback (most recent call last):\n  KeyError")}, "doctor ended with 1"),
        ({"run": (124, "not done after 9 s")}, "run ended with 124"),
    ],
)
def test_what_is_refused_otherwise_is_wrong(tmp_path, ended, words):
    verdict = judge("a", tmp_path, outcomes(**ended))

    assert not verdict.right
    assert words in verdict.note


def test_a_refusal_that_comes_after_training_is_wrong(tmp_path):
    (tmp_path / "studies" / "a").mkdir(parents=True)
    (tmp_path / "studies" / "a" / "float.keras").write_bytes(b"")

    verdict = judge("a", tmp_path, outcomes(doctor=REFUSAL, validate=REFUSAL, run=REFUSAL))

    assert verdict.note.startswith("refused after training")


@pytest.fixture
def scored(tmp_path) -> Path:
    """A case's folder as a run leaves it, as far as the float score goes."""
    import keras

    folder = case(tmp_path / "case")
    study = folder / "studies" / "case"
    study.mkdir(parents=True)
    x = keras.Input((4,), name="x")
    model = keras.Model(x, keras.layers.Dense(3, name="out", kernel_initializer="ones")(x))
    model.save(study / "float.keras")
    return folder


@pytest.mark.parametrize(("val", "ended"), [(0.0, "PASS"), (0.7, "FAIL")])
def test_a_float_score_that_is_not_keras_s_is_another_function(scored, val, ended):
    (scored / "studies" / "case" / "reference.json").write_text(json.dumps({"float": {"val": val}}))

    verdict = judge("case", scored, outcomes())

    assert verdict.ended == ended
    assert verdict.keras_score == pytest.approx(0.0, abs=1e-9)
    assert ended == "PASS" or verdict.note == "computes another function than Keras"


@pytest.mark.parametrize("failed", ["export", "verify"])
def test_a_bundle_that_is_not_written_or_does_not_verify_is_wrong(scored, failed):
    (scored / "studies" / "case" / "reference.json").write_text(json.dumps({"float": {"val": 0.0}}))

    assert failed in judge("case", scored, outcomes(**{failed: (2, "It can't.")})).note


def test_scores_are_compared_by_what_float32_can_lose():
    assert same(0.0, 1e-7)
    assert same(763.9, 763.9001)
    assert not same(0.64, 1.0)
    assert not same(0.0, 0.01)
    assert not same(763.9, 1.5e-13)


def test_keras_s_own_score_is_that_of_the_case_s_metric(tmp_path, monkeypatch, capsys):
    """Accuracy where the task is to classify, mean squared error else; each label from the case's own
    files.
    """
    folder = case(tmp_path / "relu", "relu")
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(str(folder))

    keras_score(str(folder))

    x = np.random.default_rng(7).normal(size=(700, 4)).astype("float32")[400:550]
    expected = np.mean(np.square(np.minimum(x.sum(1), 0)))
    assert json.loads(capsys.readouterr().out)["val"] == pytest.approx(float(expected), rel=1e-5)


def test_the_command_names_a_folder_without_cases(tmp_path, capsys):
    assert main([str(tmp_path)]) == 2
    assert "holds no case" in capsys.readouterr().err


@zoo.needs_compiler
@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_cases_run_as_their_users_would_and_end_in_a_table(tmp_path, capsys):
    """One that passes, one that is refused; an expectation that is not met is counted."""
    case(tmp_path / "good", "relu")
    refused = case(tmp_path / "refused", "relu6")
    expected = tmp_path / "expected.yaml"
    expected.write_text("{good: PASS, refused: refused}\n")

    assert main([str(tmp_path), "--expect", str(expected)]) == 0
    said = capsys.readouterr().out
    assert "| good | PASS |" in said
    assert "| refused | refused |" in said
    assert "2 cases, 0 wrong" in said
    assert not (refused / "studies").exists()

    expected.write_text("{refused: PASS}\n")
    assert main([str(tmp_path), "--only", "refused", "--expect", str(expected)]) == 1
    assert "(expected PASS)" in capsys.readouterr().out


@pytest.mark.slow
def test_a_command_that_takes_too_long_is_ended_and_said(tmp_path):
    ended = run_case(case(tmp_path / "slow"), limit_s=0.2)

    assert ended["run"].code == 124
    assert "not done after" in ended["run"].said


@zoo.needs_compiler
@pytest.mark.slow
@pytest.mark.timeout(4 * 3600)
def test_every_shared_case_passes_or_is_refused_before_training(capsys):
    """The cases that people brought in public."""
    shared = Path(os.environ.get("BITFRONT_SHARED", Path(__file__).resolve().parent.parent.parent / "shared"))
    if not (shared / "cases").is_dir():
        pytest.skip("the shared cases are not beside this checkout")

    code = main([str(shared / "cases")])

    assert code == 0, capsys.readouterr().out
