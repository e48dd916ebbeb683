"""What is set beside a search: what tools measured of its designs, and the float model on processors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from ..analysis.view import StudyView, si
from ..measurements.measured import STAGES
from ..quantities import QUANTITIES
from ..trials.evaluation import Evaluation
from .rendering import Table

COMPARED = ("lut", "lut_implemented", "ff", "ff_implemented", "dsp", "latency_ns")
"""Figures of `Evaluation.resources` that are set against what a tool measured."""
RECURRENT = {"lstm", "gru"}
QUOTED = (("GRU", "not tested", "35.4 - 164.0"), ("LSTM", "1515.15", "35.9 - 164.0"))
QUOTED_FROM = (
    "D. Yin, Y. Chen, S. Hauck, S.-C. Hsu, E. E. Khoda: Machine Learning Acceleration, Quantization Process "
    "and Tools Development, Table 1 (throughput latency)"
)


@dataclass(frozen=True)
class Pair:
    """An estimate and what a tool measured of the same figure."""

    evaluation: Evaluation
    key: str
    stage: str
    estimate: float
    measured: float

    @property
    def error(self) -> float:
        """Relative error of the estimate; of a figure that was measured as 0, the estimate itself."""
        return abs(self.estimate - self.measured) / (self.measured or 1.0)

    @property
    def inside(self) -> bool | None:
        """Whether the measured figure lies in the estimate's 80 % interval, None without an interval."""
        bounds = self.evaluation.intervals.get(self.key)
        return None if bounds is None else bounds[0] <= self.measured <= bounds[1]


def label(key: str) -> str:
    """Return how a figure of `Evaluation.resources` is named."""
    return next(q.label + (f" ({q.unit})" if q.unit else "") for q in QUANTITIES.values() if q.key == key)


def pairs(view: StudyView) -> list[Pair]:
    """Return every estimate that a tool has measured too."""
    found = []
    for e in (shown.uncorrected for shown in view.evaluations):  # a corrected one knows what was measured
        for key in COMPARED:
            known = view.measured[e.number].value(key) if e.number in view.measured else None
            if known is not None and e.source == "estimate" and key in e.resources:
                found.append(Pair(e, key, known[0], e.resources[key], known[1]))
    return found


@dataclass(frozen=True)
class Synthesis:
    """Estimates against what tools measured: what was measured, and the errors by figure."""

    told: str
    errors: Table


def synthesis(found: Sequence[Pair]) -> Synthesis | None:
    """Return estimate against synthesis, with the errors in words; None where no tool has run."""
    if not found:
        return None
    designs = len({p.evaluation.number for p in found})
    rows = []
    for key in COMPARED:
        chosen = [p for p in found if p.key == key]
        if chosen:
            known = [p.inside for p in chosen if p.inside is not None]
            share = f"{sum(known)} of {len(known)}" if known else ""
            rows.append(
                [label(key), str(len(chosen)), f"{100 * median(p.error for p in chosen):.0f} %", share]
            )
    stages = ", ".join(dict.fromkeys(STAGES[p.stage] for p in found))
    columns = [("Figure", "text"), ("Designs", ""), ("Median error of the estimate", "")]
    return Synthesis(
        f"{designs} design{'s' if designs > 1 else ''} of this study measured by {stages}.",
        Table([*columns, ("Measured inside the 80 % interval", "")], rows),
    )


@dataclass(frozen=True)
class Bar:
    """One row of the comparison of devices: a time in µs with its range."""

    name: str
    device: str
    time: float
    low: float
    high: float
    single: bool
    """Whether it is the time of one inference, or the time per inference of many."""


def bars(view: StudyView) -> list[Bar]:
    """Return the picks on the FPGA and the float model on processors, slowest last."""
    found = []
    for number in dict.fromkeys(e.number for e in view.picks.values()):
        e = next(e for e in view.evaluations if e.number == number)
        names = ", ".join(how for how, chosen in view.picks.items() if chosen.number == number)
        for key, single in (("latency_ns", True), ("ii_ns", False)):
            if key in e.resources:
                known = view.measured[number].value(key) if number in view.measured else None
                value = known[1] if known else e.resources[key]
                low, high = (value, value) if known else e.intervals.get(key, (value, value))
                source = STAGES[known[0]] if known else e.source
                name = f"FPGA, {names} ({source}){'' if single else ', inputs back to back'}"
                found.append(Bar(name, "FPGA", value / 1e3, low / 1e3, high / 1e3, single))
    for t in view.latency:
        mode = t.runtime.rpartition(", ")[2]
        name = f"{t.device}, {mode}{'' if t.batch == 1 else f', batch {t.batch:,}'}"
        found.append(
            Bar(name, t.device, t.per_sample_us, t.low_us / t.batch, t.high_us / t.batch, t.batch == 1)
        )
    return sorted(found, key=lambda bar: (not bar.single, bar.time))


@dataclass(frozen=True)
class Processors:
    """One inference on the FPGA and on processors, and how the latter were timed."""

    told: str
    runtime: str
    hardware: str
    quoted: Table | None
    """Published figures, where the model is recurrent as theirs were."""
    source: str = QUOTED_FROM


def processors(view: StudyView) -> Processors | None:
    """Return the FPGA against processors; None where no processor was measured or nothing is feasible."""
    found = bars(view) if view.latency and view.picks else []
    single = {bar.device: bar for bar in reversed(found) if bar.single}  # the fastest of each device
    if "FPGA" not in single:
        return None
    others = [single[device] for device in ("CPU", "GPU") if device in single]
    told = " and ".join(f"{si(bar.time)} µs on the {bar.device}" for bar in others)
    ops = {str(row.get("op", "")).lower() for e in view.front for row in e.layers}
    columns = [("Model", "text"), ("Nvidia Tesla V100 (µs)", ""), ("Xilinx Alveo U250 (µs)", "")]
    return Processors(
        f"One inference takes {si(single['FPGA'].time)} µs on the FPGA ({_design(single['FPGA'])}; the "
        f"network alone), and {told}, copies to and from host memory and the runtime's call included.",
        view.latency[0].runtime.rpartition(", ")[0],
        "; ".join(dict.fromkeys(f"{t.device}: {t.hardware}" for t in view.latency)),
        Table(columns, QUOTED) if ops & RECURRENT else None,
    )


def _design(bar: Bar) -> str:
    """Return which design a time is of, and its source: `knee, smallest, estimate`."""
    return bar.name.removeprefix("FPGA, ").replace(" (", ", ").removesuffix(")")
