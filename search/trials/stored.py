"""The readers of what a study's folder holds: one for JSON, one for `.npz`, one for `.keras`.

Whatever is wrong with a file (missing rights, half of it, another trial's, bytes that changed) is a
`DamagedFile` that says what to do. Digests are looked at first (see `manifest`), so that what a format's own
reader makes of damaged bytes matters for studies of earlier versions alone.
"""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from bitfront.spaces import UserError

from .manifest import is_as_written

_SUM = "it isn't what bitfront wrote there, by its SHA-256"


class DamagedFile(UserError):
    """A file of a study can't be used; the message names it and the way out."""

    def __init__(self, path: Path, reason: object, way_out: str) -> None:
        text = (str(reason).strip().splitlines() or [type(reason).__name__])[0].rstrip(".")
        super().__init__(f"{path} can't be read ({text[:200]}): {way_out}.")


def read_bytes(path: Path, way_out: str) -> bytes:
    """Return the content of a file, which is as it was written.

    Args:
        path: the file.
        way_out: what to do where it is damaged, for the message.

    Raises:
        FileNotFoundError: when it isn't there.
        DamagedFile: when it can't be read, or isn't what bitfront wrote there.
    """
    try:
        stored = path.read_bytes()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise DamagedFile(path, error.strerror, way_out) from error
    if not is_as_written(path, stored):
        raise DamagedFile(path, "it is empty" if not stored else _SUM, way_out)
    return stored


def read_json(path: Path, way_out: str) -> Any:
    """Return what a JSON file holds.

    Raises:
        FileNotFoundError: when it isn't there.
        DamagedFile: when it can't be read.
    """
    stored = read_bytes(path, way_out)
    try:
        return json.loads(stored.decode("utf-8"))
    except (ValueError, RecursionError) as error:  # JSON's and Unicode's are ValueErrors
        raise DamagedFile(path, f"not valid JSON: {error}", way_out) from error


def read_arrays(path: Path, way_out: str) -> dict[str, Any]:
    """Return the arrays of an `.npz`, by name, without unpickling.

    Raises:
        FileNotFoundError: when it isn't there.
        DamagedFile: when it can't be read.
    """
    return arrays_of(read_bytes(path, way_out), path, way_out)


def arrays_of(stored: bytes, path: Path, way_out: str) -> dict[str, Any]:
    """Return the arrays of an `.npz` whose content was read before.

    Raises:
        DamagedFile: when it isn't a sound one.
    """
    try:
        with np.load(io.BytesIO(stored), allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except Exception as error:  # zip, zlib, NumPy's header, Python's parser: each has its own
        raise DamagedFile(path, error, way_out) from error


def require_sound_keras(path: Path, way_out: str) -> None:
    """Refuse a `.keras` file of which not every byte is as its archive says; what it holds is not loaded.

    Raises:
        FileNotFoundError: when it isn't there.
        DamagedFile: when it can't be read.
    """
    stored = read_bytes(path, way_out)
    try:
        with zipfile.ZipFile(io.BytesIO(stored)) as archive:
            bad = archive.testzip()
            if bad is None:
                json.loads(archive.read("config.json"))
                archive.getinfo("model.weights.h5")
    except Exception as error:  # as for arrays
        raise DamagedFile(path, error, way_out) from error
    if bad is not None:
        raise DamagedFile(path, f"{bad} in it is damaged", way_out)
