"""The record of a candidate while it passes through its evaluation."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

from bitfront.hls import Estimate, Types
from bitfront.spaces import Candidate, Graph

from ..problem.metrics import Outcome
from ..quantities.table import intervals_of, resources_of
from ..trials.evaluation import Evaluation, Fidelity, Kind


class Record:
    """Collects an `Evaluation` while a candidate passes through."""

    def __init__(self, number: int, params: Mapping[str, Any], kind: Kind, candidate: Candidate) -> None:
        self.number, self.params, self.kind, self.candidate = number, dict(params), kind, candidate
        self.tried = candidate
        self.metrics: dict[str, float] = {}
        self.ties: Mapping[str, float] = {}
        self.recall: Mapping[str, tuple[float | None, ...]] = {}
        self.resources: dict[str, float] = {}
        self.intervals: dict[str, tuple[float, float]] = {}
        self.layers: tuple[Mapping[str, Any], ...] = ()
        self.precision: dict[str, str] = {}
        self.constraints: dict[str, float] = {}
        self.history: list[Mapping[str, float]] = []
        self.seconds: dict[str, float] = {}
        self.fidelity: Fidelity = "ptq"
        self.start = "float"
        self.epochs = 0.0
        self.ptq_resources: dict[str, float] = {}

    def cost(self, found: Estimate, types: Types, graph: Graph) -> None:
        """Take over an estimate and the types it holds for."""
        self.retype(types)
        self.resources = resources_of(found)
        self.intervals = intervals_of(found)
        rows = {layer.name: layer.to_json() for layer in found.layers}
        self.layers = tuple(
            {
                "node": node.name,
                "op": node.op,
                "types": {
                    k.rpartition("/")[2]: str(t) for k, t in types.items() if k.startswith(f"{node.name}/")
                },
                **{k: v for k, v in rows.get(node.name, {}).items() if k not in {"name", "op"}},
            }
            for node in graph
        )

    def retype(self, types: Types) -> None:
        """Take over other types of the same candidate."""
        self.precision = {key: str(kind) for key, kind in types.items()}

    def count(self, outcome: Outcome) -> None:
        """Take over the score that counts, and what stands behind it."""
        self.metrics["score"], self.ties, self.recall = outcome.score, outcome.ties, outcome.recall

    def keep_untrained(self) -> None:
        """Make it the candidate that is rounded and not trained."""
        self.candidate = replace(self.candidate, method="ptq", sparsity=0)
        self.epochs = 0.0

    def finish(self, status: Literal["complete", "infeasible", "failed"], reason: str | None) -> Evaluation:
        """Return the record."""
        finite = {k: v for k, v in self.metrics.items() if math.isfinite(v)}
        return Evaluation(
            number=self.number,
            digest=self.tried.digest,
            kept="" if self.candidate == self.tried else self.candidate.digest,
            method=self.candidate.method,  # type: ignore[arg-type]
            status=status,
            fidelity=self.fidelity,
            start=self.start,
            epochs=self.epochs,
            kind=self.kind,
            params=self.params,
            metrics=finite,
            ties=self.ties,
            recall=self.recall,
            resources=self.resources,
            ptq_resources=self.ptq_resources,
            intervals=self.intervals,
            layers=self.layers,
            precision=self.precision,
            constraints=self.constraints,
            history=tuple(self.history),
            seconds=self.seconds,
            reason=reason,
        )
