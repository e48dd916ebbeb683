"""A trial says which weights gave its score; whoever computes with it refuses others, and none where some
belong to it.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import small_study

from bitfront.search import export_bundle, read_evaluations
from bitfront.search.bundle.designs import study_designs
from bitfront.search.bundle.reload import reload_trial
from bitfront.search.cli import main as run_main
from bitfront.search.storage.study_folder import StudyFolder
from bitfront.search.synthesis.flows import RtlFlow, VendorFlow
from bitfront.search.tracking import register
from bitfront.search.trials.evaluation import Evaluation
from bitfront.spaces import UserError


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """A study with trials of both methods: trained ones, and rounded ones."""
    folder = tmp_path_factory.mktemp("study")
    file = small_study.write(folder, study="budget: {trials: 10}\n")
    found = small_study.run(file, "training.float_epochs=1", "training.epochs=4", trials=10)
    assert {e.method for e in found.values()} == {"ptq", "qat"}
    return folder


@pytest.fixture
def study(finished, tmp_path) -> Path:
    """A copy of the study's folder that a test may damage."""
    return Path(shutil.copytree(finished, tmp_path / "copy")) / "studies" / "small"


def trained(study: Path) -> Evaluation:
    return next(e for e in read_evaluations(study) if e.method == "qat" and e.status == "complete")


def weights_of(study: Path, one: Evaluation) -> Path:
    return study / "trials" / f"{one.number:05d}" / "weights.npz"


def test_a_trial_names_its_weights_by_their_digest_and_a_rounded_one_says_that_it_has_none(study):
    for one in read_evaluations(study):
        path = weights_of(study, one)
        assert one.weights_sha256 == (hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else "")
        assert one.has_weights == path.exists() == (one.method == "qat")


def lost(study: Path, one: Evaluation) -> str:
    weights_of(study, one).unlink()
    return "weights.npz is missing, which gave trial"


def exchanged(study: Path, one: Evaluation) -> str:
    """Put in their place weights that are nearly the same."""
    path = weights_of(study, one)
    with np.load(path) as arrays:
        kept = {name: arrays[name] for name in arrays.files}
    kept["hidden/weight"] = kept["hidden/weight"] + np.float32(2**-20)
    np.savez_compressed(path, **kept)
    return "isn't the file that trial"


def cut(study: Path, one: Evaluation) -> str:
    path = weights_of(study, one)
    path.write_bytes(path.read_bytes()[:100])
    return "isn't the file that trial"


READERS = {
    "reload_trial": lambda study, one, place: reload_trial(study, one.number),
    "export": lambda study, one, place: export_bundle(study, str(one.number), place / "best"),
    "the report's and the estimate's designs": lambda study, one, place: study_designs(study, [one]),
    "MLflow's registry": lambda study, one, place: register(
        study, one.number, f"sqlite:///{place}/mlflow.db"
    ),
    "synth with AMD's tools": lambda study, one, place: VendorFlow(study, None, "csynth", None).prepare(
        one.number, place / "project"
    ),
    "synth with Yosys": lambda study, one, place: RtlFlow(study, None, None).prepare(
        one.number, place / "rtl"
    ),
    "the score on test data, nearest starts, and a trial that is told again": lambda study, one, place: (
        StudyFolder(study).weights(one)
    ),
}


@pytest.mark.parametrize("harm", [lost, exchanged, cut])
@pytest.mark.parametrize(
    "reader",
    [pytest.param(one, marks=pytest.mark.slow if "MLflow" in one else ()) for one in READERS],
)
def test_every_reader_refuses_a_trained_trial_without_its_own_weights(reader, harm, study, tmp_path):
    one = trained(study)
    what = harm(study, one)
    with pytest.raises(UserError) as caught:
        READERS[reader](study, one, tmp_path)
    assert what in str(caught.value)
    assert "restore the file, or delete the trial's folder to go on without it" in str(caught.value)
    assert not (tmp_path / "best").exists()


def test_export_ends_with_exit_code_2_and_writes_nothing(study, tmp_path, monkeypatch, capsys):
    one = trained(study)
    lost(study, one)
    monkeypatch.setattr(
        sys,
        "argv",
        ["bitfront", "export", str(study), "--pick", str(one.number), "--out", str(tmp_path / "best")],
    )
    with pytest.raises(SystemExit) as ended:
        run_main()
    said = capsys.readouterr().err
    assert (ended.value.code, said.count("\n")) == (2, 1)
    assert "weights.npz is missing" in said
    assert not (tmp_path / "best").exists()


def test_a_study_that_goes_on_says_so_before_it_trains_and_goes_on_without_the_trial_once_its_folder_is_gone(
    study,
):
    one = trained(study)
    lost(study, one)
    folder = study.parent.parent
    settings = ("training.float_epochs=1", "training.epochs=4")
    with pytest.raises(UserError, match=r"weights\.npz is missing"):
        small_study.run(folder / "study.yaml", *settings, trials=11)
    assert len(read_evaluations(study)) == 10
    shutil.rmtree(weights_of(study, one).parent)
    found = small_study.run(folder / "study.yaml", *settings, trials=11)
    assert set(found) == {*range(11)} - {one.number}


def forget(study: Path) -> None:
    """Take from every evaluation what earlier versions didn't write, and the list of digests."""
    (study / "manifest.sha256").unlink()
    for path in (study / "trials").glob("*/evaluation.json"):
        kept = json.loads(path.read_text())
        del kept["weights_sha256"]
        path.write_text(json.dumps(kept))


def test_a_study_of_an_earlier_version_is_read_and_a_trained_trial_without_weights_is_refused_all_the_same(
    study,
):
    before = reload_trial(study, trained(study).number)
    forget(study)
    one = trained(study)
    again = reload_trial(study, one.number)
    assert one.weights_sha256 is None
    for node, roles in before.weights.items():
        assert all(np.array_equal(array, again.weights[node][role]) for role, array in roles.items())
    lost(study, one)
    with pytest.raises(UserError, match=r"weights\.npz is missing"):
        reload_trial(study, one.number)


def test_a_file_of_weights_in_the_folder_of_a_rounded_trial_is_left_alone(study):
    """It was never what gave the trial its score."""
    rounded = next(e for e in read_evaluations(study) if e.method == "ptq" and e.status == "complete")
    shutil.copy(weights_of(study, trained(study)), weights_of(study, rounded))
    assert StudyFolder(study).weights(rounded) is None


@pytest.mark.parametrize("value", ["a", "Z" * 64, "0" * 63, 3, True, ["0" * 64]])
def test_a_digest_that_is_none_is_refused(value, study):
    path = weights_of(study, trained(study)).with_name("evaluation.json")
    kept = json.loads(path.read_text())
    path.write_text(json.dumps({**kept, "weights_sha256": value}))
    with pytest.raises(UserError, match=r"evaluation\.json"):
        Evaluation.read(path)
