"""The shipped sample of b, c and light jets, its loader and its generator."""

from __future__ import annotations

import importlib.util
import json

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from bitfront.experiments import data_of
from bitfront.experiments.jets import flavour
from bitfront.experiments.jets.loaders import FLAVOUR
from bitfront.spaces import UserError


@pytest.fixture(scope="module")
def stored():
    with np.load(FLAVOUR, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def test_the_shipped_sample_is_small_balanced_finite_and_of_the_settings_that_the_generator_has_now(stored):
    assert FLAVOUR.stat().st_size < 3e6
    assert np.bincount(stored["y"]).tolist() == [6000] * 3
    assert stored["X"].shape == (18_000, 15, 6)
    assert np.isfinite(stored["X"]).all()
    assert tuple(stored["flavours"]) == flavour.FLAVOURS
    assert tuple(stored["feature_names"]) == flavour.FEATURES
    about = json.loads(str(stored["settings"]))
    assert about["pythia_processes"] == {k: list(v) for k, v in flavour.PROCESSES.items()}
    assert about["d0_resolution_mm"] == list(flavour.D0_RESOLUTION)
    assert about["command"].endswith("--jets 18000 --seed 7")


def test_tracks_come_most_displaced_first_and_padding_is_zero(stored):
    x = stored["X"].astype(np.float32)
    present = x[..., 5] > 0
    assert (np.diff(present.astype(int), axis=1) <= 0).all()
    assert present[:, 0].all()
    assert not x[~present].any()
    size = np.where(present, np.abs(x[..., 1]), -1)
    assert (np.diff(size, axis=1) <= 0).all()


def test_lifetime_shows_as_displacement_ahead_of_the_beam_in_b_and_c_jets_and_hardly_in_light_ones(stored):
    significance = stored["X"][:, 0, 1].astype(np.float32)
    ahead = [np.mean(significance[stored["y"] == k] > 3) for k in range(3)]
    behind = [np.mean(significance[stored["y"] == k] < -3) for k in range(3)]
    assert ahead[2] > 0.8
    assert 0.35 < ahead[1] < 0.65
    assert ahead[0] < 0.1
    assert max(behind) < 0.1
    # of most tracks of light jets resolution is all that is seen: the significance is normal
    tracks = stored["X"][stored["y"] == 0].astype(np.float32)
    core = tracks[tracks[..., 5] > 0][:, 1]
    assert np.percentile(np.abs(core), 50) == pytest.approx(0.6745, rel=0.1)


def test_the_loaded_tracks_are_standardised_and_tell_b_from_light_by_a_linear_model():
    data = data_of("flavour_tagging_lstm")
    assert [data[f"x_{part}"].shape for part in ("train", "val", "test")] == [
        (10_800, 15, 6),
        (3_600, 15, 6),
        (3_600, 15, 6),
    ]
    assert np.abs(data["x_train"]).max() == 4
    x, y = data["x_train"].reshape(len(data["x_train"]), -1), data["y_train"]
    model = LogisticRegression(max_iter=200).fit(x[y != 1], y[y != 1] == 2)
    chosen = data["y_test"] != 1
    score = model.decision_function(data["x_test"][chosen].reshape(chosen.sum(), -1))
    assert 0.93 < roc_auc_score(data["y_test"][chosen] == 2, score) < 0.995


def test_bad_files_and_arguments_are_refused_in_one_sentence(tmp_path, capsys):
    with pytest.raises(UserError, match="There is no flavour sample"):
        data_of("flavour_tagging_lstm", tmp_path / "x.npz")
    (tmp_path / "x.npz").write_bytes(b"PK")
    with pytest.raises(UserError, match="is not a flavour sample"):
        data_of("flavour_tagging_lstm", tmp_path / "x.npz")
    assert flavour.main(["--jets", "4", "--out", str(tmp_path / "y.npz")]) == 2
    assert "multiple of three" in capsys.readouterr().err


@pytest.mark.skipif(
    not (importlib.util.find_spec("pythia8mc") and importlib.util.find_spec("fastjet")),
    reason="needs pip install 'bitfront[jets]'",
)
def test_equal_seeds_give_equal_files(tmp_path):
    for name, seed in (("a", "3"), ("b", "3"), ("c", "4")):
        assert flavour.main(["--jets", "12", "--seed", seed, "--out", str(tmp_path / f"{name}.npz")]) == 0
    a, b, c = ((tmp_path / f"{name}.npz").read_bytes() for name in "abc")
    assert a == b != c
