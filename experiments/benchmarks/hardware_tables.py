"""Recurrent networks on hardware: resources and latency against reuse factor, and the seeds' table of
latencies.

All figures of the FPGA are estimates of what C-synthesis would report, with their 80 % intervals, for
untrained weights at one type throughout; what others published stands beside them, labelled as theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from bitfront.spaces import FixedPoint

PRECISION = "fixed<16,6>"
CLOCK_NS = 5.0
PARTS = {"U250": "xcu250-figd2104-2L-e", "VU13P": "xcvu13p-flga2577-2-e"}
REUSE = {
    "top_tagging": (1, 6, 12, 30, 60),
    "flavour_tagging": (24, 48, 96, 240),
    "quickdraw": (48, 96, 192, 384),
}
"""Reuse factors of the kernel; hls4ml gives the recurrent kernel the nearest that is legal for it."""
CELLS = ("gru", "lstm")


class Published(NamedTuple):
    """A C-synthesis report of a GRU for top tagging, (20, 6) to 20 units, in the public repository
    uw-acme/HLS4ML_VS_MANUAL.
    """

    part: str
    precision: str
    strategy: str
    reuse: int
    lut: str
    """Where it is known."""
    dsp: int
    latency: int
    """Cycles, as the interval."""
    ii: int


PUBLISHED = (
    Published("xc7vx690t-ffg1761-2", "fixed<16,6>", "Latency", 1, "95,156", 2336, 354, 355),
    Published("xcu250-figd2104-2L-e", "fixed<18,8>", "Resource", 1, "-", 2448, 226, 222),
    Published("xcu250-figd2104-2L-e", "fixed<16,6>", "Resource", 30, "-", 198, 878, 822),
)


def reuse_table() -> str:
    """Return Markdown: a row a network and reuse factor, for each part where they differ."""
    from bitfront.experiments.gallery import model_of

    lines = [
        "| network | part | reuse: kernel, recurrent | LUT | DSP | BRAM18 | latency (us) | II (us) |",
        "|---|---|---|---:|---:|---:|---:|---:|",
    ]
    for task, factors in REUSE.items():
        for cell in CELLS:
            model = model_of(f"{task}_{cell}")
            for factor in factors:
                rows: dict[str, list[str]] = {}
                for short, part in PARTS.items():
                    rows.setdefault(_figures(model, cell, part, factor), []).append(short)
                lines += [f"| {task}_{cell} | {', '.join(parts)} | {row} |" for row, parts in rows.items()]
    return "\n".join(lines)


def _figures(model: Any, cell: str, part: str, factor: int) -> str:
    """Return the cells of a row of `reuse_table` from the reuse factors on."""
    design, estimate = estimated(model, part, factor)
    [layer] = [one for one in design.layers if one.op == cell]
    cells = [f"{layer.reuse_factor}, {layer.recurrent_reuse_factor or layer.reuse_factor}"]
    cells += [_count(estimate, key) for key in ("lut", "dsp", "bram18")]
    cells += [_time(estimate, key) for key in ("latency_cycles", "ii_cycles")]
    return " | ".join(cells)


def published_table() -> str:
    """Return Markdown: published C-synthesis reports, and our estimate for the same settings."""
    from bitfront.experiments.gallery import model_of

    lines = [
        "| top_tagging_gru on | type | strategy, reuse | source | LUT | DSP | latency (cycles) | II (cycles) "
        "|",
        "|---|---|---|---|---:|---:|---:|---:|",
    ]
    for one in PUBLISHED:
        _, estimate = estimated(
            model_of("top_tagging_gru"), one.part, one.reuse, precision=one.precision, strategy=one.strategy
        )
        head = f"| {one.part} | `{one.precision}` | {one.strategy}, {one.reuse} |"
        lines.append(f"{head} csynth, published | {one.lut} | {one.dsp:,} | {one.latency} | {one.ii} |")
        cells = [_count(estimate, key) for key in ("lut", "dsp", "latency_cycles", "ii_cycles")]
        lines.append(f"{head} estimate | {' | '.join(cells)} |")
    return "\n".join(lines)


def estimated(
    model: Any, part: str, reuse: int, *, precision: str = PRECISION, strategy: str = "Resource"
) -> tuple[Any, Any]:
    """Return the design of a model at one type throughout, and its estimate."""
    from bitfront.hls import Target
    from bitfront.hls.estimate import estimate
    from bitfront.search.bundle import model_design
    from bitfront.spaces import LayerHardware

    design = model_design(
        model,
        FixedPoint.parse(precision),
        Target(part=part, clock_ns=CLOCK_NS),
        LayerHardware(strategy=strategy, reuse_factor=reuse),
    )
    return design, estimate(design)


def _count(estimate: Any, key: str) -> str:
    low, high = estimate.intervals[key]
    return f"{getattr(estimate, key):,.0f} [{low:,.0f}..{high:,.0f}]"


def _time(estimate: Any, key: str) -> str:
    low, high = (microseconds(end) for end in estimate.intervals[key])
    return f"{microseconds(getattr(estimate, key)):.2f} [{low:.2f}..{high:.2f}]"


def microseconds(cycles: float) -> float:
    """Return the time of so many cycles at `CLOCK_NS`."""
    return cycles * CLOCK_NS / 1000


def section() -> tuple[str, Sequence[str]]:
    """Return the title of table 2 with its paragraphs."""
    return (
        "2. Resources, latency and II against reuse factor",
        (
            f"Estimates of C-synthesis for `{PRECISION}` throughout (untrained weights), Resource strategy, "
            "static mode, 5 ns; 80 % intervals in brackets. U250 and VU13P share a row where the estimates "
            "don't differ: their fabric and speed grade are alike. The published C-synthesis reports that "
            "stand beside them are among those that the estimator was fitted to.",
            reuse_table(),
            published_table(),
        ),
    )
