"""Recurrent networks on hardware: resources and latency against reuse factor, and the seeds' table of
latencies.

All figures of the FPGA are estimates of what C-synthesis would report, with their 80 % intervals, for
untrained weights at one type throughout; what others published stands beside them, labelled as theirs.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

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

SEEDS_FPGA = {"gru": "35.4-164.0", "lstm": "35.9-164.0"}
"""us on an Alveo U250, and below on a Tesla V100: the seeds' Table 1 (Yin et al., Quantization Process and
Tools).
"""
SEEDS_GPU = {"gru": "not tested", "lstm": "1515.15"}


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
    design, estimate = _estimated(model, part, factor)
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
        _, estimate = _estimated(
            model_of("top_tagging_gru"), one.part, one.reuse, precision=one.precision, strategy=one.strategy
        )
        head = f"| {one.part} | `{one.precision}` | {one.strategy}, {one.reuse} |"
        lines.append(f"{head} csynth, published | {one.lut} | {one.dsp:,} | {one.latency} | {one.ii} |")
        cells = [_count(estimate, key) for key in ("lut", "dsp", "latency_cycles", "ii_cycles")]
        lines.append(f"{head} estimate | {' | '.join(cells)} |")
    return "\n".join(lines)


def latency_table(samples: Any) -> str:
    """Return Markdown: the networks for drawings, published and estimated on the FPGA, measured on this
    machine.

    Args:
        samples: drawings of shape (n, 100, 3).
    """
    from bitfront.experiments.gallery import model_of
    from bitfront.search.analysis import measure

    lines = ["| | GRU (us) | LSTM (us) |", "|---|---:|---:|"]
    nets = [model_of(f"quickdraw_{cell}") for cell in CELLS]
    lines.append("| seeds: FPGA, Alveo U250 | " + " | ".join(SEEDS_FPGA[c] for c in CELLS) + " |")
    lines.append("| seeds: GPU, Tesla V100 | " + " | ".join(SEEDS_GPU[c] for c in CELLS) + " |")
    lines += gpu_rows([net.name for net in nets])
    spans = []
    for net in nets:
        found = [_estimated(net, PARTS["U250"], factor)[1] for factor in REUSE["quickdraw"]]
        low, high = found[0], found[-1]
        outer = [_us(low.intervals["latency_cycles"][0]), _us(high.intervals["latency_cycles"][1])]
        ends = f"{_us(low.latency_cycles):.1f}-{_us(high.latency_cycles):.1f}"
        spans.append(f"{ends} [{outer[0]:.1f}..{outer[1]:.1f}]")
    lines.append(f"| ours: estimate for U250, 5 ns, `{PRECISION}`, reuse 48 to 384 | {' | '.join(spans)} |")
    load = os.getloadavg()[0]
    timings = [measure(net, [np.asarray(samples, np.float32)]) for net in nets]
    for rows in zip(*timings, strict=True):
        first = rows[0]
        cells = [
            f"{t.median_us:,.0f} ({t.low_us:,.0f}-{t.high_us:,.0f})"
            if t.batch == 1
            else f"{t.per_sample_us:,.1f} a sample"
            for t in rows
        ]
        lines.append(
            f"| measured: {first.device}, {first.runtime}, batch {first.batch} | {' | '.join(cells)} |"
        )
    lines.append("")
    hardware = "; ".join(dict.fromkeys(t.hardware for t in timings[0]))
    lines.append(f"Measured on: {hardware}; load average of the minute before {load:.1f}.")
    return "\n".join(lines)


def gpu_rows(networks: Sequence[str]) -> list[str]:
    """Return rows of the latency table, a column for each network, from what `gpu_latency.py` measured last.

    For each runtime: batch 1, and the time per sample in the batch that makes it least.
    """
    rows = _gpu_measurements()
    lines = []
    for runtime in dict.fromkeys(row["runtime"] for row in rows):
        own = [[r for r in rows if (r["runtime"], r["network"]) == (runtime, name)] for name in networks]
        if not all(own):
            continue
        hardware = own[0][0]["hardware"]
        single = [next(r for r in each if r["batch"] == 1) for each in own]
        best = [min(each, key=lambda r: r["per_sample_us"]) for each in own]
        cells = [f"{r['median_us']:,.0f} ({r['low_us']:,.0f}-{r['high_us']:,.0f})" for r in single]
        lines.append(f"| measured: {hardware}, {runtime}, batch 1 | {' | '.join(cells)} |")
        cells = [f"{r['per_sample_us']:,.2f} a sample ({r['batch']:,})" for r in best]
        lines.append(f"| measured: {hardware}, {runtime}, best batch | {' | '.join(cells)} |")
    return lines


def gpu_transformer() -> str:
    """Return in words what the transformer of the seeds takes on the GPU."""
    rows = [row for row in _gpu_measurements() if row["network"] == "gw_transformer"]
    single = min(row["median_us"] for row in rows if row["batch"] == 1)
    best = min(rows, key=lambda row: row["per_sample_us"])
    return (
        f"`gw_transformer` takes {single:,.0f} us at batch 1 and {best['per_sample_us']:.2f} us a sample in "
        f"batches of {best['batch']:,}"
    )


def _gpu_measurements() -> list[dict[str, Any]]:
    measured: list[dict[str, Any]] = json.loads(
        Path(__file__).with_name("gpu_latency.json").read_text(encoding="utf-8")
    )
    return measured


def _estimated(
    model: Any, part: str, reuse: int, *, precision: str = PRECISION, strategy: str = "Resource"
) -> tuple[Any, Any]:
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
    low, high = (_us(end) for end in estimate.intervals[key])
    return f"{_us(getattr(estimate, key)):.2f} [{low:.2f}..{high:.2f}]"


def _us(cycles: float) -> float:
    return cycles * CLOCK_NS / 1000


def sections(samples: Any) -> Iterator[tuple[str, Sequence[str]]]:
    """Yield the titles of tables 2 and 3 with their paragraphs."""
    yield (
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
    yield (
        "3. Latency, FPGA beside CPU and GPU",
        (
            "The networks for drawings (`quickdraw_gru`, `quickdraw_lstm`). The range over the FPGA is that "
            "over reuse factors. Measured: one sample in host memory to its result in host memory, one call "
            "after the other, median (10th-90th percentile) of up to 400 calls after 20 to warm up; "
            "TensorFlow's graph, and the graph compiled by XLA. A runtime made for low latency may be "
            "faster. Batches of 1,024 say what the same processor does where latency doesn't matter; the "
            "GPU's rows are those of `gpu_latency.json` (`python experiments/benchmarks/gpu_latency.py "
            f"--out ...`, on a machine with a GPU), by which {gpu_transformer()}.",
            latency_table(samples),
        ),
    )
