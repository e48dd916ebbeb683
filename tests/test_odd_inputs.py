"""Arguments, files and values that nobody means: each is refused in one sentence, and soon."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from plausible import plausible, reference

from bitfront.search.cli import main as run_main
from bitfront.search.config import StudyConfig, load_study
from bitfront.search.config.secrets import shown
from bitfront.search.problem.data import read_npz
from bitfront.search.trials.front import pick
from bitfront.spaces import FixedPoint, UserError

STUDY = "name: odd\nmodel: model.py:build\ndata: data.npz\ntask: binary\n"


@pytest.fixture
def bitfront(monkeypatch, capsys, tmp_path):
    """Run the command in an empty folder; return its exit code and standard error."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["bitfront", *arguments])
        with pytest.raises(SystemExit) as ended:
            run_main()
        return int(ended.value.code or 0), capsys.readouterr().err

    return call


LONG = "x" * 300
PATHS = [LONG, f"{LONG}/a", "/proc/1/mem", "/dev/null/a", "missing/parent/a", "a\x00b", "loop", "/"]


@pytest.mark.parametrize("path", PATHS, ids=[repr(path)[:20] for path in PATHS])
@pytest.mark.parametrize(
    "words",
    [["show"], ["report"], ["doctor"], ["export"], ["validate"], ["run"], ["init"], ["verify"], ["sync", "--output"],
     ["ui", "--output"], ["ls", "--output"], ["estimate"], ["doctor", "--model"], ["synth"], ["sensitivity"]],
    ids=" ".join,
)  # fmt: skip
def test_no_path_is_met_with_a_traceback(words, path, bitfront, tmp_path):
    (tmp_path / "loop").symlink_to("loop")
    code, told = bitfront(*words, path)
    assert code in (0, 2, 3, 4), told
    assert "unexpected" not in told


@pytest.mark.parametrize("option", ["--out"])
@pytest.mark.parametrize("path", [LONG, f"/proc/{LONG}", "/proc/none/a", "/dev/null/a"])
def test_a_place_that_nothing_can_be_written_to_is_one_sentence(option, path, bitfront, tmp_path):
    folder = tmp_path / "study"
    plausible(1).write(folder)
    reference("study").write(folder)
    (folder / "study.yaml").write_text(STUDY)
    code, told = bitfront("export", str(folder), "--pick", "1", option, path)
    assert code == 2
    assert told.count("\n") == 1


@pytest.mark.parametrize("kind", ["pipe", "device", "folder"])
def test_what_never_ends_is_refused_before_it_is_read(kind, bitfront, tmp_path):
    """As study, as data, as model: a pipe nobody writes to would wait for ever."""
    place = tmp_path / "data.npz"
    if kind == "pipe":
        os.mkfifo(place)
    elif kind == "device":
        place.symlink_to("/dev/zero")
    else:
        place.mkdir()
    with pytest.raises(UserError, match=f"is a {kind}"):
        read_npz(place)
    study = tmp_path / "other.yaml"
    study.symlink_to(place)
    if kind != "folder":
        code, told = bitfront("validate", str(study))
        assert code == 2
        assert f"is a {kind}" in told
    code, told = bitfront("doctor", "--model", str(place.rename(tmp_path / "model.keras")))
    assert code == 2, told


def test_a_split_with_and_without_input_names_is_refused(tmp_path):
    for names in (["x_train", "x_train.extra"], ["x_train.extra", "x_train"]):
        arrays = dict.fromkeys([*names, "y_train", "x_test", "y_test"], np.ones(3))
        np.savez(tmp_path / "data.npz", **arrays)
        with pytest.raises(UserError, match=r"x_train beside x_train\.NAME"):
            read_npz(tmp_path / "data.npz")


@pytest.mark.parametrize("how", ["²", "1²", "9" * 5000, "-1"])
def test_a_pick_of_odd_digits_is_refused(how):
    evaluations = [plausible(number) for number in range(6)]
    with pytest.raises(UserError):
        pick(evaluations, reference("toy").objectives, how)


@pytest.mark.parametrize(
    "text", ["fixed<8,1000000>", "fixed<8,-99999999999999999999>", f"fixed<{'9' * 400},1>"]
)
def test_an_absurd_integer_part_is_refused(text):
    with pytest.raises(UserError, match="can't be built"):
        FixedPoint.parse(text)
    assert FixedPoint(8, 256).max < np.inf
    assert FixedPoint(8, -256).step > 0


@pytest.mark.parametrize("value", ["²", "--5", "5²"])
def test_a_width_of_odd_digits_is_refused(value):
    with pytest.raises(UserError, match="isn't a width"):
        StudyConfig(name="a", model="m.py:f", data="d.npz", task="binary", space={"weights": value})


def test_nulls_in_a_layer_s_space_are_what_is_not_said(tmp_path):
    plain = StudyConfig(name="a", model="m.py:f", data="d.npz", task="binary")
    space = {"layers": {"dense": {"weights": None, "activations": "4..6"}, "out": {"keep": None}, "*": {}}}
    found = StudyConfig(name="a", model="m.py:f", data="d.npz", task="binary", space=space).space
    for layer in ("dense", "out", "other"):
        assert found.of_layer(layer).weights == plain.space.weights
    assert (found.of_layer("dense").activations.low, found.of_layer("dense").activations.high) == (4, 6)


def test_all_faults_of_a_study_file_are_told_at_once(tmp_path):
    file = tmp_path / "study.yaml"
    file.write_text(STUDY + "colour: red\nspace: {weights: 0}\nbudget: {trials: -1}\nsampler: 3\n")
    with pytest.raises(UserError) as told:
        load_study(file)
    for words in ("no key 'colour'", "space.weights = 0", "budget.trials = -1", "sampler = 3"):
        assert words in str(told.value)
    assert "\n" not in str(told.value)


def test_a_uri_is_one_line_of_a_message():
    assert shown("http://user:secret@host/a\nb\x1b[2J\r") == "http://***@host/a?b?[2J?"


def test_a_full_disk_is_a_sentence_wherever_it_is_met():
    words = [sys.executable, "-c", "from bitfront.search.cli import main; main()", "doctor"]
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert ended.returncode == 2, ended.stderr
    assert ended.stderr.startswith("bitfront: No space left on device: make room")
    assert ended.stderr.count("\n") == 1
