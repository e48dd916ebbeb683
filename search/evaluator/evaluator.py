"""All that a study makes once, and the way of one candidate through it.

    params -> candidate -> cost -> rounding -> training -> judgement -> Evaluation

Each stage is a method of `Evaluator` that returns its part as a frozen value, and `evaluate` builds the
`Evaluation` once, of these parts:

1. `_estimate` -> `Cost` (`costs.py`): types, resources and broken limits, in milliseconds. A candidate that
   breaks a limit on resources ends here.
2. `_round` -> `Rounded`: the score of the float weights at these types (`scores.py`).
3. `Training.train` -> `Trained` (`training.py`): the weights of its best epoch, or none where it isn't to be
   trained or not worth it.
4. `_judge` -> `Judged`: the trained candidate or the rounded one, whichever scores better, with its own cost.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, get_args

from bitfront.hls import BitTrue, Types, part
from bitfront.spaces import Candidate, Graph, Hardware, Params, Space, UserError, Weights

from ..quantities.table import resources_of
from ..samplers.optuna_samplers import baselines
from ..trials.evaluation import Evaluation, Kind
from ..trials.front import Box
from ..trials.objectives import (
    SIGNS,
    Constraint,
    Metric,
    Objective,
    broken,
    constraints_of,
    metric_violations,
    parse_objectives,
    scored_violations,
)
from .cache import TrainingCache
from .costs import Cost, Costs
from .element_widths import ElementWidths
from .parts import Judged, Rounded, evaluation_of
from .plan import Plan
from .prepare import bit_true_model, graph_of, metric_of
from .promotion import Promotion
from .scores import Scores
from .space import space_of
from .training import Start, Trained, Training

if TYPE_CHECKING:
    from ..problem.load import Problem
    from ..problem.metrics import Outcome

CALIBRATION_SAMPLES = 4096
"""Training samples that the float ranges are taken from."""

_HARDWARE = get_args(Hardware)
"""Kinds of dimensions that are no precision."""


class Evaluator:
    """The bit-true model of a study, calibrated, with its space, costs, scores and limits.

    Built once per study; `evaluate` then answers candidates without building or tracing anything again.

    Args:
        problem: the study's model, data and settings.
        cache: keeps trained weights for this study and others; nothing is kept where None.

    Attributes:
        problem: as given.
        graph: the model as hls4ml builds it.
        space: what a candidate is drawn from.
        bit_true: the bit-true model; it holds one candidate at a time.
        costs: types and costs of candidates.
        scores: their metric.
        training: their training.
        constraints: the study's limits.
        metric_record: the metric as reports and constraints know it.
        float_outcome: what the float model's outputs for the validation split come to.
        float_score: the float model's validation metric.

    Raises:
        UserError: when the model can't be computed or built as the study wants it, or a limit fits nothing.
    """

    def __init__(self, problem: Problem, cache: TrainingCache | None = None) -> None:
        config, data = problem.config, problem.data
        self.problem = problem
        self.graph: Graph = graph_of(problem)
        self.space: Space = space_of(config, self.graph)
        self.bit_true: BitTrue = bit_true_model(config, self.graph, self.space)
        self.scores = Scores(problem, self.graph, self.bit_true)
        self.metric_record: Metric = metric_of(self.scores.ranking)
        self.constraints: tuple[Constraint, ...] = constraints_of(
            config.limits(), self.metric_record, part(config.device.part).capacity()
        )
        rule = "mse" if config.space.integer_bits == "mse" else "max"
        calibration = self.bit_true.calibrate([x[:CALIBRATION_SAMPLES] for x in data.x_train], rule=rule)
        self.costs = Costs(config, self.graph, calibration, self.constraints)
        self.float_outcome: Outcome = self.scores.outcome(self.scores.float_outputs())
        self.float_score: float = self.float_outcome.score
        objectives = parse_objectives(config.objectives, self.metric_record)
        self._elements = ElementWidths(config, self.graph, self.costs, self.scores, objectives)
        self.training = Training(problem, self.graph, self.bit_true, self.scores, cache)
        self.plan = Plan.of(config)

    @property
    def plan(self) -> Plan:
        """How much a search rounds and trains; what its trainings follow from now on, when set."""
        return self.training.plan

    @plan.setter
    def plan(self, plan: Plan) -> None:
        self.training.plan = plan

    def evaluate(
        self,
        number: int,
        params: Params,
        kind: Kind = "search",
        *,
        promotion: Promotion | None = None,
        start: Start | None = None,
        narrow_elements: bool = True,
    ) -> tuple[Evaluation, Weights | None]:
        """Return what became of a candidate, and its trained weights where it was trained.

        A broken resource constraint ends it before it is scored, unless it is a uniform baseline, to which
        others are compared; a training that diverges is a failure with a reason; nothing else is caught here.
        Where training makes the score worse, the candidate keeps its float weights and is a ptq one; its
        `qat` metric says what training gave. Not so where it is to make weights zero, for which a score is
        paid and which costs less: such a candidate is trained whatever its rounded score.

        Args:
            number: the trial's.
            params: value of every dimension of the space.
            kind: `uniform` for the baselines.
            promotion: ends the training where the rest isn't worth it; a training is whole where None.
            start: another candidate's weights to begin the training with, if they score well enough at this
                one's types.
            narrow_elements: give elements of results widths of their own where these pay; a baseline has
                none.

        Raises:
            UserError: when its types are too wide to be computed exactly.
        """
        candidate = self.space.candidate(params)
        seconds = _Seconds()
        types = self.costs.types(candidate)
        cost = self._estimate(candidate, types, start if candidate.method == "qat" else None)
        seconds.spent_on("estimate")
        evaluation = partial(evaluation_of, number, params, kind, candidate, cost, seconds=seconds.by_stage)
        reason = broken(self.constraints, cost.violations, cost.corrected, cost.corrected_upper)
        if reason and kind != "uniform":
            return evaluation(status="infeasible", reason=reason), None
        rounded = self._round(types)
        seconds.spent_on("ptq")
        trained = Trained(None, types)
        if candidate.method == "qat":
            trained = self.training.train(
                candidate, types, rounded.score, cost, start=start, promotion=promotion
            )
            seconds.spent_on("qat")
        if trained.fault:
            return evaluation(rounded=rounded, trained=trained, status="failed", reason=trained.fault), None
        spared = start is not None and start.sparse and trained.start == start.name
        judged = self._judge(candidate, cost, rounded, trained, sparse=spared or candidate.sparsity > 0)
        if narrow_elements and kind != "uniform" and math.isfinite(judged.outcome.score):
            judged = self._narrowed(judged)
        evaluation = partial(evaluation, rounded=rounded, trained=trained, judged=judged)
        if not math.isfinite(judged.outcome.score):
            reason = f"nan_metric: the {judged.candidate.method} score is not finite"
            return evaluation(status="failed", reason=reason), None
        return evaluation(), judged.weights

    def _estimate(self, candidate: Candidate, types: Types, start: Start | None) -> Cost:
        """Return what a candidate costs with the weights that it begins with: as sparse as it will be, or
        those of `start`.
        """
        if start is None:
            return self.costs.cost(types, self.costs.untrained(candidate, types))
        types = self.costs.types(candidate, start.weights)
        return self.costs.cost(types, self.costs.estimate(candidate, types, start.weights))

    def _round(self, types: Types) -> Rounded:
        outputs = self.scores.outputs(types, None)
        return Rounded(types, outputs, self.scores.of_outputs(outputs))

    def _judge(
        self, candidate: Candidate, cost: Cost, rounded: Rounded, trained: Trained, *, sparse: bool
    ) -> Judged:
        """Keep the trained candidate or the rounded one, whichever scores better; a sparse one is kept
        trained.
        """
        score = None
        if trained.weights is not None:
            types = self.costs.types(candidate, trained.weights, trained.types)
            outputs = self.scores.outputs(types, trained.weights)
            score = self.scores.of_outputs(outputs)
            if sparse or not self.scores.ranking.better(rounded.score, score):
                outcome = self.scores.outcome(outputs)
                scored = self._scored(outcome, types, trained.weights)
                return Judged(
                    candidate,
                    self.costs.cost(types, self.costs.estimate(candidate, types, trained.weights)),
                    outcome,
                    self._violations(outcome.score, scored),
                    trained.weights,
                    trained_score=score,
                    scored=scored,
                    rounded_resources=resources_of(self.costs.estimate(candidate, rounded.types)),
                )
        kept = replace(candidate, method="ptq", sparsity=0)
        if kept != candidate:
            cost = self.costs.cost(rounded.types, self.costs.estimate(kept, rounded.types))
        outcome = self.scores.outcome(rounded.outputs)
        scored = self._scored(outcome, rounded.types, None)
        violations = self._violations(outcome.score, scored)
        return Judged(kept, cost, outcome, violations, trained_score=score, scored=scored)

    def _narrowed(self, judged: Judged) -> Judged:
        """Return the candidate with widths of single elements where these pay, with its violations."""
        narrowed = self._elements.narrowed(judged)
        if narrowed is judged:
            return judged
        scored = self._scored(narrowed.outcome, narrowed.cost.types, narrowed.weights)
        return replace(narrowed, scored=scored, violations=self._violations(narrowed.outcome.score, scored))

    def inherited(self, number: int, params: Params, weights: Weights) -> Evaluation:
        """Return the evaluation of a candidate with weights that were trained elsewhere, as they are.

        Their types have the integer bits that they ask for, not those of the float model's weights.

        Raises:
            UserError: when these types are too wide to be computed exactly.
        """
        candidate = self.space.candidate(params)
        types = self.costs.types(candidate, weights)
        cost = self.costs.cost(types, self.costs.estimate(candidate, types, weights))
        outcome = self.scores.outcome(self.scores.outputs(types, weights))
        scored = self._scored(outcome, types, weights)
        violations = self._violations(outcome.score, scored)
        judged = Judged(
            candidate, cost, outcome, violations, weights, trained_score=outcome.score, scored=scored
        )
        trained = Trained(weights, types, "inherited")
        return evaluation_of(number, params, "search", candidate, cost, trained=trained, judged=judged)

    def rounded(self, candidate: Candidate) -> tuple[float, dict[str, float]]:
        """Return the validation metric of a candidate without training, and its estimated resources.

        Raises:
            UserError: when its types are too wide to be computed exactly.
        """
        types = self.costs.types(candidate)
        return self.scores.of(types, None), resources_of(self.costs.estimate(candidate, types))

    def box(self, objectives: Sequence[Objective]) -> Box:
        """Return the scale of the hypervolume, for which the uniform candidates are estimated but none is
        scored.

        Each is estimated with the first and with the last choice of reuse factor and strategy, which trade
        LUTs for latency: with the first alone, every candidate that is slower would count for nothing.

        Raises:
            UserError: when none of them can be computed.
        """
        costs, fault = [], UserError("The space has no uniform candidate.")
        last: Params = {d.name: d.choices[-1] for d in self.space.dimensions if d.kind in _HARDWARE}
        uniform = baselines(self.space)
        for params in (*uniform, *({**one, **last} for one in uniform if last)):
            candidate = self.space.candidate(params)
            try:
                costs.append(resources_of(self.costs.estimate(candidate, self.costs.types(candidate))))
            except UserError as error:  # types too wide to be exact, which the trial itself will report
                fault = error
        if not costs:
            raise fault
        return Box.spanning(costs, objectives, self.float_score, self.scores.blind())

    def _scored(self, outcome: Outcome, types: Types, weights: Weights | None) -> dict[str, float]:
        """Return what else a candidate is scored by; nothing where the study has no noise, or the score isn't
        finite.
        """
        if self.problem.config.noise is None or not math.isfinite(outcome.score):
            return {}
        lost = self.float_score - self.scores.under_noise(types, weights)
        return {"noise_drop": SIGNS[self.metric_record.direction] * lost}

    def _violations(self, score: float, scored: Mapping[str, float]) -> dict[str, float]:
        """Return how far a candidate is beyond each limit on what is scored; of a score that isn't finite,
        nothing is said.
        """
        if not math.isfinite(score):
            return {}
        violations = metric_violations(self.constraints, score, self.float_score)
        return violations | scored_violations(self.constraints, scored)


class _Seconds:
    """Wall seconds of the stages of one evaluation, which follow each other."""

    def __init__(self) -> None:
        self.by_stage: dict[str, float] = {}
        self._since = time.perf_counter()

    def spent_on(self, stage: str) -> None:
        """Count what has passed since the stage before."""
        now = time.perf_counter()
        self.by_stage[stage], self._since = now - self._since, now
