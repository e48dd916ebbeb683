"""Ready studies come from installed packages; one that can't be used costs a sentence."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from types import SimpleNamespace

import pytest

from bitfront.experiments import gallery
from bitfront.search.config import ready
from bitfront.search.config.ready import GROUP, ready_studies


@pytest.fixture
def offered(monkeypatch, tmp_path):
    """Return a function that lets these functions be the entry points, one a package."""
    monkeypatch.syspath_prepend(str(tmp_path))
    ready_studies.cache_clear()

    def offer(**functions):
        module = "offered_" + "_".join(functions)
        (tmp_path / f"{module}.py").write_text("")
        __import__(module)
        for name, function in functions.items():
            setattr(sys.modules[module], name, function)
        points = [EntryPoint(name, f"{module}:{name}", GROUP) for name in functions]
        monkeypatch.setattr(ready, "entry_points", lambda group: points if group == GROUP else [])
        return ready_studies()

    yield offer
    ready_studies.cache_clear()


def study(folder: Path, name: str) -> SimpleNamespace:
    (folder / name).mkdir(exist_ok=True)
    (folder / name / "study.yaml").write_text("name: x\n")
    return SimpleNamespace(name=name, title="One", family="mlp", folder=folder / name)


def test_the_gallery_is_offered_by_its_entry_point():
    found = ready_studies()
    assert found.faults == ()
    assert [one.name for one in found.studies][: len(gallery())] == [one.name for one in gallery()]
    assert found.find("jets-mlp") == found.find("jets_mlp") != None  # noqa: E711


def test_another_package_offers_studies(offered, tmp_path):
    found = offered(mine=lambda: [study(tmp_path, "mine")])
    assert found.names == ("mine",)
    assert found.find("mine").file == tmp_path / "mine" / "study.yaml"
    assert found.hint == ""


def test_a_package_that_cannot_be_used_is_one_sentence(offered, tmp_path):
    def broken():
        raise RuntimeError("no\nnetwork")

    found = offered(good=lambda: [study(tmp_path, "good")], broken=broken, nothing=None)
    assert found.names == ("good",)
    assert len(found.faults) == 2
    assert all("\n" not in fault and fault.endswith(".") for fault in found.faults)
    assert "'broken'" in found.faults[0]
    assert "no network" in found.faults[0]


def test_a_folder_without_a_study_and_a_name_taken_twice_are_faults(offered, tmp_path):
    empty = SimpleNamespace(name="empty", title="", family="mlp", folder=tmp_path / "nowhere")
    one, two = study(tmp_path, "one"), study(tmp_path, "two")
    two.name = "one"
    found = offered(a=lambda: [one], b=lambda: [two], c=lambda: [empty])
    assert found.names == ("one",)
    assert found.find("one").folder == one.folder
    assert "another package has too" in found.faults[0]
    assert "study.yaml is missing" in found.faults[1]


def test_the_search_runs_without_any_ready_study(offered):
    found = offered()
    assert found.studies == ()
    assert "install bitfront again" in found.hint


def test_ls_lists_what_can_be_used_and_names_what_cannot(tmp_path):
    """As users meet it: a broken package is a note, and the command goes on."""
    info = tmp_path / "brokenpack-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: brokenpack\nVersion: 1\n")
    (info / "entry_points.txt").write_text(f"[{GROUP}]\nall = brokenpack_missing:studies\n")
    code = f"import sys; sys.path.append({str(tmp_path)!r}); sys.argv = ['bitfront', 'ls']\nfrom bitfront.search.cli import main; main()"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 0
    assert "jets_mlp" in run.stdout
    assert "brokenpack" in run.stderr
    assert "Traceback" not in run.stderr
