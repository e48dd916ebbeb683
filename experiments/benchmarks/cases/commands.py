"""A case through `bitfront`, a process a command, within a time limit."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import yaml

TIME_LIMIT_S = 1200
"""Longest that one command may take."""


@dataclass(frozen=True)
class Outcome:
    """How one command ended."""

    name: str
    code: int
    said: str
    """Standard output and error."""
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether it did what was asked."""
        return self.code == 0

    @property
    def sentence(self) -> str:
        """What it said last, as a refusal is said last."""
        lines = [line for line in self.said.splitlines() if line.strip()]
        return lines[-1].removeprefix("bitfront: ") if lines else ""

    @property
    def crashed(self) -> bool:
        """Whether it ended in a way that no user should see."""
        unexpected = (
            "Traceback (most recent call last)" in self.said or "something unexpected happened" in self.said
        )
        return unexpected or self.code in {1, 124} or self.code < 0


def run_case(folder: Path, *, limit_s: float = TIME_LIMIT_S) -> dict[str, Outcome]:
    """Run every command in a case's copy, up to the first that makes the next impossible; by name, in
    order.
    """
    settings = yaml.safe_load((folder / "study.yaml").read_text(encoding="utf-8"))
    made: dict[str, Outcome] = {}

    def step(name: str, *words: str) -> bool:
        made[name] = _bitfront(folder, name, [name, *words], limit_s)
        return made[name].ok

    step("doctor", "--model", str(settings["model"]), "--data", str(settings["data"]))
    step("validate", "study.yaml")
    if step("run", "study.yaml", "--quiet") and step("export", "study.yaml", "--out", "bundle"):
        step("verify", "bundle")
    return made


def trained(folder: Path) -> bool:
    """Return whether a study in this folder has trained anything."""
    return any(folder.glob("**/float.keras")) or any(folder.glob("**/trials/*/weights.npz"))


def _bitfront(folder: Path, name: str, words: list[str], limit_s: float) -> Outcome:
    began = time.monotonic()
    try:
        done = subprocess.run(
            [sys.executable, "-c", "from bitfront.search.cli import main; main()", *words],
            cwd=folder,
            env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "NO_COLOR": "1", "COLUMNS": "1000"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=limit_s,
            check=False,
            text=True,
            errors="replace",
        )
        code, said = done.returncode, done.stdout
    except subprocess.TimeoutExpired:
        code, said = 124, f"not done after {limit_s:.0f} s"
    said = re.sub(r"^(WARNING: All log messages|[IWE]\d{4} |[IWE]0000 ).*\n", "", said, flags=re.MULTILINE)
    return Outcome(name, code, said.strip(), time.monotonic() - began)
