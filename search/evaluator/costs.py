"""The types of a candidate and what a design with them costs, estimated on the study's device."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bitfront.hls import Calibration, Estimate, Types, pruned, resolve
from bitfront.hls.estimate import Correction, site_estimate
from bitfront.hls.precision import Elements
from bitfront.spaces import Candidate, Graph, UserError, Weights

from ..measurements.corrected import corrected_ends
from ..quantities import QUANTITIES
from ..quantities.limits import share_text
from ..quantities.table import intervals_of, resources_of, upper_ends
from ..trials.objectives import Constraint, resource_violations
from .design import candidate_design

if TYPE_CHECKING:
    from ..config import StudyConfig


@dataclass(frozen=True, eq=False)
class Cost:
    """What a candidate costs, the types that this holds for, and the limits that it breaks."""

    types: Types
    resources: Mapping[str, float]
    """As `Evaluation.resources` names them."""
    intervals: Mapping[str, tuple[float, float]]
    """80 % interval (low, high) of a resource, in its unit."""
    layers: tuple[Mapping[str, Any], ...]
    """One row per node, in network order."""
    corrected: Mapping[str, float]
    """The resources as the study's syntheses correct them, which limits are checked on."""
    upper: Mapping[str, float]
    """What limited resources don't exceed with the study's confidence, as its files keep it: of the estimate
    as it was made. Empty without a confidence.
    """
    corrected_upper: Mapping[str, float]
    """The same of the corrected resources, which limits with a confidence are checked on."""
    violations: Mapping[str, float]
    """By the limit's name: 0 or less where it is met."""

    @property
    def precision(self) -> dict[str, str]:
        """The types as text."""
        return {key: str(kind) for key, kind in self.types.items()}


class Costs:
    """Resolves the types of a study's candidates and estimates their designs.

    Args:
        config: the study.
        graph: its model.
        calibration: the ranges of its tensors, which give the integer bits.
        constraints: the study's limits.

    Attributes:
        correction: what the study's finished syntheses say of its estimates; set anew as they finish.
    """

    def __init__(
        self,
        config: StudyConfig,
        graph: Graph,
        calibration: Calibration,
        constraints: Sequence[Constraint],
    ) -> None:
        self.calibration = calibration
        self.correction = Correction.of([])
        self._config, self._graph, self._constraints = config, graph, constraints
        self._weight_keys = {f"{node}/{role}" for node, arrays in graph.weights.items() for role in arrays}

    def types(
        self,
        candidate: Candidate,
        weights: Weights | None = None,
        before: Types | None = None,
        elements: Elements | None = None,
    ) -> Types:
        """Return every type of a candidate; after training with its `weights` and the weights' types of
        `before`. `elements`: bits of single elements of its results.
        """
        return resolve(
            self._graph,
            candidate.widths,
            self.calibration,
            shifts=candidate.shifts,
            weights=weights,
            weight_types={key: kind for key, kind in (before or {}).items() if key in self._weight_keys},
            rounding=self._config.space.rounding,
            elements=elements,
        )

    def estimate(self, candidate: Candidate, types: Types, weights: Weights | None = None) -> Estimate:
        """Estimate a candidate, without what its zeros leave without effect; with the float weights where
        None.
        """
        design = candidate_design(
            self._config,
            self._graph,
            candidate,
            types,
            weights or self._graph.weights,
            name=candidate.digest,
        )
        return site_estimate(design, both=True)

    def untrained(self, candidate: Candidate, types: Types) -> Estimate:
        """Estimate a candidate before training: with the float weights, as sparse as it will be."""
        if not candidate.sparsity:
            return self.estimate(candidate, types)
        weights = pruned(self._graph, self._graph.weights, candidate.sparsity / 100)
        return self.estimate(candidate, types, weights)

    def cost(self, types: Types, estimate: Estimate) -> Cost:
        """Return an estimate as the cost of a candidate with these types, checked against the study's
        limits.

        Raises:
            UserError: too few held-out designs are known for the study's confidence.
        """
        clock_ns, resources = self._config.device.clock_ns, resources_of(estimate)
        corrected, _ = self.correction.apply_figures(resources, {}, clock_ns)
        upper = self._upper(estimate)
        corrected_upper = corrected_ends(self.correction, corrected, upper, self._constraints, clock_ns)
        return Cost(
            types=types,
            resources=resources,
            intervals=intervals_of(estimate),
            layers=_layers(self._graph, types, estimate),
            corrected=corrected,
            upper=upper,
            corrected_upper=corrected_upper,
            violations=resource_violations(self._constraints, corrected, corrected_upper),
        )

    def _upper(self, estimate: Estimate) -> dict[str, float]:
        """Return the upper ends that limits ask for."""
        found: dict[str, float] = {}
        for limit in self._constraints:
            if limit.confidence:
                key = QUANTITIES[limit.name].key
                found[key] = upper_ends(estimate, limit.confidence)[key]
                if not math.isfinite(found[key]):
                    raise UserError(
                        f"constraints.confidence = {share_text(limit.confidence)} takes more held-out "
                        f"{estimate.family} designs with {QUANTITIES[limit.name].label} than there are: "
                        "lower it."
                    )
        return found


def _layers(graph: Graph, types: Types, estimate: Estimate) -> tuple[Mapping[str, Any], ...]:
    rows = {layer.name: layer.to_json() for layer in estimate.layers}
    return tuple(
        {
            "node": node.name,
            "op": node.op,
            "types": {
                key.rpartition("/")[2]: kind.summary
                for key, kind in types.items()
                if key.startswith(f"{node.name}/")
            },
            **{key: v for key, v in rows.get(node.name, {}).items() if key not in {"name", "op"}},
        }
        for node in graph
    )
