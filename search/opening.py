"""What a study tries before its sampler's own candidates, in the order in which most is gained for the time.

What is rounded without training costs milliseconds, so that the uniform candidates and the best of a way down from them are
there in the first seconds; trainings follow, and last the gradient path, which takes as long as hundreds of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from bitfront.spaces import Params

from .evaluation import Evaluation
from .front import Box
from .gradient import first_seeds, gradient_seeds
from .ledger import Stage
from .objectives import Objective
from .path import Passed
from .samplers import baselines
from .scouting import descended, openers, read_rounded, scouted

if TYPE_CHECKING:
    from .workbench import Workbench


@dataclass(eq=False)
class Opening:
    """The stages of one study, and what is found in them.

    Args:
        bench: of the study; it holds another candidate after each stage.
        objectives: the study's.
        box: scale of the hypervolume.
        folder: the study's, which keeps what takes long to find.
        say: takes sentences for the user.
        learn: takes all that scouting rounded.
    """

    bench: Workbench
    objectives: Sequence[Objective]
    box: Box
    folder: Path
    say: Callable[[str], None]
    learn: Callable[[Sequence[Evaluation]], None]
    seeds: list[Passed] = field(default_factory=list)
    """What the stages of the gradient path gave, with the weights to begin with."""

    def stages(self) -> list[Stage]:
        """Return the stages; only the uniform ones where these alone are to be tried."""
        first = openers(self.bench)
        rest = [params for params in baselines(self.bench.space) if params not in first]
        uniform = [Stage(lambda: first, "uniform"), Stage(lambda: rest, "uniform")]
        if self.bench.problem.config.sampler == "grid-uniform":
            return uniform
        scouting = [Stage(self._descended), Stage(self._scouted)]
        return [uniform[0], *scouting, uniform[1], Stage(self._first), Stage(self._walked)]

    @property
    def _context(self) -> tuple[Workbench, Sequence[Objective], Box, Path, Callable[[str], None]]:
        return self.bench, self.objectives, self.box, self.folder, self.say

    def _descended(self) -> Sequence[Params]:
        return descended(*self._context)

    def _scouted(self) -> Sequence[Params]:
        found = scouted(*self._context)
        self.learn(read_rounded(self.folder))
        return found

    def _first(self) -> Sequence[Params]:
        return self._passed(first_seeds(*self._context))

    def _walked(self) -> Sequence[Params]:
        return self._passed(gradient_seeds(*self._context))

    def _passed(self, found: Sequence[Passed]) -> Sequence[Params]:
        self.seeds += found
        return [one.params for one in found]
