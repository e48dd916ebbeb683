"""Checks a bundle: its files are whole, and its firmware computes the golden outputs bit for bit."""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitfront.hls.emulator import Emulator
from bitfront.spaces import UserError

from .write import CHECKSUMS, GOLDEN

_NEEDED = (GOLDEN, "precision.json", "hls4ml_config.yaml", "model.keras", "provenance.json")


@dataclass(frozen=True)
class VerifyResult:
    """Outcome of a comparison of firmware and golden outputs."""

    path: Path
    samples: int
    values: int
    """Outputs per sample."""
    mismatches: int
    """Samples of which any output differs."""
    max_difference: float
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether every bit is the same."""
        return self.mismatches == 0

    def __str__(self) -> str:
        """One line for a user."""
        if self.ok:
            return f"PASS: {self.samples} samples, {self.values} outputs each, identical bit for bit"
        return f"FAIL: {self.mismatches} of {self.samples} samples differ, by up to {self.max_difference:g}"


def verify_bundle(path: Path | str, *, timeout_s: float = 600, memory_gib: float = 8) -> VerifyResult:
    """Rebuild the emulation of the bundle at `path` in a temporary folder and compare; the bundle isn't changed.

    This compiles and runs the bundle's own C++, within the limits given but with the user's rights.

    Args:
        path: the bundle's folder.
        timeout_s: wall-clock limit of the compilation, and of the run, in seconds.
        memory_gib: limit of address space in GiB.

    Raises:
        UserError: when a file is missing, changed, or points out of the bundle.
        BuildError: when the firmware can't be compiled or crashes.
        ToolMissing: when g++ is not installed.
    """
    start = time.monotonic()
    bundle = Path(path).absolute()
    check_files(bundle)
    golden = _manifest(bundle)
    inputs, outputs = (_arrays(bundle, golden, role) for role in ("inputs", "outputs"))
    emulator = Emulator.build(
        bundle / "project",
        golden["project"],
        inputs=tuple(a.shape[1] for a in inputs),
        outputs=tuple(a.shape[1] for a in outputs),
        timeout_s=timeout_s,
        memory_gib=memory_gib,
    )
    got = np.concatenate(emulator.run(inputs, timeout_s=timeout_s), axis=1)
    expected = np.concatenate(outputs, axis=1)
    wrong = (got != expected).any(axis=1)
    return VerifyResult(
        path=bundle,
        samples=len(expected),
        values=expected.shape[1],
        mismatches=int(wrong.sum()),
        max_difference=float(np.abs(got - expected).max()),
        seconds=time.monotonic() - start,
    )


def check_files(bundle: Path) -> None:
    """Check every file of the bundle against its checksum.

    Raises:
        UserError: when the folder isn't a bundle, or a file is missing, changed, added to the project, or lies
            outside by its name or by a link.
    """
    if not bundle.is_dir() or not (bundle / CHECKSUMS).is_file():
        raise UserError(
            f"{str(bundle)!r} is not a bundle: it has no {CHECKSUMS}; give a folder that export wrote."
        )
    for folder, folders, names in os.walk(bundle):
        for name in (*folders, *names):
            if (Path(folder) / name).is_symlink():
                raise _damaged(bundle, (Path(folder) / name).relative_to(bundle).as_posix(), "is a link")
    listed = set()
    for line in _text(bundle, CHECKSUMS).splitlines():
        match = re.fullmatch(r"([0-9a-f]{64})  (\S.*)", line)
        if match is None:
            raise _damaged(bundle, CHECKSUMS, f"has the line {line[:60]!r}")
        digest, name = match.groups()
        pure = PurePosixPath(name)
        if pure.is_absolute() or ".." in pure.parts or "\\" in name:
            raise _damaged(bundle, CHECKSUMS, f"names {name!r}, which lies outside")
        file = bundle / pure
        if not file.is_file():
            raise _damaged(bundle, name, "is missing")
        if hashlib.sha256(file.read_bytes()).hexdigest() != digest:
            raise _damaged(bundle, name, "was changed")
        listed.add(name)
    for name in _NEEDED:
        if name not in listed:
            raise _damaged(bundle, name, "is missing")
    # a stray header could stand in for one that was checked
    for file in sorted((bundle / "project").rglob("*")):
        name = file.relative_to(bundle).as_posix()
        if file.is_file() and name not in listed:
            raise _damaged(bundle, name, "was added")


def _damaged(bundle: Path, name: str, what: str) -> UserError:
    return UserError(f"The bundle {str(bundle)!r} is damaged: {name} {what}; export it again.")


def _text(bundle: Path, name: str) -> str:
    try:
        return (bundle / name).read_text()
    except (OSError, UnicodeDecodeError):
        raise _damaged(bundle, name, "can't be read") from None


def _manifest(bundle: Path) -> dict[str, Any]:
    try:
        golden = json.loads(_text(bundle, GOLDEN))
        project, entries = golden["project"], [*golden["inputs"], *golden["outputs"]]
        files = [entry["file"] for entry in entries]
        if re.fullmatch(r"[A-Za-z_]\w*", project) is None or not golden["inputs"] or not golden["outputs"]:
            raise ValueError(project)
        if any(re.fullmatch(r"\w+\.npy", file) is None for file in files):
            raise ValueError(files)
    except (KeyError, TypeError, ValueError, RecursionError):
        raise _damaged(bundle, GOLDEN, "doesn't list the golden arrays") from None
    return dict(golden)


def _arrays(bundle: Path, golden: dict[str, Any], role: str) -> Sequence[NDArray[np.float64]]:
    found = []
    for entry in golden[role]:
        name = f"golden/{entry['file']}"
        try:
            array = np.load(bundle / name, allow_pickle=False)
            found.append(array.reshape(golden["samples"], -1).astype(np.float64))
        except (OSError, ValueError, TypeError):
            raise _damaged(bundle, name, "is no array of as many samples as listed") from None
    return found
