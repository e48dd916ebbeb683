"""What a design costs: one row for each quantity, from which everything that names quantities follows.

These are the objectives and limits that a study file may name, the keys of `Evaluation.resources`, the
columns of tables, figures' labels, what a bundle says of itself, and MLflow's names. A quantity that
`QUANTITIES` gains before the other rooms are imported is known to all of them; how it is estimated is
`bitfront.hls.estimate`'s.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from bitfront.hls import Estimate

Kind = Literal["csynth", "implemented", "scored"]


@dataclass(frozen=True, kw_only=True)
class Quantity:
    """One figure of what a design costs; less is always better."""

    name: str
    """What study files and commands call it."""
    key: str = ""
    """Its key in `Evaluation.resources`; its name where empty."""
    label: str
    """How figures and texts name it."""
    head: str = ""
    """Its column in a table, where that is shorter than its label."""
    unit: str = ""
    """Its unit, empty for a count: one of `limits.UNITS`, or `cycles`."""
    decimals: int = 0
    """Decimals that are shown where it isn't whole."""
    estimate: str = ""
    """The attribute of an `Estimate` that holds it, and its name in reports of tools; its key where empty."""
    kind: Kind = "csynth"
    """Which estimate holds it: of what C-synthesis would report, or of what logic synthesis and routing
    leave; or none: it is `scored`, known once a candidate's outputs are.
    """
    cycles: str = ""
    """Key of the quantity in clock cycles that it is a multiple of, if it is one: their intervals scale
    alike.
    """
    on_device: bool = False
    """Whether a device has a stock of it, so that a percentage makes sense and no design may need more."""
    stock: str = ""
    """The key of that stock; its own where empty."""
    objective: bool = False
    """Whether a search may make it small."""
    limit: str = ""
    """What the study file's reference says of a limit on it; without one, none can be set."""
    example: float | str = 0
    """A limit, as an example."""
    in_reports: bool = False
    """Whether reports of synthesis measure it: tables of estimates and of syntheses show it."""
    by_layer: bool = False
    """Whether a trial's table of layers shows it."""

    def __post_init__(self) -> None:
        for field, default in (("key", self.name), ("head", self.label)):
            object.__setattr__(self, field, getattr(self, field) or default)
        object.__setattr__(self, "estimate", self.estimate or self.key)
        object.__setattr__(self, "stock", self.stock or self.key)

    @property
    def uncertain(self) -> bool:
        """Whether it is estimated with an error, and not counted: what a device has a stock of, and times."""
        return self.on_device or bool(self.cycles)

    @property
    def title(self) -> str:
        """Label with its unit: `Latency (ns)`."""
        return f"{self.label} ({self.unit})" if self.unit else self.label

    def number(self, value: float) -> str:
        """Return a value as tables show it, without its unit: `1,234`."""
        return f"{value:,.{self.decimals if value % 1 else 0}f}"

    def text(self, value: float) -> str:
        """Return a value with its unit: `725 ns`."""
        return f"{self.number(value)} {self.unit}".rstrip()


_ALL = (
    Quantity(
        name="lut", label="C-synthesis LUT", head="LUT", on_device=True, objective=True, in_reports=True,
        by_layer=True, example="50%",
        limit="most LUTs that C-synthesis may report, a count or % of the device",
    ),
    Quantity(
        name="lut_implemented", label="Implemented LUT", on_device=True, stock="lut", objective=True,
        estimate="lut", kind="implemented", example="20%",
        limit="most LUTs after logic synthesis and routing, a count or % of the device: two to five times "
        "fewer than C-synthesis reports",
    ),
    Quantity(
        name="ff", label="C-synthesis FF", head="FF", on_device=True, objective=True, in_reports=True,
        by_layer=True, example="50%",
        limit="most flip-flops that C-synthesis may report, a count or % of the device",
    ),
    Quantity(
        name="ff_implemented", label="Implemented FF", on_device=True, stock="ff", objective=True,
        estimate="ff", kind="implemented", example="20%",
        limit="most flip-flops after logic synthesis and routing, a count or % of the device",
    ),
    Quantity(
        name="dsp", label="DSP", on_device=True, objective=True, in_reports=True, by_layer=True,
        limit="most DSP slices, a count or % of the device", example=0,
    ),
    Quantity(
        name="bram", key="bram18", label="BRAM (18 Kbit)", head="BRAM18", on_device=True, objective=True,
        in_reports=True, by_layer=True,
        limit="most block memory in RAMB18 (18 kbit), a count or % of the device", example="10%",
    ),
    Quantity(name="uram", label="URAM", on_device=True),
    Quantity(
        name="latency_cycles", label="Latency", head="latency (cycles)", unit="cycles", in_reports=True
    ),
    Quantity(
        name="latency", key="latency_ns", label="Latency", unit="ns", decimals=1, cycles="latency_cycles",
        objective=True,
        limit="longest time from input to output: ns (default), us, ms or cycles", example="2us",
    ),
    Quantity(
        name="ii_cycles", label="Initiation interval", head="II (cycles)", unit="cycles", in_reports=True
    ),
    Quantity(
        name="ii", key="ii_ns", label="Initiation interval", unit="ns", decimals=1, cycles="ii_cycles",
        objective=True,
        limit="longest time between two inputs: ns (default), us, ms or cycles", example="400ns",
    ),
    Quantity(
        name="ebops", label="EBOPs", objective=True, by_layer=True,
        limit="most effective bit operations (products of operand widths, summed)", example=50000,
    ),
    Quantity(
        name="energy", key="energy_pj", label="Energy", unit="pJ", decimals=1, objective=True,
        limit="most energy per inference: pJ (default), nJ or uJ", example="5nJ",
    ),
    Quantity(
        name="noise_drop", label="Drop under noise", decimals=4, kind="scored", objective=True,
        limit="how much worse than the float model without noise the metric may be where the inputs carry "
        "the noise of `noise`, in the metric's own unit", example=0.02,
    ),
    Quantity(name="energy_moons", key="energy_moons_pj", label="Energy (Moons)", unit="pJ", decimals=1),
)  # fmt: skip

QUANTITIES: Mapping[str, Quantity] = {quantity.name: quantity for quantity in _ALL}
"""All of them, by name, in the order in which they are listed everywhere."""
_OTHER_NAMES = {"interval": "ii"}
IMPLEMENTED_STAGES = ("vsynth", "rtl")
"""Stages of the tools that count what logic synthesis leaves; the others tell what C-synthesis reports."""


def named(name: str) -> Quantity | None:
    """Return the quantity that goes by a name, a key (`latency_ns`) or an alias (`interval`); None for
    another word.
    """
    lowered = name.strip().lower()
    keys = {quantity.key: quantity for quantity in QUANTITIES.values()}
    return QUANTITIES.get(_OTHER_NAMES.get(lowered, lowered)) or keys.get(lowered)


def number(key: str, value: float) -> str:
    """Return a figure of `Evaluation.resources` as tables show it; one that no quantity is goes with one
    decimal.
    """
    known = named(key)
    return known.number(value) if known else f"{value:,.{1 if value % 1 else 0}f}"


def resources_of(found: Estimate) -> dict[str, float]:
    """Return what an estimate says, as `Evaluation.resources` names it; without the implemented design's
    figures where it has none.
    """
    sources = ((q, _source(q, found)) for q in QUANTITIES.values())
    return {q.key: float(getattr(source, q.estimate)) for q, source in sources if source is not None}


def intervals_of(found: Estimate) -> dict[str, tuple[float, float]]:
    """Return the 80 % interval (low, high) of each quantity that has one, those in time among them."""
    intervals = {key: (float(low), float(high)) for key, (low, high) in found.intervals.items()}
    for quantity in QUANTITIES.values():
        if quantity.cycles in intervals:
            low, high = intervals[quantity.cycles]
            intervals[quantity.key] = (low * found.clock_ns, high * found.clock_ns)
        elif (source := _source(quantity, found)) is not None and quantity.estimate in source.intervals:
            low, high = source.intervals[quantity.estimate]
            intervals[quantity.key] = (float(low), float(high))
    return intervals


def upper_ends(found: Estimate, confidence: float) -> dict[str, float]:
    """Return what each figure of `resources_of` with an error doesn't exceed with a probability, in 0..1.

    Infinite where fewer held-out designs are known than that takes.
    """
    ends = {}
    for q in QUANTITIES.values():
        source, name = _source(q, found), q.cycles or q.estimate
        if q.uncertain and source is not None and name in source.errors:
            ends[q.key] = source.upper(name, confidence) * (found.clock_ns if q.cycles else 1.0)
    return ends


def measured_name(key: str, stage: str) -> str:
    """Return what a stage of the tools calls a figure of `Evaluation.resources`; empty where it measures
    another one.

    The LUTs of C-synthesis and those of logic synthesis are two figures; DSPs and cycles are one.
    """
    known = named(key)
    if known is None:
        return key
    if not told_apart(known):
        return key
    return known.estimate if (known.kind == "implemented") == (stage in IMPLEMENTED_STAGES) else ""


def scored() -> dict[str, Quantity]:
    """Return the quantities that are known once a candidate has been scored, by name."""
    return {name: q for name, q in QUANTITIES.items() if q.kind == "scored"}


def told_apart(quantity: Quantity) -> bool:
    """Whether it is counted in two ways, by C-synthesis and of what is implemented."""
    return any(q.kind == "implemented" and q.estimate == quantity.estimate for q in QUANTITIES.values())


def energy_range(resources: Mapping[str, float]) -> tuple[float, float] | None:
    """Return the least and the most energy of an inference (pJ) that the two models say; None without both.

    `resources` are named as in `Evaluation.resources`, and older ones have one model alone.
    """
    found = [resources[key] for key in ("energy_pj", "energy_moons_pj") if key in resources]
    return (min(found), max(found)) if len(found) == 2 else None


def _source(quantity: Quantity, found: Estimate) -> Estimate | None:
    """Return the estimate that holds a quantity; None where `found` has none of that kind, and of what is
    scored.
    """
    return {"csynth": found, "implemented": found.implemented}.get(quantity.kind)
