"""How many steps of a training fit into its time, by those that it has taken."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

SURE = 4
"""Steps before a training's speed is believed: the first ones trace and compile."""


@dataclass
class Pace:
    """Shortens a training that turns out slower than it was planned; one that is as planned stays as it is,
    so that its seed repeats it.
    """

    seconds: float
    """That the training may take."""
    clock: Callable[[], float]
    """Returns seconds."""
    _began: float = field(init=False)
    _settled: tuple[int, float] | None = None
    """A step, and when it began, from which on speed is measured."""

    def __post_init__(self) -> None:
        self._began = self.clock()

    def steps(self, done: int, planned: int) -> int:
        """Return the steps that the training shall have in all, at most those that are planned.

        Args:
            done: steps so far; called again and again as they grow.
            planned: what it shall have by now.
        """
        now = self.clock()
        if done < SURE:
            return planned
        if self._settled is None:
            self._settled = done, now
            return planned
        first, since = self._settled
        a_step = (now - since) / max(1, done - first)
        left = self.seconds - (now - self._began)
        return max(done, min(planned, done + int(left / max(a_step, 1e-9))))
