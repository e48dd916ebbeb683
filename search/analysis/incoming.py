"""By how much a search beats the quantized model that it began with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..quantities import Direction
from ..storage.warm_start_files import INCOMING_FILE, MADE_AGAIN
from ..trials.evaluation import Evaluation
from ..trials.objectives import Objective
from ..trials.stored import DamagedFile, read_json
from .uniform_comparison import best_at_no_more_cost, cheapest_as_good, searched
from .view import StudyView


@dataclass(frozen=True)
class Incoming:
    """The trial that is the quantized model itself, and what the search found beside it; scores are those of
    validation data.
    """

    trial: Evaluation
    cost: Objective
    """The study's first cost."""
    cheapest: Evaluation | None
    """The cheapest searched candidate that scores at least as well."""
    best: Evaluation | None
    """The best searched candidate that costs no more."""

    @classmethod
    def read(cls, folder: Path, view: StudyView) -> Incoming | None:
        """Return it for a study; None where the model came as floats, or the trial has no score yet.

        Raises:
            UserError: when the file of its parameters can't be read.
        """
        try:
            params = read_json(folder / INCOMING_FILE, MADE_AGAIN)["params"]
        except FileNotFoundError:
            return None
        except (TypeError, KeyError) as error:
            raise DamagedFile(folder / INCOMING_FILE, repr(error), MADE_AGAIN) from error
        itself = next((e for e in view.scored if dict(e.params) == params), None)
        if itself is None:
            return None
        cost = next(o for o in view.objectives if not o.is_metric)
        direction: Direction = next(o.direction for o in view.objectives if o.is_metric)
        others = [e for e in searched(view.evaluations) if e.design != itself.design]
        return cls(
            itself,
            cost,
            cheapest_as_good(itself, others, cost, direction),
            best_at_no_more_cost(cost.value(itself), others, cost, direction),
        )

    @property
    def sentence(self) -> str:
        """The comparison in words."""
        cost, name = self.cost.value, self.cost.label
        said = (
            f"The model came quantized: as it is (trial {self.trial.number}) it scores "
            f"{self.trial.score:.4g} at {cost(self.trial):,.0f} {name}."
        )
        if self.cheapest is None:
            return f"{said} No searched candidate scores as well."
        share = cost(self.cheapest) / cost(self.trial) if cost(self.trial) else 1.0
        said += (
            f" The cheapest that scores at least as well is trial {self.cheapest.number}, "
            f"{cost(self.cheapest):,.0f} {name}, {share:.0%} of that."
        )
        if self.best is None:
            return said
        gain = self.best.score - self.trial.score
        return f"{said} The best that costs no more is trial {self.best.number}, {gain:+.4g}."
