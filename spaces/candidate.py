"""One point of the space: widths of all tensors, method, and how the hardware is built."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from .errors import UserError
from .operations import Hardware

METHODS = ("ptq", "qat")


@dataclass(frozen=True, kw_only=True)
class LayerHardware:
    """How one layer is built; None where it isn't chosen, so that hls4ml's own rule holds."""

    strategy: str | None = None
    """hls4ml's strategy; `Latency` where it isn't chosen."""
    reuse_factor: int | None = None
    """How many products share one multiplier; 1 where it isn't chosen."""
    recurrent_reuse_factor: int | None = None
    """The same of a recurrent kernel; the layer's reuse factor where it isn't chosen."""
    recurrent_mode: str | None = None
    """`static` (one cell for all steps) or `non_static` (a cell for each); `static` where it isn't chosen."""

    @property
    def static(self) -> bool:
        """Whether one cell takes all steps of a sequence."""
        return self.recurrent_mode != "non_static"


_READ: Mapping[Hardware, Callable[[Any], int | str]] = {
    "strategy": str,
    "reuse_factor": int,
    "recurrent_reuse_factor": int,
    "recurrent_mode": str,
}
_OPTIONAL = ("recurrent_reuse_factor", "recurrent_mode")


def layer_hardware(chosen: Mapping[Hardware, Mapping[str, Any]]) -> dict[str, LayerHardware]:
    """Return the hardware of each node, from the values of each kind by node."""
    by_node: dict[str, dict[str, Any]] = {}
    for kind, read in _READ.items():
        for node, value in chosen.get(kind, {}).items():
            by_node.setdefault(str(node), {})[kind] = read(value)
    return {node: LayerHardware(**values) for node, values in by_node.items()}


def hardware_of(hardware: LayerHardware | Mapping[str, LayerHardware], node: str) -> LayerHardware:
    """Return the hardware of a node, from what holds for all nodes or by node."""
    return hardware if isinstance(hardware, LayerHardware) else hardware.get(node, LayerHardware())


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """What the search proposes; everything else (types, costs, scores) follows from it, the model and the
    data.
    """

    method: str
    """`ptq` (rounded after training) or `qat` (trained with rounding)."""
    widths: Mapping[str, int]
    """Tensor key -> bits; 0 for a lossless accumulator."""
    shifts: Mapping[str, int] = field(default_factory=dict)
    """Tensor key -> integer bits added to the calibrated ones, where they are searched."""
    hardware: Mapping[str, LayerHardware] = field(default_factory=dict)
    """Node -> how it is built."""
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

    def chosen(self, kind: Hardware) -> dict[str, Any]:
        """Return one kind of hardware by node, for those nodes for which it is chosen."""
        values = ((node, getattr(hardware, kind)) for node, hardware in self.hardware.items())
        return {node: value for node, value in values if value is not None}

    def to_json(self) -> dict[str, Any]:
        """Return the candidate as plain values, keys sorted."""
        return {
            "method": self.method,
            "widths": dict(sorted(self.widths.items())),
            "shifts": dict(sorted(self.shifts.items())),
            # the recurrent ones are left out where empty: candidates of studies that don't choose them keep
            # their digests
            **{
                kind: dict(sorted(chosen.items()))
                for kind in _READ
                if (chosen := self.chosen(kind)) or kind not in _OPTIONAL
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
                hardware=layer_hardware(
                    {kind: data.get(kind, {}) if kind in _OPTIONAL else data[kind] for kind in _READ}
                ),
                sparsity=int(data.get("sparsity", 0)),
            )
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise UserError(f"This is not a candidate of bitfront: {error!r}.") from error

    @property
    def digest(self) -> str:
        """Identify the candidate: 16 hex digits, the same for the same choices."""
        return hashlib.sha256(json.dumps(self.to_json(), sort_keys=True).encode()).hexdigest()[:16]
