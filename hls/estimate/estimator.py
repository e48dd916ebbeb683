"""Estimates of a whole design: rules for structure, fitted weights for LUT, FF and block memory,
intervals.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from bitfront.hls.design.layers import DesignDescription, LayerDescription

from .context import Context, LayerStructure, context_of, merge

__all__ = ["QUANTITIES", "Coefficients", "Estimate", "Kind", "LayerEstimate", "estimate", "load_coefficients"]

Kind = Literal["csynth", "implemented"]
QUANTITIES = ("lut", "ff", "dsp", "bram18", "uram", "latency_cycles", "ii_cycles")
FITTED = ("lut", "ff", "bram18")
STREAM_TAIL = 12
"""Most cycles that a layer adds to a stream's reported latency beside the slowest one."""


@dataclass(frozen=True)
class Coefficients:
    """Fitted weights and errors, as they stand in `coefficients.json`.

    Attributes:
        weights: per kind (csynth, implemented) and quantity (lut, ff, bram18), the cost of one unit of each
            feature.
        era: per kind and quantity, a factor for each tool era (`vivado`, `vitis`).
        intervals: per kind, family and quantity, the low and high factor that hold 80 % of the truth.
        provenance: what was fitted, by which command, with which errors.
    """

    weights: Mapping[str, Mapping[str, Mapping[str, float]]]
    era: Mapping[str, Mapping[str, Mapping[str, float]]]
    intervals: Mapping[str, Mapping[str, Mapping[str, tuple[float, float]]]]
    provenance: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Coefficients:
        """Read what the fit wrote."""
        intervals = {
            kind: {
                family: {name: (float(pair[0]), float(pair[1])) for name, pair in by_name.items()}
                for family, by_name in by_family.items()
            }
            for kind, by_family in plain["intervals"].items()
        }
        return cls(plain["weights"], plain["era"], intervals, plain.get("provenance", {}))


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


@dataclass(frozen=True, kw_only=True)
class LayerEstimate:
    """One layer's part. On streams, latency is from its own first input to its last output."""

    name: str
    op: str
    lut: float
    ff: float
    dsp: float
    bram18: float
    latency_cycles: int
    ii_cycles: int
    ebops: float
    energy_pj: float
    strategy: str = ""
    """How its products are built, empty without any, as the rest."""
    reuse_factor: int | None = None
    recurrent_reuse_factor: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain values, rounded as they'd be shown."""
        names = ("strategy", "reuse_factor", "recurrent_reuse_factor")
        whole = {name: round(getattr(self, name)) for name in ("lut", "ff", "dsp", "bram18", "ebops")}
        return {
            "name": self.name,
            "op": self.op,
            **whole,
            "latency_cycles": self.latency_cycles,
            "ii_cycles": self.ii_cycles,
            "energy_pj": round(self.energy_pj, 3),
            **{name: value for name in names if (value := getattr(self, name))},
        }


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A design's estimated cost.

    Attributes:
        name, kind, family: the design; `csynth` (what C-synthesis would report) or `implemented` (after logic
            synthesis and routing); `mlp`, `cnn`, `rnn` or `transformer`.
        lut, ff, dsp, bram18, uram: totals (RAMB18).
        latency_cycles, ii_cycles: latency and interval of one inference.
        clock_ns: the design's target period.
        ebops: effective bit operations; energy_pj: picojoules of an inference (see `energy`).
        intervals: the 80 % interval of each quantity in `QUANTITIES`.
        layers: per layer.
        source: always `estimate`, so that it's never taken for a measurement.
        calibrated_on: syntheses of the same study that corrected it (see `correction`).
        site_reports: reports of the user's own site that corrected it (see `site`).
    """

    name: str
    kind: Kind
    family: str
    lut: int
    ff: int
    dsp: int
    bram18: int
    uram: int
    latency_cycles: int
    ii_cycles: int
    clock_ns: float
    ebops: int
    energy_pj: float
    intervals: Mapping[str, tuple[float, float]]
    layers: tuple[LayerEstimate, ...]
    source: str = "estimate"
    calibrated_on: int = 0
    site_reports: int = 0

    @property
    def latency_ns(self) -> float:
        """Latency at the target clock."""
        return self.latency_cycles * self.clock_ns

    @property
    def ii_ns(self) -> float:
        """Time between two inputs at the target clock."""
        return self.ii_cycles * self.clock_ns

    def to_json(self) -> dict[str, Any]:
        """Plain values: totals, `<quantity>_interval` pairs, and per-layer parts."""
        plain: dict[str, Any] = {
            "name": self.name,
            "kind": self.kind,
            "family": self.family,
            "source": self.source,
        }
        plain |= {name: getattr(self, name) for name in QUANTITIES}
        plain |= {
            "clock_ns": self.clock_ns,
            "latency_ns": round(self.latency_ns, 3),
            "ebops": self.ebops,
            "energy_pj": round(self.energy_pj, 3),
        }
        plain |= {
            f"{name}_interval": [round(low, 1), round(high, 1)]
            for name, (low, high) in self.intervals.items()
        }
        plain |= {key: n for key in ("calibrated_on", "site_reports") if (n := getattr(self, key))}
        plain["layers"] = [layer.to_json() for layer in self.layers]
        return plain


def family_of(design: DesignDescription) -> str:
    """Family that a design's errors are counted with, from its operations."""
    found = {layer.kind.family for layer in design.layers}
    for family in ("rnn", "transformer", "cnn"):
        if family in found:
            return family
    positions = any(layer.matrix[1] and layer.size("positions") > 1 for layer in design.layers)
    return "transformer" if positions else "mlp"


def structure_of(design: DesignDescription) -> tuple[Context, list[LayerStructure]]:
    """Rules for every layer, in order; streams get their FIFOs.

    Raises:
        UserError: unknown part.
    """
    context = context_of(design)
    first = design.layers[0]
    context.channels = first.size("n_filt", first.size("n_chan", first.size("n_in")))
    structures = []
    elements = [None if layer.matrix[1] else layer.sizes.get("n_in") for layer in design.layers]
    for index, layer in enumerate(design.layers):
        context.given = elements[index - 1] if index else None
        context.read = elements[index + 1] if index + 1 < len(elements) else None
        structure = layer.kind.structure(layer, context)
        out = context.channels = layer.kind.channels(layer, context.channels)
        if context.stream:
            structure = _with_fifo(layer, structure, out)
        structures.append(structure)
    if not context.stream:
        # Each input has a register that holds it once it is valid (`..._preg`, of interface ap_vld).
        bits = float(_inputs(design.layers[0]) * design.layers[0].inputs[0].width)
        structures[0] = replace(
            structures[0], features=merge({"input_registers": bits}, structures[0].features)
        )
    return context, structures


def _inputs(layer: LayerDescription) -> int:
    """Values that the layer reads in one inference."""
    if layer.kind.convolution:
        return layer.size("in_height") * layer.size("in_width") * layer.size("n_chan")
    times = layer.size("sequence") if layer.kind.recurrent else layer.positions if layer.matrix[1] else 1
    return layer.size("n_in") * times


def _with_fifo(layer: LayerDescription, structure: LayerStructure, channels: int) -> LayerStructure:
    """Add the FIFO behind a stream's layer: one per channel, as deep as there are positions (hls4ml's
    default).
    """
    words = layer.kind.words(layer, channels)
    bits = words * layer.result.width
    features = dict(structure.features)
    if bits > 512:
        features["fifo_bram"] = channels * max(1.0, math.ceil(bits / 18432))
        features["fifo_lut"] = float(channels)
    else:
        features["fifo_lut"] = float(channels * layer.result.width)
    return LayerStructure(
        structure.dsp, structure.latency, structure.interval, structure.nanoseconds, features,
        structure.first, structure.last,
    )  # fmt: skip


def timing_of(
    design: DesignDescription, context: Context, structures: list[LayerStructure]
) -> tuple[int, int]:
    """Latency and interval of the whole design, in cycles.

    On streams the layers overlap, and C-synthesis reports the slowest one's cycles and a few for each other
    (the real latency may be longer where a fast layer waits to be filled, which only co-simulation shows). In
    parallel, dataflow adds latencies, and a pipelined function also chains the short ones within a cycle.
    """
    interval = max(max(structure.interval for structure in structures), 1)
    if context.stream:
        slowest = max(structures, key=lambda structure: structure.latency)
        rest = sum(min(structure.last, STREAM_TAIL) for structure in structures if structure is not slowest)
        return max(slowest.latency + rest, 1), interval
    if design.style == "sequential":
        latency = sum(structure.latency + 1 for structure in structures)
        return latency + 1, latency + 1
    handshake = 0.25 if design.style == "dataflow" else 0.0
    return _longest_path(design, context, structures, handshake), interval


def _longest_path(
    design: DesignDescription, context: Context, structures: list[LayerStructure], handshake: float
) -> int:
    """Cycles along the slowest chain of layers: those inside layers, and those that loose logic between them
    fills.
    """
    done: dict[str, tuple[float, float]] = {}
    before = worst = (0.0, 0.0)

    def cycles(chain: tuple[float, float]) -> float:
        return chain[0] + context.delays.cycles(chain[1])

    for layer, structure in zip(design.layers, structures, strict=True):
        if layer.after is not None:
            before = max((done.get(name, (0.0, 0.0)) for name in layer.after), key=cycles, default=(0.0, 0.0))
        loose = max(0.0, structure.nanoseconds - structure.latency * context.delays.budget)
        chained = 0.0 if handshake else loose
        before = done[layer.name] = (before[0] + structure.latency + handshake, before[1] + chained)
        worst = max(worst, before, key=cycles)
    return int(cycles(worst))


def _weigh(weights: Mapping[str, float], features: Mapping[str, float]) -> float:
    total = 0.0
    for name, value in features.items():
        weight = weights.get(name)
        if weight:
            total += weight * value
    return total


def estimate(
    design: DesignDescription, *, kind: Kind = "csynth", coefficients: Coefficients | None = None
) -> Estimate:
    """Estimate a design.

    Takes well under 10 ms for ten layers; nothing is kept between calls but the coefficients and small
    tables.

    Raises:
        UserError: the part is unknown.
    """
    fitted = coefficients or load_coefficients()
    context, structures = structure_of(design)
    era = "vitis" if context.vitis else "vivado"
    weights = fitted.weights[kind]
    factor = {name: fitted.era[kind][name].get(era, 1.0) for name in FITTED}
    layers = []
    for layer, structure in zip(design.layers, structures, strict=True):
        weighed: dict[str, Any] = {
            name: factor[name] * _weigh(weights[name], structure.features) for name in FITTED
        }
        layers.append(
            LayerEstimate(
                name=layer.name,
                op=layer.op,
                dsp=structure.dsp,
                latency_cycles=structure.latency,
                ii_cycles=structure.interval,
                ebops=layer.kind.ebops(layer),
                energy_pj=layer.kind.energy(layer),
                **_hardware(layer),
                **weighed,
            )
        )
    latency, interval = timing_of(design, context, structures)
    base = {name: factor[name] * _weigh(weights[name], {"design": 1.0}) for name in FITTED}
    totals = {name: round(base[name] + sum(getattr(layer, name) for layer in layers)) for name in FITTED}
    totals |= {
        "dsp": round(sum(layer.dsp for layer in layers)),
        "uram": 0,
        "latency_cycles": latency,
        "ii_cycles": interval,
    }
    family = family_of(design)
    by_name = fitted.intervals.get(kind, {}).get(family) or fitted.intervals.get(kind, {}).get("all", {})
    intervals = {name: _interval(totals[name], by_name.get(name, (0.5, 2.0))) for name in QUANTITIES}
    return Estimate(
        name=design.name,
        kind=kind,
        family=family,
        clock_ns=design.clock_ns,
        ebops=round(sum(layer.ebops for layer in layers)),
        energy_pj=sum(layer.energy_pj for layer in layers),
        intervals=intervals,
        layers=tuple(layers),
        **totals,
    )


def _hardware(layer: LayerDescription) -> dict[str, Any]:
    """Return how a layer's products are built; nothing where it has none."""
    if not layer.kind.shares:
        return {}
    recurrent = layer.recurrent_reuse_factor or layer.reuse_factor if layer.kind.recurrent else None
    return {
        "strategy": layer.strategy,
        "reuse_factor": layer.reuse_factor,
        "recurrent_reuse_factor": recurrent,
    }


def _interval(value: float, factors: tuple[float, float]) -> tuple[float, float]:
    # Errors are factors on value + 1, so that an estimate of nothing has an interval too.
    return max(0.0, (value + 1) * factors[0] - 1), (value + 1) * factors[1] - 1
