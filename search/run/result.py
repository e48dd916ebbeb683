"""What a run of a study leaves."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..trials.evaluation import Evaluation


@dataclass(frozen=True)
class StudyResult:
    """What a run leaves: the study folder and what is in it."""

    folder: Path
    evaluations: tuple[Evaluation, ...]
    front: tuple[Evaluation, ...]
    interrupted: bool = False

    @property
    def feasible(self) -> bool:
        """Whether any candidate meets every constraint."""
        return any(e.feasible for e in self.evaluations)
