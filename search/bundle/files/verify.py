#!/usr/bin/env python3
"""Compile the firmware beside this file with g++ and compare it with the golden outputs, bit for bit.

Needs Python 3.9 or newer and g++; no package, and no network. Writes to a temporary folder inside this one and
removes it. Exit code 0: identical; 1: not; 2: files missing or changed; 4: no g++.
"""

import ast
import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from array import array
from pathlib import Path
from typing import NoReturn

HERE = Path(__file__).resolve().parent


def check_files() -> None:
    """End with exit code 2 when a file isn't what the bundle was written with."""
    for line in (HERE / "checksums.sha256").read_text().splitlines():
        digest, _, name = line.partition("  ")
        path = HERE / name
        if not path.is_file():
            stop(2, f"{name} is missing")
        if hashlib.sha256(path.read_bytes()).hexdigest() != digest:
            stop(2, f"{name} was changed")


def stop(code: int, message: str) -> NoReturn:
    """Print one line and end."""
    print(f"FAIL: {message}", file=sys.stderr)
    raise SystemExit(code)


def load(entries: "list[dict[str, str]]", samples: int) -> "list[array[float]]":
    """Return the arrays of `entries` side by side, one row of float64 values a sample."""
    rows = [array("d") for _ in range(samples)]
    for entry in entries:
        values = read_npy(HERE / "golden" / entry["file"])
        width, rest = divmod(len(values), samples)
        if rest:
            stop(2, f"golden/{entry['file']} doesn't hold {samples} samples")
        for i, row in enumerate(rows):
            row.extend(values[i * width : (i + 1) * width])
    return rows


def read_npy(path: Path) -> "array[float]":
    """Return the values of a NumPy file, format 1, of little-endian float64 in C order: what the bundle holds."""
    data = path.read_bytes()
    end = 10 + int.from_bytes(data[8:10], "little")
    head = ast.literal_eval(data[10:end].decode("latin-1")) if data[:8] == b"\x93NUMPY\x01\x00" else {}
    if head.get("descr") != "<f8" or head.get("fortran_order"):
        stop(2, f"{path.name} is no array of float64")
    values = array("d")
    values.frombytes(data[end:])
    if sys.byteorder == "big":
        values.byteswap()
    return values


def main() -> int:
    """Verify and say so."""
    check_files()
    compiler = shutil.which("g++")
    if compiler is None:
        stop(4, "g++ is not installed")
    golden = json.loads((HERE / "golden" / "golden.json").read_text())
    x, expected = (load(golden[role], golden["samples"]) for role in ("inputs", "outputs"))
    project = HERE / "project"
    with tempfile.TemporaryDirectory(prefix=".verify-", dir=HERE) as place:
        command = [compiler, "-O1", "-w", "-std=c++11"]
        command += [f"-I{project}", f"-I{project / 'firmware' / 'ap_types'}"]
        command += [f'-DWEIGHTS_DIR="{project / "firmware" / "weights"}"']
        command += [str(HERE / "golden" / "emulate.cpp"), "-o", str(Path(place) / "emulate")]
        built = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if built.returncode:
            stop(1, "g++ failed:\n" + built.stdout)
        (Path(place) / "in").write_bytes(b"".join(row.tobytes() for row in x))
        ran = subprocess.run([str(Path(place) / "emulate"), "in", "out"], cwd=place)
        if ran.returncode:
            stop(1, f"the firmware's emulation ended with status {ran.returncode}")
        found = array("d")
        found.frombytes((Path(place) / "out").read_bytes())
    width = len(expected[0])
    if len(found) != width * len(expected):
        stop(1, f"the firmware gave {len(found)} values, {width * len(expected)} were expected")
    got = [found[i * width : (i + 1) * width] for i in range(len(expected))]
    wrong = [i for i, row in enumerate(expected) if got[i] != row]
    if wrong:
        worst = max(abs(got[i][j] - expected[i][j]) for i in wrong for j in range(width))
        stop(1, f"{len(wrong)} of {len(expected)} samples differ, by up to {worst:g}")
    print(f"PASS: {len(expected)} samples, {width} outputs each, identical bit for bit")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
