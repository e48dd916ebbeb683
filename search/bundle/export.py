"""The bundle of a candidate of a finished study, chosen by name, number or limit."""

from __future__ import annotations

from pathlib import Path

from ..measurements.corrected import read_evaluations
from ..trials.front import pick as choose
from ..trials.reference import Reference
from .reload import candidate_artifacts
from .write import Emulator, require_free, write_bundle


def export_bundle(
    study_dir: Path | str, pick: str, out: Path | str, *, emulator: Emulator | None = None
) -> Path:
    """Write the bundle of the candidate that `pick` names (knee, best, smallest, a trial, `lut<5000`) to
    `out`, with the sources of a C library where `emulator` is "c".

    Raises:
        UserError: when the study can't be read, nothing fits `pick`, or `out` is in use.
        BuildError: when hls4ml or g++ fails, or the firmware differs from the bit-true model.
        ToolMissing: when g++ is not installed.
    """
    require_free(Path(out))
    study = Path(study_dir)
    reference = Reference.read(study)
    chosen = choose(
        read_evaluations(study), reference.objectives, pick, reference.metric, floor=reference.knee_floor
    )
    source = candidate_artifacts(study, chosen.number)
    return write_bundle(source, out, emulator=emulator)
