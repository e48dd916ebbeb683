"""What a synthesis of a trial left in the study folder: one folder a run, never overwritten.

`trials/00012/synthesis/01-csynth/` holds `record.json`, the tools' log and their reports. It stands beside
`evaluation.json`, which keeps the estimate.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from bitfront.hls.synthesis import SynthesisOutcome

from ..trials.files import trial_folder, write_atomic
from ..trials.stored import DamagedFile, read_json

__all__ = ["SynthesisRecord", "measured_of", "read_records", "write_record"]

FILE = "record.json"
_WAY_OUT = "restore it or delete its folder"
SCHEMA = 1
_LARGEST = 64 << 20
"""Bytes of the largest report or log that is kept."""


@dataclass(frozen=True, kw_only=True)
class SynthesisRecord:
    """One run on one trial: its number, its candidate's digest, its folder, and what came of it."""

    number: int
    digest: str
    folder: Path
    outcome: SynthesisOutcome


def write_record(
    study_dir: Path, number: int, digest: str, outcome: SynthesisOutcome, keep: Iterable[Path] = ()
) -> SynthesisRecord:
    """Write a run's folder with copies of the files in `keep`; `record.json` comes last and makes it
    count.
    """
    parent = trial_folder(study_dir, number) / "synthesis"
    parent.mkdir(parents=True, exist_ok=True)
    folder = _fresh(parent, outcome.fidelity)
    for path in keep:
        if path.is_file() and path.stat().st_size <= _LARGEST:
            shutil.copyfile(path, folder / path.name)
    plain = {"schema": SCHEMA, "number": number, "digest": digest, "outcome": outcome.to_json()}
    write_atomic(folder / FILE, json.dumps(plain, indent=1, allow_nan=False) + "\n")
    return SynthesisRecord(number=number, digest=digest, folder=folder, outcome=outcome)


def _fresh(parent: Path, fidelity: str) -> Path:
    """Make the first folder that no run has, also where two machines write at once."""
    run = 1
    while True:
        folder = parent / f"{run:02d}-{fidelity}"
        if not any(parent.glob(f"{run:02d}-*")):
            try:
                folder.mkdir()
                return folder
            except FileExistsError:
                pass
        run += 1


def read_records(study_dir: Path) -> list[SynthesisRecord]:
    """Return every finished run of a study, by trial and run.

    Raises:
        UserError: when a record can't be read.
    """
    found = []
    for path in sorted((Path(study_dir) / "trials").glob(f"*/synthesis/*/{FILE}")):
        try:
            plain = read_json(path, _WAY_OUT)
            if plain["schema"] != SCHEMA:
                raise ValueError(f"schema {plain['schema']}")
            outcome = SynthesisOutcome.from_json(plain["outcome"])
            found.append(
                SynthesisRecord(
                    number=int(plain["number"]),
                    digest=str(plain["digest"]),
                    folder=path.parent,
                    outcome=outcome,
                )
            )
        except (OSError, KeyError, TypeError, ValueError, AttributeError) as error:
            raise DamagedFile(path, repr(error), _WAY_OUT) from error
    return found


def measured_of(records: Iterable[SynthesisRecord]) -> dict[str, dict[str, Mapping[str, float]]]:
    """Return what was measured, by candidate's digest and stage; of several runs the last counts."""
    found: dict[str, dict[str, Mapping[str, float]]] = {}
    for record in records:
        if record.outcome.measured:
            found.setdefault(record.digest, {}).update(record.outcome.measured)
    return found
