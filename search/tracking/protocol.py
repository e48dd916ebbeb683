"""What a tracker is, and the one that tracks nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

from ..measurements.record import SynthesisRecord
from ..trials.evaluation import Evaluation
from ..trials.reference import Reference


@dataclass(frozen=True, kw_only=True)
class StudyRecord:
    """A study as a tracker sees it."""

    study_id: str
    """Keys the study's runs: the same id after a resume, another for another study."""
    name: str
    experiment: str
    folder: Path
    """The study folder: `study.yaml` and `trials/<number>/` are read from it."""
    params: Mapping[str, str | int | float] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, study_dir: Path) -> StudyRecord:
        """Build the record from the study's `reference.json`.

        Raises:
            UserError: when the folder is no study.
        """
        reference = Reference.read(study_dir)
        params: dict[str, str | int | float] = {
            "model": reference.model,
            "data": reference.data,
            "metric": reference.metric.name,
            "objectives": ", ".join(objective.name for objective in reference.objectives),
            "part": str(reference.device.get("part", "")),
            "clock_ns": reference.clock_ns,
            "float/val": reference.float_score,
        }
        params |= {f"constraint.{constraint.name}": constraint.told for constraint in reference.constraints}
        if reference.space_size is not None:
            params["space_size"] = str(reference.space_size)
        params |= reference.params
        return cls(
            study_id=reference.study_id,
            name=reference.study,
            experiment=reference.experiment or reference.study,
            folder=Path(study_dir),
            params={key: value for key, value in params.items() if value != ""},
        )


@runtime_checkable
class Tracker(Protocol):
    """Shows a study to people while it runs; the study folder, not the tracker, is the record.

    Life of a study: `start` once (again after a resume, with the same `study_id`); then `trial` and
    `progress` as trials finish, and `synthesis` as a tool is done with one; `finish` at the end, also after
    an interruption, and as often as the front should be shown. No method raises because the tracker's storage
    fails: it warns once and drops what follows.
    """

    def start(self, study: StudyRecord) -> None:
        """Open the study's parent run, or reopen the one that has its `study_id`."""

    def trial(self, evaluation: Evaluation) -> None:
        """Show one finished trial; showing it again changes nothing."""

    def progress(self, step: int, values: Mapping[str, float]) -> None:
        """Show figures of the whole study after `step` trials; a step that was shown before is skipped."""

    def synthesis(self, record: SynthesisRecord) -> None:
        """Show what a synthesis of a trial gave, beside its estimate; showing it again changes nothing."""

    def finish(self, front: Sequence[int], artifacts: Sequence[Path]) -> None:
        """Mark the trials that are on the front, unmark those that left it, and keep `artifacts` with the
        study.
        """


class NullTracker:
    """Tracks nothing, for `tracking: none`."""

    def start(self, study: StudyRecord) -> None:
        """Do nothing."""

    def trial(self, evaluation: Evaluation) -> None:
        """Do nothing."""

    def progress(self, step: int, values: Mapping[str, float]) -> None:
        """Do nothing."""

    def synthesis(self, record: SynthesisRecord) -> None:
        """Do nothing."""

    def finish(self, front: Sequence[int], artifacts: Sequence[Path]) -> None:
        """Do nothing."""
