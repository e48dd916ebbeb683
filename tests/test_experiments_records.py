"""Data of the studies that stand beside published points, in the forms in which users bring them."""

from __future__ import annotations

import gzip

import h5py
import numpy as np
import pytest
from sklearn.model_selection import train_test_split

from bitfront.experiments import data_of
from bitfront.spaces import UserError

BROUGHT = ("mnist", "dry_bean", "jsc_openml", "jet_constituents")


@pytest.mark.parametrize("name", BROUGHT)
def test_missing_data_and_a_file_of_something_else_are_one_sentence(name, tmp_path, monkeypatch):
    monkeypatch.setenv(f"BITFRONT_{name.upper()}", str(tmp_path / "nowhere"))
    with pytest.raises(UserError, match=f"set BITFRONT_{name.upper()}"):
        data_of(name)
    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    with pytest.raises(UserError, match=r"other\.npz can't be read as"):
        data_of(name, tmp_path / "other.npz")


def test_mnist_keeps_the_authors_test_images_and_holds_pixels_exactly_in_eight_bits(tmp_path):
    rng = np.random.default_rng(0)
    files = {"train": (240, "train"), "test": (50, "t10k")}
    stored = {}
    for part, (count, stem) in files.items():
        images = rng.integers(0, 256, (count, 28, 28)).astype(np.uint8)
        labels = np.arange(count).astype(np.uint8) % 10
        stored |= {f"x_{part}": images, f"y_{part}": labels}
        for array, kind in ((images, "images-idx3"), (labels, "labels-idx1")):
            head = bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
            (tmp_path / f"{stem}-{kind}-ubyte.gz").write_bytes(gzip.compress(head + array.tobytes()))
    np.savez(tmp_path / "mnist.npz", **stored)
    data, packed = data_of("mnist", tmp_path), data_of("mnist", tmp_path / "mnist.npz")

    assert all(np.array_equal(data[key], packed[key]) for key in data)
    assert np.array_equal(data["x_test"], stored["x_test"].reshape(50, 784) / np.float32(256))
    assert (len(data["x_train"]), len(data["x_val"])) == (220, 20)
    assert data["x_train"].max() < 1


def test_beans_are_read_from_the_archives_arff_and_standardised_by_the_training_part(tmp_path):
    rng = np.random.default_rng(0)
    x, names = rng.normal(7, 3, (140, 16)), [f"V{i % 7}" for i in range(140)]
    rows = [",".join([*(f"{v:.6f}" for v in one), name]) for one, name in zip(x, names, strict=True)]
    (tmp_path / "b.arff").write_text("@RELATION beans\n@ATTRIBUTE Area REAL\n\n@DATA\n" + "\n".join(rows))
    np.savez(tmp_path / "b.npz", x=np.round(x, 6), y=np.arange(140) % 7)
    data, packed = data_of("dry_bean", tmp_path / "b.arff"), data_of("dry_bean", tmp_path / "b.npz")

    assert data["x_train"].mean(axis=0) == pytest.approx(0, abs=1e-5)
    assert np.array_equal(data["y_test"], packed["y_test"])
    assert data["x_test"] == pytest.approx(packed["x_test"], abs=1e-4)


def test_the_test_jets_of_openml_are_those_of_hls4mls_tutorial(tmp_path):
    rng = np.random.default_rng(0)
    x, names = rng.normal(2, 5, (500, 16)), rng.choice(["g", "q", "t", "w", "z"], 500)
    np.savez(tmp_path / "j.npz", X=x, y=names)
    rows = [",".join([*map(repr, map(float, one)), name]) for one, name in zip(x, names, strict=True)]
    (tmp_path / "j.arff").write_text("@RELATION j\n@ATTRIBUTE zlogz REAL\n@DATA\n" + "\n".join(rows) + "\n")
    data, read = data_of("jsc_openml", tmp_path / "j.npz"), data_of("jsc_openml", tmp_path / "j.arff")
    rest, held, _, wanted = train_test_split(x, names, test_size=0.2, random_state=42)

    assert [("g", "q", "t", "w", "z")[label] for label in data["y_test"]] == wanted.tolist()
    assert data["x_test"] == pytest.approx((held - rest.mean(axis=0)) / rest.std(axis=0), abs=1e-5)
    assert (len(data["x_val"]), len(data["x_train"])) == (40, 360)
    assert all(np.array_equal(data[key], read[key]) for key in data)


def test_constituents_are_the_hardest_of_each_jet_by_the_names_that_the_files_give(tmp_path):
    rng = np.random.default_rng(0)
    particles = ["j1_px", "j1_phirel", "j1_pt", "j1_etarel"]
    classes = ["j_ptfrac", "j_t", "j_g", "j_q", "j_w", "j_z"]
    for part, count in (("train", 60), ("val", 20)):
        (tmp_path / part).mkdir()
        x = rng.random((count, 30, 4)).astype("float32") + 0.1
        x[:, 20:] = 0
        flags = np.zeros((count, 6))
        flags[np.arange(count), 1 + np.arange(count) % 5] = 1
        with h5py.File(tmp_path / part / "jets.h5", "w") as stored:
            stored["jetConstituentList"], stored["jets"] = x, flags
            stored["particleFeatureNames"] = np.array(particles, "S")
            stored["jetFeatureNames"] = np.array(classes, "S")
    data = data_of("jet_constituents", tmp_path)

    assert data["x_test"].shape == (20, 16, 3)
    assert data["y_test"][:5].tolist() == [4, 0, 1, 2, 3]
    hardest = np.sort(x[0, :, 2])[::-1][:16]
    assert np.corrcoef(data["x_test"][0, :, 0], hardest)[0, 1] == pytest.approx(1)
    assert data["x_train"].mean(axis=(0, 1)) == pytest.approx(0, abs=1e-4)


def test_wines_are_scikit_learns_three_cultivars():
    data = data_of("wine")
    assert [len(data[f"y_{part}"]) for part in ("train", "val", "test")] == [71, 54, 53]
    assert data["x_train"].std(axis=0) == pytest.approx(1, abs=1e-4)
