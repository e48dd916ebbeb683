"""What is built from this checkout is whole, and the set-up says in one sentence why it cannot go on."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from configparser import ConfigParser
from pathlib import Path

import pytest
from repository import PACKAGES, ROOT, files, package_folders

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCK = (ROOT / "requirements.lock").read_text()
# Their licences would pass to whoever ships bitfront together with them.
COPYLEFT = {"pythia8mc", "fastjet", "lalsuite", "hgq2", "hgq", "rule4ml"}


def plain(requirement: str) -> str:
    """Return the normalised name in a requirement."""
    return re.split(r"[\s\[<>=!~;]", requirement.strip())[0].lower().replace("_", "-").replace(".", "-")


def of_the_laboratory(path: Path) -> bool:
    """Whether it is run from a checkout alone: benchmarks, and the refit of the estimate's coefficients."""
    return path.relative_to(ROOT).parts[:2] in {("experiments", "benchmarks"), ("experiments", "calibration")}


def locked() -> dict[str, str]:
    """Return the lock's entries: normalised name and version -> the whole entry."""
    entries = [entry for entry in re.split(r"\n(?=[a-z0-9])", LOCK) if "==" in entry]
    return {entry.split(" ")[0]: entry for entry in entries}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel that setuptools builds, without network, from what git would hand to somebody else."""
    source = tmp_path_factory.mktemp("source with spaces")
    for path in files():
        copy = source / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copy)
    out = tmp_path_factory.mktemp("wheel")
    code = "import sys; from setuptools import build_meta; print(build_meta.build_wheel(sys.argv[1]))"
    built = subprocess.run(
        [sys.executable, "-c", code, str(out)], cwd=source, capture_output=True, text=True, check=False
    )
    assert built.returncode == 0, built.stderr
    [found] = out.glob("bitfront-*.whl")
    return found


def test_pyproject_lists_every_package_on_disk():
    """A package left out of the list would work in the checkout and be missing from the wheel."""
    on_disk = [
        ".".join(("bitfront", *folder.relative_to(ROOT).parts))
        for folder in package_folders()
        if not of_the_laboratory(folder)
    ]
    assert sorted(PROJECT["tool"]["setuptools"]["packages"]) == sorted(on_disk)


def test_the_wheel_holds_every_file_of_the_four_folders_but_the_laboratory(wheel):
    """Code, parts catalogue, ready studies and the data they need all reach a user who installs the wheel."""
    wanted = {
        "/".join(("bitfront", *path.relative_to(ROOT).parts))
        for path in files()
        if path.relative_to(ROOT).parts[0] in PACKAGES and not of_the_laboratory(path)
    }
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert wanted - held == set()
    assert held - wanted == set()


def test_the_wheel_has_the_command_and_the_licence(wheel):
    """`bitfront` is a command after installing, and the licence travels with the code."""
    with zipfile.ZipFile(wheel) as archive:
        [info] = {name.split("/")[0] for name in archive.namelist() if ".dist-info/" in name}
        scripts = ConfigParser()
        scripts.read_string(archive.read(f"{info}/entry_points.txt").decode())
        metadata = archive.read(f"{info}/METADATA").decode()
        licence = archive.read(f"{info}/licenses/LICENSE").decode()
    assert dict(scripts["console_scripts"]) == {"bitfront": "bitfront.search.cli:main"}
    assert dict(scripts["bitfront.studies"]) == {"gallery": "bitfront.experiments:gallery"}
    assert dict(scripts["bitfront.operations"]) == {"built_in": "bitfront.hls.ops:OPERATIONS"}
    assert "License-Expression: Apache-2.0" in metadata
    assert "Apache License" in licence
    assert "Version 2.0, January 2004" in licence


def test_the_unpacked_wheel_runs_without_the_checkout(wheel, tmp_path):
    """The command line starts from the wheel's own files, in a folder that is not the checkout."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    code = "import bitfront.search.cli as cli, sys; print(cli.__file__); sys.argv = ['bitfront', '--help']; cli.main()"
    run = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=dict(os.environ, PYTHONPATH=str(tmp_path)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith(str(tmp_path / "bitfront" / "search" / "cli"))
    assert "run" in run.stdout


def test_no_dependency_brings_a_copyleft_licence():
    """Generators under the GPL and peers under the LGPL are optional extras at most, and never locked."""
    needed = {plain(one) for one in PROJECT["project"]["dependencies"]}
    assert needed & COPYLEFT == set()
    assert {entry.split("==")[0] for entry in locked()} & COPYLEFT == set()


def test_the_lock_covers_what_pyproject_asks_for():
    """Whoever adds a dependency must lock it: the set-up installs nothing else."""
    wanted = {plain(one) for one in PROJECT["project"]["dependencies"]}
    wanted |= {plain(one) for one in PROJECT["project"]["optional-dependencies"]["test"]}
    wanted |= {plain(one) for one in PROJECT["build-system"]["requires"]}
    assert wanted - {entry.split("==")[0] for entry in locked()} == set()


def test_every_locked_package_has_one_version_and_its_hashes():
    """An install from the lock can fetch nothing but the files that were tested."""
    entries = locked()
    assert len(entries) > 100
    for name, entry in entries.items():
        assert re.fullmatch(r"[a-z0-9-]+==[A-Za-z0-9.!+]+", name)
        assert "--hash=sha256:" in entry
    assert "--index-url" not in LOCK
    assert "--find-links" not in LOCK


@pytest.fixture
def bootstrap(tmp_path, monkeypatch):
    """bootstrap.py as a module, with an environment folder of this test's own."""
    spec = importlib.util.spec_from_file_location("bootstrap", ROOT / "bootstrap.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    folder = tmp_path / ".venv"
    monkeypatch.setattr(module, "VENV", folder)
    monkeypatch.setattr(module, "LOG", folder / "install.log")
    monkeypatch.setattr(module, "PYTHON", folder / "bin" / "python")
    monkeypatch.setattr(module, "STAMP", folder / "bitfront-stamp.json")
    return module


def test_bootstrap_knows_the_same_python_versions_as_pyproject(bootstrap):
    """The set-up refuses exactly the versions that the package refuses."""
    assert PROJECT["project"]["requires-python"].startswith(">={}.{}".format(*bootstrap.OLDEST))
    assert bootstrap.OLDEST <= sys.version_info[:2] <= bootstrap.NEWEST


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["tset"], "there is no command 'tset'"),
        (["demo", "--trials", "3"], "'demo' takes no arguments (got --trials 3)"),
    ],
)
def test_bootstrap_refuses_a_wrong_command_in_one_line(arguments, sentence):
    """A slip ends with exit code 2 and one sentence, before anything is installed."""
    run = subprocess.run(
        [sys.executable, str(ROOT / "bootstrap.py"), *arguments], capture_output=True, text=True, check=False
    )
    assert run.returncode == 2
    assert run.stdout == ""
    assert run.stderr.startswith(f"bootstrap.py: {sentence}")
    assert run.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("printed", "meaning"),
    [
        ("error: Failed to fetch: `simple/numpy/`\n  dns error", "could not be reached"),
        ("Could not fetch: [Errno -3] Temporary failure in name resolution", "could not be reached"),
        ("OSError: [Errno 28] No space left on device", "the disk is full"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES", "not the one that was locked"),
        ("ERROR: No matching distribution found for tensorflow==2.21.0", "no build for this machine"),
        ("one line\nerror: something else broke", "failed with 'error: something else broke'"),
    ],
)
def test_bootstrap_says_why_an_install_failed(bootstrap, printed, meaning):
    """What an installer prints becomes one sentence, and the rest stays in a log."""
    bootstrap.VENV.mkdir()
    installer = [sys.executable, "-c", "import sys; print(sys.argv[1], file=sys.stderr); sys.exit(1)"]
    with pytest.raises(bootstrap.SetupFailed, match=re.escape(meaning)) as caught:
        bootstrap.install(installer, [printed], "packages")
    assert "\n" not in str(caught.value)
    assert bootstrap.LOG.read_text() == printed + "\n"


def test_bootstrap_leaves_a_folder_alone_that_is_not_an_environment(bootstrap):
    """A .venv that holds something else is never deleted."""
    bootstrap.VENV.mkdir()
    (bootstrap.VENV / "thesis.tex").write_text("precious")
    with pytest.raises(bootstrap.SetupFailed, match="is not a virtual environment"):
        bootstrap.make_venv()
    assert (bootstrap.VENV / "thesis.tex").read_text() == "precious"


def test_bootstrap_installs_nothing_where_nothing_changed(bootstrap, monkeypatch):
    """A second run with the same lock starts no installer; a changed lock starts it again."""
    started = []
    monkeypatch.setattr(bootstrap, "install", lambda installer, arguments, what: started.append(what))
    monkeypatch.setattr(bootstrap, "choose_installer", lambda: ["none"])
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(bootstrap.VENV)], check=True)
    monkeypatch.setattr(bootstrap, "make_venv", lambda: None)
    bootstrap.ensure_environment()
    assert [what.split(" (")[0] for what in started] == [
        "the build tools",
        "the packages of requirements.lock",
        "bitfront itself",
    ]
    bootstrap.ensure_environment()
    assert len(started) == 3
    other = bootstrap.VENV / "other.lock"
    other.write_text(LOCK + "\n")
    monkeypatch.setattr(bootstrap, "LOCK", other)
    bootstrap.ensure_environment()
    assert len(started) == 6


def test_bootstrap_pins_what_it_builds_with(bootstrap):
    """The build tools are installed from their own entries of the lock, hashes included."""
    bootstrap.VENV.mkdir()
    arguments = bootstrap.locked(("setuptools", "uv"))
    assert arguments[:-1] == ["--no-deps", "--require-hashes", "--requirement"]
    written = Path(arguments[-1]).read_text()
    assert re.findall(r"^([a-z0-9-]+)==", written, re.MULTILINE) == ["setuptools", "uv"]
    assert written.count("--hash=sha256:") >= 4
