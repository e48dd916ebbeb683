"""Locks between launchers of one study: files in its folder that the kernel frees when a process ends,
however.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from bitfront.spaces import UserError


@contextlib.contextmanager
def locked(folder: Path, *, shared: bool = False) -> Iterator[None]:
    """Hold a study's folder against other launchers, or only against one that wants it alone.

    Raises:
        UserError: when another launcher holds it, or the folder can't be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / ".lock").open("w")
    except OSError as error:
        raise UserError(
            f"The study folder {folder} can't be written ({error.strerror}): set `output` to another folder."
        ) from None
    with lock:
        if not _take(lock, fcntl.LOCK_SH if shared else fcntl.LOCK_EX):
            raise UserError(
                f"Study {folder} is being run by another process: wait for it, choose another name, or give "
                "all its launchers the same `storage` database."
            )
        yield


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Wait until no other launcher of the study is within such a block."""
    with (folder / ".alone").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def someone_lives(folder: Path) -> bool:
    """Whether a launcher of the study shows that it runs (see `Presence`)."""
    for path in (folder / "launchers").glob("*"):
        with path.open("r+") as sign:
            if not _take(sign, fcntl.LOCK_EX):
                return True
    return False


class Presence:
    """Shows the other launchers of a study, as long as this process lives, that it does.

    Attributes:
        name: this launcher's; what it has begun bears it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "launchers"
        self._folder.mkdir(exist_ok=True)
        self.name = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
        self._file = (self._folder / self.name).open("w")
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def lives(self, name: str) -> bool:
        """Whether the launcher of that name still runs."""
        if name == self.name:
            return True
        try:
            with (self._folder / Path(name).name).open("r+") as lock:
                return not _take(lock, fcntl.LOCK_EX)
        except OSError:
            return False

    def end(self) -> None:
        """Take the sign away."""
        self._file.close()
        (self._folder / self.name).unlink(missing_ok=True)


def _take(lock: IO[str], kind: int) -> bool:
    try:
        fcntl.flock(lock, kind | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
