"""Runs compilers and emulators apart from this process: own process group, wall-clock and memory limits."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bitfront.spaces import BitfrontError

# `ulimit -v` rather than preexec_fn: a fork hook may deadlock once TensorFlow's threads run. Where the
# shell can't limit memory (macOS), the time limit still holds.
_LIMITED = 'ulimit -v "$1" 2>/dev/null; shift; exec "$@"'


class BuildError(BitfrontError):
    """A conversion, a compilation or an emulation failed; `log` holds the tool's last lines."""

    def __init__(self, message: str, log: str = "") -> None:
        super().__init__(message)
        self.log = log


@dataclass(frozen=True)
class Finished:
    """What a command left: its exit status, what it printed (both streams, in order) and how long it took."""

    status: int
    output: str
    seconds: float


def run_limited(
    command: Sequence[str],
    *,
    cwd: Path,
    timeout_s: float,
    memory_gib: float,
    what: str,
    env: Mapping[str, str] | None = None,
) -> Finished:
    """Run `command` in `cwd` and wait for it; every process it started is gone when this returns.

    Args:
        command: program and arguments; never passed through a shell.
        cwd: folder to run in.
        timeout_s: wall-clock limit in seconds.
        memory_gib: limit of address space, per process, in GiB.
        what: names the work in error messages, `compiling lstm` say.
        env: environment; this process's own where None.

    Raises:
        BuildError: when the time limit is passed.
    """
    limit_kib = max(int(memory_gib * 2**20), 1)
    start = time.monotonic()
    process = subprocess.Popen(
        ["/bin/sh", "-c", _LIMITED, "sh", str(limit_kib), *command],
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        env=None if env is None else dict(env),
    )
    try:
        raw, _ = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        raise BuildError(
            f"{what[:1].upper()}{what[1:]} took longer than {timeout_s:g} s and was stopped: "
            "raise the time limit or make the model smaller."
        ) from None
    finally:  # on success a stray grandchild, on an error or Ctrl-C the whole tree
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
    return Finished(process.returncode, raw.decode(errors="replace"), time.monotonic() - start)
