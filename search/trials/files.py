"""Where a trial's files lie, and how files are written in one step, their digests listed."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from .manifest import record


def trial_folder(study_dir: Path, number: int) -> Path:
    """Return the folder of a finished trial, `STUDY_DIR/trials/00012`."""
    return Path(study_dir) / "trials" / f"{number:05d}"


def write_atomic(path: Path, text: str) -> None:
    """Replace `path` with `text` (UTF-8) in one step, so that a reader or a crash never sees half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o644)  # mkstemp's 0600 would hide a study from the group that shares it
        record(path, hashlib.sha256(text.encode("utf-8")).hexdigest())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def save_atomic(path: Path, save: Callable[[str], object]) -> None:
    """Let `save` write a file of the same kind beside `path`, then put it in place in one step, as
    `write_atomic` does.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=path.suffix)
    os.close(handle)
    temporary = Path(name)
    try:
        save(str(temporary))
        temporary.chmod(0o644)
        with temporary.open("rb") as written:
            os.fsync(written.fileno())  # before a record that relies on it can survive a power loss
        record(path, _digest(temporary))
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
