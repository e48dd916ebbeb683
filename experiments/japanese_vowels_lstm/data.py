"""The data of this study: JapaneseVowels, which a user brings: who of nine speakers says a vowel (Kudo,
Toyama and Shimbo 1999).
"""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitfront.spaces import UserError

CLIP = 4.0
"""Standardised features stop at this many standard deviations, so that three integer bits hold them all."""
STEPS, FEATURES, SPEAKERS = 29, 12, 9
"""Longest utterance, coefficients of its linear prediction at each step, and classes."""
_FILES = {"train": "JapaneseVowels_TRAIN.ts", "test": "JapaneseVowels_TEST.ts"}
_MISSING = (
    "There is no JapaneseVowels: fetch it from the UEA time series archive (JapaneseVowels_TRAIN.ts and "
    "_TEST.ts) and set BITFRONT_JAPANESE_VOWELS to its folder, or pip install --no-deps aeon, which has it."
)


def default_path() -> Path | None:
    """Return what `BITFRONT_JAPANESE_VOWELS` names, else the copy in an installed aeon; None where there is
    neither.
    """
    named = os.environ.get("BITFRONT_JAPANESE_VOWELS")
    if named:
        return Path(named)
    found = importlib.util.find_spec("aeon")  # not imported: its dependencies aren't needed
    places = found.submodule_search_locations if found else None
    folder = Path(next(iter(places))) / "datasets" / "data" / "JapaneseVowels" if places else None
    return folder if folder and folder.exists() else None


def load(folder: str | Path | None = None) -> dict[str, NDArray[Any]]:
    """Return x_train, y_train, x_val, y_val, x_test and y_test; only the report reads the test part.

    Utterances as sequences of shape (n, 29, 12), standardised, shorter ones with zeros before; speakers 0 to
    8.

    The archive's training utterances train (270); half of its test ones (185 of 370) validate, the others
    test.

    Args:
        folder: with the archive's two `.ts` files. By default see `default_path`.

    Raises:
        UserError: the data are missing or hold something else.
    """
    source = Path(folder) if folder is not None else default_path()
    if source is None or not all((source / name).is_file() for name in _FILES.values()):
        raise UserError(_MISSING)
    x_train, present, y_train = _utterances(source / _FILES["train"])
    x, there, y = _utterances(source / _FILES["test"])
    # three parts are given, two are wanted: the first two are halves but for one in a class
    first, second, third = split(y, (0.5, 0.49, 0.01))
    rows = {"val": first, "test": np.concatenate([second, third])}
    data: dict[str, NDArray[Any]] = {"x_train": x_train, "y_train": y_train}
    masks = {"x_train": present}
    for part, chosen in rows.items():
        data[f"x_{part}"], data[f"y_{part}"], masks[f"x_{part}"] = x[chosen], y[chosen], there[chosen]
    return standardise(data, masks)


def split(
    y: NDArray[Any], shares: tuple[float, float, float] = (0.6, 0.2, 0.2), seed: int = 0
) -> list[NDArray[np.int64]]:
    """Return three sets of rows of `y`, shuffled, each with the classes in equal shares; `shares` sum to
    1.
    """
    rng = np.random.default_rng(seed)
    parts: list[list[NDArray[np.int64]]] = [[], [], []]
    for label in np.unique(y):
        members = rng.permutation(np.flatnonzero(y == label))
        ends = np.round(np.cumsum(shares[:2]) * len(members)).astype(int)
        for part, piece in zip(parts, np.split(members, ends), strict=True):
            part.append(piece)
    return [rng.permutation(np.concatenate(pieces)) for pieces in parts]


def standardise(
    data: dict[str, NDArray[Any]], present: dict[str, NDArray[np.bool_]]
) -> dict[str, NDArray[Any]]:
    """Return features with zero mean and unit deviation over the training part, clipped at `CLIP`; absent
    steps are zero.

    `present` has, for each input, which of its steps are there, of shape (samples, steps).
    """
    rows = data["x_train"][present["x_train"]]
    # sums in float64: float32 means would depend on the order of the rows
    mean, deviation = rows.mean(0, dtype=np.float64), rows.std(0, dtype=np.float64)
    deviation[deviation == 0] = 1.0
    scaled = {
        key: np.clip((data[key] - mean) / deviation, -CLIP, CLIP) * there[..., None]
        for key, there in present.items()
    }
    return data | {key: x.astype(np.float32) for key, x in scaled.items()}


def _utterances(file: Path) -> tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.int32]]:
    """Read sequences (n, 29, 12), which of their steps are there (n, 29), and speakers (n,)."""
    try:
        lines = file.read_text(encoding="utf-8").split("@data", 1)[1].split()
        rows = [line.split(":") for line in lines]
        speakers = np.array([int(float(row[-1])) - 1 for row in rows], np.int32)
        read = [np.array([part.split(",") for part in row[:-1]], np.float32).T for row in rows]
    except (OSError, ValueError, IndexError, UnicodeDecodeError) as error:
        raise UserError(f"{file} can't be read as JapaneseVowels ({error}): fetch it again.") from None
    wrong = [x.shape for x in read if x.ndim != 2 or x.shape[1] != FEATURES or len(x) > STEPS]
    if wrong or not read or not set(speakers) <= set(range(SPEAKERS)):
        raise UserError(
            f"{file} is not JapaneseVowels: it must have up to {STEPS} steps of {FEATURES} values and "
            f"speakers 1 to {SPEAKERS} in each line."
        )
    x = np.zeros((len(read), STEPS, FEATURES), np.float32)
    present = np.zeros((len(read), STEPS), bool)
    for number, sequence in enumerate(read):
        x[number, STEPS - len(sequence) :] = sequence
        present[number, STEPS - len(sequence) :] = True
    return x, present, speakers
