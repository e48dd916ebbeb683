"""What the stages of a study's beginning work with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ..trials.front import Box
from ..trials.objectives import Objective
from .gradient_widths import GradientWidths

if TYPE_CHECKING:
    from ..evaluator.evaluator import Evaluator


@dataclass(frozen=True, eq=False)
class SearchContext:
    """A study's evaluator and scale, and its folder.

    Args:
        evaluator: of the study; it holds another candidate after each stage.
        objectives: the study's.
        box: scale of the hypervolume.
        folder: the study's, which keeps what takes long to find.
    """

    evaluator: Evaluator
    objectives: Sequence[Objective]
    box: Box
    folder: Path

    @cached_property
    def path(self) -> GradientWidths:
        """The study's gradient width search, one for its parts: where it begins takes some fifty roundings to find."""
        return GradientWidths(self.evaluator, self.objectives, self.evaluator.problem.config.gradient_epochs)
