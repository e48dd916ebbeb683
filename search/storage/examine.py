"""A study's folder, file by file: which are damaged or missing, and what makes them again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bitfront.spaces import UserError

from ..trials import layer_table
from ..trials.evaluation import FILE as EVALUATION
from ..trials.evaluation import Evaluation
from ..trials.manifest import known_digests
from ..trials.reference import FILE as REFERENCE
from ..trials.stored import DamagedFile, read_arrays, read_bytes, read_json, require_sound_keras
from .identity import FILE as IDENTITY
from .journal import sound_bytes
from .model_files import GOLDEN, KERAS
from .model_files import WEIGHTS as FLOAT_WEIGHTS
from .optuna_storage import JOURNAL_FILE
from .warm_start_files import FILES as WARM_START

State = Literal["sound", "damaged", "missing", "cut off"]

_RUN = "run the study again, which makes it again"
_DELETE = "delete it, and run the study again"
_RESTORE = "restore it from a copy; nothing makes it again"
_REPORT = "bitfront report writes it again"
_OF_A_STUDY: Mapping[str, str] = {
    KERAS: _RUN,
    GOLDEN: _RUN,
    FLOAT_WEIGHTS: f"run the study again, which takes it from {KERAS}",
    IDENTITY: "restore it from a copy, or begin anew with --fresh",
    REFERENCE: _DELETE,
    "study.yaml": "put it back as it was run; a study goes on under other settings by its own file",
    "test_scores.json": _DELETE,
    "latency.json": "delete it, and bitfront report --latency measures again",
    "plan.json": "delete it, and the search makes it again",
    "floor.json": "delete it, and the search makes it again",
    "champion.json": "delete it, and export the trial again",
    "front.csv": _REPORT,
    "report.html": _REPORT,
    "sensitivity.csv": "bitfront sensitivity writes it again",
} | dict.fromkeys(WARM_START, "delete it, and the search makes it again")
_OF_A_TRIAL: Mapping[str, str] = {
    EVALUATION: "restore it, or delete the trial's folder: the search goes on without it",
    "weights.npz": "restore it, or delete the trial's folder: the search goes on without it",
    "precision.json": f"{EVALUATION} says the same: delete it",
    layer_table.FILE: f"{EVALUATION} says the same: delete it",
    "log.txt": "delete it",
    "record.json": "restore it, or delete its folder and synthesise again",
}


@dataclass(frozen=True)
class Finding:
    """What became of one file."""

    path: str
    """Relative to the study's folder."""
    state: State
    reason: str = ""
    """What is wrong with it; empty where nothing is."""
    way_out: str = ""
    """What makes it again."""
    listed: bool = True
    """Whether its digest is known; else it was only read, as far as its format goes."""


def examine(folder: Path) -> list[Finding]:
    """Return what every file of a study is like, by path.

    Each file that the folder's list of digests names, and each that a study of an earlier version would have,
    is read. A trial's folder that is missing as a whole was deleted, as messages advise, and is passed over.

    Raises:
        UserError: when the list can't be read.
    """
    listed = known_digests(folder)
    names = {path.relative_to(folder).as_posix() for path in _unlisted(folder)} | set(listed)
    found = []
    for name in sorted(names):
        path = folder / name
        if name.startswith("trials/") and not (folder / "/".join(name.split("/")[:2])).is_dir():
            continue
        found.append(_judged(path, name, name in listed))
    for trial in sorted((folder / "trials").glob("*")):
        if trial.is_dir() and not (trial / EVALUATION).exists():
            name = trial.relative_to(folder).as_posix()
            cut = "its evaluation was cut off", "run the study again, which evaluates it anew"
            found.append(Finding(name, "cut off", *cut))
    found += _journal(folder / JOURNAL_FILE)
    return sorted(found, key=lambda one: one.path)


def way_out(name: str) -> str:
    """Return what makes a file of a study again, by its path in the study's folder."""
    table = _OF_A_TRIAL if name.startswith("trials/") else _OF_A_STUDY
    return table.get(Path(name).name, _RESTORE)


def _unlisted(folder: Path) -> Iterator[Path]:
    """Yield the files that a study reads and that its format lets one judge."""
    for name in _OF_A_STUDY:
        if (folder / name).exists():
            yield folder / name
    for name in (IDENTITY, KERAS, FLOAT_WEIGHTS, GOLDEN):
        yield folder / name
    if any((folder / "trials").glob(f"*/{EVALUATION}")):  # it comes with the first trial
        yield folder / REFERENCE
    for name in _OF_A_TRIAL:
        yield from (folder / "trials").glob(f"*/{name}")
        yield from (folder / "trials").glob(f"*/synthesis/*/{name}")


def _judged(path: Path, name: str, listed: bool) -> Finding:
    advice = way_out(name)
    if not path.exists() and path.name == EVALUATION:
        return Finding(name, "missing", "its trial isn't finished without it", advice, listed)
    try:
        _read(path, advice)
    except FileNotFoundError:
        return Finding(name, "missing", "it isn't there", advice, listed)
    except UserError as error:
        reason = str(error).removesuffix(f": {advice}.").removeprefix(f"{path} ")
        return Finding(name, "damaged", reason, advice, listed)
    return Finding(name, "sound", listed=listed)


def _read(path: Path, advice: str) -> None:
    if path.name == EVALUATION:
        if not path.exists():
            raise FileNotFoundError
        Evaluation.read(path)
    elif path.suffix == ".json":
        read_json(path, advice)
    elif path.suffix == ".npz":
        read_arrays(path, advice)
    elif path.suffix == ".keras":
        require_sound_keras(path, advice)
    else:
        read_bytes(path, advice)


def _journal(path: Path) -> list[Finding]:
    if not path.exists():
        return []
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DamagedFile(path, error.strerror, "see to its rights") from error
    if sound_bytes(data) == len(data):
        return [Finding(path.name, "sound", listed=False)]
    advice = "run the study again: a torn end is cut off, and what trials' folders say is told again"
    return [
        Finding(
            path.name, "damaged", f"a record that begins at byte {sound_bytes(data)} is torn", advice, False
        )
    ]
