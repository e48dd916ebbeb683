"""What the stages of a warm start work with."""

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
    """A study's evaluator, objectives and folder.

    Args:
        evaluator: of the study; it holds another candidate after each stage.
        objectives: the study's.
        box: scale of the hypervolume.
        folder: the study's, which keeps what takes long to compute.
    """

    evaluator: Evaluator
    objectives: Sequence[Objective]
    box: Box
    folder: Path

    @cached_property
    def gradient_search(self) -> GradientWidths:
        """The study's gradient width search, one object for both its parts: its start takes some fifty
        roundings to find.
        """
        return GradientWidths(self.evaluator, self.objectives, self.evaluator.problem.config.gradient_epochs)
