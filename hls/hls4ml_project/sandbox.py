"""Runs compilers and emulators apart from this process: own process group, wall-clock and memory limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bitfront.spaces import BitfrontError

from . import emulation


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
    try:
        status, output, seconds = emulation.run_limited(
            command, cwd=cwd, timeout_s=timeout_s, memory_gib=memory_gib, what=what, env=env
        )
    except emulation.Refusal as refusal:
        raise BuildError(str(refusal)) from None
    return Finished(status, output, seconds)
