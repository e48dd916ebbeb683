"""A file of a study that isn't what bitfront wrote there is told, by every command that reads it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import small_study
from plausible import plausible, reference

from bitfront.search import load_study
from bitfront.search.bundle.reload import golden_inputs, load_float_model
from bitfront.search.cli import main as run_main
from bitfront.search.problem.golden import GOLDEN_SAMPLES, perturbed
from bitfront.search.storage import StudyFolder, examine
from bitfront.search.trials.evaluation import Evaluation
from bitfront.search.trials.files import save_atomic, write_atomic
from bitfront.search.trials.manifest import FILE as MANIFEST
from bitfront.search.trials.manifest import begin, known_digests
from bitfront.search.trials.stored import DamagedFile, read_arrays, read_bytes, read_json, require_sound_keras
from bitfront.spaces import UserError


def cut(stored: bytes) -> bytes:
    return stored[: len(stored) // 2]


def flipped(stored: bytes) -> bytes:
    """One bit in the middle is another one."""
    middle = len(stored) // 2
    return stored[:middle] + bytes([stored[middle] ^ 4]) + stored[middle + 1 :]


def emptied(stored: bytes) -> bytes:
    return b""


DAMAGES = [cut, flipped, emptied]


@pytest.fixture
def folder(tmp_path) -> Path:
    """A study with a list of digests and three finished trials, none of which was computed."""
    found = tmp_path / "studies" / "toy"
    found.mkdir(parents=True)
    begin(found)
    for number in range(3):
        plausible(number).write(found)
    reference("toy").write(found)
    write_atomic(found / "study.yaml", "name: toy\nmodel: model.py:build\ndata: data.py:load\ntask: binary\n")
    return found


def ends(monkeypatch, capsys, *arguments: str) -> tuple[int, str, str]:
    """Run the command line in this process; return its exit code and what it printed."""
    monkeypatch.setattr(sys, "argv", ["bitfront", *arguments])
    with pytest.raises(SystemExit) as ended:
        run_main()
    out, err = capsys.readouterr()
    return int(ended.value.code or 0), out, err


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", ["reference.json", "trials/00001/evaluation.json"])
@pytest.mark.parametrize("words", [["show"], ["report"], ["doctor"], ["export"]], ids=lambda words: words[0])
def test_every_command_names_a_damaged_file_and_ends_with_2(words, name, damage, folder, monkeypatch, capsys):
    path = folder / name
    path.write_bytes(damage(path.read_bytes()))
    code, out, err = ends(monkeypatch, capsys, *words, str(folder))
    assert code == 2, err
    assert name in out + err
    assert err.count("\n") == 1
    assert "unexpected" not in err


def test_a_trial_s_file_that_lies_in_another_trial_s_folder_is_refused(folder):
    """Nothing but the list tells: it is a sound evaluation, and its number is put right."""
    one, other = (folder / "trials" / f"0000{n}" / "evaluation.json" for n in (1, 2))
    plain = json.loads(one.read_text()) | {"number": 2}
    other.write_text(json.dumps(plain, indent=1) + "\n")
    with pytest.raises(DamagedFile, match="isn't what bitfront wrote there"):
        Evaluation.read(other)
    shutil.copy(one, other)
    with pytest.raises(DamagedFile):
        Evaluation.read(other)


def test_every_version_that_was_written_is_sound_and_a_launcher_that_is_killed_amid_leaves_none_that_isn_t(
    folder,
):
    path = folder / "trials" / "00001" / "evaluation.json"
    first = path.read_bytes()
    plausible(1, width=4).write(folder)
    second = path.read_bytes()
    assert first != second
    for stored in (first, second):
        path.write_bytes(stored)
        assert Evaluation.read(path).number == 1
    with (folder / MANIFEST).open("ab") as listed:
        listed.write(b"abc")  # the line of a process that was killed
    plausible(1, width=5).write(folder)
    assert Evaluation.read(path).number == 1
    assert len(known_digests(folder)["trials/00001/evaluation.json"]) == 3


def test_a_folder_without_a_list_is_read_as_it_was_before_there_were_any(folder):
    (folder / MANIFEST).unlink()
    path = folder / "trials" / "00001" / "evaluation.json"
    path.write_text(path.read_text().replace("\n", "\n "))
    assert Evaluation.read(path).number == 1
    path.write_bytes(cut(path.read_bytes()))
    with pytest.raises(DamagedFile, match="not valid JSON"):
        Evaluation.read(path)


def formats(folder: Path) -> dict[str, tuple[bytes, object]]:
    """Return a small file of each kind that a study holds, and its reader."""
    import keras

    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    save_atomic(folder / "a.keras", model.save)
    save_atomic(folder / "a.npz", lambda path: np.savez_compressed(path, w0=np.arange(40.0), w1=np.eye(3)))
    write_atomic(folder / "a.json", json.dumps({"x": list(range(40)), "µ": "é"}, ensure_ascii=False))
    readers = {"a.keras": require_sound_keras, "a.npz": read_arrays, "a.json": read_json}
    return {name: ((folder / name).read_bytes(), reader) for name, reader in readers.items()}


def failure(reader, path: Path) -> str:
    """Return what a reader says of a file that it can't read; nothing where it can."""
    try:
        reader(path, "restore it")
    except DamagedFile as error:
        return str(error)
    return ""


def test_whatever_is_wrong_with_a_file_of_any_format_is_one_typed_failure(tmp_path):
    """No list of digests helps here: each cut and each flipped byte meets the format's own reader."""
    refused = 0
    for name, (stored, reader) in formats(tmp_path).items():
        path = tmp_path / name
        step = max(1, len(stored) // 150)
        for at in range(0, len(stored), step):
            for damaged in (stored[:at], stored[:at] + bytes([stored[at] ^ 0x55]) + stored[at + 1 :]):
                path.write_bytes(damaged)
                told = failure(reader, path)
                refused += bool(told)
                assert not told or (told.startswith(str(path)) and told.endswith(": restore it."))
                assert "\n" not in told
        path.write_bytes(stored)
        reader(path, "restore it")
        path.unlink()
        with pytest.raises(FileNotFoundError):
            reader(path, "restore it")
        path.mkdir()
        with pytest.raises(DamagedFile, match="directory"):
            read_bytes(path, "restore it")
    assert refused > 400


@pytest.fixture(scope="module")
def opened(tmp_path_factory) -> tuple[Path, Path]:
    """A study that was begun: study file, and its folder with a trained float model."""
    file = small_study.write(tmp_path_factory.mktemp("begun"))
    found = file.parent / "studies" / "small"
    StudyFolder(found).open(load_study(file, [f"output={found.parent}"]), file.parent)
    return file, found


@pytest.mark.parametrize("name", ["float.keras", "float_weights.npz", "golden.npz"])
def test_what_can_be_made_again_is_and_the_log_says_so(name, opened, tmp_path, said):
    """Float weights from the float model and the other way round, golden inputs from the data."""
    file, begun = opened
    study = Path(shutil.copytree(begun, tmp_path / "small"))
    before = [w.copy() for w in load_float_model(study, trust=False).get_weights()]
    golden = golden_inputs(study)
    for damage in DAMAGES:
        (study / name).write_bytes(damage((begun / name).read_bytes()))
        assert [(one.path, one.state) for one in examine(study) if one.state != "sound"] == [
            (name, "damaged")
        ]
        said.clear()
        problem = StudyFolder(study).open(load_study(file, [f"output={tmp_path}"]), file.parent)
        assert any(f"{name} was" in line and "made again" in line for line in said)
        for now in (problem.model.get_weights(), load_float_model(study, trust=False).get_weights()):
            assert all(np.array_equal(a, b) for a, b in zip(now, before, strict=True))
        assert all(np.array_equal(a, b) for a, b in zip(golden_inputs(study), golden, strict=True))
        assert all(one.state == "sound" for one in examine(study))


def test_a_float_model_that_neither_file_holds_is_refused(opened, tmp_path):
    file, begun = opened
    study = Path(shutil.copytree(begun, tmp_path / "small"))
    for name in ("float.keras", "float_weights.npz"):
        (study / name).write_bytes(flipped((begun / name).read_bytes()))
    with pytest.raises(DamagedFile, match=r"float_weights\.npz can't be read"):
        StudyFolder(study).open(load_study(file, [f"output={tmp_path}"]), file.parent)


def test_doctor_says_of_each_damaged_file_what_makes_it_again(opened, tmp_path, monkeypatch, capsys):
    study = Path(shutil.copytree(opened[1], tmp_path / "small"))
    assert ends(monkeypatch, capsys, "doctor", str(study))[0] == 0
    (study / "golden.npz").unlink()
    (study / "identity.json").write_text("")
    (study / "trials" / "00003").mkdir(parents=True)
    code, out, err = ends(monkeypatch, capsys, "doctor", str(study))
    assert code == 2
    assert "golden.npz: missing, it isn't there. Run the study again, which makes it again." in out
    assert "identity.json: damaged" in out
    assert "--fresh" in out
    assert "trials/00003: cut off" in out
    assert "golden.npz, identity.json can't be used" in err
    rows = json.loads(ends(monkeypatch, capsys, "doctor", str(study), "--json")[1])
    assert {row["path"] for row in rows if row["state"] != "sound"} == {
        "golden.npz",
        "identity.json",
        "trials/00003",
    }


def test_inputs_that_fill_up_a_small_study_are_ones_that_its_model_is_fed_with(tmp_path):
    """Signs, ranges, categories and steps of a mask stay; no sample is doubled whole."""
    rng = np.random.default_rng(3)
    categories = rng.integers(0, 7, size=(30, 4)).astype(np.float32)
    steps = rng.normal(size=(30, 5, 2)).astype(np.float32)
    steps[:, 3:] = 0.0
    made = perturbed((categories, steps))
    assert [len(one) for one in made] == [GOLDEN_SAMPLES - 30] * 2
    for position in range(4):
        assert set(made[0][:, position]) <= set(categories[:, position])
    assert not made[1][:, 3:].any()
    assert {step.tobytes() for step in made[1][:, 0]} <= {step.tobytes() for step in steps[:, 0]}
    known = {one.tobytes() for one in steps}
    assert sum(one.tobytes() not in known for one in made[1]) > 100


def test_the_list_of_digests_holds_against_two_processes_that_write_at_once(tmp_path):
    """No line is lost or torn, whoever writes."""
    begin(tmp_path)
    code = (
        "import sys; from pathlib import Path; from bitfront.search.trials.files import write_atomic\n"
        "for n in range(60): write_atomic(Path(sys.argv[1], f'{sys.argv[2]}-{n}.txt'), f'{n}')"
    )
    both = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path), name]) for name in "ab"]
    assert [one.wait(60) for one in both] == [0, 0]
    listed = known_digests(tmp_path)
    assert set(listed) == {f"{name}-{n}.txt" for name in "ab" for n in range(60)}
    for name in listed:
        read_bytes(tmp_path / name, "restore it")
    (tmp_path / "a-1.txt").write_text("2")
    with pytest.raises(UserError, match="SHA-256"):
        read_bytes(tmp_path / "a-1.txt", "restore it")


@pytest.mark.slow
def test_every_command_takes_every_kind_of_damage_to_every_file_with_a_sentence(capsys):
    """Each 17th case; `python -m bitfront.experiments.benchmarks.damaged` takes them all."""
    from bitfront.experiments.benchmarks import damaged

    with capsys.disabled():
        assert damaged.main(["--every", "17"]) == 0
