"""One point of the space: widths of all tensors, method, and how the hardware is built."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from .errors import UserError

METHODS = ("ptq", "qat")


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """What the search proposes; everything else (types, costs, scores) follows from it, the model and the data."""

    method: str
    """`ptq` (rounded after training) or `qat` (trained with rounding)."""
    widths: Mapping[str, int]
    """Tensor key -> bits; 0 for a lossless accumulator."""
    shifts: Mapping[str, int] = field(default_factory=dict)
    """Tensor key -> integer bits added to the calibrated ones, where they are searched."""
    strategy: Mapping[str, str] = field(default_factory=dict)
    """Node -> hls4ml strategy."""
    reuse_factor: Mapping[str, int] = field(default_factory=dict)
    """Node -> reuse factor."""
    recurrent_reuse_factor: Mapping[str, int] = field(default_factory=dict)
    """Recurrent node -> reuse factor of its recurrent kernel, where it is chosen apart from the kernel's."""
    recurrent_mode: Mapping[str, str] = field(default_factory=dict)
    """Recurrent node -> `static` (one cell for all steps) or `non_static` (a cell a step), where it is chosen."""
    sparsity: int = 0
    """Percent of the kernels' weights that training makes zero, see `SpaceConfig.sparsity`."""

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise UserError(f"Method {self.method!r} is unknown: use {' or '.join(METHODS)}.")
        bad = {k: w for k, w in self.widths.items() if w < 0 or (w == 0 and not k.endswith("/accum"))}
        if bad:
            key, width = next(iter(bad.items()))
            raise UserError(f"Tensor {key!r} can't have {width} bits: choose 1 or more.")

    def with_width(self, tensor: str, bits: int) -> Candidate:
        """Return the candidate with another width for one tensor."""
        return replace(self, widths={**self.widths, tensor: bits})

    def to_json(self) -> dict[str, Any]:
        """Return the candidate as plain values, keys sorted."""
        return {
            "method": self.method,
            "widths": dict(sorted(self.widths.items())),
            "shifts": dict(sorted(self.shifts.items())),
            "strategy": dict(sorted(self.strategy.items())),
            "reuse_factor": dict(sorted(self.reuse_factor.items())),
            # left out where empty: candidates of studies that don't choose them keep their digests
            **{
                name: dict(sorted(chosen.items()))
                for name in ("recurrent_reuse_factor", "recurrent_mode")
                if (chosen := getattr(self, name))
            },
            **({"sparsity": self.sparsity} if self.sparsity else {}),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Candidate:
        """Read what `to_json` wrote.

        Raises:
            UserError: when a key is missing or has the wrong kind.
        """
        try:
            return cls(
                method=str(data["method"]),
                widths={str(k): int(v) for k, v in data["widths"].items()},
                shifts={str(k): int(v) for k, v in data["shifts"].items()},
                strategy={str(k): str(v) for k, v in data["strategy"].items()},
                reuse_factor={str(k): int(v) for k, v in data["reuse_factor"].items()},
                recurrent_reuse_factor={
                    str(k): int(v) for k, v in data.get("recurrent_reuse_factor", {}).items()
                },
                recurrent_mode={str(k): str(v) for k, v in data.get("recurrent_mode", {}).items()},
                sparsity=int(data.get("sparsity", 0)),
            )
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise UserError(f"This is not a candidate of bitfront: {error!r}.") from error

    @property
    def digest(self) -> str:
        """Identify the candidate: 16 hex digits, the same for the same choices."""
        return hashlib.sha256(json.dumps(self.to_json(), sort_keys=True).encode()).hexdigest()[:16]
