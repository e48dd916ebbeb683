"""The judge: every peer's candidates, by the bit-true model where it can hold them, on the same splits and by
the same two costs.

EBOPs count, for every product, the bits of the constant between its first and last one times the width of the
other operand, its sign's bit included (HGQ, arXiv 2405.00645, without biases). Products on which no output
depends, whatever the data, count for nobody. Widths per weight and per activation, which HGQ2 has and the
bit-true model has not, are counted by the same rule where they were trained (`element_widths`); their scores
are HGQ2's own.

The second cost is what da4ml makes of the whole network: LUTs of all additions, roundings and comparisons,
unrolled. Additions that share what they have in common, and roundings, are what EBOPs don't see. Tracing
takes up to a minute a network, so only the cheapest candidate of a front at each of `LEVELS` has it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from bitfront.hls import Types, resolve
from bitfront.hls.rtl import trace_logic
from bitfront.spaces import FixedPoint, UserError, Weights

from .tasks import INPUT_BITS, Task

RESULT_BITS = 16
"""Of a last layer's result where a peer leaves it in float."""
LEVELS = (0.99, 0.97, 0.95, 0.9, 0.85)
"""Test scores at which costs are compared: shares of the float model's lead over a blind guess."""
MOST_TRACED = 60_000
"""EBOPs beyond which da4ml takes minutes a network: it isn't asked."""


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
    da4ml: float | None = None
    """LUTs of the whole network by da4ml, where the judge asked for them and it has the layers."""


OUTPUTS: tuple[Literal["val"], Literal["test"]] = ("val", "test")
"""Splits whose outputs a peer may leave."""


def front(found: Sequence[Found]) -> list[Found]:
    """Return what no other candidate beats in validation score and EBOPs: what a user would be shown."""
    kept: list[Found] = []
    for one in sorted(found, key=lambda f: (f.ebops, -f.val)):
        if not kept or one.val > kept[-1].val:
            kept.append(one)
    return kept


def least(found: Sequence[Found], level: float) -> Found | None:
    """Return the front's member of least EBOPs with such a test score; None where there is none."""
    reached = [one for one in front(found) if one.test >= level]
    return min(reached, key=lambda f: f.ebops, default=None)


def cheapest(found: Sequence[Found], levels: Sequence[float]) -> list[int]:
    """Return the places of the front's members of least EBOPs at each of these test scores."""
    members = [least(found, level) for level in levels]
    return sorted({found.index(one) for one in members if one is not None})


@dataclass(frozen=True)
class Judge:
    """Scores the candidates that a peer left in a folder."""

    task: Task

    def scored(self, folder: Path, luts: Callable[[int], float | None] | None = None) -> list[Found]:
        """Return the candidates of `candidates.json` and `candidates.npz`, in their order.

        `luts` gives da4ml's LUTs of a candidate without types, by its place.

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
        found = [
            self._typed(row, content[i]) if "types" in row else self._given(row, content[i])
            for i, row in enumerate(rows)
        ]
        typed = {i for i, row in enumerate(rows) if "types" in row}
        return self.priced(
            found,
            lambda i: (
                self.luts(*self._design(rows[i], content[i])) if i in typed else luts(i) if luts else None
            ),
        )

    def priced(self, found: Sequence[Found], luts: Callable[[int], float | None]) -> list[Found]:
        """Return the candidates with da4ml's LUTs where `cheapest` names them; `luts`: of one, by its
        place.
        """
        told = list(found)
        for place in cheapest(found, [self.task.level(share) for share in LEVELS]):
            if found[place].ebops <= MOST_TRACED:
                told[place] = replace(found[place], da4ml=luts(place))
        return told

    def luts(self, types: Types, weights: Weights) -> float | None:
        """Return da4ml's LUTs of a design; None where it holds a layer that this path doesn't build."""
        graph = self.task.evaluator.graph
        # a last sigmoid or softmax, which HGQ2 leaves to the loss, is no part of it
        heads = {name for name in graph.outputs if graph[name].traits.probabilities}
        ends = tuple(graph[name].inputs[0] if name in heads else name for name in graph.outputs)
        bare = replace(graph, nodes=tuple(n for n in graph if n.name not in heads), outputs=ends)
        try:
            return float(trace_logic(bare, types, weights).cost)
        except UserError:
            return None

    def _told(self, outputs: Mapping[str, Any]) -> tuple[float, float]:
        """Return the validation and the test score of outputs that a peer computed itself."""
        data = self.task.evaluator.problem.data
        val, test = (
            self.task.problem.ranking(getattr(data, f"y_{split}"), [outputs[split]]) for split in OUTPUTS
        )
        return val, test

    def _given(self, row: Mapping[str, Any], outputs: Mapping[str, Any]) -> Found:
        val, test = self._told(outputs)
        return Found(row["seconds"], row["trainings"], val, test, row["ebops"], own=row.get("own"))

    def _typed(self, row: Mapping[str, Any], arrays: Mapping[str, Any]) -> Found:
        evaluator = self.task.evaluator
        types, weights = self._design(row, arrays)
        candidate = evaluator.space.candidate(evaluator.space.uniform(INPUT_BITS, "qat"))
        cost = evaluator.costs.estimate(candidate, types, weights)
        own: dict[str, Any] = {key: arrays[key] for key in OUTPUTS if key in arrays}
        if own:
            val, test = self._told(own)
        else:
            val, test = (
                evaluator.scores.of_outputs(evaluator.scores.outputs(types, weights, split), split)
                for split in OUTPUTS
            )
        costs = float(cost.ebops), float(cost.lut)
        return Found(row["seconds"], row["trainings"], val, test, *costs, row.get("own"))

    def _design(self, row: Mapping[str, Any], arrays: Mapping[str, Any]) -> tuple[Types, Weights]:
        """Return the types and the weights of a row that has types."""
        weights: dict[str, dict[str, Any]] = {}
        for key in arrays.keys() - set(OUTPUTS):
            node, _, role = key.rpartition("/")
            weights.setdefault(node, {})[role] = arrays[key]
        wanted = {
            key: FixedPoint(w, i, signed, "RND_CONV", "SAT") for key, (w, i, signed) in row["types"].items()
        }
        return self.types(wanted, weights), weights

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
