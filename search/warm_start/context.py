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
from .pace import Pace
from .planning import SLOWER, planned

if TYPE_CHECKING:
    from ..evaluator.evaluator import Evaluator

WALKED = 0.8
"""Share of the time left that the gradient width search may take with its candidates' own trainings."""
LEAST_WALKED = 0.5
"""Share of the time left that it may take in any case."""
SEEDS = 32
"""Candidates of the gradient width search that enter the search, at most."""


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

    def pace(self, seconds: float) -> Pace | None:
        """Return what keeps a training within so many seconds; None where the study file says how long it
        is.
        """
        return Pace(seconds, self.clock) if self.by_time else None

    @property
    def by_time(self) -> bool:
        """Whether the gradient width search's length follows from the time."""
        return self.evaluator.problem.config.gradient_epochs == "auto"

    def seconds_for_rest(self) -> float:
        """Return the seconds that the gradient width search may take before its candidates are trained."""
        plan, left = self.evaluator.plan, self.seconds_left()
        after = plan.screening * plan.seconds.get("rounding", 0.0)
        after += SEEDS * plan.epochs * plan.seconds.get("epoch", 0.0)
        return max(WALKED * left - after, LEAST_WALKED * left)

    def epochs_left(self) -> int:
        """Return the epochs of a gradient width search that fit into the time left, by those measured."""
        plan = self.evaluator.plan
        an_epoch = SLOWER * (plan.seconds.get("explore", 0.0) + 2 * plan.seconds.get("cost", 0.0))
        return int(self.seconds_for_rest() / an_epoch) if an_epoch else 0
