"""The floor under a search: what of a cheap candidate's cost lies in things that are not searched.

Each fixed width is narrowed alone, down to `NARROWEST` bits, and the design estimated again: what that saves
is a cost that no candidate of the study can avoid. Nothing is scored, so that it says what the space hides,
not what the network would still compute.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from bitfront.spaces import Candidate, Dimension, Params, UserError, Weights

from ..quantities.table import resources_of
from ..trials.files import write_atomic
from ..trials.objectives import Objective

if TYPE_CHECKING:
    from ..evaluator.evaluator import Evaluator

FLOOR_FILE = "floor.json"
NARROWEST = 3
"""Bits to which a fixed width is narrowed."""
LEAST_SHARE = 0.02
"""Share of a cost below which a fixed width isn't named."""


@dataclass(frozen=True)
class Fixed:
    """A width that the study fixes, and what it costs."""

    name: str
    """Of the dimension, `gru.tables` say."""
    bits: int
    shares: Mapping[str, float]
    """Cost objective -> share of the candidate's that the width beyond `NARROWEST` bits takes."""


@dataclass(frozen=True)
class Floor:
    """What a cheap candidate costs, and what of it was fixed."""

    trial: int | None
    """Of the candidate; None for the narrowest of the space, untrained."""
    resources: Mapping[str, float]
    """Its cost objectives, as `Evaluation.resources` names them."""
    fixed: tuple[Fixed, ...]
    """The largest first."""

    @classmethod
    def read(cls, folder: Path) -> Floor | None:
        """Return what a study's folder keeps; None where there is none, or it can't be read."""
        try:
            plain = json.loads((folder / FLOOR_FILE).read_text(encoding="utf-8"))
            fixed = tuple(Fixed(**one) for one in plain["fixed"])
            return cls(plain["trial"], plain["resources"], fixed)
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def write(self, folder: Path) -> None:
        """Write `floor.json` whole or not at all."""
        write_atomic(folder / FLOOR_FILE, json.dumps(asdict(self)) + "\n")

    def sentences(self) -> list[str]:
        """Return a sentence for each fixed width that counts."""
        return [
            f"{one.name} is fixed at {one.bits} bits, which no candidate can lower: "
            + ", ".join(f"{share:.0%} of its {key}" for key, share in one.shares.items())
            + "."
            for one in self.fixed
        ]


def narrowest(evaluator: Evaluator) -> Params:
    """Return the parameters of the narrowest candidate: every width at its least, hardware at its first
    choice.
    """
    return evaluator.space.uniform(0, "ptq") | {
        d.name: d.low for d in evaluator.space.dimensions if d.kind == "width"
    }


def floor_of(
    evaluator: Evaluator,
    objectives: Sequence[Objective],
    params: Params,
    weights: Weights | None = None,
    trial: int | None = None,
) -> Floor:
    """Return what of a candidate's cost lies in widths that are fixed.

    Args:
        evaluator: of the study.
        objectives: the study's; those that are costs are looked at.
        params: the candidate.
        weights: its trained weights; the float model's where None.
        trial: its number.

    Raises:
        UserError: the candidate's types are too wide to be computed exactly.
    """
    costs = [o for o in objectives if not o.is_metric]
    candidate = evaluator.space.candidate(params)

    def cost(of: Candidate) -> dict[str, float]:
        types = evaluator.costs.types(of, weights)
        found = resources_of(evaluator.costs.estimate(of, types, weights))
        return {o.key: found[o.key] for o in costs}

    whole = cost(candidate)
    fixed = []
    for d in evaluator.space.fixed:
        if d.kind != "width" or d.low <= NARROWEST:
            continue
        try:
            narrower = cost(_narrowed(candidate, d))
        except UserError:  # a width that the rest of the design can't be built with
            continue
        shares = {
            key: round((value - narrower[key]) / value, 4)
            for key, value in whole.items()
            if value > 0 and value - narrower[key] >= LEAST_SHARE * value
        }
        if shares:
            fixed.append(Fixed(d.name, d.low, shares))
    fixed.sort(key=lambda one: -max(one.shares.values()))
    return Floor(trial, whole, tuple(fixed))


def _narrowed(candidate: Candidate, dimension: Dimension) -> Candidate:
    return replace(candidate, widths={**candidate.widths, **dict.fromkeys(dimension.targets, NARROWEST)})
