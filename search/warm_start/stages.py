"""What a study tries before its sampler's own candidates, in the order in which most is gained for the time.

What is rounded without training costs milliseconds, so that the uniform candidates and the best of their
greedy width reduction are there in the first seconds. Then come the uniform widths that count, trained, so
that whatever follows has them to beat; then the gradient width search, which finds most of what a search
finds, so that a short one has it; then trainings of what was screened, and more of the same where there is
time.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from bitfront.spaces import Params

from ..evaluator.training import Start, is_sparse
from ..samplers.optuna_samplers import baselines
from ..storage.optuna_study import Stage
from ..storage.warm_start_files import AGAIN_FILES, INCOMING_FILE
from ..trials.evaluation import Evaluation, Kind
from ..trials.files import write_atomic
from .context import SearchContext
from .gradient_seeds import first_seeds, further_seeds, gradient_seeds
from .gradient_widths import Seed
from .incoming import incoming
from .screening import greedy, greedy_to_train, openers, read_rounded, screened
from .uniform_training import first_uniform, other_uniform


@dataclass(eq=False)
class WarmStart:
    """The stages of one study, and the seeds that they give.

    Args:
        context: of the study.
        learn: takes all that screening rounded.
    """

    context: SearchContext
    learn: Callable[[Sequence[Evaluation]], None]
    seeds: dict[Kind, list[Seed]] = field(default_factory=lambda: {"uniform": [], "search": []})
    """What the training of the uniform widths and the gradient width search gave, with the weights to begin
    with.
    """

    def stages(self) -> list[Stage]:
        """Return the stages; only the uniform ones where these alone are to be tried."""
        rounded = openers(self.context.evaluator)
        uniform = [
            Stage(lambda: rounded, "uniform"),
            Stage(self._planned),
            Stage(lambda: self._kept(first_uniform(self.context), "uniform"), "uniform"),
            Stage(self._other_uniform, "uniform"),
        ]
        if self.context.evaluator.problem.config.sampler == "grid-uniform":
            return uniform
        return [
            uniform[0],
            Stage(self._incoming),
            uniform[1],
            Stage(lambda: greedy(self.context)),
            uniform[2],
            Stage(lambda: self._kept(first_seeds(self.context), "search")),
            Stage(lambda: self._kept(gradient_seeds(self.context), "search")),
            Stage(lambda: greedy_to_train(self.context)),
            Stage(self._screened),
            uniform[3],
            *(Stage(partial(self._again, number)) for number in AGAIN_FILES),
        ]

    def start(self, params: Params, kind: Kind) -> Start | None:
        """Return the weights that a candidate of these stages begins with; None where it has none of its
        own.
        """
        seed = next((one for one in self.seeds[kind] if dict(one.params) == dict(params)), None)
        if seed is None or not seed.weights:
            return None
        if kind == "uniform":
            return Start("uniform", seed.weights, epochs=seed.epochs)
        sparse = is_sparse(self.context.evaluator.graph, params, seed.weights)
        return Start("gradient", seed.weights, sparse, "sparsity" in params, seed.epochs)

    def _incoming(self) -> Sequence[Params]:
        """Return the candidate that the model is, where it came quantized."""
        evaluator = self.context.evaluator
        found = incoming(evaluator.graph, evaluator.space, evaluator.costs.calibration.peaks)
        if found is None:
            return []
        write_atomic(self.context.folder / INCOMING_FILE, json.dumps({"params": dict(found)}) + "\n")
        return [found]

    def _other_uniform(self) -> Sequence[Params]:
        """Return the uniform candidates that are left: trained ones, and rounded ones that need more than
        float32.
        """
        self._kept(other_uniform(self.context), "uniform")
        before = [*openers(self.context.evaluator), *(one.params for one in first_uniform(self.context))]
        return [params for params in baselines(self.context.evaluator.space) if params not in before]

    def _planned(self) -> Sequence[Params]:
        """Settle the search's numbers, once the first candidates are there to be looked at."""
        self.context.plan()
        return []

    def _again(self, number: int) -> Sequence[Params]:
        return self._kept(further_seeds(self.context, number), "search")

    def _screened(self) -> Sequence[Params]:
        params = screened(self.context)
        self.learn(read_rounded(self.context.folder))
        return params

    def _kept(self, seeds: Sequence[Seed], kind: Kind) -> Sequence[Params]:
        self.seeds[kind] += seeds
        return [one.params for one in seeds]
