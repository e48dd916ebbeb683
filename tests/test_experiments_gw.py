"""Gravitational-wave windows: whitening, cutting, the split by event, strain files, and the generator."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from bitfront.experiments import data_of
from bitfront.experiments.gw import cut, read_strain, real_events, whiten
from bitfront.experiments.gw.generate import main, make
from bitfront.experiments.gw.loaders import default_path
from bitfront.spaces import UserError

RATE = 2048


def strain_file(path, *, rate=4096, seconds=80, start=1126259447, seed=0):
    """Write a file in GWOSC's form: red noise with a line at 60 Hz."""
    rng = np.random.default_rng(seed)
    white = np.fft.rfft(rng.normal(size=rate * seconds))
    grid = np.fft.rfftfreq(rate * seconds, 1 / rate)
    red = np.fft.irfft(white / (1 + grid / 50), rate * seconds)
    red += np.sin(2 * np.pi * 60 * np.arange(len(red)) / rate)
    with h5py.File(path, "w") as file:
        file["strain/Strain"] = red * 1e-21
        file["strain/Strain"].attrs["Xspacing"] = 1 / rate
        file["meta/GPSstart"] = start
    return path


def test_whitening_flattens_the_spectrum_within_the_band_and_takes_a_line_away(tmp_path):
    start, strain = read_strain(strain_file(tmp_path / "H1.hdf5"))
    white = whiten(strain)
    assert start == 1126259447
    assert len(white) == RATE * (80 - 8)
    assert white.std() == pytest.approx(1)
    power = np.abs(np.fft.rfft(white)) ** 2
    grid = np.fft.rfftfreq(len(white), 1 / RATE)
    bands = [power[(grid > low) & (grid < low + 50)].mean() for low in range(50, 650, 50)]
    assert max(bands) < 1.3 * min(bands)
    assert power[grid > 750].mean() < 0.01 * bands[0]


def test_windows_lie_side_by_side_and_keep_clear_of_an_event():
    one = np.arange(5000.0)
    windows = cut([one, one + 0.5], avoid=(1000, 1300))
    assert windows.shape == (23, 200, 2)
    assert windows[1, 0].tolist() == [200.0, 200.5]
    assert not ((windows[..., 0] >= 1000) & (windows[..., 0] <= 1300)).any()


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"text", "not a strain file"), (None, "is no multiple of 2048"), ("gap", "has gaps")],
)
def test_a_file_that_is_no_strain_is_refused_by_name(tmp_path, content, words):
    file = tmp_path / "L1.hdf5"
    if isinstance(content, bytes):
        file.write_bytes(content)
    else:
        strain_file(file, rate=3000 if content is None else 4096, seconds=4)
        if content == "gap":
            with h5py.File(file, "r+") as opened:
                opened["strain/Strain"][:9] = np.nan
    with pytest.raises(UserError, match=words):
        read_strain(file)


def windows_file(path, events):
    """Write a file of windows with pairs of every event; a real one in the last."""
    n = 10 * events
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2 * n + 1, 200, 2))
    event = np.append(np.repeat(np.arange(events), 20), events - 1)
    np.savez(
        path,
        X=x.astype(np.float16),
        y=np.append(np.tile([0, 1], n), 2).astype(np.uint8),
        event=event.astype(np.uint8),
        event_names=[f"GW{i}" for i in range(events)],
        inj_snr=np.zeros(2 * n + 1, np.float32),
    )
    return path


def test_no_event_is_in_two_parts_and_real_events_are_in_none(tmp_path):
    data = data_of("gw_transformer", windows_file(tmp_path / "w.npz", 4))
    assert [len(data[f"y_{part}"]) for part in ("train", "val", "test")] == [40, 20, 20]
    assert data["x_test"].shape == (20, 20, 20)
    rows = [data[f"x_{part}"].reshape(-1, 400) for part in ("train", "val", "test")]
    assert len(np.unique(np.concatenate(rows), axis=0)) == 80
    assert {name: x.shape for name, x in real_events(tmp_path / "w.npz").items()} == {"GW3": (1, 20, 20)}


def test_fewer_than_three_events_and_a_missing_file_are_refused(tmp_path):
    with pytest.raises(UserError, match="needs three events, the file has 2"):
        data_of("gw_transformer", windows_file(tmp_path / "two.npz", 2))
    with pytest.raises(UserError, match="set BITFRONT_GW"):
        data_of("gw_transformer", tmp_path / "none.npz")


@pytest.mark.skipif(not default_path().exists(), reason="needs windows: set BITFRONT_GW or BITFRONT_SHARED")
def test_the_real_windows_have_four_events_and_both_classes_in_equal_shares():
    data = data_of("gw_transformer")
    assert all(data[f"y_{part}"].mean() == pytest.approx(0.5, abs=0.01) for part in ("train", "val", "test"))
    assert len(data["y_train"]) > 1000


def test_injections_have_the_ratio_that_is_stated_and_mergers_lie_anywhere():
    pytest.importorskip("lalsimulation", reason="needs LALSuite: pip install 'bitfront[gw]'")
    found = make(40, seed=1)
    x, y = found["X"].astype(np.float64), found["y"]
    signal = x[1::2] - x[::2]
    ratio = np.sqrt(np.square(signal).sum((1, 2)))
    assert y.tolist() == [0, 1] * 40
    np.testing.assert_allclose(ratio, found["inj_snr"][1::2], rtol=0.02)
    assert 8 <= ratio.min() < 16
    assert 32 < ratio.max() <= 40.5
    peaks = np.abs(signal).max(2).argmax(1)
    assert peaks.min() < 80
    assert peaks.max() > 150


def test_the_generator_says_in_one_sentence_what_it_lacks(tmp_path, capsys):
    assert main(["--out", str(tmp_path / "w.npz"), "--strain", "GW1"]) in {2, 4}
    assert capsys.readouterr().err.count("\n") == 1
