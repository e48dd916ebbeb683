"""Runs a program with all that it starts, within limits of time and memory, and leaves none of it behind.

Vendor tools start compilers, simulators and Java machines, some in sessions of their own. A process belongs
to the tree if it descends from the program, is in its process group, or carries the mark that it was given in
the environment, so that one which detached is found too.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import psutil

__all__ = ["Ended", "Limits", "run_tree"]

_MARK = "BITFRONT_RUN"
_ENDED = (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
_POLL_S = 0.1
_GRACE_S = 2.0
"""Time between the polite signal and the final one: a tool gives its licence back."""


@dataclass(frozen=True)
class Limits:
    """Wall-clock limit in seconds, and limit of the resident memory of the whole tree in GiB."""

    timeout_s: float
    memory_gib: float


@dataclass(frozen=True)
class Ended:
    """How a program ended: its exit status (negative: a signal), why it was stopped if it was, wall
    seconds.
    """

    status: int
    stopped: Literal["timeout", "memory", "interrupted"] | None
    seconds: float


@dataclass(frozen=True)
class _Process:
    process: psutil.Process
    parent: int
    group: int
    resident: int
    """Bytes in memory."""
    marked: bool


def run_tree(
    command: Sequence[str],
    *,
    cwd: Path,
    log: Path,
    limits: Limits,
    stop: threading.Event | None = None,
    env: Mapping[str, str] | None = None,
) -> Ended:
    """Run `command` in `cwd`, both its streams appended to `log`, and return when its whole tree is gone.

    Args:
        command: program and arguments; never passed through a shell.
        cwd: folder to run in.
        log: file that is appended to.
        limits: passing one ends the tree.
        stop: set from another thread to end the tree.
        env: environment; this process's own where None.

    Raises:
        OSError: the program can't be started.
    """
    mark = uuid.uuid4().hex
    start = time.monotonic()
    with log.open("ab") as sink:
        process = subprocess.Popen(
            list(command),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**(os.environ if env is None else env), _MARK: mark},
        )
    stopped: Literal["timeout", "memory", "interrupted"] | None = None
    try:
        while process.poll() is None:
            stopped = _passed(process.pid, mark, start, limits, stop)
            if stopped:
                break
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_POLL_S)
    finally:  # on success a stray grandchild, on an error or Ctrl-C the whole tree
        _end(process, mark, at_once=stopped == "memory")
    return Ended(process.returncode, stopped, time.monotonic() - start)


def _passed(
    leader: int, mark: str, start: float, limits: Limits, stop: threading.Event | None
) -> Literal["timeout", "memory", "interrupted"] | None:
    if stop is not None and stop.is_set():
        return "interrupted"
    if time.monotonic() - start > limits.timeout_s:
        return "timeout"
    if sum(one.resident for one in _tree(leader, mark)) > limits.memory_gib * 2**30:
        return "memory"
    return None


def _end(process: subprocess.Popen[bytes], mark: str, *, at_once: bool) -> None:
    """Signal the tree until nothing of it is left."""
    begun = time.monotonic()
    while True:
        gone = process.poll() is not None
        tree = [one.process for one in _tree(process.pid, mark)]
        left = [one for one in tree if not (gone and one.pid == process.pid)]
        if not left and gone:
            return
        final = at_once or time.monotonic() - begun > _GRACE_S
        for one in left:
            with contextlib.suppress(psutil.Error):
                one.send_signal(signal.SIGKILL if final else signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_POLL_S)
        if gone:
            time.sleep(_POLL_S)
        if time.monotonic() - begun > 5 * _GRACE_S:  # a process in the kernel's hands can't be waited for
            return


def _tree(leader: int, mark: str) -> list[_Process]:
    """Return the living processes that belong to the leader."""
    every = _processes(mark)
    parents = {one.process.pid: one.parent for one in every}

    def descends(pid: int) -> bool:
        seen = set()
        while pid not in seen:
            if pid == leader:
                return True
            seen.add(pid)
            pid = parents.get(pid, 0)
        return False

    return [one for one in every if one.marked or one.group == leader or descends(one.process.pid)]


def _processes(mark: str) -> list[_Process]:
    """Return this user's living processes. One that ends meanwhile is left out."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError), process.oneshot():
            if process.uids().real != os.getuid() or process.status() in _ENDED:
                continue
            marked = False
            with contextlib.suppress(
                psutil.Error, OSError
            ):  # one that changed its user hides its environment
                marked = process.environ().get(_MARK) == mark
            group, resident = os.getpgid(process.pid), process.memory_info().rss
            found.append(_Process(process, process.ppid(), group, resident, marked))
    return found
