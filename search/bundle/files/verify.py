#!/usr/bin/env python3
"""Compile the firmware beside this file with g++ and compare it with the golden outputs, bit for bit.

Needs Python 3.9 or newer, NumPy and g++; nothing else, and no network. Writes to a temporary folder inside
this one and removes it. Exit code 0: identical; 1: not; 2: files missing or changed; 4: no g++.
"""

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NoReturn

import numpy as np

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


def load(entries: "list[dict[str, str]]") -> np.ndarray:
    """Return the arrays of `entries` side by side, one row a sample."""
    arrays = [np.load(HERE / "golden" / entry["file"], allow_pickle=False) for entry in entries]
    return np.concatenate([a.reshape(len(a), -1) for a in arrays], axis=1).astype(np.float64)


def main() -> int:
    """Verify and say so."""
    check_files()
    compiler = shutil.which("g++")
    if compiler is None:
        stop(4, "g++ is not installed")
    golden = json.loads((HERE / "golden" / "golden.json").read_text())
    x, expected = load(golden["inputs"]), load(golden["outputs"])
    project = HERE / "project"
    with tempfile.TemporaryDirectory(prefix=".verify-", dir=HERE) as place:
        command = [compiler, "-O1", "-w", "-std=c++11"]
        command += [f"-I{project}", f"-I{project / 'firmware' / 'ap_types'}"]
        command += [f'-DWEIGHTS_DIR="{project / "firmware" / "weights"}"']
        command += [str(HERE / "golden" / "emulate.cpp"), "-o", str(Path(place) / "emulate")]
        built = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if built.returncode:
            stop(1, "g++ failed:\n" + built.stdout)
        x.tofile(Path(place) / "in")
        ran = subprocess.run([str(Path(place) / "emulate"), "in", "out"], cwd=place)
        if ran.returncode:
            stop(1, f"the firmware's emulation ended with status {ran.returncode}")
        got = np.fromfile(Path(place) / "out", np.float64)
    if got.size != expected.size:
        stop(1, f"the firmware gave {got.size} values, {expected.size} were expected")
    got = got.reshape(expected.shape)
    wrong = int((got != expected).any(axis=1).sum())
    if wrong:
        stop(1, f"{wrong} of {len(x)} samples differ, by up to {np.abs(got - expected).max():g}")
    print(f"PASS: {len(x)} samples, {expected.shape[1]} outputs each, identical bit for bit")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
