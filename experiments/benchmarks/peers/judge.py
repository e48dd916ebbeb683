"""The judge: every peer's candidates, by the bit-true model where it can hold them, on the same splits and
one cost.

EBOPs count, for every product, the bits of the constant between its first and last one times the width of the
other operand (HGQ, arXiv 2405.00645, without biases). Widths per weight and per activation, which HGQ2 has
and the bit-true model has not, are counted by the same rule where they were trained; their scores are HGQ2's
own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bitfront.hls import resolve
from bitfront.spaces import FixedPoint, Weights

from .tasks import INPUT_BITS, Task

RESULT_BITS = 16
"""Of a last layer's result where a peer leaves it in float."""


@dataclass(frozen=True)
class Found:
    """A candidate as the judge scores it."""

    seconds: float
    """CPU seconds since the peer began to search (see `candidates`)."""
    trainings: float
    """Whole trainings spent until then: epochs over those of one."""
    val: float
    test: float
    ebops: float
    lut: float | None = None
    """Estimate; None for widths per weight, which the estimator doesn't take."""
    own: float | None = None
    """The validation metric that the peer itself computed, where it did."""


@dataclass(frozen=True)
class Judge:
    """Scores the candidates that a peer left in a folder."""

    task: Task

    def scored(self, folder: Path) -> list[Found]:
        """Return the candidates of `candidates.json` and `candidates.npz`, in their order.

        A row has `seconds` and `trainings`, and either `types` (tensor -> width, integer bits with the
        sign's, signed) with weights `NUMBER/NODE/ROLE`, or `ebops`. Where there are outputs, `NUMBER/val` and
        `NUMBER/test`, these are scored.
        """
        rows = json.loads((folder / "candidates.json").read_text())
        with np.load(folder / "candidates.npz", allow_pickle=False) as arrays:
            content: dict[int, dict[str, Any]] = {}
            for key in arrays.files:
                number, rest = key.split("/", 1)
                content.setdefault(int(number), {})[rest] = arrays[key]
        return [
            self._typed(row, content[i]) if "types" in row else self._given(row, content[i])
            for i, row in enumerate(rows)
        ]

    def _told(self, outputs: Mapping[str, Any]) -> tuple[float, float]:
        """Return the validation and the test score of outputs that a peer computed itself."""
        data = self.task.evaluator.problem.data
        val, test = (
            self.task.problem.ranking(getattr(data, f"y_{split}"), [outputs[split]])
            for split in ("val", "test")
        )
        return val, test

    def _given(self, row: Mapping[str, Any], outputs: Mapping[str, Any]) -> Found:
        val, test = self._told(outputs)
        return Found(row["seconds"], row["trainings"], val, test, row["ebops"], own=row.get("own"))

    def _typed(self, row: Mapping[str, Any], arrays: Mapping[str, Any]) -> Found:
        evaluator = self.task.evaluator
        weights: dict[str, dict[str, Any]] = {}
        own = {key: arrays[key] for key in ("val", "test") if key in arrays}
        for key, value in arrays.items():
            if key in own:
                continue
            node, _, role = key.rpartition("/")
            weights.setdefault(node, {})[role] = value
        wanted = {
            key: FixedPoint(w, i, signed, "RND_CONV", "SAT") for key, (w, i, signed) in row["types"].items()
        }
        types = self.types(wanted, weights)
        candidate = evaluator.space.candidate(evaluator.space.uniform(INPUT_BITS, "qat"))
        cost = evaluator.costs.estimate(candidate, types, weights)
        if own:
            val, test = self._told(own)
        else:
            val, test = (
                evaluator.scores.of_outputs(evaluator.scores.outputs(types, weights, split), split)
                for split in ("val", "test")
            )
        return Found(
            row["seconds"], row["trainings"], val, test, float(cost.ebops), float(cost.lut), row.get("own")
        )

    def types(self, wanted: Mapping[str, FixedPoint], weights: Weights) -> dict[str, FixedPoint]:
        """Return every type of a design that has the `wanted` ones: inputs as given to all, sums lossless."""
        evaluator = self.task.evaluator
        widths = dict(evaluator.space.candidate(evaluator.space.uniform(INPUT_BITS, "qat")).widths)
        for output in evaluator.graph.outputs:
            widths[f"{output}/result"] = RESULT_BITS
        widths |= {key: kind.width for key, kind in wanted.items()}
        fixed = {key: kind for key, kind in wanted.items() if not key.endswith("/result")}

        def resolved(shifts: Mapping[str, int]) -> dict[str, FixedPoint]:
            found = resolve(
                evaluator.graph,
                widths,
                evaluator.costs.calibration,
                shifts=shifts,
                weights=weights,
                weight_types=fixed,
            )
            return dict(found)

        first = resolved({})
        shifts = {
            key: kind.integer - first[key].integer for key, kind in wanted.items() if key.endswith("/result")
        }
        return resolved({key: shift for key, shift in shifts.items() if shift})
