"""A study's sensitivity table: what narrowing one tensor alone does to the metric (`sensitivity.csv`)."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from pathlib import Path

from bitfront.spaces import UserError

FILE = "sensitivity.csv"


@dataclass(frozen=True)
class Sensitivity:
    """One row: a tensor at a width, all others as they were."""

    tensor: str
    bits: int
    change: float
    """The metric's change, in its own direction: negative for an accuracy that fell."""


def read_sensitivity(study_dir: Path) -> tuple[Sensitivity, ...]:
    """Return the rows of `sensitivity.csv` (columns `tensor`, `bits`, `metric_change`), nothing where there is none.

    Raises:
        UserError: when the table can't be read.
    """
    path = Path(study_dir) / FILE
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = [
                Sensitivity(row["tensor"], int(row["bits"]), float(row["metric_change"]))
                for row in csv.DictReader(file)
            ]
    except FileNotFoundError:
        return ()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} can't be read ({error!r}): delete it, or make it again.") from error
    return tuple(row for row in rows if math.isfinite(row.change))
