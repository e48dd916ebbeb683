"""A design goes to JSON and back, refuses what is impossible, and is read from records of real results."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bitfront.hls.design.layers import DesignDescription, LayerDescription
from bitfront.hls.design.of_record import from_record
from bitfront.hls.design.weights import DesignError, WeightContent
from bitfront.spaces.errors import UserError
from bitfront.spaces.precision import FixedPoint

T = FixedPoint(16, 6)


def dense(**changed):
    settings = {
        "name": "d",
        "op": "dense",
        "inputs": (T,),
        "result": T,
        "sizes": {"n_in": 3, "n_out": 2},
        "types": {"weight": FixedPoint(8, 1), "accum": T},
        "weights": {"weight": WeightContent.of(np.array([[1, 0], [-7, 64], [5, 127]]))},
    }
    return LayerDescription(**{**settings, **changed})


def design(*layers, **changed):
    return DesignDescription(
        **{"name": "m", "layers": layers or (dense(),), "part": "u250", "clock_ns": 5.0, **changed}
    )


def slow_digits(value):
    """Canonical signed digits by the textbook's loop."""
    count, value = 0, abs(value)
    while value:
        if value % 2:
            digit = 2 - value % 4
            value -= digit
            count += 1
        value //= 2
    return count


@given(st.lists(st.integers(-(2**40), 2**40), max_size=30))
def test_weight_content_counts_what_a_loop_over_the_weights_counts(values):
    content = WeightContent.of(np.array(values, dtype=np.int64))
    nonzero = [abs(v) for v in values if v]
    assert content.n == len(values)
    assert content.nonzero == len(nonzero)
    assert content.powers_of_two == sum(v & (v - 1) == 0 for v in nonzero)
    assert content.csd_digits == sum(slow_digits(v) for v in nonzero)
    assert content.bits == sum((v // (v & -v)).bit_length() for v in nonzero)
    assert content.histogram == {
        length: sum(v.bit_length() == length for v in nonzero) for length in {v.bit_length() for v in nonzero}
    }


def test_weight_content_takes_any_shape_and_whole_floats():
    weights = np.arange(-12.0, 12.0).reshape(2, 3, 4)
    assert WeightContent.of(weights) == WeightContent.of(weights.ravel().astype(int))


@pytest.mark.parametrize(
    "wrong", [np.array([0.5]), np.array([np.nan]), np.array([np.inf]), np.array([2.0**60])]
)
def test_weights_that_are_no_steps_of_a_type_are_refused(wrong):
    with pytest.raises(DesignError):
        WeightContent.of(wrong)


def test_typical_content_holds_no_more_weights_than_there_are_and_grows_with_the_width():
    contents = [WeightContent.typical(1000, FixedPoint(width, 1), 64) for width in range(2, 17)]
    assert all(content.nonzero <= content.n == 1000 for content in contents)
    digits = [content.csd_digits for content in contents]
    assert digits == sorted(digits)
    assert digits[0] < digits[-1] / 4


def test_a_design_goes_to_json_and_back_unchanged():
    before = design(dense(), dense(op="relu", sizes={"n_in": 2}, weights={}, types={}), io_type="io_stream")
    assert DesignDescription.from_json(json.loads(json.dumps(before.to_json()))) == before


def test_another_version_of_the_json_is_refused():
    with pytest.raises(DesignError, match="version 99"):
        DesignDescription.from_json({**design().to_json(), "version": 99})


def test_an_unknown_key_in_the_json_is_refused():
    with pytest.raises(DesignError, match="surprise"):
        DesignDescription.from_json({**design().to_json(), "surprise": 1})


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"op": "teleport"}, "teleport"),
        ({"sizes": {"n_in": 3}}, "n_out"),
        ({"sizes": {"n_in": 0, "n_out": 2}}, "n_in must be positive"),
        ({"reuse_factor": 0}, "reuse factor"),
        ({"inputs": ()}, "no input"),
    ],
)
def test_an_impossible_layer_is_refused_with_its_name_and_reason(changed, reason):
    with pytest.raises(UserError, match=reason):
        dense(name="hidden", **changed) if "name" not in changed else None


@pytest.mark.parametrize(
    ("changed", "reason"), [({"clock_ns": 0.0}, "clock"), ({"io_type": "io_serial"}, "io_type")]
)
def test_an_impossible_design_is_refused(changed, reason):
    with pytest.raises(DesignError, match=reason):
        design(**changed)


def test_the_pipeline_style_follows_hls4ml():
    assert design().style == "pipeline"
    assert design(dense(strategy="resource")).style == "dataflow"
    assert design(io_type="io_stream").style == "dataflow"
    sizes = {"in_width": 8, "n_chan": 2, "filt_width": 3, "n_filt": 4, "out_width": 6}
    assert design(dense(op="conv1d", sizes=sizes)).style == "dataflow"
    assert design(dense(op="conv1d", sizes={**sizes, "parallelization": 6})).style == "pipeline"
    assert design(dense(strategy="resource"), pipeline_style="pipeline").style == "pipeline"


def test_products_and_positions_of_each_kind_of_layer():
    conv = dense(
        op="conv2d",
        sizes={"in_height": 8, "in_width": 9, "n_chan": 3, "filt_height": 3, "filt_width": 2, "n_filt": 5,
               "out_height": 6, "out_width": 8},
    )  # fmt: skip
    assert (conv.matrix, conv.positions, conv.multiplications) == ((18, 5), 48, 18 * 5 * 48)
    gru = dense(op="gru", sizes={"n_in": 6, "n_state": 20, "sequence": 20})
    assert gru.matrix == (6, 60)
    assert gru.multiplications == 20 * (6 * 60 + 20 * 60 + 60)
    scores = dense(
        op="einsum", inputs=(T, T), sizes={"n_free0": 10, "n_free1": 10, "n_contract": 8, "n_inplace": 4}
    )
    assert scores.multiplications == 3200


def record(**changed):
    layer = {
        "fn": "dense", "name": "fc", "in_t": ["nnet::array<ap_fixed<10,3>, 4*1>"], "out_t": "ap_fixed<16,6>",
        "v": {"n_in": 4, "n_out": 2, "reuse_factor": 8, "strategy": "resource"},
        "t": {"weight_t": "ap_fixed<6,1>", "accum_t": "ap_ufixed<20,9,AP_RND_CONV,AP_SAT,0>"},
        "w": {"w2": {"n": 8, "nz": 7, "pow2": 1, "csd": 15, "bits": 20, "bithist": {"5": 4, "1": 3}}},
    }  # fmt: skip
    structure = {"layers": [{**layer, **changed}], "io": "io_stream", "style": "dataflow", "subcfg": {}}
    return {
        "id": "r1", "part": "xcku035-fbva676-2-e", "clock_ns": 4.0, "tool_version": "2019.2", "structure": structure,
        "csynth": {"lut": 1},
    }  # fmt: skip


def test_a_record_becomes_a_design_with_its_types_sizes_and_weights():
    read = from_record(record())
    (layer,) = read.layers
    assert (read.name, read.clock_ns, read.tool_version, read.backend) == ("r1", 4.0, "2019.2", "Vivado")
    assert (read.io_type, read.style) == ("io_stream", "dataflow")
    assert (layer.op, layer.matrix, layer.reuse_factor, layer.strategy) == ("dense", (4, 2), 8, "resource")
    assert layer.inputs == (FixedPoint(10, 3),)
    assert layer.type("accum") == FixedPoint(20, 9, False, "RND_CONV", "SAT")
    assert layer.weights["weight"].histogram == {1: 3, 5: 4}


def test_a_separable_convolution_becomes_its_two_steps():
    conv = {
        "in_height": 8, "in_width": 8, "n_chan": 3, "filt_height": 3, "filt_width": 3, "n_filt": 3,
        "out_height": 6, "out_width": 6, "reuse_factor": 2, "strategy": "latency",
    }  # fmt: skip
    after = {**conv, "in_height": 6, "in_width": 6, "filt_height": 1, "filt_width": 1, "n_filt": 5}
    plain = record(fn="separable_conv_2d_cl", w={"d2": {"n": 27, "nz": 27}, "p2": {"n": 15, "nz": 9}})
    plain["structure"]["subcfg"] = {"config2_depthwise": {"v": conv}, "config2_pointwise": {"v": after}}
    depthwise, pointwise = from_record(plain).layers
    assert (depthwise.op, depthwise.matrix, depthwise.positions) == ("depthwise_conv2d", (9, 3), 36)
    assert (pointwise.op, pointwise.matrix, pointwise.positions) == ("conv2d", (3, 5), 36)


def test_what_a_record_measured_is_not_looked_at():
    plain = record()
    assert from_record(plain) == from_record({**plain, "csynth": {"lut": 9**9}})


def test_a_record_with_an_unknown_function_is_refused_with_its_name():
    with pytest.raises(DesignError, match="warp_drive"):
        from_record(record(fn="warp_drive"))


def test_a_record_without_layers_is_refused():
    with pytest.raises(DesignError, match="no layers"):
        from_record({"id": "empty"})


def test_every_published_record_becomes_a_design_or_is_refused_with_a_reason(shared):
    lines = (shared / "csynth" / "designs.jsonl").read_text(encoding="utf-8").splitlines()
    read, reasons = 0, []
    for line in lines:
        try:
            described = from_record(json.loads(line))
        except DesignError as error:
            reasons.append(str(error))
            continue
        assert DesignDescription.from_json(json.loads(json.dumps(described.to_json()))) == described
        read += 1
    assert read >= 0.9 * len(lines)
    assert all(len(reason) > 20 for reason in reasons)


@pytest.fixture(scope="module")
def shared():
    import os
    from pathlib import Path

    root = os.environ.get("BITFRONT_SHARED")
    folder = Path(root) if root else Path(__file__).resolve().parents[2] / "shared"
    if not (folder / "csynth" / "designs.jsonl").is_file():
        pytest.skip("the shared synthesis results are not here: set BITFRONT_SHARED to their folder")
    return folder


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"sizes": {"n_in": 1.5, "n_out": 2}}, "n_in must be whole"),
        ({"sizes": {"n_in": float("inf"), "n_out": 2}}, "n_in must be whole"),
        ({"sizes": {"n_in": 2**32, "n_out": 2}}, "below 2\\^32"),
        ({"reuse_factor": float("nan")}, "reuse factor"),
        ({"recurrent_reuse_factor": -1}, "reuse factor"),
    ],
)
def test_sizes_and_reuse_factors_that_are_no_counts_are_refused(changed, said):
    with pytest.raises(DesignError, match=said):
        dense(**changed)


def test_a_clock_that_never_ticks_is_refused():
    with pytest.raises(DesignError, match="positive and finite"):
        design(clock_ns=float("inf"))
