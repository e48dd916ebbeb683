"""Several studies side by side: what they share, each one's hypervolume, what each needs for a score."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from bitfront.spaces import UserError

from ..analysis.view import StudyView
from ..quantities import QUANTITIES
from ..trials.evaluation import Evaluation
from ..trials.front import Box, hypervolume_history
from ..trials.objectives import SIGNS, Objective
from . import palette


@dataclass(frozen=True)
class Comparison:
    """Studies with one metric, side by side.

    Raises:
        UserError: when fewer than two are given, too many, or their metrics differ.
    """

    views: tuple[StudyView, ...]

    def __post_init__(self) -> None:
        if not 2 <= len(self.views) <= len(palette.STUDIES):
            raise UserError(
                f"--compare takes 2 to {len(palette.STUDIES)} studies, not {len(self.views)}: name their "
                f"folders."
            )
        metrics = {view.reference.metric.name for view in self.views}
        if len(metrics) > 1:
            raise UserError(
                f"These studies don't compare: their metrics are {', '.join(sorted(metrics))}; choose "
                f"studies with one."
            )

    @cached_property
    def names(self) -> tuple[str, ...]:
        """What each study is called: its name, with its folder where two have one name, and its place where
        both agree.
        """
        names = [view.reference.study for view in self.views]
        told = [
            f"{name} ({view.folder})" if names.count(name) > 1 else name
            for name, view in zip(names, self.views, strict=True)
        ]
        return tuple(f"{name}, {i}" if told.count(name) > 1 else name for i, name in enumerate(told, 1))

    @cached_property
    def costs(self) -> tuple[Objective, ...]:
        """The first study's costs that all have, LUT and latency among them, whether they were objectives or
        not.
        """
        wanted = {cost.name: cost for cost in self.views[0].costs}
        for name in ("lut", "latency"):
            quantity = QUANTITIES[name]
            wanted.setdefault(name, Objective.of(quantity))
        return tuple(
            cost
            for cost in wanted.values()
            if all(cost.key in e.resources for view in self.views for e in view.scored)
        )

    @cached_property
    def hypervolumes(self) -> list[list[tuple[int, float]]]:
        """Hypervolume after each trial of each study, over the objectives that all share, on the first one's
        scale.
        """
        first = self.views[0]
        kept = [
            i
            for i, objective in enumerate(first.objectives)
            if all(objective.name in {o.name for o in view.objectives} for view in self.views)
        ]
        objectives = [first.objectives[i] for i in kept]
        box = first.reference.box
        shared = Box(tuple(box.ideal[i] for i in kept), tuple(box.reference[i] for i in kept))
        return [hypervolume_history(view.evaluations, objectives, shared) for view in self.views]

    def cheapest(self, view: StudyView, cost: Objective, drop: float) -> Evaluation | None:
        """Return the cheapest feasible candidate that is at most `drop` worse than the float model, both on
        validation data.
        """
        sign = SIGNS[view.reference.metric.direction]
        least = sign * view.reference.float_score - drop
        able = [e for e in view.scored if e.feasible and sign * e.score >= least]
        return min(able, key=lambda e: (cost.value(e), -sign * e.score, e.number), default=None)
