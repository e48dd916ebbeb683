"""The shipped jet sample, its loaders and its generator."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import zipfile
from functools import partial

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from bitfront.experiments import data_of
from bitfront.experiments.jets import SUBSTRUCTURE, generate, read_sample, substructure
from bitfront.experiments.jets.loaders import SHIPPED
from bitfront.experiments.jets.substructure import constituent_mass
from bitfront.spaces import UserError

INPUTS = ("x_train", "x_val", "x_test")


load_top_tagging, load_jets_mlp = partial(data_of, "top_tagging_lstm"), partial(data_of, "jets_mlp")


@pytest.fixture(scope="module")
def sample():
    return read_sample()


@pytest.fixture(scope="module")
def sequences():
    return load_top_tagging()


@pytest.fixture(scope="module")
def features():
    return load_jets_mlp()


def test_the_shipped_file_has_no_pickled_member_and_is_small():
    assert SHIPPED.stat().st_size < 5e6
    with np.load(SHIPPED, allow_pickle=False) as stored:
        assert set(stored.files) == {"X", "jet", "y", "feature_names", "jet_names", "settings"}
        assert not any(stored[name].dtype.hasobject for name in stored.files)
        assert stored["X"].dtype == np.float16
        assert tuple(stored["feature_names"]) == generate.FEATURES
        assert tuple(stored["jet_names"]) == generate.JET_COLUMNS
    # Members stamped with the time of writing would make equal samples differ in their bytes.
    with zipfile.ZipFile(SHIPPED) as archive:
        assert {member.date_time[0] for member in archive.infolist()} == {1980}


def test_the_shipped_sample_is_large_balanced_and_finite(sample):
    assert len(sample.y) >= 12_000
    assert sample.X.shape == (len(sample.y), 20, 6)
    assert sample.jet.shape == (len(sample.y), 4)
    assert sample.y.mean() == 0.5
    assert np.isfinite(sample.X).all()
    assert np.isfinite(sample.jet).all()
    assert len(np.unique(sample.X[:, 0], axis=0)) > 0.999 * len(sample.y)  # no jet twice


def test_the_shipped_sample_names_the_settings_that_the_generator_has_now(sample):
    about = json.loads(sample.settings)
    assert about["pythia_common"] == list(generate.COMMON)
    assert about["pythia_top"] == list(generate.TOP)
    assert about["pythia_qcd"] == list(generate.QCD)
    assert about["command"].endswith(f"--jets {len(sample.y)} --seed 7")


def test_constituents_are_ordered_inside_the_jet_and_padded_at_the_end(sample):
    present = sample.X[..., 1] < 0
    assert (np.diff(present.astype(int), axis=1) <= 0).all()
    assert (sample.X[~present] == 0).all()
    log_pt = np.where(present, sample.X[..., 0], -np.inf)
    assert (log_pt[:, 1:] <= log_pt[:, :-1]).all()
    eta, phi, radius = sample.X[..., 2], sample.X[..., 3], sample.X[..., 4]
    np.testing.assert_allclose(radius, np.hypot(eta, phi), atol=2e-3)
    assert 0.5 < radius.max() < 1.0
    assert ((sample.jet[:, 0] >= 500) & (sample.jet[:, 0] <= 700)).all()
    pt_sum = np.where(present, np.exp(sample.X[..., 0]), 0).sum(1)
    assert (pt_sum < 1.1 * sample.jet[:, 0]).all()
    assert (sample.X[..., 1][present] < 0).all()
    np.testing.assert_allclose(
        (sample.X[..., 0] - sample.X[..., 1])[present],
        np.broadcast_to(np.log(sample.jet[:, :1]), present.shape)[present],
        atol=8e-3,
    )


def test_top_jets_have_the_top_mass_and_qcd_jets_do_not(sample):
    top, qcd = sample.y == 1, sample.y == 0
    mass = sample.jet[:, 2]
    assert 165 < np.median(mass[top]) < 182  # m_top = 171 GeV in Pythia; underlying event adds a little
    assert ((mass[top] > 140) & (mass[top] < 210)).mean() > 0.8
    assert np.median(mass[qcd]) < 100
    assert ((mass[qcd] > 140) & (mass[qcd] < 210)).mean() < 0.2
    # The stored constituents alone carry most of that mass, in the same place for every top jet.
    stored = constituent_mass(sample.X)
    assert 100 < np.median(stored[top]) < 160
    assert (stored < mass * 1.02).all()
    assert roc_auc_score(sample.y, stored) > 0.85


def test_the_transverse_momentum_alone_does_not_give_the_class_away(sample):
    assert 0.45 < roc_auc_score(sample.y, sample.jet[:, 0]) < 0.55


@pytest.mark.parametrize("load", [load_top_tagging, load_jets_mlp])
def test_equal_seeds_split_equally_and_other_seeds_do_not(load):
    first, again, other = load(seed=3), load(seed=3), load(seed=4)
    assert all(np.array_equal(first[key], again[key]) for key in first)
    assert not np.array_equal(first["x_test"], other["x_test"])


@pytest.mark.parametrize("kind", ["sequences", "features"])
def test_the_parts_are_stratified_standardised_and_share_no_jet(kind, request, sample):
    data = request.getfixturevalue(kind)
    assert [len(data[f"y_{part}"]) for part in ("train", "val", "test")] == [7200, 2400, 2400]
    for key in INPUTS:
        x, y = data[key], data["y" + key[1:]]
        assert x.dtype == np.float32
        assert np.issubdtype(y.dtype, np.integer)
        assert y.mean() == 0.5
        assert np.isfinite(x).all()
        assert np.abs(x).max() <= 4
    rows = np.concatenate([data[key].reshape(len(data[key]), -1) for key in INPUTS])
    assert len(rows) == len(sample.y)
    assert len(np.unique(rows, axis=0)) == len(rows)


def test_sequences_are_standardised_over_real_constituents_and_padding_stays_zero(sequences):
    present = sequences["x_train"].any(-1)
    assert 0.9 < present.mean() < 1
    values = sequences["x_train"][present]
    np.testing.assert_allclose(values.mean(0), 0, atol=0.02)
    np.testing.assert_allclose(values.std(0), 1, atol=0.03)


def test_both_loaders_split_the_jets_alike(sequences, features):
    assert all(
        np.array_equal(sequences[f"y_{part}"], features[f"y_{part}"]) for part in ("train", "val", "test")
    )


def test_a_linear_model_separates_the_sequences_but_far_from_perfectly(sequences):
    flat = {key: sequences[key].reshape(len(sequences[key]), -1) for key in INPUTS}
    model = LogisticRegression(max_iter=200).fit(flat["x_train"], sequences["y_train"])
    assert 0.6 < roc_auc_score(sequences["y_test"], model.decision_function(flat["x_test"])) < 0.95


def test_a_linear_model_on_substructure_is_good_and_not_perfect(features):
    model = LogisticRegression(max_iter=500).fit(features["x_train"], features["y_train"])
    assert 0.9 < roc_auc_score(features["y_test"], model.decision_function(features["x_test"])) < 0.995


def test_substructure_of_three_equal_prongs_is_known_in_closed_form():
    # Three constituents of equal pT on an equilateral triangle of side 0.4: every sum has one value.
    side = 0.4
    corners = np.array([[0, 0], [side, 0], [side / 2, side * np.sqrt(3) / 2]])
    X = np.zeros((1, 20, 6), np.float32)
    X[0, :3, 0], X[0, :3, 1] = np.log(200), np.log(1 / 3)
    X[0, :3, 2:4] = corners
    found = dict(zip(SUBSTRUCTURE, substructure(X, np.array([[600, 0, 0, 3]], np.float32))[0], strict=True))
    e2 = {beta: 3 / 9 * side**beta for beta in (0, 1, 2)}
    expected = {
        "zlogz": np.log(1 / 3),
        **{f"c1_b{beta}": e2[beta] for beta in (0, 1, 2)},
        **{f"c2_b{beta}": side ** (3 * beta) / 27 / e2[beta] ** 2 for beta in (1, 2)},
        **{f"d2_b{beta}": side ** (3 * beta) / 27 / e2[beta] ** 3 for beta in (1, 2)},
        **{f"m2_b{beta}": side**beta / 27 / e2[beta] for beta in (1, 2)},
        **{f"n2_b{beta}": side ** (2 * beta) / 27 / e2[beta] ** 2 for beta in (1, 2)},
        "tau21": 0.5,  # one axis leaves two constituents at one side's length, two axes leave one
        "tau32": 0.0,
        "multiplicity": 3,
    }
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=1e-5, abs=1e-7), name
    pairs = [(0, 1), (0, 2), (1, 2)]
    squared = sum(
        np.cosh(corners[i, 0] - corners[j, 0]) - np.cos(corners[i, 1] - corners[j, 1]) for i, j in pairs
    )
    assert found["mass"] == pytest.approx(np.sqrt(2 * 200**2 * squared), rel=1e-5)


def test_substructure_does_not_depend_on_the_batch_or_on_rotation(sample):
    X, jet = sample.X[990:1010], sample.jet[990:1010]
    expected = substructure(X, jet)
    np.testing.assert_allclose(substructure(sample.X[:1010], sample.jet[:1010])[990:], expected)
    rotated = X.copy()
    rotated[..., 2], rotated[..., 3] = -X[..., 3], X[..., 2]
    keep = [i for i, name in enumerate(SUBSTRUCTURE) if name != "mass"]  # mass tells eta from phi
    np.testing.assert_allclose(substructure(rotated, jet)[:, keep], expected[:, keep], rtol=1e-6)


def test_jets_of_one_and_two_constituents_have_finite_substructure(sample):
    X = sample.X[:4].copy()
    X[:2, 1:], X[2:, 2:] = 0, 0
    assert np.isfinite(substructure(X, sample.jet[:4])).all()


def test_a_missing_or_foreign_file_is_refused_in_one_sentence(tmp_path):
    with pytest.raises(UserError, match=r"no jet sample .*absent\.npz"):
        read_sample(tmp_path / "absent.npz")
    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    (tmp_path / "text.npz").write_text("not an archive")
    np.savez(tmp_path / "pickled.npz", X=np.array([{}], dtype=object))
    for name in ("other.npz", "text.npz", "pickled.npz"):
        with pytest.raises(UserError, match="is not a jet sample"):
            load_top_tagging(tmp_path / name)


def test_the_command_refuses_bad_arguments_with_exit_code_2(tmp_path, capsys):
    assert generate.main(["--jets", "3", "--out", str(tmp_path / "x.npz")]) == 2
    assert "even number" in capsys.readouterr().err
    assert generate.main(["--jets", "4", "--seed", "-1", "--out", str(tmp_path / "x.npz")]) == 2
    assert generate.main(["--jets", "4", "--out", str(tmp_path / "no" / "x.npz")]) == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(
    importlib.util.find_spec("pythia8mc") is not None and importlib.util.find_spec("fastjet") is not None,
    reason="the generators are installed, so nothing is missing",
)
def test_without_the_generators_the_command_says_what_to_install(tmp_path, capsys):
    assert generate.main(["--jets", "4", "--out", str(tmp_path / "x.npz")]) == 4
    assert "bitfront[jets]" in capsys.readouterr().err


@pytest.mark.skipif(
    importlib.util.find_spec("pythia8mc") is None or importlib.util.find_spec("fastjet") is None,
    reason="Pythia 8 and FastJet (the optional extra `jets`) are not installed",
)
def test_the_generator_gives_equal_bytes_for_equal_seeds(tmp_path):
    for name, seed in (("a", "5"), ("b", "5"), ("c", "6")):
        assert generate.main(["--jets", "20", "--seed", seed, "--out", str(tmp_path / f"{name}.npz")]) == 0
    a, b, c = ((tmp_path / f"{name}.npz").read_bytes() for name in "abc")
    assert a == b
    assert a != c
    made = read_sample(tmp_path / "a.npz")
    assert made.X.shape == (20, 20, 6)
    assert made.y.sum() == 10


def test_the_readme_names_the_digest_and_the_command_of_the_shipped_file(sample):
    readme = SHIPPED.with_name("README.md").read_text()
    assert hashlib.sha256(SHIPPED.read_bytes()).hexdigest() in readme
    assert json.loads(sample.settings)["command"] in readme
