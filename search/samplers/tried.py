"""Which candidates of a space a study has begun, and what is left of it."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from bitfront.spaces import Params, Space

from .optuna_samplers import from_optuna

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

REPEATS = "repeats"
"""User attribute of a trial that was drawn and not begun: the earlier trial of the same candidate. It uses up
no trial.
"""
KEPT = "kept"
"""User attribute of a trial: digest of the candidate that was kept in its place (`Evaluation.kept`)."""
_DRAWS = 200
"""Draws at random, until what is left of the space is listed."""


class Tried:
    """Tells candidates by their digest, since different parameters may mean the same one.

    Args:
        space: the study's.
    """

    def __init__(self, space: Space) -> None:
        self._space = space
        self._digests: dict[int, str] = {}
        methods = [d for d in (*space.dimensions, *space.fixed) if d.kind == "method"]
        self._rounds = any("ptq" in d.choices for d in methods)

    def among(self, trials: Iterable[FrozenTrial]) -> set[str]:
        """Return the candidates of trials, and those of the space that were kept in the place of one."""
        digests = {self._digest(trial) for trial in trials}
        if self._rounds:
            digests |= {str(trial.user_attrs[KEPT]) for trial in trials if KEPT in trial.user_attrs}
        return digests - {""}

    def first(self, digest: str, trials: Sequence[FrozenTrial]) -> FrozenTrial | None:
        """Return the first of the trials that has a candidate, or kept it; None where none has."""
        begun = (trial for trial in trials if REPEATS not in trial.user_attrs)
        return next((trial for trial in begun if digest in self.among([trial])), None)

    def all_of(self, trials: Sequence[FrozenTrial]) -> bool:
        """Whether the trials have every candidate of the space."""
        most = self._space.different
        kept = sum(KEPT in trial.user_attrs for trial in trials)
        return len(trials) + kept >= most and len(self.among(trials)) >= most

    def another(self, trials: Sequence[FrozenTrial], seed: int) -> Params:
        """Return a candidate that none of the trials has, drawn evenly; there must be one."""
        rng = np.random.default_rng((seed, len(trials)))
        tried = self.among(trials)
        values = {d.name: d.choices or tuple(range(d.low, d.high + 1)) for d in self._space.dimensions}
        for _ in range(_DRAWS):
            params = {name: choices[rng.integers(len(choices))] for name, choices in values.items()}
            if self._space.candidate(params).digest not in tried:
                return params
        # nearly all have been, so the space is small
        rest = (dict(zip(values, row, strict=True)) for row in itertools.product(*values.values()))
        left = [params for params in rest if self._space.candidate(params).digest not in tried]
        return left[rng.integers(len(left))]

    def _digest(self, trial: FrozenTrial) -> str:
        """Return the candidate of a trial; nothing where it was drawn by half, or cut off in a narrower
        space.
        """
        if trial.number not in self._digests and len(trial.params) == len(self._space.dimensions):
            params = from_optuna(self._space, trial.params)
            self._digests[trial.number] = self._space.candidate(params).digest
        return self._digests.get(trial.number, "")
