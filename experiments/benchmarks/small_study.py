"""A study of a second or less a candidate, written as files, for the commands that disturb, scale and soak a
search.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path

import psutil

MARK = "BITFRONT_BENCHMARK"
"""Environment variable by which every process that a run leaves behind is found again."""

_MODEL = """\
import keras

def build():
    layers = keras.layers
    return keras.Sequential([keras.Input((16,), name="x"), layers.Dense(16, activation="relu", name="hidden"),
                             layers.Dense(5, activation="softmax", name="out")])
"""
_DATA = """\
import numpy as np

def load():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(3000, 16)).astype("float32")
    y = (np.tanh(x @ rng.normal(size=(16, 8))) @ rng.normal(size=(8, 5))).argmax(1)
    return (x[:2000], y[:2000]), (x[2000:2500], y[2000:2500]), (x[2500:], y[2500:])
"""
_STUDY = """\
name: small
model: model.py:build
data: data.py:load
task: multiclass
objectives: [metric, lut]
space: {weights: 3..10, activations: 3..10, input: 4..8, method: [ptq, qat]}
training: {float_epochs: 8, float_learning_rate: 0.01, epochs: 2}
sampler: random
"""


def write_study(folder: Path, extra: str = "") -> Path:
    """Write the study's files into a folder and return the study file; `extra` is YAML that is added to
    it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in (("model.py", _MODEL), ("data.py", _DATA), ("study.yaml", _STUDY + extra)):
        (folder / name).write_text(text, encoding="utf-8")
    return folder / "study.yaml"


class Launcher:
    """`bitfront run` on a study file, in a session of its own; its output goes to `launcher.log` beside the
    file.

    Args:
        file: the study file; the studies' folder is `studies` beside it, unless `output` names another.
        arguments: further ones of `bitfront run`.
        output: folder of studies.
        environment: variables that it gets beside this process's own.
    """

    def __init__(
        self,
        file: Path,
        *arguments: str,
        output: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.mark = uuid.uuid4().hex
        self.output = output or file.parent / "studies"
        self.log = file.parent / "launcher.log"
        command = [sys.executable, "-c", "from bitfront.search.cli import main; main()", "run", str(file)]
        with self.log.open("ab") as log:
            self._process = psutil.Popen(
                [*command, "--set", f"output={self.output}", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", MARK: self.mark, **(environment or {})},
            )

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.poll() is None

    def workers(self) -> list[psutil.Process]:
        """Return the processes that evaluate for it."""
        try:
            children = self._process.children(recursive=True)
            return [one for one in children if "spawn_main" in " ".join(one.cmdline())]
        except psutil.Error:
            return []

    def kill(self) -> None:
        """End it at once, as a power loss would, and nothing but it."""
        self._process.kill()
        self._process.wait()

    def send(self, signal: int, *, group: bool = False) -> None:
        """Send it a signal, or all of its process group, as a terminal does; nothing where it has ended."""
        with contextlib.suppress(ProcessLookupError, psutil.NoSuchProcess):
            if group:
                os.killpg(self._process.pid, signal)
            else:
                self._process.send_signal(signal)

    def wait(self, seconds: float) -> int:
        """Return its exit code.

        Raises:
            TimeoutError: when it still runs after so many seconds; it is killed then.
        """
        try:
            return int(self._process.wait(timeout=seconds))
        except psutil.TimeoutExpired:
            self.kill()
            raise TimeoutError(f"the launcher did not end within {seconds:.0f} s, see {self.log}") from None


def left_behind(marks: set[str]) -> Iterator[psutil.Process]:
    """Yield the processes that launchers of these marks started and that still run."""
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) in marks and process.status() != psutil.STATUS_ZOMBIE:
                yield process
        except psutil.Error:
            continue
