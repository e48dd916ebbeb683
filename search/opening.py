"""What a study tries before its sampler's own candidates, in the order in which most is gained for the time.

What is rounded without training costs milliseconds, so that the uniform candidates and the best of a way down from them are
there in the first seconds; trainings follow, and last the gradient path, which takes as long as hundreds of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from bitfront.spaces import Params

from .context import SearchContext
from .evaluation import Evaluation
from .gradient import first_seeds, gradient_seeds
from .ledger import Stage
from .path import Passed
from .samplers import baselines
from .scouting import descended, openers, read_rounded, scouted


@dataclass(eq=False)
class Opening:
    """The stages of one study, and what is found in them.

    Args:
        context: of the study.
        learn: takes all that scouting rounded.
    """

    context: SearchContext
    learn: Callable[[Sequence[Evaluation]], None]
    seeds: list[Passed] = field(default_factory=list)
    """What the stages of the gradient path gave, with the weights to begin with."""

    def stages(self) -> list[Stage]:
        """Return the stages; only the uniform ones where these alone are to be tried."""
        first = openers(self.context.bench)
        rest = [params for params in baselines(self.context.bench.space) if params not in first]
        uniform = [Stage(lambda: first, "uniform"), Stage(lambda: rest, "uniform")]
        if self.context.bench.problem.config.sampler == "grid-uniform":
            return uniform
        scouting = [Stage(self._descended), Stage(self._scouted)]
        return [uniform[0], *scouting, uniform[1], Stage(self._first), Stage(self._walked)]

    def _descended(self) -> Sequence[Params]:
        return descended(self.context)

    def _scouted(self) -> Sequence[Params]:
        found = scouted(self.context)
        self.learn(read_rounded(self.context.folder))
        return found

    def _first(self) -> Sequence[Params]:
        return self._passed(first_seeds(self.context))

    def _walked(self) -> Sequence[Params]:
        return self._passed(gradient_seeds(self.context))

    def _passed(self, found: Sequence[Passed]) -> Sequence[Params]:
        self.seeds += found
        return [one.params for one in found]
