"""All that a study makes once, and the evaluation of one candidate with it."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from bitfront.hls import BitTrue, Calibration, Estimate, Types, check_hardware, part, pruned, resolve
from bitfront.hls.estimate import Correction, site_estimate
from bitfront.spaces import Candidate, Graph, Hardware, Params, Space, UserError, Weights, lower

from ..problem.metrics import Outcome
from ..quantities import METRICS
from ..quantities.table import resources_of
from ..samplers.optuna_samplers import baselines
from ..trials.evaluation import Evaluation, Kind
from ..trials.front import Box
from ..trials.objectives import (
    Constraint,
    Metric,
    Objective,
    broken,
    constraints_of,
    metric_violations,
    resource_violations,
)
from .cache import TrainingCache
from .design import candidate_design
from .promotion import Promotion
from .record import Record
from .space import space_of
from .training import Start, Training

if TYPE_CHECKING:
    from ..config import StudyConfig
    from ..problem.load import Problem
    from ..problem.metrics import Ranking

Split = Literal["val", "test"]

CALIBRATION_SAMPLES = 4096
"""Training samples that the float ranges are taken from."""


_HARDWARE = get_args(Hardware)
"""Kinds of dimensions that are no precision."""
SPARSE_START = 0.5
"""Share of a candidate's lead over a blind guess that sparse weights, to begin with, may lack."""


@dataclass(eq=False)
class Evaluator:
    """The bit-true model of a study, calibrated, with its space, objectives and limits.

    Built once a study; `evaluate` then answers candidates without building or tracing anything again.
    """

    problem: Problem
    graph: Graph = field(init=False)
    space: Space = field(init=False)
    bit_true: BitTrue = field(init=False)
    calibration: Calibration = field(init=False)
    constraints: tuple[Constraint, ...] = field(init=False)
    float_outcome: Outcome = field(init=False)
    """What the float model's outputs for the validation split come to."""
    correction: Correction = field(default_factory=lambda: Correction.of([]))
    """What the study's finished syntheses say of its estimates; limits are checked on corrected ones."""
    cache: TrainingCache | None = None
    """Keeps trained weights for this study and others; nothing is kept where None."""
    _float_weights: Weights = field(init=False, repr=False)
    _float_outputs: dict[Split, list[NDArray[np.float64]]] = field(default_factory=dict, repr=False)
    _trained: bool = field(default=False, repr=False)
    training: Training = field(init=False, repr=False)
    """Trains candidates on the bit-true model."""

    def __post_init__(self) -> None:
        config, data = self.problem.config, self.problem.data
        graph = lower(self.problem.model, head=config.space.head)
        minima = {name: float(x.min()) for name, x in zip(graph.inputs, data.x_train, strict=True)}
        self.graph = graph.with_data(minima)
        require_buildable(config, self.graph)
        self.space = space_of(config, self.graph)
        self.bit_true = BitTrue(
            self.graph, table_size=config.space.table_size, narrow_accumulators=narrow_nodes(self.space)
        )
        rule = "mse" if config.space.integer_bits == "mse" else "max"
        self.calibration = self.bit_true.calibrate([x[:CALIBRATION_SAMPLES] for x in data.x_train], rule=rule)
        self._float_weights = self.graph.weights
        self.ranking = self.problem.ranking.on_logits(from_logits(self.graph))
        self.float_outcome = self.ranking.outcome(data.y_val, self.float_pass())
        capacity = part(config.device.part).capacity()
        self.constraints = constraints_of(config.limits(), self.metric_record, capacity)
        self.training = Training(
            self.problem,
            self.graph,
            self.bit_true,
            lambda: self.score(self.bit_true.predict(data.x_val)),
            self.ranking.better,
        )

    @property
    def float_score(self) -> float:
        """The float model's validation metric."""
        return self.float_outcome.score

    @property
    def metric_record(self) -> Metric:
        """The metric as reports and constraints know it."""
        return metric_of(self.ranking)

    def score(self, outputs: Sequence[Any], split: Split = "val") -> float:
        """Return the metric of the graph's outputs for a split."""
        return self.ranking(getattr(self.problem.data, f"y_{split}"), outputs)

    def types(
        self, candidate: Candidate, weights: Weights | None = None, known: Types | None = None
    ) -> Types:
        """Return every type of a candidate; after training with its `weights` and the weight types `known` before."""
        roles = {f"{n}/{r}" for n, arrays in self.graph.weights.items() for r in arrays}
        kept = {key: kind for key, kind in (known or {}).items() if key in roles}
        return resolve(
            self.graph,
            candidate.widths,
            self.calibration,
            shifts=candidate.shifts,
            weights=weights,
            weight_types=kept,
        )

    def untrained_cost(self, candidate: Candidate, types: Types) -> Estimate:
        """Estimate what a candidate costs before training: with the float weights, as sparse as it will be."""
        if not candidate.sparsity:
            return self.cost(candidate, types)
        return self.cost(candidate, types, pruned(self.graph, self._float_weights, candidate.sparsity / 100))

    def cost(self, candidate: Candidate, types: Types, weights: Weights | None = None) -> Estimate:
        """Estimate what a candidate costs on the study's device, without what its zeros leave without effect."""
        design = candidate_design(
            self.problem.config,
            self.graph,
            candidate,
            types,
            weights or self._float_weights,
            name=candidate.digest,
        )
        return site_estimate(design)

    def rounded(self, candidate: Candidate) -> tuple[float, dict[str, float]]:
        """Return the validation metric of a candidate without training, and its estimated resources.

        Raises:
            UserError: when its types are too wide to be computed exactly.
        """
        types = self.types(candidate)
        return self._scored(None, types), resources_of(self.cost(candidate, types))

    def box(self, objectives: Sequence[Objective]) -> Box:
        """Return the scale of the hypervolume, for which the uniform candidates are estimated but none is scored.

        Each is estimated with the first and with the last choice of reuse factor and strategy, which trade LUTs for
        latency: with the first alone, every candidate that is slower would count for nothing.

        Raises:
            UserError: when none of them can be computed.
        """
        costs, fault = [], UserError("The space has no uniform candidate.")
        last: Params = {d.name: d.choices[-1] for d in self.space.dimensions if d.kind in _HARDWARE}
        uniform = baselines(self.space)
        for params in (*uniform, *({**one, **last} for one in uniform if last)):
            candidate = self.space.candidate(params)
            try:
                costs.append(resources_of(self.cost(candidate, self.types(candidate))))
            except UserError as error:  # types too wide to be exact, which the trial itself will report
                fault = error
        if not costs:
            raise fault
        return Box.spanning(costs, objectives, self.float_score, self.blind_score())

    def blind_score(self) -> float:
        """Return the validation metric of outputs that ignore the inputs: the mean target, or each class's share."""
        data, outputs = self.problem.data, self.problem.outputs.values()
        samples = len(data.x_val[0])
        constant = []
        for output, y in zip(outputs, data.y_train, strict=True):
            multiclass = output.task == "multiclass"
            known = np.bincount(y, minlength=output.classes) / len(y) if multiclass else y.mean(axis=0)
            constant.append(np.broadcast_to(known, (samples, *np.shape(known))))
        return self.ranking.on_logits([False] * len(constant))(data.y_val, constant)

    def evaluate(
        self,
        number: int,
        params: Params,
        kind: Kind = "search",
        *,
        promotion: Promotion | None = None,
        start: Start | None = None,
    ) -> tuple[Evaluation, Weights | None]:
        """Return what became of a candidate, and its trained weights where it was trained.

        A broken resource constraint ends it before it is scored, unless it is a uniform baseline, to which others
        are compared; a training that diverges is a failure with a reason; nothing else is caught here. Where training
        makes the score worse, the candidate keeps its float weights and is a ptq one; its `qat` metric says what
        training gave. Not so where it is to make weights zero, for which a score is paid and which costs less: such
        a candidate is trained whatever its rounded score. With `promotion`, training goes as far as it is worth; with
        `start`, it begins with another candidate's weights where these, rounded, score better than the float ones, or not
        much worse if sparse.
        """
        candidate = self.space.candidate(params)
        started = time.perf_counter()
        types = self.types(candidate)
        record = Record(number, params, kind, candidate)
        if start is None:
            record.cost(self.untrained_cost(candidate, types), types, self.graph)
        else:  # what it costs with the weights that it begins with
            own = self.types(candidate, start.weights)
            record.cost(self.cost(candidate, own, start.weights), own, self.graph)
        record.seconds["estimate"] = time.perf_counter() - started
        likely = self._check(record)
        reason = broken(self.constraints, record.constraints, likely)
        if reason and kind != "uniform":
            return record.finish("infeasible", reason), None
        started = time.perf_counter()
        outputs = self.outputs(types, None)
        record.metrics["ptq"] = self.score(outputs)
        record.seconds["ptq"] = time.perf_counter() - started
        weights, rounded = None, types
        if candidate.method == "qat":
            started = time.perf_counter()
            weights, types, fault = self._trained_weights(record, types, promotion, start)
            record.seconds["qat"] = time.perf_counter() - started
            if weights is None and fault:
                return record.finish("failed", fault), None
        if weights is not None:
            types = self.types(candidate, weights, types)
            trained = self.outputs(types, weights)
            record.metrics["qat"] = self.score(trained)
        if weights is None or (
            not candidate.sparsity and self.ranking.better(record.metrics["ptq"], record.metrics["qat"])
        ):
            weights = None
            record.keep_untrained()
            record.cost(self.cost(record.candidate, rounded), rounded, self.graph)
            self._check(record)
        else:
            outputs = trained
            record.ptq_resources = resources_of(self.cost(candidate, rounded))
            record.cost(self.cost(candidate, types, weights), types, self.graph)
            self._check(record)
        method = record.candidate.method
        record.count(self.ranking.outcome(self.problem.data.y_val, outputs))
        if not math.isfinite(record.metrics["score"]):
            return record.finish("failed", f"nan_metric: the {method} score is not finite"), None
        record.constraints |= metric_violations(self.constraints, record.metrics["score"], self.float_score)
        return record.finish("complete", None), weights

    def inherited(self, number: int, params: Params, weights: Weights) -> Evaluation:
        """Return the evaluation of a candidate with weights that were trained elsewhere, as they are.

        Their types have the integer bits that they ask for, not the float model's weights.
        """
        candidate = self.space.candidate(params)
        types = self.types(candidate, weights)
        record = Record(number, params, "search", candidate)
        record.fidelity = "inherited"
        record.cost(self.cost(candidate, types, weights), types, self.graph)
        self._check(record)
        record.count(self.ranking.outcome(self.problem.data.y_val, self.outputs(types, weights)))
        record.metrics["qat"] = record.metrics["score"]
        record.constraints |= metric_violations(self.constraints, record.metrics["score"], self.float_score)
        return record.finish("complete", None)

    def _trained_weights(
        self, record: Record, types: Types, promotion: Promotion | None, start: Start | None
    ) -> tuple[Weights | None, Types, str]:
        """Return what training gives, and for which types; or None: with a reason where it failed, without where it isn't worth it.

        The model holds the candidate's `types` and the float weights. Types of a training that begins with others have the
        integer bits that these ask for.
        """
        score = record.metrics["ptq"]
        if start is not None:
            own = self.types(record.candidate, start.weights)
            inherited = self._scored(start.weights, own)
            enough = score
            if start.sparse:  # what zeros cost in score is not to be paid again
                enough = score + SPARSE_START * (self.blind_score() - score)
            if self.ranking.better(inherited, enough):
                score, record.start, types = inherited, start.name, own
                record.epochs = start.epochs
                record.retype(types)
                record.history.append({"epoch": 0, "loss": math.nan, "metric": inherited})
            else:
                start = None
                self._restore()
                self.bit_true.assign(types)
        sparse = record.candidate.sparsity > 0
        if promotion is not None and not sparse and not promotion.worth("rounded", score, record.resources):
            record.fidelity = "ptq" if start is None else "inherited"
            return (None if start is None else start.weights), types, ""
        self._trained = True
        weights, fault = self.training.weights(
            record.candidate, record, self.cache, start=start, promotion=promotion
        )
        record.epochs += max((row["epoch"] for row in record.history), default=0)
        return weights, types, fault

    def _check(self, record: Record) -> Mapping[str, float]:
        """Check the limits on resources as syntheses correct them, and return those."""
        clock_ns = self.problem.config.device.clock_ns
        likely, _ = self.correction.apply_figures(record.resources, {}, clock_ns)
        record.constraints = resource_violations(self.constraints, likely)
        return likely

    def test_score(self, types: Types, weights: Weights | None) -> float:
        """Return the metric of a candidate on the test split, which nothing else looks at."""
        return self._scored(weights, types, "test")

    def float_test_score(self) -> float:
        """Return the float model's metric on the test split."""
        return self.score(self.float_pass("test"), "test")

    def float_pass(self, split: Split = "val") -> list[NDArray[np.float64]]:
        """Return what the float model outputs for a split, computed once: every figure of it comes from here."""
        if split not in self._float_outputs:
            self._restore()
            self._float_outputs[split] = self.bit_true.predict_float(getattr(self.problem.data, f"x_{split}"))
        return self._float_outputs[split]

    def outputs(
        self, types: Types, weights: Weights | None, split: Split = "val"
    ) -> list[NDArray[np.float64]]:
        """Return what a candidate with these weights, the float ones where None, outputs for a split."""
        if weights is not None:
            self.bit_true.restore(weights)
            self._trained = True
        else:
            self._restore()
        self.bit_true.assign(types)
        return self.bit_true.predict(getattr(self.problem.data, f"x_{split}"))

    def _scored(self, weights: Weights | None, types: Types, split: Split = "val") -> float:
        """Return the metric of a candidate with these weights, the float ones where None."""
        return self.score(self.outputs(types, weights, split), split)

    def begin(self) -> None:
        """Give the bit-true model its float weights, for a training outside `evaluate`."""
        self._restore()
        self._trained = True

    def _restore(self) -> None:
        if self._trained:
            self.bit_true.restore(self._float_weights)
            self._trained = False


def from_logits(graph: Graph) -> list[bool]:
    """Return whether each output of a graph gives logits, its sigmoid or softmax left off."""
    return [not graph[output].traits.probabilities for output in graph.outputs]


def narrow_nodes(space: Space) -> frozenset[str]:
    """Return the nodes whose accumulator may be narrower than lossless."""
    keys = [
        t for d in (*space.fixed, *space.dimensions) for t in d.targets if d.kind == "width" and d.high > 0
    ]
    return frozenset(key.rpartition("/")[0] for key in keys if key.endswith("/accum"))


def metric_of(ranking: Ranking) -> Metric:
    """Return a ranking's metric as reports and constraints know it."""
    known = METRICS.get(ranking.name)
    ties = next((one.ties for one in ranking.outputs if one is not None), "")
    decides = known is not None and known.decides
    return Metric(ranking.name, ranking.direction, known.perfect if known else None, ties if decides else "")


def require_buildable(config: StudyConfig, graph: Graph) -> None:
    """Refuse a model that hls4ml can't build with the interface, strategies and reuse factors that may be chosen.

    Raises:
        UserError: naming every layer, and why.
    """
    layers = {node.layer for node in graph}
    check_hardware(
        graph,
        io_type=config.hls.io_type,
        strategies={layer: config.hls.choices("strategy", layer)[0] for layer in layers},
        reuse_factors={f for layer in layers for f in config.hls.choices("reuse_factor", layer)[0]},
        narrow_accumulators=(one for one in layers if config.space.of_layer(one).narrow_accumulators),
    )
