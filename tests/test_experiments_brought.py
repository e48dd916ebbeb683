"""Data that users bring: drawings, clothes and engine noise in their public formats, and what is said where
they miss.
"""

from __future__ import annotations

import gzip
import json
import pickle
import runpy
import zipfile
from functools import partial

import numpy as np
import pytest

from bitfront.experiments import data_of, ready_study, synthetic_engines
from bitfront.experiments.quickdraw import CLASSES
from bitfront.spaces import UserError

load_quick_draw = partial(data_of, "quickdraw_lstm")
load_fashion_mnist = partial(data_of, "fashion_mnist_cnn")
load_engines = partial(data_of, "engine_anomaly_transformer")
load_japanese_vowels = partial(data_of, "japanese_vowels_lstm")
DRAWINGS = runpy.run_path(str(ready_study("quickdraw_lstm").folder / "data.py"))


def google_folder(folder, drawings=20):
    """Write the paper's five classes, four in Google's .ndjson and one as sketch-rnn has it."""
    rng = np.random.default_rng(0)
    for name in CLASSES[:-1]:
        lines = [
            {"word": name, "drawing": [[[0, 128, 255], [0, 10, 0]], [[7, 7], [9, 19]]]}
            for _ in range(drawings)
        ]
        (folder / f"{name}.ndjson").write_text("".join(json.dumps(line) + "\n" for line in lines))
    parts = {}
    for part in ("train", "valid", "test"):
        parts[part] = np.empty(drawings, dtype=object)
        for i in range(drawings):
            parts[part][i] = rng.integers(-9, 9, (5 + i, 3)).astype(np.int16)
    np.savez(folder / f"{CLASSES[-1]}.npz", **parts)
    return folder


def test_googles_ndjson_and_sketch_rnn_files_are_read_for_the_papers_five_classes(tmp_path):
    data = load_quick_draw(google_folder(tmp_path))
    assert data["x_train"].shape[1:] == (100, 3)
    assert np.bincount(np.concatenate([data[f"y_{p}"] for p in ("train", "val", "test")])).tolist() == [
        20
    ] * 4 + [60]
    [ant, *_] = data["x_train"][data["y_train"] == 0]
    # the larger extent is 255 already; the pen lifts after the third and the last point
    steps = [[0, 0, 0], [128, 10, 0], [127, -10, 1], [-248, 9, 0], [0, 10, 1]]
    np.testing.assert_allclose(ant[-5:] * [DRAWINGS["SCALE"], DRAWINGS["SCALE"], 1], steps, rtol=1e-6)
    assert not ant[:-5].any()


def test_at_most_so_many_drawings_of_a_class_are_read(tmp_path):
    data = load_quick_draw(google_folder(tmp_path), per_class=10)
    assert sum(len(data[f"y_{p}"]) for p in ("train", "val", "test")) == 50


def test_a_sketch_rnn_file_that_would_run_code_is_refused(tmp_path):
    google_folder(tmp_path)

    class Evil:
        def __reduce__(self):
            return (print, ("run",))

    arrays = np.empty(1, dtype=object)
    arrays[0] = Evil()
    np.savez(tmp_path / f"{CLASSES[-1]}.npz", train=arrays, valid=arrays, test=arrays)
    with pytest.raises(UserError, match=r"builtins\.print, which is no array"):
        load_quick_draw(tmp_path)


def test_one_file_of_other_classes_gives_five_animals_and_the_papers_where_it_has_them(tmp_path):
    rng = np.random.default_rng(0)
    strokes = rng.integers(-60, 60, (140, 100, 3), dtype=np.int16)
    names = ["ant", "apple", "butterfly", "crab", "duck", "pig", "face"]
    np.savez(tmp_path / "s.npz", X=strokes, y=np.arange(140) % 7, classes=np.array(names))
    data = load_quick_draw(tmp_path / "s.npz")
    assert sum(len(data[f"y_{p}"]) for p in ("train", "val", "test")) == 100
    with pytest.raises(UserError, match="has no drawings of snail: it has ant, apple"):
        load_quick_draw(tmp_path / "s.npz", classes=("ant", "snail"))


def test_long_drawings_are_cut_and_long_steps_are_clipped():
    x = DRAWINGS["sequence"](np.tile([1000, -1000, 1], (130, 1)))
    assert x.shape == (100, 3)
    assert np.unique(x, axis=0).tolist() == [[4.0, -4.0, 1.0]]


def idx(array):
    head = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
    return gzip.compress(head + array.astype(np.uint8).tobytes())


def test_fashion_mnist_is_read_from_its_own_files_and_from_an_npz(tmp_path):
    rng = np.random.default_rng(0)
    arrays = {
        "x_train": rng.integers(0, 256, (600, 28, 28)),
        "y_train": np.arange(600) % 10,
        "x_test": rng.integers(0, 256, (50, 28, 28)),
        "y_test": np.arange(50) % 10,
    }
    names = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
    for name, array in zip(names, arrays.values(), strict=True):
        (tmp_path / f"{name}-ubyte.gz").write_bytes(idx(array))
    np.savez(tmp_path / "f.npz", **arrays)
    data, same = load_fashion_mnist(tmp_path), load_fashion_mnist(tmp_path / "f.npz")
    assert all(np.array_equal(data[key], same[key]) for key in data)
    assert [len(data[f"x_{part}"]) for part in ("train", "val", "test")] == [500, 100, 50]
    assert np.array_equal(data["x_test"][..., 0] * 256, arrays["x_test"])
    assert np.bincount(data["y_val"]).tolist() == [10] * 10
    assert len(load_fashion_mnist(tmp_path, limit=40)["y_train"]) == 40


def test_ford_a_is_read_as_ucr_has_it_and_its_test_recordings_test(tmp_path):
    x, y = synthetic_engines(120)
    rows = np.column_stack([2 * y - 1, x])
    np.savetxt(tmp_path / "FordA_TRAIN.tsv", rows[:100], delimiter="\t")
    np.savetxt(tmp_path / "FordA_TEST.txt", rows[100:])
    data = load_engines(tmp_path)
    assert [len(data[f"x_{part}"]) for part in ("train", "val", "test")] == [80, 20, 20]
    np.testing.assert_allclose(data["x_test"].reshape(20, -1), x[100:].clip(-4, 4), rtol=1e-5, atol=1e-6)
    assert data["y_test"].tolist() == y[100:].tolist()
    np.savetxt(tmp_path / "FordA_TEST.txt", rows[100:, :-1])
    with pytest.raises(UserError, match="is not FordA"):
        load_engines(tmp_path)


def vowels(folder, spoken, features=12):
    """Write an archive's file of utterances, (steps, speaker) each; its values say step and feature."""
    lines = ["#9 speakers", "@problemName JapaneseVowels", "@classLabel true 1 2 3 4 5 6 7 8 9", "@data"]
    for steps, speaker in spoken:
        series = (",".join(f"{100 * f + t}" for t in range(steps)) for f in range(features))
        lines.append(":".join([*series, str(speaker)]))
    folder.write_text("\n".join(lines) + "\n")


def test_japanese_vowels_are_read_as_the_archive_has_them_and_short_ones_begin_with_zeros(tmp_path):
    spoken = [(7 + n % 23, n % 9 + 1) for n in range(180)]
    vowels(tmp_path / "JapaneseVowels_TRAIN.ts", spoken[:90])
    vowels(tmp_path / "JapaneseVowels_TEST.ts", spoken)
    data = load_japanese_vowels(tmp_path)
    assert [data[f"x_{part}"].shape for part in ("train", "val", "test")] == [(90, 29, 12)] * 3
    assert data["y_train"].tolist() == [speaker - 1 for _, speaker in spoken[:90]]
    assert np.bincount(data["y_val"]).tolist() == np.bincount(data["y_test"]).tolist() == [10] * 9
    first = data["x_train"][0]  # seven steps
    assert not first[:22].any()
    # standardised over the steps that are there, feature by feature: all rise alike
    steps = np.concatenate([np.arange(length) for length, _ in spoken[:90]])
    np.testing.assert_allclose(
        first[22:], np.tile(((np.arange(7) - steps.mean()) / steps.std())[:, None], 12), rtol=1e-4
    )
    vowels(tmp_path / "JapaneseVowels_TEST.ts", spoken, features=11)
    with pytest.raises(UserError, match="is not JapaneseVowels"):
        load_japanese_vowels(tmp_path)
    (tmp_path / "JapaneseVowels_TEST.ts").write_text("no series")
    with pytest.raises(UserError, match="can't be read as JapaneseVowels"):
        load_japanese_vowels(tmp_path)


def test_synthetic_engines_differ_by_a_knock_that_neither_mean_nor_deviation_shows():
    x, y = synthetic_engines(400)
    assert y.mean() == 0.5
    np.testing.assert_allclose(x.mean(1), 0, atol=1e-9)
    np.testing.assert_allclose(x.std(1), 1)
    band = np.abs(np.fft.rfft(x))[:, 60:85].mean(1)  # the knock's period is 7 samples of 500
    assert band[y == 1].mean() > 1.3 * band[y == 0].mean()
    assert np.array_equal(synthetic_engines(400)[0], x)


@pytest.mark.parametrize(
    ("load", "told"),
    [
        (load_quick_draw, "set BITFRONT_QUICKDRAW"),
        (load_fashion_mnist, "set BITFRONT_FASHION_MNIST"),
        (load_engines, "fetch FordA"),
        (load_japanese_vowels, "set BITFRONT_JAPANESE_VOWELS"),
    ],
)
def test_where_the_data_miss_one_sentence_says_what_to_fetch_and_where_to_put_it(load, told, tmp_path):
    with pytest.raises(UserError, match=told):
        load(tmp_path / "nothing")


@pytest.mark.parametrize("broken", [b"", b"PK\x03\x04 no zip", b"\x93NUMPY"])
def test_a_broken_file_is_told_as_one(broken, tmp_path):
    file = tmp_path / "x.npz"
    file.write_bytes(broken)
    for load in (load_quick_draw, load_fashion_mnist):
        with pytest.raises(UserError, match="fetch it again"):
            load(file)


def test_a_pickle_in_place_of_numbers_is_not_read(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("classes.npy", pickle.dumps(["ant"]))
    with pytest.raises(UserError, match="fetch it again"):
        load_quick_draw(tmp_path / "x.npz")
