"""Compiled firmware of several projects lives in one process: none sees another's names."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from bitfront.hls.hls4ml_project.own_names import ENTRY_POINTS, SYSTEM_HEADERS, use_own_names
from bitfront.hls.hls4ml_project.project import convert
from bitfront.hls.hls4ml_project.sandbox import BuildError
from bitfront.hls.synthesis.cpp import read_source
from bitfront.spaces import FixedPoint

keras = pytest.importorskip("keras")

pytestmark = pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++")

VALUE = FixedPoint(9, 3, True, "RND_CONV", "SAT")
WIDE = FixedPoint(30, 10)
TABLES = {"fine": FixedPoint(12, 2), "coarse": FixedPoint(6, 2)}
SAMPLES = 64
CALLED = """
import ctypes, json, sys
import numpy as np
x = np.load(sys.argv[1])
out = {}
libraries = [(path, ctypes.CDLL(path, mode=getattr(ctypes, sys.argv[2]))) for path in sys.argv[4:]]
for path, library in libraries * 2:
    y = np.zeros((len(x), int(sys.argv[3])))
    for given, answer in zip(x, y):
        library.bitfront_double(given.ctypes.data_as(ctypes.c_void_p), answer.ctypes.data_as(ctypes.c_void_p))
    out.setdefault(path, []).append(y.tolist())
print(json.dumps(out))
"""


def written(folder, table, *, kind="LSTM", seed=4):
    """A recurrent layer or a perceptron with a tanh whose table has the type `table`, written as a project."""
    import hls4ml

    keras.utils.set_random_seed(seed)
    x = keras.Input((4, 2), name="x")
    if kind == "LSTM":
        y = keras.layers.LSTM(3, name="rnn")(x)
    else:
        y = keras.layers.Dense(3, activation="tanh", name="rnn")(keras.layers.Flatten(name="flat")(x))
    model = keras.Model(x, y)
    model.set_weights([FixedPoint(8, 2).quantize(w) for w in model.get_weights()])
    config = hls4ml.utils.config_from_keras_model(model, granularity="name", backend="Vitis")
    for name, layer in config["LayerName"].items():
        if name.startswith("rnn"):
            layer["table_t"] = str(table)
        layer["Precision"] = {
            role: str(table if "table" in role else VALUE if role == "result" else WIDE)
            for role in layer["Precision"]
        }
    return convert(model, config, folder).write()


def inputs():
    return np.random.default_rng(1).normal(0, 1.5, (SAMPLES, 8))


def plain_library(project: Path) -> Path:
    """The project as someone who knows nothing of it compiles it: one file, no flag but what a library needs."""
    source, library = project.parent / f"{project.name}.cpp", project.parent / f"{project.name}.so"
    source.write_text(
        f'#include "{project}/firmware/bitfront.cpp"\n#include "{project}/bitfront_bridge.cpp"\n'
    )
    command = ["g++", "-O0", "-w", "-std=c++11", "-fPIC", "-shared", f"-I{project}"]
    subprocess.run(
        [*command, f"-I{project}/firmware/ap_types", str(source), "-o", str(library)], check=True, timeout=300
    )
    return library


def outputs(place: Path, mode: str, libraries: list[Path]) -> dict[Path, list[np.ndarray]]:
    """What each library answers, twice, all loaded in one new process in the order given."""
    np.save(place / "x.npy", inputs())
    done = subprocess.run(
        [sys.executable, "-c", CALLED, str(place / "x.npy"), mode, "3", *map(str, libraries)],
        check=True,
        capture_output=True,
        text=True,
        timeout=300,
    )
    return {Path(path): [np.array(y) for y in found] for path, found in json.loads(done.stdout).items()}


def visible(library: Path) -> set[str]:
    """Names that a library shows, by readelf."""
    done = subprocess.run(
        ["readelf", "-Ws", "--dyn-syms", str(library)], check=True, capture_output=True, text=True
    )
    lines = (line.split() for line in done.stdout.split("'.symtab'")[0].splitlines())
    return {f[7] for f in lines if len(f) == 8 and f[4] != "LOCAL" and f[6] != "UND" and f[0] != "Num:"}


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """The same perceptron with two types of its table, as plain libraries."""
    place = tmp_path_factory.mktemp("pair")
    projects = {name: written(place / name, table, kind="Dense") for name, table in TABLES.items()}
    return place, {name: plain_library(project.folder) for name, project in projects.items()}


@pytest.mark.parametrize("mode", ["RTLD_LOCAL", "RTLD_GLOBAL"])
def test_two_projects_of_the_same_names_answer_in_one_process_as_they_do_alone(pair, mode):
    place, libraries = pair
    alone = {path: outputs(place, mode, [path])[path][0] for path in libraries.values()}
    fine, coarse = libraries.values()
    assert not np.array_equal(alone[fine], alone[coarse])  # else one could answer for the other
    for order in ([fine, coarse], [coarse, fine]):
        for path, found in outputs(place, mode, order).items():
            assert all(np.array_equal(one, alone[path]) for one in found), path.name


def test_threads_that_call_one_library_at_once_get_what_one_thread_gets(pair):
    import ctypes

    library, x = ctypes.CDLL(str(pair[1]["fine"])), np.tile(inputs(), (8, 1))

    def answers(y):
        for given, answer in zip(x, y, strict=True):
            library.bitfront_double(
                given.ctypes.data_as(ctypes.c_void_p), answer.ctypes.data_as(ctypes.c_void_p)
            )

    together = [np.zeros((len(x), 3)) for _ in range(4)]
    threads = [threading.Thread(target=answers, args=(y,)) for y in together]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    alone = np.zeros((len(x), 3))
    answers(alone)
    assert all(np.array_equal(y, alone) for y in together)


@pytest.mark.skipif(shutil.which("readelf") is None, reason="needs readelf")
def test_without_any_flag_no_name_of_the_project_is_visible_but_the_entry_points(pair):
    names = visible(pair[1]["fine"])
    assert {"bitfront_float", "bitfront_double", *ENTRY_POINTS} <= names
    others = {one for one in names if re.search("nnet|bitfront|config|table|trace|w2|b2", one)}
    assert others == {"bitfront_float", "bitfront_double", *ENTRY_POINTS}


def test_every_system_header_that_hls4ml_reads_comes_before_the_pragma(pair):
    firmware = pair[1]["fine"].with_suffix("") / "firmware"
    read = {
        name
        for path in firmware.rglob("*.h")
        if "own_names" not in path.name
        for name in re.findall(r"^\s*#\s*include\s*<([^>]+)>", path.read_text(), re.MULTILINE)
        if not (firmware / "ap_types" / name).exists() and name != "hls_half.h"  # the vendor's own
    }
    assert read <= set(SYSTEM_HEADERS)


def test_synthesis_reads_the_same_source_without_namespace_and_pragma(pair, tmp_path):
    lines = [line.text for line in read_source(pair[1]["fine"].with_suffix(""), "bitfront", tmp_path).lines]
    assert "void bitfront(" in lines
    assert any(line.startswith("struct config") for line in lines)
    assert not any(re.search("inline namespace|GCC visibility|OWN_NAMES|HIDDEN", line) for line in lines)


def test_the_vendors_simulation_reads_the_same_source_without_namespace_pragma_and_lock(pair):
    """AMD's C and RTL simulation define __SIM_FPO__, from Vivado 2018 to Vitis 2025."""
    project = pair[1]["fine"].with_suffix("")
    command = ["g++", "-E", "-P", "-D__SIM_FPO__", "-std=c++11", f"-I{project}/firmware/ap_types"]
    done = subprocess.run(
        [*command, f"-I{project}", str(project / "bitfront_bridge.cpp")],
        check=True,
        capture_output=True,
        text=True,
    )
    assert "void bitfront_double(" in done.stdout
    assert not re.search(r"inline namespace bitfront|push\(hidden\)|one_at_a_time|TAKE_TURN", done.stdout)


def test_the_namespace_is_named_by_the_contents(tmp_path):
    def namespace(project):
        text = (project.folder / "firmware" / "own_names.h").read_text()
        return re.search(r"inline namespace (\w+)", text)[1]

    names = [
        namespace(written(tmp_path / str(k), table, kind="Dense", seed=seed))
        for k, (table, seed) in enumerate([(WIDE, 4), (WIDE, 4), (VALUE, 4), (WIDE, 5)])
    ]
    assert names[0] == names[1]
    assert len(set(names)) == 3


def test_a_file_of_another_form_is_refused_by_name(tmp_path):
    project = written(tmp_path / "project", WIDE, kind="Dense")
    (project.folder / "firmware" / "defines.h").write_text("#pragma once\n")
    with pytest.raises(BuildError, match=r"defines\.h"):
        use_own_names(project.folder, "bitfront")


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("readelf") is None, reason="needs readelf")
def test_libraries_of_build_lib_show_the_entry_points_alone_and_stand_side_by_side(tmp_path):
    libraries = []
    for name, table in TABLES.items():
        project = written(tmp_path / name, table)
        subprocess.run(["bash", "build_lib.sh"], cwd=project.folder, check=True, capture_output=True)
        libraries.append(project.folder / "firmware" / "bitfront-bitfront.so")
        assert visible(libraries[-1]) == {"bitfront_float", "bitfront_double", *ENTRY_POINTS}
    for mode in ("RTLD_LOCAL", "RTLD_GLOBAL"):
        alone = {path: outputs(tmp_path, mode, [path])[path][0] for path in libraries}
        assert not np.array_equal(*alone.values())
        for order in (libraries, libraries[::-1]):
            for path, found in outputs(tmp_path, mode, order).items():
                assert all(np.array_equal(one, alone[path]) for one in found), path
