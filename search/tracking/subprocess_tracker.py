"""MLflow in a process of its own, so that the search doesn't wait for it.

Importing MLflow and making a database take seconds, logging a trial tens of milliseconds: as much as a small
candidate. The process does what `MlflowTracker` does, in the same order; only `finish` is waited for. When
this process ends, that one logs what it was given and ends too.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import pickle
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..trials.evaluation import Evaluation
from .mlflow_tracker import MlflowTracker
from .protocol import StudyRecord

if TYPE_CHECKING:
    from ..measurements.record import SynthesisRecord

_log = logging.getLogger("bitfront.tracking")


class SubprocessTracker:
    """An `MlflowTracker` in another process; for a study with one launcher, since `start` returns at once.

    Args:
        output: the folder of studies.
        uri: tracking URI of another store or of a server.
        warn: called with one sentence when the store, or the process, fails; what follows is dropped (see
            `sync`).
    """

    def __init__(
        self, output: Path, uri: str | None = None, *, warn: Callable[[str], None] = _log.warning
    ) -> None:
        self._settings = (Path(output), uri)
        self._warn = warn
        self._calls: queue.SimpleQueue[tuple[str, tuple[Any, ...]] | None] = queue.SimpleQueue()
        self._process: subprocess.Popen[bytes] | None = None
        self._listener: threading.Thread | None = None

    def start(self, study: StudyRecord) -> None:
        """Start the process, if it isn't there, and let it open the study's run."""
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", __name__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is for the search: this one still has to log
            )
            threading.Thread(target=self._send, args=(self._process,), daemon=True).start()
            self._listener = threading.Thread(target=self._listen, args=(self._process,), daemon=True)
            self._listener.start()
        self._calls.put(("start", (study,)))

    def trial(self, evaluation: Evaluation) -> None:
        """Log one finished trial."""
        self._calls.put(("trial", (evaluation,)))

    def progress(self, step: int, values: Mapping[str, float]) -> None:
        """Log figures of the study."""
        self._calls.put(("progress", (step, dict(values))))

    def synthesis(self, record: SynthesisRecord) -> None:
        """Log what a synthesis gave."""
        self._calls.put(("synthesis", (record,)))

    def finish(self, front: Sequence[int], artifacts: Sequence[Path]) -> None:
        """Bring the front up to date, end the study's run, and wait until all is logged and the process is
        gone; interrupted meanwhile, end it, and leave what is missing to `sync`.
        """
        self._calls.put(("finish", (list(front), list(artifacts))))
        self._calls.put(None)
        if self._listener is not None and self._process is not None:
            try:
                self._listener.join()
            except KeyboardInterrupt:
                self._process.kill()
                raise
        self._process = self._listener = None

    def _send(self, process: subprocess.Popen[bytes]) -> None:
        """Hand on the calls as they come; the pipe may be full while MLflow is imported."""
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError), process.stdin:
            pickle.dump(self._settings, process.stdin)
            while (call := self._calls.get()) is not None:
                pickle.dump(call, process.stdin)
                process.stdin.flush()

    def _listen(self, process: subprocess.Popen[bytes]) -> None:
        """Pass warnings on, until the process ends; say so where it failed."""
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                self._warn(json.loads(line))
        code = process.wait()
        if code:
            self._warn(
                f"MLflow's process ended with code {code}: the search goes on without it and `bitfront sync` "
                "will send what is missing."
            )


def main() -> None:
    """Do what the parent asks for until it closes the pipe."""
    out = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # MLflow's own lines are for nobody

    def say(text: str) -> None:
        with contextlib.suppress(BrokenPipeError):
            print(json.dumps(text), file=out, flush=True)

    with contextlib.suppress(EOFError):
        output, uri = pickle.load(sys.stdin.buffer)  # noqa: S301 - written by the process that started this one
        tracker = MlflowTracker(output, uri, warn=say)
        while True:
            method, arguments = pickle.load(sys.stdin.buffer)  # noqa: S301
            getattr(tracker, method)(*arguments)


if __name__ == "__main__":
    main()
