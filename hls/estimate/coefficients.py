"""What was fitted to published reports: weights of features, and the errors of designs that were held out."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from .conformal import Errors, Normal, Residuals

__all__ = ["QUANTITIES", "Coefficients", "Kind", "load_coefficients"]

Kind = Literal["csynth", "implemented"]
QUANTITIES = ("lut", "ff", "dsp", "bram18", "uram", "latency_cycles", "ii_cycles")
_UNKNOWN: Errors = Normal.of_factors(0.5, 2.0)
"""Of a quantity that no held-out design has: a factor of two either way, by hand."""
_NEVER_ESTIMATED: Mapping[str, Errors] = {"uram": Normal(0.0, 0.0)}
"""No rule asks for URAM."""


@dataclass(frozen=True)
class Coefficients:
    """Fitted weights and errors, as they stand in `coefficients.json`.

    Attributes:
        weights: per kind (csynth, implemented) and quantity (lut, ff, bram18), the cost of one unit of each
            feature.
        era: per kind and quantity, a factor for each tool era (`vivado`, `vitis`).
        errors: per kind, family and quantity, the errors of designs whose author the weights had not seen;
            family `all` stands for those without designs of their own.
        provenance: what was fitted, by which command, with which errors.
    """

    weights: Mapping[str, Mapping[str, Mapping[str, float]]]
    era: Mapping[str, Mapping[str, Mapping[str, float]]]
    errors: Mapping[str, Mapping[str, Mapping[str, Errors]]]
    provenance: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Coefficients:
        """Read what the fit wrote; older files have two factors in place of each set of errors."""
        found = plain.get("residuals") or plain["intervals"]
        errors = {
            kind: {
                family: {name: _errors(one) for name, one in by_name.items()}
                for family, by_name in by_family.items()
            }
            for kind, by_family in found.items()
        }
        return cls(plain["weights"], plain["era"], errors, plain.get("provenance", {}))

    def errors_of(self, kind: Kind, family: str) -> dict[str, Errors]:
        """Return the errors of every quantity of a kind of estimate, for designs of a family."""
        by_family = self.errors.get(kind, {})
        every, own = by_family.get("all", {}), by_family.get(family, {})
        found = {name: own.get(name) or every.get(name) or _UNKNOWN for name in QUANTITIES}
        return {**found, **_NEVER_ESTIMATED}


def _errors(plain: Mapping[str, Any] | Sequence[float]) -> Errors:
    return Residuals.from_json(plain) if isinstance(plain, Mapping) else Normal.of_factors(*plain)


@lru_cache(maxsize=4)
def load_coefficients(path: str | None = None) -> Coefficients:
    """Return the coefficients shipped with the package, or those in the file at `path`."""
    if path is None:
        text = (
            resources.files("bitfront.hls.estimate").joinpath("coefficients.json").read_text(encoding="utf-8")
        )
    else:
        text = Path(path).read_text(encoding="utf-8")
    return Coefficients.from_json(json.loads(text))
