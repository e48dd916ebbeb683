"""Distributed arithmetic is estimated by what da4ml itself makes of a kernel, as hls4ml asks it to."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest
from zoo import zoo

from bitfront.hls import Target, convert, describe, hls_config, to_keras
from bitfront.hls.design.adder_graph import adder_graph
from bitfront.hls.design.layers import DesignDescription
from bitfront.hls.estimate import estimate
from bitfront.hls.precision.uniform import uniform_types
from bitfront.spaces import FixedPoint, LayerHardware, lower

DISTRIBUTED = LayerHardware(strategy="distributed_arithmetic")
PLACE = {"part": "xcu250-figd2104-2L-e", "clock_ns": 5.0}


def kernel(n_in=12, n_out=6, bits=5, seed=1):
    rng = np.random.default_rng(seed)
    low = -(2 ** (bits - 1))
    return np.clip(np.round(rng.normal(size=(n_in, n_out)) * -low / 3), low, -low - 1) / -low


@pytest.mark.parametrize("levels", [1, 2, 3])
def test_registers_are_those_of_da4mls_own_pipeline(levels):
    from da4ml.trace import FixedVariableArray, HWConfig, comb_trace
    from da4ml.trace.pipeline import to_pipeline

    data, w = FixedPoint(8, 3), kernel()
    options = {"hard_dc": 2, "search_all_decompose_dc": True}
    kif = (np.full(12, one) for one in (1, 2, 5))
    x = FixedVariableArray.from_kif(*kif, HWConfig(1, -1, -1), solver_options=options)
    pipeline = to_pipeline(comb_trace(x, x @ w), levels, retiming=False, verbose=False)

    assert adder_graph(w, data).registers(levels) == pipeline.reg_bits - 12 * 8


def test_a_candidate_has_the_cost_that_hls4ml_finds_for_its_kernels(tmp_path):
    graph = lower(zoo("vector", 1, only=("mlp",)))
    types = uniform_types(graph, FixedPoint(7, 2))
    hardware = {n.name: DISTRIBUTED for n in graph if n.op == "dense"}
    design = describe(graph, types, graph.weights, hardware, Target(**PLACE))
    model = to_keras(graph, graph.weights, types)
    project = convert(model, hls_config(graph, types, model, hardware), tmp_path / "p", part=PLACE["part"])
    theirs = {layer.name: layer.get_attr("da_kernel_cost") for layer in project.graph.get_layers()}
    ours = {layer.name: layer.adders.luts for layer in design.layers if layer.adders}

    assert len(ours) == 3
    assert ours == {name: theirs[name] for name in ours}
    found = {layer.name: layer for layer in estimate(design).layers}
    assert all(found[name].dsp == 0 for name in ours)
    assert all(cost <= found[name].lut <= 1.5 * cost + 100 for name, cost in ours.items())


def test_a_solved_kernel_is_solved_once():
    data = FixedPoint(6, 2)
    adder_graph(kernel(seed=9), data)
    began = time.perf_counter()
    adder_graph(kernel(seed=9), data)

    assert time.perf_counter() - began < 0.01


def test_the_adders_go_to_json_and_back_with_the_design():
    graph = lower(zoo("vector", 1, only=("softmax",)))
    types = uniform_types(graph, FixedPoint(6, 2))
    hardware = {n.name: DISTRIBUTED for n in graph if n.op == "dense"}
    design = describe(graph, types, graph.weights, hardware, Target(**PLACE))
    again = DesignDescription.from_json(design.to_json())

    assert again == design
    assert again.layers[0].adders is not None
    guessed = replace(design, layers=tuple(replace(layer, adders=None) for layer in design.layers))
    assert estimate(guessed).lut != estimate(design).lut


def test_zeros_cost_nothing():
    empty = adder_graph(np.zeros((4, 3)), FixedPoint(8, 3))

    assert (empty.luts, empty.adders, empty.registers(1)) == (0.0, 0, 0)
