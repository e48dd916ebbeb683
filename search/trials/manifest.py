"""One list of digests a study's folder, which tells a file that bitfront wrote there from a damaged one.

`manifest.sha256` has a line for every version of every file that was written, `digest  path` as `sha256sum`
does, and is only ever appended to, before the file is put in place: whenever a process ends, what lies in the
folder is listed. A file is sound where its digest is one of those written under its own path; one that was
swapped with another trial's is not. Studies of earlier versions have no list until they are run again, and
files that it doesn't name are not judged.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from bitfront.spaces import UserError

FILE = "manifest.sha256"
UNLISTED = ("spent_seconds",)
"""Counters, which change with every trial and which nothing depends on."""
_DEPTH = 5
"""Folders between a study's and its deepest files, `trials/00012/synthesis/01-csynth/record.json`."""


def begin(folder: Path) -> None:
    """Let what is written in a study's folder be listed from now on.

    Raises:
        OSError: when the folder can't be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / FILE
    if not path.exists():
        path.touch()
        # who may replace files in the folder, a group that shares the study, may list them too
        path.chmod(0o644 | folder.stat().st_mode & 0o022)


def record(path: Path, digest: str) -> None:
    """List a file that is about to be put in place, where its folder belongs to a study with a list.

    Raises:
        OSError: when the list can't be written.
    """
    folder = _study_of(path)
    if folder is None or path.name in UNLISTED:
        return
    line = f"{digest}  {path.relative_to(folder).as_posix()}\n"
    with (folder / FILE).open("a+b") as listed:
        fcntl.flock(listed, fcntl.LOCK_EX)
        if listed.seek(0, os.SEEK_END):
            listed.seek(-1, os.SEEK_END)
            line = line if listed.read(1) == b"\n" else "\n" + line  # a process was killed amid a line
        listed.write(line.encode())
        listed.flush()
        os.fsync(listed.fileno())


def known_digests(folder: Path) -> Mapping[str, frozenset[str]]:
    """Return the digests by path that a study's folder lists; empty where it has no list.

    Raises:
        UserError: when the list can't be read.
    """
    path = folder / FILE
    try:
        stat = path.stat()
        return _read(path, stat.st_mtime_ns, stat.st_size)
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeError) as error:
        raise UserError(
            f"{path} can't be read ({error}): delete it to go on without digests of what was written so far."
        ) from None


@lru_cache(maxsize=8)
def _read(path: Path, mtime_ns: int, size: int) -> Mapping[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        digest, separator, name = line.partition("  ")
        if separator and len(digest) == 64:  # not the end of a line that was cut off
            found.setdefault(name, set()).add(digest)
    return {name: frozenset(digests) for name, digests in found.items()}


def is_as_written(path: Path, stored: bytes) -> bool:
    """Whether the content of a file is one that bitfront wrote under this path; true where nothing is listed
    of it.

    Raises:
        UserError: when the list can't be read.
    """
    folder = _study_of(path)
    if folder is None:
        return True
    digests = known_digests(folder).get(path.relative_to(folder).as_posix())
    return digests is None or hashlib.sha256(stored).hexdigest() in digests


def _study_of(path: Path) -> Path | None:
    """Return the folder above a file that has a list; None where none has."""
    return next((one for one in list(path.parents)[:_DEPTH] if (one / FILE).is_file()), None)
