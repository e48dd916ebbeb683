"""Designs and lines that nothing sensible can be made of are refused, each with a reason, and stop no other."""

from __future__ import annotations

import json

import pytest

from bitfront.hls.estimate import estimate_file, estimate_record


@pytest.mark.parametrize(
    "line",
    [
        pytest.param('{"clock_ns": NaN}', id="NaN"),
        pytest.param("[" * 100_000, id="deep"),
        pytest.param('{"clock_ns": ' + "1" * 5000 + "}", id="long number"),
        pytest.param(
            '{"clock_ns": 1e999, "structure_manual": {"layers": [{"fn": "dense", "n_in": 4, "n_out": 2}]}}',
            id="infinite",
        ),
        pytest.param(
            '{"structure_manual": {"layers": [{"fn": "dense", "n_in": 1e999, "n_out": 2}]}}', id="size"
        ),
        pytest.param(
            '{"yml": {"ModelStrategy": "Resource"}, "structure_manual": {"layers": '
            '[{"fn": "dense", "n_in": 1e30, "n_out": 2}]}}',
            id="huge",
        ),
        pytest.param(
            '{"structure_manual": {"keras": [{"class": "InputLayer", "batch_input_shape": [null, 8, 8, 1]}, '
            '{"class": "Conv2D", "filters": 2, "kernel_size": [2, 2], "strides": [0, 2]}]}}',
            id="no stride",
        ),
    ],
)
def test_a_line_that_nothing_can_be_made_of_stops_no_file(line, tmp_path):
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text(line + "\n{}\n", encoding="utf-8")
    assert len(estimate_file(source, target).refused) == 2
    assert all(json.loads(row)["reason"] for row in target.read_text(encoding="utf-8").splitlines())


@pytest.mark.parametrize("clock_ns", [0.5, 1.0, 1.25])
def test_a_clock_shorter_than_an_adder_costs_more_registers_and_cycles_than_a_slower_one(clock_ns):
    layer = {
        "name": "d", "op": "dense", "inputs": ["fixed<16,6>"], "result": "fixed<16,6>",
        "sizes": {"n_in": 16, "n_out": 8}, "types": {"weight": "fixed<8,1>", "accum": "fixed<16,6>"},
        "weights": {}, "reuse_factor": 1, "recurrent_reuse_factor": None, "strategy": "latency", "options": {},
    }  # fmt: skip
    short, long = (
        estimate_record({"version": 1, "name": "m", "part": "pynq-z2", "clock_ns": clock, "layers": [layer]})
        for clock in (clock_ns, 5.0)
    )
    assert short["latency_cycles"] > long["latency_cycles"]
    assert short["ff"] > long["ff"]
