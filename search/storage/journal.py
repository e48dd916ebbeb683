"""Optuna's journal file after a power loss or a full disk: the longest sound beginning is kept."""

from __future__ import annotations

import json
import os
from pathlib import Path

from bitfront.spaces import UserError

_AHEAD = 1 << 20
"""Bytes after the first torn record within which a sound one shows that the damage is no cut, but inside the
file.
"""


def repair_journal(path: Path) -> str | None:
    """Cut off a torn end of a journal that nobody else has open; return a sentence about it, None where it
    was sound.

    A process that was killed while it wrote leaves half a line, a full disk too; after a power loss there may
    be zeros. The trials that those records told of are still in their folders, or are drawn again. What was
    cut off is kept in `journal.log.torn`. Optuna's own lock, which a killed process leaves behind, is taken
    away.

    Raises:
        UserError: when records are damaged that sound ones follow: that was no interruption.
    """
    lock = path.with_name(path.name + ".lock")
    if lock.is_symlink() or lock.exists():
        lock.unlink()
    if not path.exists():
        return None
    data = path.read_bytes()
    sound = sound_bytes(data)
    if sound == len(data):
        return None
    rest = data[sound:]
    if any(_is_record(line) for line in rest[:_AHEAD].splitlines(keepends=True)):
        number = data[:sound].count(b"\n") + 1
        raise UserError(
            f"{path} is damaged in line {number}, amid sound records: restore it from a backup, or delete "
            "it, and the trials' folders will be read again."
        )
    path.with_name(path.name + ".torn").write_bytes(rest)
    with path.open("r+b") as file:
        file.truncate(sound)
        os.fsync(file.fileno())
    return f"{path} ended in a torn record ({len(rest)} bytes), which was cut off: no finished trial is lost."


def sound_bytes(data: bytes) -> int:
    """Return how many bytes of a journal, from its beginning, are whole records."""
    sound = 0
    for line in data.splitlines(keepends=True):
        if not _is_record(line):
            break
        sound += len(line)
    return sound


def _is_record(line: bytes) -> bool:
    if not line.endswith(b"\n"):
        return False
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False
