"""What the stages of a warm start work with."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ..config import DEFAULT_WALL
from ..evaluator.plan import Plan
from ..trials.front import Box
from ..trials.objectives import Objective
from .gradient_widths import GradientWidths
from .planning import planned

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
        seconds_left: returns how long the search may still take.
        clock: returns seconds of the kind that `seconds_left` are.
    """

    evaluator: Evaluator
    objectives: Sequence[Objective]
    box: Box
    folder: Path
    seconds_left: Callable[[], float] = lambda: DEFAULT_WALL
    clock: Callable[[], float] = time.monotonic

    @cached_property
    def gradient_search(self) -> GradientWidths:
        """The study's gradient width search, one object for both its parts: its start takes some fifty
        roundings to find.
        """
        return GradientWidths(self.evaluator, self.objectives, self.evaluator.plan.gradient_epochs)

    def plan(self) -> None:
        """Settle how much is rounded and trained, where the study file leaves it to the time; found once,
        then read from the study's folder.

        Raises:
            UserError: when the file can't be read.
        """
        evaluator = self.evaluator
        if Plan.read(self.folder) is None:
            evaluator.plan = planned(evaluator, self.seconds_left(), self.clock)
            evaluator.plan.write(self.folder)
