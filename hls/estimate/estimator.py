"""Estimates of a whole design: rules for structure, fitted weights for LUT, FF and block memory,
intervals.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from bitfront.hls.design.layers import DesignDescription, LayerDescription

from .coefficients import QUANTITIES, Coefficients, Kind, load_coefficients
from .conformal import Errors, intervals_of, upper
from .context import Context, LayerStructure, context_of, merge
from .energy import moons_energy

__all__ = ["Estimate", "LayerEstimate", "estimate", "family_of", "structure_of", "timing_of"]

FITTED = ("lut", "ff", "bram18")
STREAM_TAIL = 12
"""Most cycles that a layer adds to a stream's reported latency beside the slowest one."""


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
    energy_moons_pj: float
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
            "energy_moons_pj": round(self.energy_moons_pj, 3),
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
        ebops: effective bit operations.
        energy_pj, energy_moons_pj: picojoules of an inference, after Horowitz and after Moons (see `energy`).
        intervals: the 80 % interval of each quantity in `QUANTITIES` (see `conformal`); none where too few
            designs are known.
        layers: per layer.
        source: always `estimate`, so that it's never taken for a measurement.
        calibrated_on: syntheses of the same study that corrected it (see `correction`).
        site_reports: reports of the user's own site that corrected it (see `site`).
        errors: what is known of the errors of each quantity, which the intervals follow from.
        implemented: of what C-synthesis would report, the estimate of the same design after logic synthesis
            and routing; None where it wasn't asked for.
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
    energy_moons_pj: float
    intervals: Mapping[str, tuple[float, float]]
    layers: tuple[LayerEstimate, ...]
    source: str = "estimate"
    calibrated_on: int = 0
    site_reports: int = 0
    errors: Mapping[str, Errors] = field(default_factory=dict, repr=False, compare=False)
    implemented: Estimate | None = None

    def upper(self, name: str, confidence: float) -> float:
        """Return what a quantity in `QUANTITIES` doesn't exceed with probability `confidence`, in 0..1.

        Infinite where too few designs are known for that.
        """
        return upper(getattr(self, name), self.errors[name], confidence)

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
            "energy_moons_pj": round(self.energy_moons_pj, 3),
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
    around = zip([None, *design.layers], design.layers, [*design.layers[1:], None], strict=False)
    for context.before, layer, context.after in around:
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
    design: DesignDescription,
    *,
    kind: Kind = "csynth",
    coefficients: Coefficients | None = None,
    both: bool = False,
) -> Estimate:
    """Estimate a design; with `both`, what C-synthesis would report and, as its `implemented`, what is built.

    Takes well under 10 ms for ten layers, both kinds too, since the rules are asked once; nothing is kept
    between calls but the coefficients and small tables.

    Raises:
        UserError: the part is unknown.
        ValueError: `both` of another kind than `csynth`.
    """
    if both and kind != "csynth":
        raise ValueError("both kinds of an estimate start from csynth")
    fitted = coefficients or load_coefficients()
    context, structures = structure_of(design)
    timing = timing_of(design, context, structures)
    parts = [_Layer.of(*pair) for pair in zip(design.layers, structures, strict=True)]
    era = "vitis" if context.vitis else "vivado"
    found = _weighed(design, parts, timing, fitted, kind, era)
    if not both:
        return found
    return replace(found, implemented=_weighed(design, parts, timing, fitted, "implemented", era))


@dataclass(frozen=True)
class _Layer:
    """What the rules say of a layer, for either kind of estimate."""

    features: Mapping[str, float]
    settled: Mapping[str, Any]
    """The attributes of its `LayerEstimate` that no weight changes."""

    @classmethod
    def of(cls, layer: LayerDescription, structure: LayerStructure) -> _Layer:
        settled = {
            "name": layer.name,
            "op": layer.op,
            "dsp": structure.dsp,
            "latency_cycles": structure.latency,
            "ii_cycles": structure.interval,
            "ebops": layer.kind.ebops(layer),
            "energy_pj": layer.kind.energy(layer),
            "energy_moons_pj": moons_energy(layer),
            **_hardware(layer),
        }
        return cls(structure.features, settled)


def _weighed(
    design: DesignDescription,
    parts: Sequence[_Layer],
    timing: tuple[int, int],
    fitted: Coefficients,
    kind: Kind,
    era: str,
) -> Estimate:
    """Return the estimate of one kind of what the rules say."""
    weights = fitted.weights[kind]
    factor = {name: fitted.era[kind][name].get(era, 1.0) for name in FITTED}
    layers = []
    for part in parts:
        weighed: dict[str, Any] = {
            name: factor[name] * _weigh(weights[name], part.features) for name in FITTED
        }
        layers.append(LayerEstimate(**part.settled, **weighed))
    base = {name: factor[name] * _weigh(weights[name], {"design": 1.0}) for name in FITTED}
    totals = {name: round(base[name] + sum(getattr(layer, name) for layer in layers)) for name in FITTED}
    totals |= {
        "dsp": round(sum(layer.dsp for layer in layers)),
        "uram": 0,
        "latency_cycles": timing[0],
        "ii_cycles": timing[1],
    }
    family = family_of(design)
    errors = fitted.errors_of(kind, family)
    return Estimate(
        name=design.name,
        kind=kind,
        family=family,
        clock_ns=design.clock_ns,
        ebops=round(sum(layer.ebops for layer in layers)),
        energy_pj=sum(layer.energy_pj for layer in layers),
        energy_moons_pj=sum(layer.energy_moons_pj for layer in layers),
        intervals=intervals_of(totals, errors),
        layers=tuple(layers),
        errors=errors,
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
