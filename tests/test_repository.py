"""The repository keeps its house rules: one direction of imports, small modules, no machine's paths."""

from __future__ import annotations

import ast
import graphlib
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest
from repository import PACKAGES, ROOT, files, ignored, imports, modules, owner, package_folders, texts

MAY_IMPORT = {
    "spaces": {"spaces"},
    "hls": {"spaces", "hls"},
    "search": {"spaces", "hls", "search"},
    "experiments": {"spaces", "hls", "search", "experiments"},
}
DOORS_OF_BUNDLES = {"bitfront.hls.keras_layers"}
"""Modules that users import by name, as every bundle tells them to."""
MOST_LINES = 400
# Split, so that this file does not hold what it looks for.
MACHINE_PATH = re.compile(r"(?<![\w.~])/(?:wo" + r"rk|ro" + r"ot|wor" + r"kspace)/\w")
ADDRESS = re.compile(
    r"\b(?:https?|ftp)://(?:[^/@\s]*@)?(?P<host>[\w.\[\]:-]*[\w\]])|\b(?:py" + r"pi\.org|pytho" + r"nhosted)"
)
# This machine, names without a domain, and the endings that are reserved for examples.
NOWHERE = re.compile(r"127\.0\.0\.1(?![\w.])|\[::1\]|[\w-]+(?::\d+)?$|.*\.(?:example|invalid|test)(?::\d+)?$")


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_point_one_way(package):
    """No package imports one that stands above it, inside functions neither."""
    wrong = []
    for name, path in modules().items():
        if name.split(".")[1] != package:
            continue
        for one in imports(name, path):
            parts = one.target.split(".")
            if parts[0] != "bitfront" or one.typing or parts[1] in MAY_IMPORT[package]:
                continue
            wrong.append(f"{path.relative_to(ROOT)}:{one.line} imports {one.target}")
    assert wrong == []


def test_rooms_import_only_those_below_them():
    """The contracts in pyproject.toml are kept, and each module at the top of a package has its place in
    one.
    """
    command = Path(sys.executable).with_name("lint-imports")
    run = subprocess.run([command, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout


def test_no_modules_import_each_other_in_a_circle():
    """Modules can be loaded in some order without one meeting another half-loaded; imports inside functions
    count.
    """
    known = modules()
    graph = {
        name: {
            found
            for target in [
                *(one.target for one in imports(name, path) if not one.typing),
                *behind_door(name, path),
            ]
            for found in [owner(target, known)]
            if found and found != name
        }
        for name, path in known.items()
    }
    assert len(list(graphlib.TopologicalSorter(graph).static_order())) == len(known)


def behind_door(name: str, path: Path) -> list[str]:
    """Return the modules that a door loads on first use."""
    return [
        f"{name}.{key.value}"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "lazy_door"
        for key in getattr(node.args[1], "keys", [])
    ]


def test_doors_are_the_only_way_in_from_another_package():
    """What one of the four packages takes from another is listed in `__all__` of an `__init__.py`, types
    too.
    """
    known = modules()
    listed = {name: names_of(path) for name, path in known.items() if path.name == "__init__.py"}
    wrong = []
    for name, path in known.items():
        for one in imports(name, path):
            home = owner(one.target, known)
            if home is None or home in DOORS_OF_BUNDLES or home.split(".")[1] == name.split(".")[1]:
                continue
            door, _, wanted = one.target.rpartition(".")
            if wanted not in listed.get(door, ()):
                wrong.append(f"{path.relative_to(ROOT)}:{one.line} imports {one.target}")
    assert wrong == []


@pytest.mark.parametrize("package", PACKAGES)
def test_no_package_comes_in_by_its_own_door(package):
    """The top door hands on what all rooms hold, so a room that used it would hide an arrow up."""
    known, wrong = modules(), []
    for name, path in known.items():
        if name.split(".")[1] == package and name != f"bitfront.{package}":
            wrong += [
                f"{path.relative_to(ROOT)}:{one.line}"
                for one in imports(name, path)
                if owner(one.target, known) == f"bitfront.{package}"
            ]
    assert wrong == []


def test_there_are_no_links():
    """A zip of the repository, or a checkout on Windows, is as good as a clone."""
    folders = {parent for path in files() for parent in path.parents if parent.is_relative_to(ROOT)}
    assert [
        str(path.relative_to(ROOT))
        for folder in sorted(folders)
        for path in folder.iterdir()
        if path.is_symlink() and not ignored(path)
    ] == []


def names_of(door: Path) -> set[str]:
    """Return what a door lists in `__all__`."""
    for node in ast.parse(door.read_text()).body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if any(isinstance(one, ast.Name) and one.id == "__all__" for one in targets):
            return set(ast.literal_eval(node.value))
    return set()


def defined(path) -> set[str]:
    """Return the names that a module has after it was loaded, as far as its text tells."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.Dict):  # the table of a door that loads on first use
            names |= {
                key.value for key in node.keys if isinstance(key, ast.Constant) and isinstance(key.value, str)
            }
    return names


@pytest.mark.parametrize("folder", [str(one.relative_to(ROOT)) for one in package_folders()])
def test_each_package_has_one_door_that_names_only_what_is_there(folder):
    """A package's __init__.py lists its public names, and each comes from a module that defines it."""
    door = ROOT / folder / "__init__.py"
    tree = ast.parse(door.read_text())
    assert ast.get_docstring(tree), f"{folder}/__init__.py says nothing of what the package is for"
    listed = [
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign | ast.AnnAssign)
        and "__all__"
        in {ast.unparse(t) for t in (node.targets if isinstance(node, ast.Assign) else [node.target])}
    ]
    assert listed, f"{folder}/__init__.py has no __all__"
    names = listed[0]
    assert len(set(names)) == len(names)
    assert set(names) <= defined(door)

    known = modules()
    name = ".".join(("bitfront", *folder.split("/")))
    for one in imports(name, door):
        home = owner(one.target, known)
        if home and home != one.target and home != name:
            assert one.target.rpartition(".")[2] in defined(known[home]), f"{home} defines no {one.target}"


@pytest.mark.parametrize("folder", [str(one.relative_to(ROOT)) for one in package_folders()])
def test_every_public_name_can_be_had(folder):
    """What a door lists is there when it is asked for, also where it loads on first use."""
    door = importlib.import_module(".".join(("bitfront", *folder.split("/"))))
    assert [name for name in door.__all__ if getattr(door, name, None) is None] == []


@pytest.mark.parametrize("package", PACKAGES)
def test_modules_are_small_enough_to_read_in_one_go(package):
    """No module of the packages has more than 400 lines."""
    long = {
        str(path.relative_to(ROOT)): text.count("\n")
        for path, text in texts().items()
        if path.suffix == ".py"
        and path.relative_to(ROOT).parts[0] == package
        and text.count("\n") > MOST_LINES
    }
    assert long == {}


def test_no_file_names_a_path_of_one_machine():
    """A checkout works anywhere: nothing in it points into some machine's folders."""
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path, text in texts().items()
        for number, line in enumerate(text.splitlines(), 1)
        if MACHINE_PATH.search(line)
    ]
    assert found == []


def test_no_file_names_an_address_outside_this_machine():
    """Packages come by name from whatever index the user has set up; the licence's own address is its
    text.
    """
    found = [
        f"{path.relative_to(ROOT)}:{number} {match.group()}"
        for path, text in texts().items()
        if path.name != "LICENSE"
        for number, line in enumerate(text.splitlines(), 1)
        for match in ADDRESS.finditer(line)
        if not NOWHERE.match(match["host"] or "")
    ]
    assert found == []


def test_code_leaves_nothing_for_later():
    """No module holds a note of work undone, or a function whose whole body is missing."""
    marks = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|X" + r"XX|HA" + r"CK)\b")
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path, text in texts().items()
        if path.suffix in (".py", ".md", ".toml", ".yaml")
        for number, line in enumerate(text.splitlines(), 1)
        if marks.search(line) or "raise NotImplementedError" in line.split("#")[0].split('"')[0]
    ]
    assert found == []


def test_the_command_line_starts_without_the_slow_libraries():
    """`bitfront --help` answers at once: TensorFlow, MLflow and hls4ml load only when they are used."""
    slow = [
        "tensorflow",
        "keras",
        "qkeras",
        "mlflow",
        "hls4ml",
        "optuna",
        "sklearn",
        "matplotlib",
        "altair",
        "vl_convert",
    ]
    code = f"import sys, bitfront.search.cli; print(sorted(set({slow}) & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_over_some_days_the_slow_tier_draws_each_test_that_it_draws_every_day_once(monkeypatch):
    """Which share of a test's file is its day depends on its name alone."""
    import conftest

    names = [f"tests/test_conformance.py::test_{number}" for number in range(300)]
    drawn: list[str] = []
    for day in range(20_000, 20_000 + conftest.SHARE):
        monkeypatch.setattr(conftest, "DAY", str(day))
        today = [name for name in names if conftest._drawn(name) % conftest.SHARE == 0]
        assert 50 < len(today) < 150
        drawn += today
    assert sorted(drawn) == sorted(names)
