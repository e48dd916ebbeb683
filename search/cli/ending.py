"""However a command ends, by itself, by a signal or by SIGKILL, nothing that it started goes on running."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import uuid
from types import FrameType
from typing import IO

MARK = "BITFRONT_COMMAND"
"""Environment variable by which all that a command started is found, in whatever session it is."""
GRACE = 10.0
"""Seconds that what is left has to end by itself once the command is gone: MLflow's process still logs what it
was given.
"""
_WATCH = """\
import os, sys, time
sys.stdin.buffer.read()  # until the command's end of the pipe is closed, by whatever ends it
import psutil
end, signal = time.monotonic() + float(sys.argv[2]), "terminate"
while True:
    left = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(sys.argv[1]) == sys.argv[3] and process.status() != psutil.STATUS_ZOMBIE:
                left.append(process)
        except (psutil.Error, OSError):
            pass
    if not left:
        break
    if time.monotonic() > end:
        for process in left:
            try:
                getattr(process, signal)()
            except psutil.Error:
                pass
        signal = "kill"
        end = time.monotonic() + 2
    time.sleep(0.2)
"""
_watched: IO[bytes] | None = None


def end_as_ctrl_c() -> None:
    """Have SIGTERM and SIGHUP end a command like Ctrl-C: what is finished is kept, and written up.

    A batch system that takes its machine back sends the first, a terminal that is closed the second. One that
    is ignored, SIGHUP under `nohup` say, stays so.
    """
    for one in (signal.SIGTERM, signal.SIGHUP):
        with contextlib.suppress(ValueError):  # not in the main thread: whoever runs it there has its signals
            if signal.getsignal(one) == signal.SIG_DFL:
                signal.signal(one, _interrupt)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def end_at_once_from_now_on() -> None:
    """Have the next signal end the process: it was interrupted before, and has nothing left to write."""
    for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        with contextlib.suppress(ValueError):
            if signal.getsignal(one) != signal.SIG_IGN:
                signal.signal(one, signal.SIG_DFL)


def leave_nothing() -> None:
    """Have a process of its own end what this one leaves running: a SIGKILL can't be handled here.

    It waits for this process to be gone, then for its children, and ends those that are left after `GRACE`.
    Started once a process.
    """
    global _watched
    if _watched is not None:
        return
    mark = uuid.uuid4().hex
    watch = subprocess.Popen(
        [sys.executable, "-I", "-c", _WATCH, MARK, str(GRACE), mark],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        cwd="/",  # it must not keep a folder from being unmounted
        env={key: value for key, value in os.environ.items() if key != MARK},
    )
    os.environ[MARK] = mark
    _watched = watch.stdin
