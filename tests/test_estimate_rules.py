"""What the rules say of digits, look-ups, chains, registers and cells, as real reports taught them."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bitfront.hls.design import DesignError, from_record
from bitfront.hls.design.layers import DesignDescription, LayerDescription
from bitfront.hls.design.record_functions import FUNCTIONS, REASONS
from bitfront.hls.design.weights import WeightContent
from bitfront.hls.estimate import estimate, structure_of
from bitfront.hls.estimate.lookup import CLIP
from bitfront.hls.operation import layer_kinds
from bitfront.hls.parts import part_of_family
from bitfront.spaces.errors import UserError
from bitfront.spaces.precision import FixedPoint

T = FixedPoint(16, 6)
WIDE = FixedPoint(40, 20)


def matrix(integers, data=T, accum=WIDE, name="d", **changed):
    integers = np.asarray(integers)
    settings_ = {
        "name": name, "op": "dense", "inputs": (data,), "result": accum,
        "sizes": {"n_in": integers.shape[0], "n_out": integers.shape[1]},
        "types": {"weight": FixedPoint(16, 6), "bias": T, "accum": accum},
        "weights": {"weight": WeightContent.of(integers)},
    }  # fmt: skip
    return LayerDescription(**{**settings_, **changed})


def of(*layers, **changed):
    return estimate(
        DesignDescription(**{"name": "m", "layers": layers, "part": "vu13p", "clock_ns": 5.0, **changed})
    )


def elementwise(op, data, n=1, **sizes):
    return LayerDescription(name=op, op=op, inputs=(data,), result=T, sizes={"n_in": n, **sizes})


# ---- digits


def test_a_long_constant_of_two_digits_takes_no_dsp_and_one_of_three_does():
    two, three = np.full((8, 8), 0b1000000001), np.full((8, 8), 0b1000100001)
    assert of(matrix(two)).dsp == 0
    assert of(matrix(three)).dsp == 64


@given(st.lists(st.integers(0, 11), min_size=4, max_size=64))
def test_powers_of_two_never_take_a_dsp(shifts):
    assert of(matrix(2 ** np.array(shifts).reshape(-1, 1))).dsp == 0


@given(st.integers(0, 2**32), st.integers(5, 12))
@settings(max_examples=40, deadline=None)
def test_multiplied_constants_follow_from_sums_of_digits_where_nobody_counted_them(seed, bits):
    integers = np.random.default_rng(seed).integers(-(2**bits), 2**bits, (64, 32))
    counted = WeightContent.of(integers)
    guessed = replace(counted, multiplied=None, long_multiplied=0, long_digits=0)
    for seen, known in zip(guessed.multipliers, counted.multipliers, strict=True):
        assert seen == pytest.approx(known, rel=0.12, abs=40)


def test_constants_shifted_to_the_left_cost_what_they_cost_unshifted():
    integers = np.random.default_rng(3).integers(-32, 32, (16, 16))
    assert of(matrix(integers)).dsp == of(matrix(integers * 32)).dsp


def test_multipliers_bound_to_the_fabric_take_no_dsp_and_bound_to_dsps_take_all():
    integers = np.random.default_rng(4).integers(-128, 128, (16, 16))
    narrow = FixedPoint(8, 2)
    fabric = of(matrix(integers, options={"multiplier_core": "fabric"}))
    bound = of(matrix(integers, data=narrow, options={"multiplier_core": "dsp"}))
    assert (fabric.dsp, bound.dsp > of(matrix(integers, data=narrow)).dsp) == (0, True)


# ---- look-ups


@pytest.mark.parametrize("op", ["sigmoid", "tanh"])
def test_a_look_up_that_its_data_cannot_leave_costs_a_tenth_of_one_that_clips(op):
    inside = of(elementwise(op, FixedPoint(8, 3), n=100, table_size=1024)).lut
    clipped = of(elementwise(op, FixedPoint(8, 6), n=100, table_size=1024)).lut
    assert inside < clipped / 3
    assert 100 * 60 < clipped < 100 * 200


@pytest.mark.parametrize(("width", "low", "high"), [(16, 110, 175), (18, 115, 185), (32, 150, 260)])
def test_a_sigmoid_costs_what_reports_say_of_its_width(width, low, high):
    hundred = of(elementwise("sigmoid", FixedPoint(width, 8), n=100, table_size=1024)).lut
    assert low < hundred / 100 < high


def test_a_table_with_an_entry_for_every_value_is_never_clipped():
    exact = of(elementwise("table_activation", FixedPoint(10, 5), n=100, table_size=1024)).lut
    assert exact < of(elementwise("sigmoid", FixedPoint(10, 5), n=100, table_size=1024)).lut / 3


@pytest.mark.parametrize("op", ["lstm", "gru", "simple_rnn"])
def test_a_recurrent_cell_clips_the_look_ups_that_its_accumulator_can_leave_the_table_with(op):
    """Of tanh beyond 4, of sigmoid beyond 8; an LSTM's state is looked up in the result's type."""
    gates = {"lstm": (3, 1), "gru": (2, 1), "simple_rnn": (0, 1)}[op]

    def lookups(integer, state=1):
        type_ = FixedPoint(16, integer)
        layer = LayerDescription(
            name=op, op=op, inputs=(type_,), result=FixedPoint(16, state),
            sizes={"n_in": 6, "n_state": 5, "sequence": 4, "table_size": 1024},
            types={"weight": type_, "recurrent_weight": type_, "accum": type_, "table": FixedPoint(18, 1)},
        )  # fmt: skip
        design = DesignDescription(name="m", layers=(layer,), part="vu13p", clock_ns=5.0)
        features = structure_of(design)[1][0].features
        return features.get("lookup_inside", 0) / 5, features.get("lookup", 0) / (5 * (16 + CLIP))

    own = int(op == "lstm")
    assert lookups(3) == (sum(gates) + own, 0)
    assert lookups(4) == (gates[0] + own, gates[1])
    assert lookups(5) == (own, sum(gates))
    assert lookups(5, state=4) == (0, sum(gates) + own)


# ---- sums


def test_sums_of_plus_and_minus_one_are_chains_in_vitis_and_trees_in_vivado():
    signs = np.where(np.random.default_rng(5).random((64, 32)) < 0.5, -1, 1)
    narrow = FixedPoint(7, 0, False)
    vitis = of(matrix(signs, data=narrow), tool_version="2023.1")
    vivado = of(matrix(signs, data=narrow), tool_version="2019.2", backend="Vivado")
    assert vitis.latency_cycles >= 2 * vivado.latency_cycles + 2


def test_adders_of_plus_and_minus_one_are_narrow_and_those_of_products_as_wide_as_the_sum():
    signs = np.where(np.random.default_rng(5).random((64, 32)) < 0.5, -1, 1)
    narrow = FixedPoint(7, 0, False)
    by_width = [of(matrix(signs, data=narrow, accum=FixedPoint(w, 12))).lut for w in (20, 40)]
    assert by_width[1] < 1.1 * by_width[0]
    products = [of(matrix(5 * signs, data=narrow, accum=FixedPoint(w, 12))).lut for w in (20, 40)]
    assert products[1] > 1.3 * products[0]


def test_registers_fall_with_the_terms_and_with_outputs_that_nothing_reads():
    rng = np.random.default_rng(6)
    full = rng.integers(-500, 500, (64, 32))
    sparse = full * (rng.random(full.shape) < 0.1)
    assert of(matrix(sparse)).ff < 0.4 * of(matrix(full)).ff
    read = [of(matrix(sparse), elementwise("relu", WIDE, n=n)).ff for n in (32, 8)]
    assert read[1] < read[0]


def test_an_accumulator_that_rounds_or_saturates_is_paid_for_in_the_resource_strategy_too():
    integers = np.random.default_rng(7).integers(-500, 500, (64, 64))
    resource = {"strategy": "resource", "reuse_factor": 16}
    plain = of(matrix(integers, **resource))
    checked = of(matrix(integers, accum=FixedPoint(40, 20, True, "RND_CONV", "SAT"), **resource))
    assert checked.lut > 1.5 * plain.lut


def test_an_lstm_and_a_gru_of_the_same_sizes_differ_in_cycles_and_in_every_resource():
    def cell(op, width):
        type_ = FixedPoint(width, 6)
        return LayerDescription(
            name=op, op=op, inputs=(type_,), result=type_,
            sizes={"n_in": 6, "n_state": 20, "sequence": 20},
            types={"weight": type_, "recurrent_weight": type_, "accum": type_, "table": FixedPoint(18, 8)},
        )  # fmt: skip

    for width in (10, 16, 34):
        lstm, gru = of(cell("lstm", width)), of(cell("gru", width))
        assert lstm.latency_cycles != gru.latency_cycles
        assert lstm.lut > gru.lut
        assert lstm.ff > gru.ff


# ---- records


def test_every_function_of_a_record_is_an_operation_for_a_stated_reason():
    nnet = pytest.importorskip("hls4ml")
    headers = Path(nnet.__file__).parent.glob("templates/v*/nnet_utils/*.h")
    own = {name for header in headers for name in re.findall(r"^void (\w+)\(", header.read_text(), re.M)}
    assert set(FUNCTIONS.values()) <= set(layer_kinds())
    for function, op in FUNCTIONS.items():
        says_it = function in own and re.sub(r"_(?=[12]d)|_cl$", "", function) == op.replace("_", "")
        assert function in REASONS or says_it or function == op, f"{function} is a {op}: why?"
    assert set(REASONS) <= set(FUNCTIONS)
    assert all(len(reason.split()) >= 2 for reason in REASONS.values())


def record(*layers, **changed):
    structure = {"layers": list(layers), "io": "io_parallel", "subcfg": changed.pop("subcfg", {})}
    return {
        "id": "r", "part": "xcvu13p-flga2577-2-e", "clock_ns": 5.0, "tool_version": "2023.1",
        "structure": structure, **changed,
    }  # fmt: skip


def call(function, out="ap_fixed<16,6>", **changed):
    return {
        "fn": function,
        "name": function,
        "in_t": ["ap_fixed<16,6>"],
        "out_t": out,
        "v": {"n_in": 8},
        **changed,
    }


def test_random_numbers_are_no_table():
    with pytest.raises(DesignError, match="uniform"):
        from_record(record(call("uniform")))


@pytest.mark.parametrize("number", [1, 2, 17])
def test_a_rounding_of_hgq_is_a_cast(number):
    (layer,) = from_record(record(call(f"h_quantize_{number}", out="ap_fixed<7,2,AP_RND>"))).layers
    assert (layer.op, layer.result.width) == ("linear", 7)


def test_a_bidirectional_call_is_its_cell_in_two_directions():
    both = call(
        "bidirectional_stack", cfg="config2", t={"FORWARD_CONFIG": "config2_forward"},
        v={"n_in": 6, "n_out": 20, "n_sequence": 20, "n_sequence_out": 1},
    )  # fmt: skip
    forward = {"base": "gru_config", "v": {"n_state": 10, "n_in": 6}, "t": {"weight_t": "ap_fixed<8,2>"}}
    (layer,) = from_record(record(both, subcfg={"config2_forward": forward})).layers
    assert (layer.op, layer.size("directions"), layer.size("n_state")) == ("gru", 2, 10)
    single = replace(layer, sizes={**layer.sizes, "directions": 1})
    assert of(layer).dsp == 2 * of(single).dsp
    with pytest.raises(DesignError, match="neither LSTM nor GRU"):
        from_record(record({**both, "t": {}}))


def test_an_attention_call_is_its_products_and_says_what_it_assumes():
    known = call("multiheadattention", v={"num_heads": 2, "head_dim_key": 4, "feature_dim": 8, "seq_len": 10})
    design = from_record(record(known))
    assert [layer.op for layer in design.layers] == [
        "dense", "dense", "dense", "einsum", "softmax", "einsum", "dense"
    ]  # fmt: skip
    assert "states no value, taken as 4" in " ".join(design.assumed)
    headless = call("multiheadattention", v={"feature_dim": 8, "seq_len": 10})
    assert "states no heads, taken as 1" in " ".join(from_record(record(headless)).assumed)
    with pytest.raises(DesignError, match="states no sequence"):
        from_record(record(call("multiheadattention", v={"feature_dim": 8})))


def test_what_a_record_leaves_open_is_said_beside_its_estimate():
    bare = record(call("relu"))
    for key in ("part", "clock_ns", "tool_version"):
        bare.pop(key)
    said = " ".join(from_record(bare).assumed)
    for word in ("part", "clock", "tool"):
        assert f"No {word} is stated" in said
    assert from_record(record(call("relu"))).assumed == ()
    manual = {
        **bare,
        "structure": None,
        "structure_manual": {"layers": [{"fn": "dense", "n_in": 4, "n_out": 2}]},
    }
    said = " ".join(from_record(manual).assumed)
    assert "No strategy is stated: taken as latency." in said
    assert "No reuse factor is stated: taken as 1." in said
    again = DesignDescription.from_json(from_record(manual).to_json())
    assert again == from_record(manual)


@pytest.mark.parametrize(
    ("name", "like"),
    [
        ("xcvu19p-fsva3824-1-e", "vu13p"),
        ("xcku3p-ffva676-1-e", "ku5p"),
        ("xq7z030-rf676-1i", "pynq-z2"),
        ("xcku060-ffva1156-2-e", "ku115"),
    ],
)
def test_a_part_outside_the_catalogue_is_estimated_by_the_family_in_its_name(name, like):
    integers = np.random.default_rng(8).integers(-500, 500, (32, 16))
    unknown, known = of(matrix(integers), part=name), of(matrix(integers), part=like)
    assert (unknown.lut, unknown.latency_cycles) == (known.lut, known.latency_cycles)


def test_a_part_of_no_family_is_refused_as_before():
    assert part_of_family("a3p1000") is None
    with pytest.raises(UserError, match="not in the catalogue"):
        of(matrix(np.ones((4, 4))), part="a3p1000")
