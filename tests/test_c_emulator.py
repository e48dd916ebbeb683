"""A bundle's emulation as a C library: any program calls it, and it gives the golden outputs bit for bit."""

from __future__ import annotations

import ctypes
import json
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from test_bundle import source
from test_own_names import visible
from typer.testing import CliRunner

from bitfront.search.bundle import verify_bundle, write_bundle
from bitfront.search.cli.main import app

pytestmark = pytest.mark.skipif(
    shutil.which("g++") is None or shutil.which("make") is None, reason="needs g++ and make"
)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory) -> Path:
    return write_bundle(source(), tmp_path_factory.mktemp("export") / "best", check=False, emulator="c")


@pytest.fixture(scope="module")
def library(bundle) -> Path:
    """The library as `make` alone makes it."""
    subprocess.run(["make"], cwd=bundle / "emulator", check=True, capture_output=True, timeout=300)
    return bundle.parent / "bitfront_emulator" / "libbitfront.so"


def golden(bundle: Path, role: str) -> np.ndarray:
    listed = json.loads((bundle / "golden" / "golden.json").read_text())[role]
    return np.ascontiguousarray(np.load(bundle / "golden" / listed[0]["file"]))


def test_its_example_finds_no_output_that_differs(bundle, library):
    done = subprocess.run(
        [sys.executable, str(bundle / "emulator" / "example.py"), str(library)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "0 of 720 outputs differ\n"), done.stderr


def test_threads_that_run_batches_at_once_get_the_golden_outputs(bundle, library):
    run = ctypes.CDLL(str(library)).bitfront_run
    run.argtypes, run.restype = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t], None
    x, expected = golden(bundle, "inputs"), golden(bundle, "outputs")
    answers = [np.zeros_like(expected) for _ in range(4)]
    threads = [threading.Thread(target=run, args=(x.ctypes.data, y.ctypes.data, len(x))) for y in answers]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert all(np.array_equal(y, expected) for y in answers)


@pytest.mark.skipif(shutil.which("readelf") is None, reason="needs readelf")
def test_the_library_shows_the_functions_of_its_header_alone(library):
    assert visible(library) == {"bitfront_inputs", "bitfront_outputs", "bitfront_run"}


@pytest.mark.skipif(shutil.which("gcc") is None, reason="needs gcc")
def test_a_c_program_calls_it_by_its_header(bundle, library, tmp_path):
    (tmp_path / "main.c").write_text(
        '#include "bitfront_emulator.h"\n'
        "#include <stdio.h>\n"
        "int main(void) {\n"
        "    double x[BITFRONT_INPUTS] = {0}, y[BITFRONT_OUTPUTS];\n"
        "    bitfront_run(x, y, 1);\n"
        '    for (size_t i = 0; i < bitfront_outputs(); i++) printf("%.17g\\n", y[i]);\n'
        "    return bitfront_inputs() == BITFRONT_INPUTS ? 0 : 1;\n"
        "}\n"
    )
    command = ["gcc", "-std=c99", "-Wall", "-Werror", "-pedantic", f"-I{bundle / 'emulator'}", "main.c"]
    subprocess.run([*command, str(library), "-o", "main"], cwd=tmp_path, check=True)
    done = subprocess.run([str(tmp_path / "main")], capture_output=True, text=True, check=True)
    run = ctypes.CDLL(str(library)).bitfront_run
    run.argtypes, run.restype = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t], None
    x, y = np.zeros(6), np.full(3, np.nan)
    run(x.ctypes.data, y.ctypes.data, 1)
    assert [float(line) for line in done.stdout.split()] == y.tolist()


def test_the_bundle_verifies_with_its_emulator_before_and_after_it_is_built(bundle, library):
    assert library.is_file()
    assert verify_bundle(bundle).ok


def test_an_emulator_of_an_unknown_kind_is_refused_before_anything_is_read():
    done = CliRunner().invoke(app, ["export", "nowhere", "--emulator", "fortran"])
    assert done.exit_code == 2
    assert "fortran" in done.output
