"""How a file may be read, and what every reader asks of it first."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bitfront.spaces import UserError

MOST_CONFIG_BYTES = 64 << 20
"""Largest description of a model that is read; a network for an FPGA has some 100 kB."""


@dataclass(frozen=True)
class Reading:
    """How a file may be read."""

    trust: bool = False
    """Whether its maker's code may run (Lambda layers)."""
    most_bytes: int = 1 << 62
    """The most that its arrays may take once unpacked."""
    weights: Path | None = None
    """Another file, which holds the weights."""


def reason(error: Exception) -> str:
    """Return the first line of what an error says."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".:")[:300]


@contextmanager
def telling_what_stops(source: object) -> Iterator[None]:
    """Say in a sentence what stops a model from being built: what is refused, or what Keras raises.

    Raises:
        UserError: whatever is raised inside.
    """
    try:
        yield
    except UserError as error:
        raise UserError(f"model: {source} can't be read: {error}.") from None
    except Exception as error:  # Keras raises whatever a layer's constructor does
        raise UserError(f"model: {source} can't be read: Keras stops ({reason(error)}).") from None


def refuse_lambda(text: str, path: Path, *, trust: bool) -> None:
    """Refuse a description with a Lambda layer unless its maker is trusted.

    Raises:
        UserError: where there is one.
    """
    if '"class_name": "Lambda"' in text and not trust:
        raise UserError(
            f"model: {path} holds a Lambda layer, which runs code of whoever made the file: replace it by a "
            "Keras layer, or set trust_model: true if you trust its maker."
        )


@contextmanager
def opened_h5(path: Path, key: str, most_bytes: int) -> Iterator[Any]:
    """Open an HDF5 file for reading.

    Raises:
        UserError: when it is none, is damaged, refers to other files, or claims more than `most_bytes`.
    """
    import h5py

    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise UserError(f"{key}: {path} isn't a sound HDF5 file ({reason(error)}): save it again.") from None
    with file:
        total = 0
        try:
            for dataset in _datasets(file):
                total += int(dataset.nbytes)
        except (OSError, RuntimeError, KeyError) as error:
            raise UserError(
                f"{key}: {path} isn't a sound HDF5 file ({reason(error)}): save it again."
            ) from None
        if total > most_bytes:
            raise UserError(f"{key}: {path} claims {total:,} bytes, more than half of this machine's memory.")
        yield file


def _datasets(group: Any) -> Iterator[Any]:
    """Yield the arrays below a group.

    Raises:
        UserError: for a link to another file, or an array that lies in one.
    """
    import h5py

    for name in group:
        if isinstance(group.get(name, getlink=True), h5py.ExternalLink):
            raise UserError(f"model: {group.file.filename} refers to other files: save it again.")
        one = group[name]
        if isinstance(one, h5py.Group):
            yield from _datasets(one)
        elif isinstance(one, h5py.Dataset):
            if one.is_virtual or one.external:
                raise UserError(f"model: {group.file.filename} refers to other files: save it again.")
            yield one
