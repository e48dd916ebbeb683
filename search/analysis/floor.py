"""The floor under a search: what of a cheap candidate's cost lies in things that are not searched.

Each fixed width is narrowed alone, down to `NARROWEST` bits, or a lossless accumulator by `FEWER`, and the
design estimated again: what that saves is a cost that no candidate of the study can avoid. Nothing is scored,
so that it says what the space hides, not what the network would still compute.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from bitfront.spaces import Candidate, Params, UserError, Weights

from ..quantities.table import resources_of
from ..trials.files import write_atomic
from ..trials.objectives import Objective
from ..trials.stored import DamagedFile, read_json

if TYPE_CHECKING:
    from ..evaluator.evaluator import Evaluator

FLOOR_FILE = "floor.json"
_WAY_OUT = "delete it, and it is made again"
NARROWEST = 3
"""Bits to which a fixed width is narrowed."""
LEAST_SHARE = 0.02
"""Share of a cost below which a fixed width isn't named."""
FEWER = 4
"""Bits that a lossless accumulator is narrowed by."""


@dataclass(frozen=True)
class Fixed:
    """A width that the study fixes, and what it costs."""

    name: str
    """Of the dimension, `gru.tables` say."""
    bits: int
    shares: Mapping[str, float]
    """Cost objective -> share of the candidate's that the width beyond `NARROWEST` bits takes; of a lossless
    accumulator, its last `FEWER` bits."""
    lossless: bool = False
    """Whether it is an accumulator that the study keeps lossless."""

    @property
    def sentence(self) -> str:
        """What is fixed, and what of the cost lies in it."""
        shares = ", ".join(f"{share:.0%} of its {key}" for key, share in self.shares.items())
        if self.lossless:
            return (
                f"{self.name} are lossless, up to {self.bits} bits: {FEWER} bits fewer would save {shares}."
            )
        return f"{self.name} is fixed at {self.bits} bits, which no candidate can lower: {shares}."


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
        """Return what a study's folder keeps; None where there is none.

        Raises:
            UserError: when it can't be read.
        """
        try:
            plain = read_json(folder / FLOOR_FILE, _WAY_OUT)
            fixed = tuple(Fixed(**one) for one in plain["fixed"])
            return cls(plain["trial"], plain["resources"], fixed)
        except FileNotFoundError:
            return None
        except (TypeError, KeyError) as error:
            raise DamagedFile(folder / FLOOR_FILE, repr(error), _WAY_OUT) from error

    def write(self, folder: Path) -> None:
        """Write `floor.json` whole or not at all."""
        write_atomic(folder / FLOOR_FILE, json.dumps(asdict(self)) + "\n")

    def sentences(self) -> list[str]:
        """Return a sentence for each fixed width that counts."""
        return [one.sentence for one in self.fixed]


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
    types = evaluator.costs.types(candidate, weights)
    fixed = []
    for d in evaluator.space.fixed:
        lossless = d.kind == "width" and d.low == 0
        if d.kind != "width" or 0 < d.low <= NARROWEST:
            continue
        now = {key: types[key].width if lossless else d.low for key in d.targets if key in types}
        narrow = {key: max(bits - FEWER, NARROWEST) if lossless else NARROWEST for key, bits in now.items()}
        try:
            narrower = cost(replace(candidate, widths={**candidate.widths, **narrow}))
        except UserError:  # a width that the rest of the design can't be built with
            continue
        shares = {
            key: round((value - narrower[key]) / value, 4)
            for key, value in whole.items()
            if value > 0 and value - narrower[key] >= LEAST_SHARE * value
        }
        if shares:
            fixed.append(Fixed(d.name, max(now.values()), shares, lossless))
    fixed.sort(key=lambda one: -max(one.shares.values()))
    return Floor(trial, whole, tuple(fixed))
