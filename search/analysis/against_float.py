"""How a candidate stands against the float model: both on test data once that was looked at, else both on
validation data.

The validation split chose the candidate among hundreds, the float model among none, so that a difference
there flatters the candidate. What is told first is therefore the difference on test data, with its interval;
never one split's score minus the other's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..trials.evaluation import Evaluation
from ..trials.objectives import SIGNS
from ..trials.reference import Reference
from .test_scores import Bounds, TestScores


@dataclass(frozen=True)
class AgainstFloat:
    """Two scores on one split."""

    split: Literal["test", "validation"]
    score: float
    """The candidate's."""
    float_score: float
    interval: Bounds = None
    """Of the difference, on the bootstrap's draws of the test split."""

    @property
    def difference(self) -> float:
        """The candidate's score minus the float model's."""
        return self.score - self.float_score

    @property
    def gap(self) -> str:
        """The difference in words: `-0.0034 to float`."""
        return f"{self.difference:+.4f} to float" if round(self.difference, 4) else "as the float model"


def against_float(
    reference: Reference, e: Evaluation, known: TestScores | None = None, *, validation: bool = False
) -> AgainstFloat:
    """Return a scored candidate beside the float model; `known` has the intervals, `validation` asks for that
    split.

    Raises:
        UserError: when the candidate was never scored.
    """
    tested = reference.float_scores.get("test")
    if validation or tested is None or "test" not in e.metrics:
        return AgainstFloat("validation", e.score, reference.float_score)
    row = known.of(e.number) if known else None
    return AgainstFloat("test", e.metrics["test"], tested, row.to_float if row else None)


def knee_note(reference: Reference) -> str:
    """Return from which part of the front the knee is chosen."""
    return (
        f"at most {reference.allowed_drop:.4f} worse than the float model on validation data where the "
        f"front reaches that"
    )


def knee_warning(reference: Reference, e: Evaluation) -> str | None:
    """Say where the knee is further from the float model than it should be; None where it isn't."""
    sign, drop = SIGNS[reference.metric.direction], reference.allowed_drop
    lost = sign * (reference.float_score - e.score)
    if lost > drop:
        return (
            f"The knee is {lost:.4f} worse than the float model on validation data: nothing on the front is "
            f"within {drop:.4f} of it. Run more trials, widen the space, or take `--pick best`."
        )
    now = against_float(reference, e)
    lost = -sign * now.difference
    if lost > drop:
        return (
            f"On test data the knee is {lost:.4f} worse than the float model, beyond the {drop:.4f} within "
            "which validation data had it."
        )
    return None
