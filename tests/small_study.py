"""A study small enough to be run again and again, as files, and the command line that runs it in a
process.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from bitfront.search import load_study, run_study

MODEL = """
import keras

def build():
    return keras.Sequential([keras.Input((8,), name="x"), keras.layers.Dense(6, activation="relu", name="hidden"),
                             keras.layers.Dense(3, activation="softmax", name="out")])
"""
DATA = """
import numpy as np

def load():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(900, 8)).astype("float32")
    y = (x @ np.random.default_rng(2).normal(size=(8, 3))).argmax(1)
    return (x[:500], y[:500]), (x[500:700], y[500:700]), (x[700:], y[700:])
"""
STUDY = """
name: small
model: model.py:build
data: data.py:load
task: multiclass
objectives: [metric, lut]
space: {weights: 3..8, activations: 3..8, input: 4..6, method: [ptq, qat], sparsity: 0}
training: {float_epochs: 2, epochs: 1}
sampler: random
screening: 0
gradient_epochs: 0
tracking: {enabled: false}
"""


def write(folder: Path, *, metric: str = "", study: str = "") -> Path:
    """Write a study's files and return the study file."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in (("model.py", MODEL), ("data.py", DATA), ("study.yaml", STUDY + study)):
        (folder / name).write_text(text)
    if metric:
        (folder / "metric.py").write_text(metric)
        with (folder / "study.yaml").open("a") as file:
            file.write("metric: metric.py:score\n")
    return folder / "study.yaml"


def run(file: Path, *overrides: str, trials: int, **options):
    """Run a study file and return its evaluations by number."""
    config = load_study(file, [f"output={file.parent / 'studies'}", *overrides])
    result = run_study(config, file.parent, trials=trials, **options)
    return {e.number: e for e in result.evaluations}


def results(evaluations) -> dict:
    """Return what must not depend on who evaluated, by number."""
    return {
        n: (e.digest, e.status, e.kind, dict(e.metrics), dict(e.resources)) for n, e in evaluations.items()
    }


def start(file: Path, *arguments: str) -> subprocess.Popen:
    """Start `bitfront run` on a study file in a process group of its own."""
    command = [
        sys.executable,
        "-c",
        "from bitfront.search.cli import main; main()",
        "run",
        str(file),
        *arguments,
    ]
    command += ["--set", f"output={file.parent / 'studies'}"]
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
