"""Libraries of all families of layers, and hls4ml's own, answer in one process as each does alone."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import zoo

from bitfront.hls import hls_config, to_keras
from bitfront.hls.hls4ml_project.project import convert

FAMILIES = {
    "vector": "io_parallel",
    "sequence": "io_stream",
    "recurrent": "io_parallel",
    "bidirectional": "io_parallel",
    "image": "io_stream",
    "norms": "io_stream",
    "curves": "io_parallel",
}
SAMPLES = 16
ORDERS = 3
"""Random orders, besides the one in which they were built and its reverse."""
TOGETHER = """
import ctypes, json, sys, threading
import numpy as np
given = json.loads(sys.stdin.read())
libraries = [(one, ctypes.CDLL(one["library"], mode=getattr(ctypes, given["mode"]))) for one in given["projects"]]
wrong = dict.fromkeys((one["name"] for one, _ in libraries), 0)
def call(one, library):
    x, expected = np.load(one["folder"] + "/x.npy"), np.load(one["folder"] + "/y.npy")
    for sample, answer in zip(x, expected):
        outputs = [np.zeros(size) for size in one["sizes"]]
        pointers = [a.ctypes.data_as(ctypes.c_void_p) for a in [sample, *outputs]]
        getattr(library, one["entry"])(*pointers)
        wrong[one["name"]] += int((np.concatenate(outputs) != answer).sum())
for one, library in libraries:
    call(one, library)
threads = [threading.Thread(target=call, args=pair) for pair in libraries]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(json.dumps(wrong))
"""


def ours(folder: Path, group: str, io_type: str) -> dict:
    """A project of a family, compiled as plainly as can be; its expected outputs are the bit-true model's."""
    model, x = zoo.zoo(group, 1, seed=3), zoo.data(group, SAMPLES)
    graph, bit_true, types = zoo.prepared(model, x, 3)
    expected = [y.reshape(len(x), -1) for y in bit_true.predict([x])]
    plain = to_keras(graph, bit_true.weights(), types)
    config = hls_config(graph, types, plain, zoo.hardware(graph, "Latency"))
    project = convert(plain, config, folder / "project", io_type=io_type, part=zoo.PART).write()
    (folder / "one.cpp").write_text('#include "firmware/bitfront.cpp"\n#include "bitfront_bridge.cpp"\n')
    command = ["g++", "-O0", "-w", "-std=c++11", "-fPIC", "-shared", f"-I{project.folder}", "one.cpp"]
    command += [f"-I{project.folder}/firmware/ap_types", "-o", "one.so"]
    subprocess.run(command, cwd=folder, check=True, timeout=600)
    return saved(folder, group, folder / "one.so", "bitfront_double", x, expected)


def theirs(folder: Path, seed: int, name: str, namespace: str | None) -> dict:
    """A project of hls4ml's alone, built by its script; its expected outputs are those it gives alone."""
    import hls4ml

    keras.utils.set_random_seed(seed)
    x = keras.Input((6,), name="x")
    model = keras.Model(x, keras.layers.Dense(4, activation="tanh", name="d")(x))
    config = hls4ml.utils.config_from_keras_model(model, granularity="name", backend="Vitis")
    graph = hls4ml.converters.convert_from_keras_model(
        model,
        hls_config=config,
        output_dir=str(folder / "project"),
        project_name=name,
        backend="Vitis",
        namespace=namespace,
    )
    graph.write()
    subprocess.run(["bash", "build_lib.sh"], cwd=folder / "project", check=True, capture_output=True)
    (library,) = (folder / "project" / "firmware").glob("*.so")
    given = np.random.default_rng(seed).normal(size=(SAMPLES, 6))
    return saved(
        folder, folder.name, library, f"{name}_double", given, [alone(library, f"{name}_double", given)]
    )


def saved(folder: Path, name: str, library: Path, entry: str, x: np.ndarray, y: list[np.ndarray]) -> dict:
    """Keep inputs and expected outputs; return what the process must know."""
    np.save(folder / "x.npy", np.ascontiguousarray(x.reshape(len(x), -1), np.float64))
    np.save(folder / "y.npy", np.concatenate(y, axis=1).astype(np.float64))
    sizes = [one.shape[1] for one in y]
    return {"name": name, "folder": str(folder), "library": str(library), "entry": entry, "sizes": sizes}


def alone(library: Path, entry: str, x: np.ndarray) -> np.ndarray:
    """The four outputs that a library of hls4ml gives in a process of its own."""
    code = (
        "import ctypes, json, sys, numpy as np\n"
        "call, out = getattr(ctypes.CDLL(sys.argv[1]), sys.argv[2]), []\n"
        "for x in np.array(json.loads(sys.stdin.read())):\n"
        "    y = np.zeros(4)\n"
        "    call(x.ctypes.data_as(ctypes.c_void_p), y.ctypes.data_as(ctypes.c_void_p))\n"
        "    out.append(y.tolist())\n"
        "print(json.dumps(out))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(library), entry],
        input=json.dumps(x.tolist()),
        check=True,
        capture_output=True,
        text=True,
    )
    return np.array(json.loads(done.stdout))


@zoo.needs_compiler
@pytest.mark.slow
@pytest.mark.skipif(shutil.which("bash") is None, reason="hls4ml's build script needs bash")
def test_seven_families_and_two_projects_of_hls4ml_answer_in_one_process(tmp_path):
    projects = []
    for name, io_type in FAMILIES.items():
        (tmp_path / name).mkdir()
        projects.append(ours(tmp_path / name, name, io_type))
    # the first has names of ours: bitfront, w2, config2
    for seed, (name, project, namespace) in enumerate(
        [("hls4ml", "bitfront", None), ("hls4ml_namespace", "other", "names_of_other")]
    ):
        (tmp_path / name).mkdir()
        projects.append(theirs(tmp_path / name, seed, project, namespace))
    drawn = random.Random(1)
    orders = [projects, projects[::-1], *(drawn.sample(projects, len(projects)) for _ in range(ORDERS))]
    for mode, left_out in (
        ("RTLD_LOCAL", ""),
        ("RTLD_GLOBAL", "hls4ml"),
        ("RTLD_GLOBAL", "hls4ml_namespace"),
    ):
        # hls4ml's two disturb each other with RTLD_GLOBAL, whatever their names: the template that reads the
        # text files of weights holds their folder, and is one for both
        for order in orders:
            kept = [one for one in order if one["name"] != left_out]
            done = subprocess.run(
                [sys.executable, "-c", TOGETHER],
                input=json.dumps({"mode": mode, "projects": kept}),
                check=True,
                capture_output=True,
                text=True,
                timeout=600,
            )
            assert json.loads(done.stdout) == {one["name"]: 0 for one in kept}, mode
