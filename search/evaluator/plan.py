"""How much a search rounds and trains: what a study file leaves to `auto`, in numbers.

They follow from the time that the search has and from what an epoch takes here (`warm_start.planning`), so
that one study file serves minutes and hours. They are found once and kept in the study's folder.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from ..trials.files import write_atomic
from ..trials.stored import DamagedFile, read_json

if TYPE_CHECKING:
    from ..config import StudyConfig

PLAN_FILE = "plan.json"
_MADE_AGAIN = "delete it, and it is made again"
_WAY_OUT = "delete it, and it is made again"
LEARNING_RATE = 0.003
"""Of trainings with rounding where the study gives none: 0.003 found more than 0.001 in the same time, with a
dense network and with a GRU (`experiments/benchmarks/peers.md`, "Defaults")."""
_UNPLANNED = {"screening": 200, "gradient_epochs": 0, "epochs": 3}
"""What `auto` stands for where nothing is searched, or nothing was measured yet."""

_T = TypeVar("_T", int, float)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The numbers of one search."""

    screening: int
    """Candidates that are rounded without training."""
    gradient_epochs: int
    """Epochs of the gradient width search, and of the training of the uniform widths."""
    epochs: int
    """Epochs of one qat candidate."""
    learning_rate: float
    wall: float | None = None
    """Seconds of the search that they were found for; None where the study file gives them all."""
    seconds: dict[str, float] = field(default_factory=dict)
    """What was measured: of an `epoch`, an epoch that `explore`s, an estimated `cost` and a `rounding`."""

    @classmethod
    def of(cls, config: StudyConfig) -> Plan:
        """Return what a study file gives, and for `auto` what holds before anything is measured."""
        training = config.training
        return cls(
            screening=given(config.screening, _UNPLANNED["screening"]),
            gradient_epochs=given(config.gradient_epochs, _UNPLANNED["gradient_epochs"]),
            epochs=given(training.epochs, _UNPLANNED["epochs"]),
            learning_rate=given(training.learning_rate, LEARNING_RATE),
        )

    @classmethod
    def read(cls, folder: Path) -> Plan | None:
        """Return the plan that a study's folder keeps; None where there is none.

        Raises:
            UserError: when the file can't be read.
        """
        path = folder / PLAN_FILE
        try:
            plain = read_json(path, _MADE_AGAIN)
            return cls(**{one.name: plain[one.name] for one in fields(cls) if one.name in plain})
        except FileNotFoundError:
            return None
        except TypeError as error:  # JSON, but no plan
            raise DamagedFile(path, error, _MADE_AGAIN) from error

    def write(self, folder: Path) -> None:
        """Write `plan.json` whole or not at all."""
        write_atomic(folder / PLAN_FILE, json.dumps(asdict(self), indent=1) + "\n")


def given(value: _T | str, otherwise: _T) -> _T:
    """Return a value of a study file, or another one where it says `auto`."""
    return otherwise if isinstance(value, str) else value
