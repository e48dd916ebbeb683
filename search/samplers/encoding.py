"""Candidates as numbers: one position per dimension, and the columns that a regression takes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from bitfront.spaces import Dimension, Params, Space

Positions = NDArray[np.int64]

CROSSED = 0.3
"""Share of the neighbours that mix two members before they are changed."""
FURTHER = 0.7
"""Dimensions beyond one that a neighbour differs in, on average."""
FAR = 0.25
"""Share of the changes that go two steps."""


@dataclass(frozen=True)
class Encoding:
    """Positions are those of a dimension's values, from 0; the method, which is always trained if it may be,
    has none.
    """

    space: Space

    @cached_property
    def dimensions(self) -> tuple[Dimension, ...]:
        """All but the method."""
        return tuple(d for d in self.space.dimensions if d.kind != "method")

    @cached_property
    def method(self) -> str | None:
        """The method of every proposal; None where the space has no choice of it."""
        choices = next((d.choices for d in self.space.dimensions if d.kind == "method"), ())
        return ("qat" if "qat" in choices else str(choices[0])) if choices else None

    @cached_property
    def sizes(self) -> Positions:
        """Number of values of each dimension."""
        return np.array([d.size for d in self.dimensions], np.int64)

    def positions(self, params: Params) -> Positions:
        """Return a candidate's positions."""
        return np.array([d.position(params[d.name]) for d in self.dimensions], np.int64)

    def params(self, positions: Positions) -> dict[str, int | str]:
        """Return the candidate at these positions."""
        params: dict[str, int | str] = {
            d.name: d.choices[int(p)] if d.choices else d.low + int(p)
            for d, p in zip(self.dimensions, positions, strict=True)
        }
        return params if self.method is None else params | {"method": self.method}

    def columns(self, positions: Positions) -> NDArray[np.float64]:
        """Return rows for a regression: ordinal dimensions from 0 to 1, one column per choice of the
        others.
        """
        columns = []
        for j, d in enumerate(self.dimensions):
            if d.ordinal:
                columns.append(positions[:, j] / (d.size - 1))
            else:
                columns += [(positions[:, j] == choice).astype(np.float64) for choice in range(d.size)]
        return np.column_stack(columns)

    def random(self, count: int, rng: np.random.Generator) -> Positions:
        """Return candidates drawn evenly from the space."""
        return rng.integers(0, self.sizes, (count, len(self.sizes)))

    def neighbours(self, members: Positions, count: int, rng: np.random.Generator) -> Positions:
        """Return candidates a few steps from the members, some between two of them first."""
        parents = members[rng.integers(len(members), size=count)]
        others = members[rng.integers(len(members), size=count)]
        mixed = (rng.random(count) < CROSSED)[:, None] & (rng.random(parents.shape) < 0.5)
        parents = np.where(mixed, others, parents)
        width = parents.shape[1]
        changes = 1 + rng.poisson(FURTHER, count)
        rank = rng.random(parents.shape).argsort(axis=1).argsort(axis=1)
        steps = np.where(rng.random(parents.shape) < FAR, 2, 1) * rng.choice([-1, 1], parents.shape)
        stepped = np.clip(parents + steps, 0, self.sizes - 1)
        drawn = rng.integers(0, self.sizes, parents.shape)
        ordinal = np.array([d.ordinal for d in self.dimensions])
        moved = np.where(ordinal, stepped, drawn)
        return np.where(rank < np.minimum(changes, width)[:, None], moved, parents)
