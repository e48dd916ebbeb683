"""The flow without a vendor's tool: RTL by da4ml computes what the bit-true model does; Yosys counts it."""

from __future__ import annotations

import shutil

import keras
import numpy as np
import pytest
from zoo import data, prepared, zoo

from bitfront.hls import BuildError
from bitfront.hls.operation import Settings, operation
from bitfront.hls.rtl import find_rtl_tools, prove, synthesise_rtl, trace_logic
from bitfront.hls.rtl.rounding import rounded
from bitfront.hls.rtl.tables import divided, looked_up
from bitfront.hls.synthesis import Limits
from bitfront.spaces import FixedPoint, Node, ToolMissing, UserError

BRANCHES = [
    ("vector", "mlp"),
    ("vector", "norm"),
    ("merges", "joins"),
    ("sequence", "conv1d"),
    ("image", "conv2d"),
    ("image", "pad2d"),
    ("views", "sliced"),
    ("views", "picture"),
    ("views", "itself"),
    ("constants", "slopes"),
    ("spread", "grouped"),
    ("unrolled", "rectified"),
    ("vector", "curves"),
    ("vector", "softmax"),
    ("merges", "arithmetic"),
    ("norms", "gelu"),
    ("norms", "layernorm"),
    ("curves", "quantized"),
    ("image", "pool2d"),
    ("sequence", "depthwise1d"),
    ("sequence", "separable1d"),
    ("einsum", "encoded"),
    ("einsum", "multiplied"),
    ("entries", "embedded"),
    ("attention", "one_head"),
]
TOOLS = all(shutil.which(name) for name in ("yosys", "verilator", "make", "g++"))


def traced(group, branch, samples=200):
    """Return the logic of a branch, golden inputs and what the bit-true model gives for them."""
    x = data(group, samples)
    graph, bit_true, types = prepared(zoo(group, 1, only=(branch,)), x, 3, low=3, high=7)
    y = np.concatenate([np.asarray(one).reshape(len(x), -1) for one in bit_true.predict([x])], 1)
    rounded = types[f"{graph.inputs[0]}/result"].quantize(x).reshape(len(x), -1)
    return trace_logic(graph, types, graph.weights), rounded, y.astype(np.float64)


@pytest.mark.parametrize(("group", "branch"), BRANCHES)
def test_the_traced_logic_computes_the_bit_true_models_outputs(group, branch):
    logic, x, y = traced(group, branch)

    assert np.array_equal(logic.predict(x), y)


@pytest.mark.parametrize(
    "kind", ["fixed<5,2,RND_CONV,SAT>", "ufixed<4,1,RND_CONV,SAT>", "fixed<5,3,RND,WRAP>", "fixed<5,2>"]
)
def test_rounding_in_logic_is_that_of_ap_fixed(kind):
    from da4ml.trace import FixedVariableArray, HWConfig, comb_trace

    wanted = FixedPoint.parse(kind)
    x = FixedVariableArray.from_kif(np.ones(1, int), np.full(1, 3), np.full(1, 5), HWConfig(1, -1, -1))
    every = np.arange(-256, 256)[:, None] / 32
    got = comb_trace(x, rounded(x, wanted)).predict(every)

    assert np.array_equal(got, wanted.quantize(every))


def inputs_of(kind):
    """Return da4ml's variable of a type, and every value of it, of shape (values, 1)."""
    from da4ml.trace import FixedVariableArray, HWConfig

    kif = (np.full(1, n) for n in (int(kind.signed), kind.integer - kind.signed, kind.fraction))
    steps = np.arange(round(kind.min / kind.step), round(kind.max / kind.step) + 1)
    return FixedVariableArray.from_kif(*kif, HWConfig(1, -1, -1)), steps[:, None] * kind.step


@pytest.mark.parametrize("kind", ["fixed<16,6>", "fixed<7,2>", "ufixed<12,4>", "fixed<5,7>", "fixed<12,-2>"])
@pytest.mark.parametrize(("function", "size"), [("sigmoid", 1024), ("tanh", 512)])
def test_a_table_in_logic_gives_hls4mls_entry_for_every_value_of_its_input(function, size, kind):
    """Its index is cut toward zero, and values beyond it have its first or last entry."""
    from da4ml.trace import comb_trace

    from bitfront.hls.bit_true.quantizer import Mode
    from bitfront.hls.bit_true.tables import Table

    own = {"table": FixedPoint(9, 1), "result": FixedPoint(7, 1, True, "RND_CONV", "SAT")}
    x, every = inputs_of(FixedPoint.parse(kind))
    table = Table(function, size, Mode())
    table.assign(own["table"])
    wanted = own["result"].quantize(np.asarray(table(every.astype(np.float32))))
    node = Node(name="curve", op=function, inputs=("x",), shape=(1,), layer="curve")
    made = operation(function).trace(node, [x], {}, own, Settings(size))

    assert np.array_equal(comb_trace(x, made).predict(every), wanted)


@pytest.mark.parametrize("count", [2, 3, 7, 12, 49])
@pytest.mark.parametrize("kind", ["fixed<9,3>", "ufixed<11,5>"])
def test_a_quotient_in_logic_is_truncated_toward_zero(count, kind):
    from da4ml.trace import comb_trace

    wanted = FixedPoint.parse(kind)
    x, every = inputs_of(wanted)
    got = comb_trace(x, divided(x, count, wanted.step)).predict(every)

    assert np.array_equal(got, np.trunc(np.round(every / wanted.step) / count) * wanted.step)


def test_a_table_too_large_for_logic_is_refused():
    with pytest.raises(UserError, match="131072 entries"):
        looked_up(inputs_of(FixedPoint(17, 4))[0], np.tanh)


def test_weights_that_da4ml_would_narrow_are_refused_by_name():
    graph, _, types = prepared(zoo("vector", 1, only=("mlp",)), data("vector", 20), 3)
    name = next(iter(graph.weights))
    fine = types | {f"{name}/weight": FixedPoint(4, -29, True, "RND_CONV", "SAT")}

    with pytest.raises(UserError, match=rf"2\^-31; {name}/weight"):
        trace_logic(graph, fine, graph.weights)


def test_logic_that_computes_something_else_is_told_before_any_program_runs():
    logic, x, y = traced("vector", "curves")
    prove(logic, x, y)
    y[3, 0] += 1

    with pytest.raises(BuildError, match=r"1 of 200 samples"):
        prove(logic, x, y)


def test_what_cannot_be_unrolled_is_refused_by_name():
    x = data("recurrent", 20)
    graph, _, types = prepared(zoo("recurrent", 1, only=("gru",)), x, 3)
    with pytest.raises(UserError, match=r"gru.*gru"):
        trace_logic(graph, types, graph.weights)


def test_missing_programs_are_named():
    with pytest.raises(ToolMissing, match="yosys, verilator"):
        find_rtl_tools(path="/nowhere")


@pytest.mark.slow
@pytest.mark.skipif(not TOOLS, reason="needs yosys, verilator, make and g++ (apt install yosys verilator)")
def test_yosys_counts_and_verilator_proves_a_small_network(tmp_path):
    logic, x, y = traced("vector", "norm")
    place = {"part_name": "xcvu13p-flga2577-2-e", "clock_ns": 5.0}
    outcome = synthesise_rtl(
        logic, tmp_path / "rtl", find_rtl_tools(), Limits(240, 4), inputs=x, outputs=y, **place
    )

    figures = outcome.measured["rtl"]
    assert outcome.ok, outcome.line
    assert (outcome.tool, outcome.fidelity) == ("yosys", "rtl")
    assert 0.4 * logic.cost < figures["lut"] < 1.5 * logic.cost
    assert figures["ff"] > 0
    assert figures["dsp"] == 0
    assert figures["latency_cycles"] >= 2

    y[3, 0] += 1
    wrong = synthesise_rtl(
        logic, tmp_path / "w", find_rtl_tools(), Limits(240, 4), inputs=x, outputs=y, **place
    )
    assert (wrong.cause, wrong.measured) == ("cosim", {})
    assert "1 of 200 samples" in wrong.line


@pytest.mark.slow
@pytest.mark.skipif(not TOOLS, reason="needs yosys, verilator, make and g++ (apt install yosys verilator)")
def test_yosys_and_verilator_read_the_tables_of_a_network(tmp_path):
    """Their contents are files, which each program looks for in the folder where it runs."""
    logic, x, y = traced("vector", "softmax")
    place = {"part_name": "xcvu13p-flga2577-2-e", "clock_ns": 5.0}
    outcome = synthesise_rtl(
        logic, tmp_path / "rtl", find_rtl_tools(), Limits(240, 4), inputs=x, outputs=y, **place
    )

    assert outcome.ok, outcome.line
    assert outcome.measured["rtl"]["lut"] + outcome.measured["rtl"]["bram18"] > 0


@pytest.mark.parametrize(
    ("shape", "size", "strides"), [((6, 2), 3, 1), ((7, 2), 3, 2), ((5, 4, 2), (3, 2), 2)]
)
def test_the_logic_of_a_padded_maximum_leaves_out_what_is_padded(shape, size, strides):
    """Values below zero too, over which a padded zero would win; windows begin before the input."""
    kind = keras.layers.MaxPooling1D if len(shape) == 2 else keras.layers.MaxPooling2D
    given = keras.Input(shape, name="given")
    model = keras.Model(given, kind(size, strides=strides, padding="same")(keras.layers.Dense(2)(given)))
    x = np.random.default_rng(0).normal(size=(100, *shape)).astype(np.float32)
    graph, bit_true, types = prepared(model, x, 1, low=5, high=7)
    rounded = types["given/result"].quantize(x).reshape(len(x), -1)
    logic = trace_logic(graph, types, bit_true.weights())

    assert np.array_equal(logic.predict(rounded), bit_true.predict([x])[0].reshape(len(x), -1))
