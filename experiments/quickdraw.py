"""Drawings of Google's Quick, Draw! as sequences of strokes: `.ndjson`, sketch-rnn `.npz`, and one file for
all classes.
"""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from bitfront.spaces import UserError

from .datasets import brought

CLASSES = ("ant", "bee", "butterfly", "mosquito", "snail")
"""The five classes of Khoda et al. 2023 (arXiv:2207.00559)."""
STAND_INS = ("ant", "butterfly", "crab", "duck", "pig")
"""Five animals for a file of several classes that lacks some of `CLASSES`."""
PER_CLASS = 10_000
"""Drawings that are read of one class at most."""

_ALLOWED = {
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("_codecs", "encode"),
}
"""What the arrays in sketch-rnn's files are rebuilt with; anything else in them is refused."""


def read_drawings(
    path: str | Path | None = None, classes: Sequence[str] | None = None, per_class: int = PER_CLASS
) -> list[list[NDArray[Any]]]:
    """Read the drawings of each class, of shape (points, 3) each: steps in x and y, and 1 where the pen lifts
    afterwards.

    Args:
        path: a folder with one `CLASS.ndjson` or `CLASS.npz` (sketch-rnn) a class, or an `.npz` with X
            (drawings, points, 3), y and classes. By default what `BITFRONT_QUICKDRAW` names, else
            `quickdraw_strokes.npz` of the shared data.
        classes: their labels follow this order. By default `CLASSES`, or `STAND_INS` for a file that lacks
            one of those.
        per_class: drawings that are read of each at most.

    Raises:
        UserError: the data are missing, lack a class or hold something else.
    """
    source = Path(path) if path is not None else brought("BITFRONT_QUICKDRAW", "quickdraw_strokes.npz")
    if not source.exists():
        raise UserError(
            f"There are no Quick, Draw! strokes at {source}: fetch the .ndjson (simplified) or sketch-rnn "
            f".npz files of {', '.join(CLASSES)} from Google's Quick, Draw! data set into a folder, named as "
            "ant.ndjson, and set BITFRONT_QUICKDRAW to it."
        )
    try:
        if source.is_dir():
            chosen = tuple(classes or CLASSES)
            drawings = [[*_of_class(source, name, per_class)] for name in chosen]
        else:
            drawings = _of_file(source, classes, per_class)
    except (
        OSError,
        KeyError,
        ValueError,
        TypeError,
        EOFError,
        zipfile.BadZipFile,
        pickle.UnpicklingError,
    ) as error:
        raise UserError(
            f"{source} can't be read as Quick, Draw! strokes ({error}): fetch it again."
        ) from None
    return drawings


def _of_class(folder: Path, name: str, most: int) -> Iterator[NDArray[Any]]:
    for file, read in ((folder / f"{name}.ndjson", _ndjson), (folder / f"{name}.npz", _sketch_rnn)):
        if file.is_file():
            yield from read(file, most)
            return
    raise UserError(
        f"{folder} has neither {name}.ndjson nor {name}.npz: fetch it from Google's Quick, Draw! data set."
    )


def _ndjson(file: Path, most: int) -> Iterator[NDArray[Any]]:
    """Read one drawing a line: lists of x, of y (and of times, which are left out), for each stroke."""
    with file.open(encoding="utf-8") as lines:
        for line, _ in zip(lines, range(most), strict=False):
            points = []
            for stroke in json.loads(line)["drawing"]:
                lifts = np.zeros(len(stroke[0]))
                lifts[-1] = 1
                points.append(np.column_stack([stroke[0], stroke[1], lifts]))
            yield _steps(np.concatenate(points))


def _steps(points: NDArray[Any]) -> NDArray[Any]:
    """Return places as steps from the point before, in units of 256 for the larger of width and height."""
    extent = float(np.ptp(points[:, :2], axis=0).max()) or 1.0
    steps = np.diff(points[:, :2], axis=0, prepend=points[:1, :2]) * (255.0 / extent)
    return np.column_stack([steps, points[:, 2]])


def _sketch_rnn(file: Path, most: int) -> Iterator[NDArray[Any]]:
    """Read the drawings of all three parts, each of its own length; the file pickles them, which is read
    guardedly.
    """
    left = most
    with zipfile.ZipFile(file) as archive:
        for part in ("train", "valid", "test"):
            with archive.open(f"{part}.npy") as member:
                for drawing in _objects(member)[:left]:
                    yield np.asarray(drawing)
                    left -= 1


class _Guarded(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"it holds {module}.{name}, which is no array")
        return super().find_class(module, name)


def _objects(member: IO[bytes]) -> NDArray[Any]:
    """Read an `.npy` file of arrays, with nothing in it but arrays."""
    version = np.lib.format.read_magic(member)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    _, _, kind = read(member)
    if not kind.hasobject:
        raise ValueError("it has no drawings of lengths of their own")
    found: NDArray[Any] = _Guarded(io.BytesIO(member.read()), encoding="latin1").load()
    return found


def _of_file(file: Path, classes: Sequence[str] | None, most: int) -> list[list[NDArray[Any]]]:
    with np.load(file, allow_pickle=False) as stored:
        names = [str(name) for name in stored["classes"]]
        X, y = stored["X"], stored["y"]
    chosen = tuple(classes or (CLASSES if set(CLASSES) <= set(names) else STAND_INS))
    missing = [name for name in chosen if name not in names]
    if missing:
        raise UserError(f"{file} has no drawings of {', '.join(missing)}: it has {', '.join(names)}.")
    # padding is a row of zeros after the last point, which no real point is: it moves or lifts the pen
    return [[one[: _length(one)] for one in X[y == names.index(name)][:most]] for name in chosen]


def _length(drawing: NDArray[Any]) -> int:
    used = np.flatnonzero(drawing.any(axis=1))
    return int(used[-1]) + 1 if len(used) else 0
