"""The gallery's tables: what they say of given results, and that the hardware ones agree with what hls4ml
settles.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bitfront.experiments.benchmarks import fractions, hardware_tables, table_one, tables
from bitfront.experiments.benchmarks.fractions import Score
from bitfront.search.analysis import latency


def row(kind, name, val, lut, dsp, method="qat"):
    costs = {"lut": float(lut), "dsp": float(dsp)}
    return {
        "kind": kind, "name": name, "method": method, "val": val, "test": val - 0.01, "costs": costs,
        "intervals": {key: [0.5 * value, 2 * value] for key, value in costs.items()},
    }  # fmt: skip


RUN = {
    "float": {"val": 0.9, "test": 0.89}, "least": {"lut": 250.0, "dsp": 0.0},
    "samples": [100, 20, 20], "trials": 6, "search_s": 10.0, "wall_s": 20.0, "commit": "abc", "command": "x",
    "candidates": [
        row("uniform", "8 bit", 0.90, 1000, 40),
        row("uniform", "6 bit", 0.896, 800, 0),
        row("uniform", "4 bit", 0.89, 100, 0),  # below 99.5 % of 0.9
        row("search", "trial 20", 0.899, 400, 10),
        row("search", "trial 21", 0.80, 10, 0),
    ],
}  # fmt: skip


def test_the_best_uniform_and_the_best_searched_are_the_smallest_within_half_a_percent_of_float():
    lines = tables.gallery_table({"one": RUN}).splitlines()[2:]
    assert lines == [
        "| one | 0.8900 | LUT | 800 [400..1,600], 6 bit qat, test 0.8860 | 400 [200..800], trial 20 qat, "
        "test 0.8890 | 2.00 | 2.00 | 3.20 |",
        "| | | DSP | 0 [0..0], 6 bit qat, test 0.8860 | 10 [5..20], trial 20 qat, test 0.8890 | 0.00 | 0.00 "
        "| - |",
    ]
    assert tables.summary({"one": RUN}).endswith("1 of 1 studies: one.")
    assert tables.summary({"one": RUN}, target=2.1).endswith("0 of 1 studies.")


def test_a_study_where_nothing_is_good_enough_says_none():
    run = {**RUN, "float": {"val": 0.99, "test": 0.99}}
    assert "| none | none | - | - | - |" in tables.gallery_table({"one": run})
    assert tables.summary({"one": run}).endswith("0 of 0 studies.")


def test_what_holds_on_validation_data_alone_is_told_apart():
    """A candidate that is lost on the test data counts in one ratio and not in the other."""
    optimistic = {**row("search", "trial 22", 0.9, 100, 0), "test": 0.8}
    run = {**RUN, "candidates": [*RUN["candidates"], optimistic]}
    line = tables.gallery_table({"one": run}).splitlines()[2]
    assert line.endswith("trial 22 qat, test 0.8000 | 8.00 | 2.00 | 3.20 |")
    assert tables.summary({"one": run}, target=3).endswith("on validation data: 1 of 1 studies: one.")
    assert tables.summary({"one": run}, target=3, test_too=True).endswith("test data: 0 of 1 studies.")


SCORES = [
    Score("s", seed, method, 6, f, 0.0, (0.90 if method == "ptq" else 0.95) + f / 100 - seed * lost / 100)
    for seed in (1, 2, 3)
    for f, lost in ((2, 0), (4, 1))
    for method in ("ptq", "qat")
]


def test_the_table_of_fractions_says_where_training_did_not_win():
    worse = [*SCORES[:-1], Score("s", 3, "qat", 6, 4, 0.0, 0.5)]
    lines = fractions.table(worse).splitlines()[2:]
    assert lines[0] == "| s | 6 | 2 | 0.920 (0.920-0.920) | 0.970 (0.970-0.970) | yes |"
    assert lines[1].endswith("| 0.970 (0.500-0.980) | 2 of 3 seeds |")


def test_the_figure_has_a_panel_a_study(tmp_path):
    other = [Score("t", s.seed, s.method, 8, s.fraction, s.test, s.relative) for s in SCORES]
    third = [Score("u", s.seed, s.method, 8, s.fraction, s.test, s.relative) for s in SCORES]
    fractions.draw([*SCORES, *other, *third], [tmp_path / "f.png"])
    assert (tmp_path / "f.png").read_bytes().startswith(b"\x89PNG")


def test_published_and_estimated_figures_stand_in_rows_of_their_own_that_name_their_source():
    lines = hardware_tables.published_table().splitlines()[2:]
    assert [line.split("|")[4].strip() for line in lines] == ["csynth, published", "estimate"] * 3
    assert all("[" in line for line in lines[1::2])


def test_latency_grows_with_the_reuse_factor_and_the_published_range_lies_within_the_estimates_interval():
    found = [hardware_tables.estimated(_quickdraw(), hardware_tables.PARTS["U250"], f)[1] for f in (48, 384)]
    low, high = (one.intervals["latency_cycles"] for one in found)
    assert low[1] < high[0]
    assert low[0] * 5 / 1000 < 35.4
    assert high[1] * 5 / 1000 > 164.0


def test_the_gpu_s_rows_are_those_that_were_measured():
    """Batch 1 by its own median, and the batch of least time per sample, for both networks."""
    place = Path(hardware_tables.__file__).with_name("gpu_latency.json")
    measured = json.loads(place.read_text())
    gru = [r for r in measured if r["network"] == "quickdraw_gru" and "cuDNN" in r["runtime"]]

    rows = [r for r in table_one.gpu_rows(measured) if "cuDNN" in r]

    assert f"batch 1 | {next(r for r in gru if r['batch'] == 1)['median_us']:,.0f} (" in rows[0]
    assert f"best batch | {min(r['median_us'] / r['batch'] for r in gru):,.2f} a sample" in rows[1]


def test_where_there_is_no_gpu_the_measurement_is_skipped_with_a_reason():
    """One command measures, on any machine; it needs neither bitfront nor TensorFlow there."""
    script = Path(hardware_tables.__file__).with_name("gpu_latency.py")

    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=True)

    assert done.stdout.startswith(("skipped: ", "{"))


def test_table_one_has_every_network_on_fpga_gpu_and_cpu_each_named_for_what_it_is(
    monkeypatch, tmp_path, capsys
):
    """Timed for a moment only; where no GPU is, its rows are those measured last, and the reason is said."""
    monkeypatch.setattr(latency, "CALLS", 3)
    monkeypatch.setattr(latency, "SECONDS", 0.01)
    monkeypatch.setattr(latency, "BATCHES", (1, 4))
    monkeypatch.setattr(table_one, "measure_gpu", lambda: ([], "JAX sees no GPU here"))

    assert table_one.main(["--out", str(tmp_path / "one.md")]) == 0

    text = (tmp_path / "one.md").read_text()
    assert capsys.readouterr().out == text
    assert "GPU skipped: JAX sees no GPU here" in text
    heads, *lines = [
        [cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line[:1] == "|"
    ]
    assert heads == ["", "GRU (us)", "LSTM (us)", "transformer (us)"]
    rows = {line[0]: line[1:] for line in lines}
    for begin in ("estimate: C-synthesis, U250, latency", "estimate: C-synthesis, U250, throughput"):
        (cells,) = [cells for head, cells in rows.items() if head.startswith(begin)]
        assert all(re.fullmatch(r"[\d.,-]+ \[[\d.]+\.\.[\d.]+\]", cell) for cell in cells)
    graph = {
        head: cells for head, cells in rows.items() if head.startswith("measured: CPU") and "graph" in head
    }
    assert [head.rpartition("graph, ")[2] for head in graph] == ["batch 1", "throughput, batch 4"]
    assert all(cell != "-" for cells in graph.values() for cell in cells)
    (jax,) = [cells for head, cells in rows.items() if "JAX" in head and head.endswith("batch 1")]
    assert "-" not in jax


def _quickdraw():
    from bitfront.experiments import model_of

    return model_of("quickdraw_gru")


@pytest.mark.slow
def test_the_command_measures_fractions_and_refuses_what_is_not_there(tmp_path, capsys):
    words = ["jets_mlp", "--seeds", "1", "--integers", "6", "--fractions", "2", "8", "--out", str(tmp_path)]
    assert fractions.main(words) == 0
    stored = json.loads((tmp_path / "fractions_jets_mlp.json").read_text())
    scores = {(s["method"], s["fraction"]): s["relative"] for s in stored["scores"]}
    assert scores["ptq", 8] > 0.99
    assert scores["qat", 2] > scores["ptq", 2]
    assert fractions.main(["nothing", "--out", str(tmp_path)]) == 2
    assert "There is no ready study 'nothing'" in capsys.readouterr().err
