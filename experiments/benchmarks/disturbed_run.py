"""A study that is run by launchers of its own until it is finished, whatever happens to them."""

from __future__ import annotations

import time
from pathlib import Path

from .run_log import RunLog
from .small_study import Launcher, left_behind, write_study

PATIENCE = 1800.0
"""Most seconds that a launcher may take to finish the study."""


class DisturbedRun:
    """One study and its launchers.

    Args:
        folder: for the study file; the studies' folder is `studies` in it until `output` is set.
        trials: the study's budget.
        extra: YAML that is added to the study file.
    """

    def __init__(self, folder: Path, trials: int) -> None:
        self.folder, self.trials = folder, trials
        self.output = folder / "studies"
        self.storage = "journal"
        self.uri: str | None = None
        self.environment: dict[str, str] = {}
        """Variables that its launchers get beside their own."""
        self.file = write_study(folder)
        self._marks: set[str] = set()
        self._run_log: RunLog | None = None

    @property
    def study(self) -> Path:
        """The study's folder."""
        return self.output / "small"

    @property
    def said(self) -> str:
        """What the launchers have printed."""
        return (self.folder / "launcher.log").read_text(errors="replace")

    @property
    def finished(self) -> int:
        """Number of finished trials."""
        return len(list((self.study / "trials").glob("*/evaluation.json")))

    def launch(self, *arguments: str) -> Launcher:
        """Start a launcher."""
        words = ["--trials", str(self.trials), "--set", f"storage={self.storage}", *arguments]
        if self.uri:
            words += ["--set", f"tracking.uri={self.uri}"]
        launcher = Launcher(self.file, *words, output=self.output, environment=self.environment)
        self._marks.add(launcher.mark)
        return launcher

    @property
    def start(self) -> float:
        """Seconds from a launcher's start to its first trial, of the study that was run first."""
        first = min((self.study / "trials").glob("*/evaluation.json"), key=lambda path: path.stat().st_mtime)
        return first.stat().st_mtime - self.file.stat().st_mtime

    def finish(self, *arguments: str) -> None:
        """Run a launcher until the study is finished.

        Raises:
            RuntimeError: when it fails.
        """
        code = self.launch(*arguments).wait(PATIENCE)
        if code != 0:
            raise RuntimeError(f"the last launcher ended with {code}: {self.said.strip().splitlines()[-1]}")

    def wait_for(self, trials: int, launcher: Launcher) -> None:
        """Wait until so many trials are finished.

        Raises:
            RuntimeError: when the launcher ends before.
        """
        end = time.monotonic() + PATIENCE
        while self.finished < trials:
            if not launcher.running or time.monotonic() > end:
                raise RuntimeError(f"the launcher ended early: {self.said.strip().splitlines()[-1]}")
            time.sleep(0.02)

    def run_log(self) -> RunLog:
        """Return what the study has become; it is read once, while its servers run."""
        self._run_log = self._run_log or RunLog.of(self.study, storage=self.storage, uri=self.uri)
        return self._run_log

    def left_behind(self, patience: float = 20.0) -> list[str]:
        """Return the processes that its launchers left, a sentence each; they get some seconds to end."""
        end = time.monotonic() + patience
        while (left := list(left_behind(self._marks))) and time.monotonic() < end:
            time.sleep(0.5)
        return [f"process {one.pid} was left behind" for one in left]
