"""The seeds' Table 1: latency at batch 1 and throughput latency of three networks on FPGA, GPU and CPU.

    python -m bitfront.experiments.benchmarks.table_one [--out FILE.md]

Published figures stand beside this machine's measurements and the FPGA's estimates, each named for what it
is. The CPU is timed here. So is the GPU, by `gpu_latency.py` in a process of its own; where there is none,
the reason is said, and its rows are those that were measured last (`gpu_latency.json`).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .hardware_tables import PARTS, PRECISION, REUSE, estimated, microseconds

__all__ = ["METHOD", "gpu_rows", "latency_table", "main"]

Row = dict[str, Any]


class Network(NamedTuple):
    """A column: the ready study, its head, how it is built, and what the seeds published of it (us)."""

    name: str
    head: str
    strategy: str
    factors: tuple[int, ...]
    """Reuse factors, from the fastest design to the smallest."""
    fpga: str
    """On an Alveo U250, and below on a Tesla V100 (Yin et al., Quantization Process and Tools, Table 1)."""
    gpu: str


NETWORKS = (
    Network("quickdraw_gru", "GRU", "Resource", REUSE["quickdraw"], "35.4-164.0", "not tested"),
    Network("quickdraw_lstm", "LSTM", "Resource", REUSE["quickdraw"], "35.9-164.0", "1515.15"),
    Network("gw_transformer", "transformer", "Latency", (1,), "-", "-"),
)
METHOD = (
    "Networks: those for drawings (`quickdraw_gru`, `quickdraw_lstm`) and `gw_transformer`, with random "
    "weights and normal random inputs, on which the time of a float network doesn't depend. Measured at "
    "batch 1: one sample in host memory to its result in host memory, one call after the other, median "
    "(10th-90th percentile) after 20 calls to warm up. Throughput latency: the time of a call over its "
    "batch, on the CPU at 1,024 samples, on the GPU in the batch that makes it least (in parentheses). A "
    "runtime made for low latency may be faster. Estimates: of what C-synthesis would report for a U250 at "
    f"5 ns and `{PRECISION}`, the recurrent networks with Resource and reuse 48 to 384, the transformer with "
    "Latency and reuse 1; 80 % intervals in brackets. An FPGA's throughput latency is its initiation "
    "interval."
)


def latency_table(rows: Sequence[Row]) -> str:
    """Return Markdown: what the seeds published, what was measured, and what is estimated.

    Args:
        rows: of the GPU, as `gpu_latency.py` writes them.
    """
    from bitfront.experiments.gallery import model_of
    from bitfront.search.analysis import measure

    nets = [model_of(one.name) for one in NETWORKS]
    lines = [_line(["", *(f"{one.head} (us)" for one in NETWORKS)]), "|---|" + "---:|" * len(NETWORKS)]
    lines.append(_line(["seeds: FPGA, Alveo U250", *(one.fpga for one in NETWORKS)]))
    lines.append(_line(["seeds: GPU, Tesla V100", *(one.gpu for one in NETWORKS)]))
    lines += gpu_rows(rows)
    load = os.getloadavg()[0]
    rng = np.random.default_rng(0)
    timings = [measure(net, [rng.normal(size=(64, *net.inputs[0].shape[1:]))]) for net in nets]
    own = [{(t.device, t.runtime, t.batch): t for t in each} for each in timings]
    for key in dict.fromkeys(key for each in own for key in each):
        device, runtime, batch = key
        found = [each.get(key) for each in own]  # XLA has no kernel for some operations
        head = f"measured: {device}, {runtime}, {'batch 1' if batch == 1 else f'throughput, batch {batch:,}'}"
        cells = [
            "-"
            if t is None
            else f"{t.median_us:,.0f} ({t.low_us:,.0f}-{t.high_us:,.0f})"
            if batch == 1
            else f"{t.per_sample_us:,.1f} a sample"
            for t in found
        ]
        lines.append(_line([head, *cells]))
    lines += _estimates(nets)
    hardware = "; ".join(dict.fromkeys(t.hardware for t in timings[0]))
    return "\n".join([*lines, "", f"CPU: {hardware}; load average of the minute before {load:.1f}."])


def _estimates(nets: Sequence[Any]) -> Iterator[str]:
    """Yield the rows of the FPGA: latency, and interval between two inputs, over the reuse factors."""
    spans: list[tuple[str, str]] = []
    for one, net in zip(NETWORKS, nets, strict=True):
        found = [
            estimated(net, PARTS["U250"], factor, strategy=one.strategy)[1]
            for factor in (one.factors[0], one.factors[-1])
        ]
        spans.append((_span(found, "latency_cycles"), _span(found, "ii_cycles")))
    for place, head in enumerate(("latency", "throughput latency (initiation interval)")):
        yield _line([f"estimate: C-synthesis, U250, {head}", *(span[place] for span in spans)])


def _span(found: Sequence[Any], key: str) -> str:
    low, high = (microseconds(getattr(one, key)) for one in (found[0], found[-1]))
    ends = microseconds(found[0].intervals[key][0]), microseconds(found[-1].intervals[key][1])
    shown = f"{low:.1f}" if low == high else f"{low:.1f}-{high:.1f}"
    return f"{shown} [{ends[0]:.1f}..{ends[1]:.1f}]"


def gpu_rows(rows: Sequence[Row]) -> list[str]:
    """Return rows of the table, of what `gpu_latency.py` measured: for each runtime batch 1, and the time a
    sample in the batch that makes it least.
    """
    lines = []
    for runtime in dict.fromkeys(row["runtime"] for row in rows):
        own = [[r for r in rows if (r["runtime"], r["network"]) == (runtime, n.name)] for n in NETWORKS]
        hardware = next(each[0]["hardware"] for each in own if each)
        single = [next((r for r in each if r["batch"] == 1), None) for each in own]
        best = [min(each, key=lambda r: r["per_sample_us"], default=None) for each in own]
        head = f"measured: GPU, {hardware}, {runtime}"
        cells = [
            f"{r['median_us']:,.0f} ({r['low_us']:,.0f}-{r['high_us']:,.0f})" if r else "-" for r in single
        ]
        lines.append(_line([f"{head}, batch 1", *cells]))
        cells = [f"{r['per_sample_us']:,.2f} a sample ({r['batch']:,})" if r else "-" for r in best]
        lines.append(_line([f"{head}, throughput, best batch", *cells]))
    return lines


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def last_measured() -> list[Row]:
    """Return what `gpu_latency.py` measured last on a machine with a GPU."""
    place = Path(__file__).with_name("gpu_latency.json")
    measured: list[Row] = json.loads(place.read_text(encoding="utf-8"))
    return measured


def section() -> tuple[str, Sequence[str]]:
    """Return the title of table 3 of the gallery's tables with its paragraphs."""
    return (
        "3. Latency, FPGA beside CPU and GPU",
        (
            f"{METHOD} The GPU's rows are those of `gpu_latency.json`; `python -m "
            "bitfront.experiments.benchmarks.table_one` makes this table alone, and times a GPU if there is "
            "one.",
            latency_table(last_measured()),
        ),
    )


def measure_gpu() -> tuple[list[Row], str]:
    """Time the networks on this machine's GPU; return the rows, and why if there are none."""
    with tempfile.TemporaryDirectory(prefix="bitfront-") as folder:
        out = Path(folder) / "rows.json"
        script = Path(__file__).with_name("gpu_latency.py")
        words = [sys.executable, str(script), "--out", str(out)]
        done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=False)
        if out.exists():
            return json.loads(out.read_text(encoding="utf-8")), ""
        told = (done.stdout.strip().splitlines() or [f"it ended with code {done.returncode}"])[-1]
        return [], told.removeprefix("skipped: ")


def main(arguments: list[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(
        prog="bitfront.experiments.benchmarks.table_one", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--out", type=Path, help="file for the table; it is printed anyway")
    given = parser.parse_args(arguments)
    rows, reason = measure_gpu()
    note = f"GPU skipped: {reason}; its rows were measured before, by `gpu_latency.py`." if reason else ""
    text = "\n\n".join(part for part in (METHOD, latency_table(rows or last_measured()), note) if part) + "\n"
    print(text, end="")
    if given.out:
        given.out.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
