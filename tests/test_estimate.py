"""Estimates follow hls4ml's own rules, grow the way hardware grows, and come in milliseconds."""

from __future__ import annotations

import time
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from bitfront.hls.design import closest_reuse_factor, legal_reuse_factors, settle_reuse_factors
from bitfront.hls.design.layers import DesignDescription, LayerDescription
from bitfront.hls.design.weights import WeightContent
from bitfront.hls.estimate import estimate
from bitfront.hls.operation import layer_kinds
from bitfront.spaces.errors import UserError
from bitfront.spaces.precision import FixedPoint

T = FixedPoint(16, 6)


def dense(n_in=16, n_out=32, width=8, data=None, name="d", **changed):
    weights = np.random.default_rng(1).normal(size=(n_in, n_out))
    type_ = FixedPoint(width, 1)
    integers = np.clip(np.round(weights / 4 * 2 ** (width - 1)), -(2 ** (width - 1)), 2 ** (width - 1) - 1)
    settings = {
        "name": name, "op": "dense", "inputs": (data or T,), "result": T,
        "sizes": {"n_in": n_in, "n_out": n_out}, "types": {"weight": type_, "bias": T, "accum": T},
        "weights": {"weight": WeightContent.of(integers)},
    }  # fmt: skip
    return LayerDescription(**{**settings, **changed})


def relu(n, data=T, result=T):
    return LayerDescription(name="r", op="relu", inputs=(data,), result=result, sizes={"n_in": n})


def design(*layers, **changed):
    return DesignDescription(**{"name": "m", "layers": layers, "part": "vu13p", "clock_ns": 5.0, **changed})


@pytest.mark.parametrize(
    ("n_in", "n_out"), [(1, 1), (16, 64), (64, 32), (6, 80), (20, 60), (27, 6), (13, 7), (100, 10), (784, 12)]
)
def test_legal_reuse_factors_are_those_of_hls4ml(n_in, n_out):
    backend = pytest.importorskip("hls4ml.backends.fpga.fpga_backend").FPGABackend
    theirs = backend.get_valid_reuse_factors(_Bare(backend), n_in, n_out)
    assert list(legal_reuse_factors(n_in, n_out)) == theirs


def test_the_closest_reuse_factor_is_hls4mls_for_every_wish():
    backend = pytest.importorskip("hls4ml.backends.fpga.fpga_backend").FPGABackend
    for n_in, n_out in ((16, 64), (20, 60), (27, 6)):
        legal = list(legal_reuse_factors(n_in, n_out))
        for wanted in range(1, n_in * n_out + 50):
            theirs = backend.get_closest_reuse_factor(None, legal, wanted)
            assert closest_reuse_factor(n_in, n_out, wanted) == theirs
    assert closest_reuse_factor(4, 2, 8, largest=False) < 8


class _Bare:
    """Gives hls4ml's unbound method the one helper it calls."""

    def __init__(self, backend):
        self._validate_reuse_factor = lambda *sizes: backend._validate_reuse_factor(None, *sizes)


def test_products_of_wide_data_with_many_digit_constants_take_dsps_and_narrow_ones_take_none():
    wide = estimate(design(dense(width=12, data=FixedPoint(16, 6))))
    narrow = estimate(design(dense(width=8, data=FixedPoint(6, 2))))
    assert wide.dsp > 0.5 * 16 * 32
    assert narrow.dsp == 0
    assert narrow.lut > 0


def test_zero_weights_cost_nothing_but_their_place():
    zeros = WeightContent.of(np.zeros((16, 32)))
    assert estimate(design(dense(weights={"weight": zeros}))).dsp == 0
    assert estimate(design(dense(weights={"weight": zeros}))).lut < estimate(design(dense())).lut / 3


def test_more_weight_bits_cost_more_luts_where_everything_is_in_the_fabric():
    luts = [estimate(design(dense(width=width, data=FixedPoint(8, 2)))).lut for width in range(2, 9)]
    assert luts == sorted(luts)
    assert luts[-1] > 1.5 * luts[0]


def test_resource_strategy_divides_dsps_by_the_reuse_factor_and_the_interval_is_the_reuse_factor():
    for reuse in (2, 4, 8, 16, 32):
        found = estimate(design(dense(width=16, strategy="resource", reuse_factor=reuse)))
        assert found.dsp == 16 * 32 / reuse
        assert found.ii_cycles == reuse
        assert found.latency_cycles > reuse


def test_resource_weights_go_to_block_memory_by_their_word_width():
    found = estimate(design(dense(n_in=64, n_out=64, width=16, strategy="resource", reuse_factor=64)))
    # 64 weights of 16 bits a cycle, 36 bits to a RAMB18.
    assert abs(found.bram18 - 29) <= 3


def gru(**changed):
    settings = {
        "name": "g", "op": "gru", "inputs": (T,), "result": T, "sizes": {"n_in": 6, "n_state": 20, "sequence": 20},
        "types": {"weight": T, "recurrent_weight": T, "accum": T, "table": FixedPoint(18, 8)},
    }  # fmt: skip
    return LayerDescription(**{**settings, **changed})


def test_a_static_gru_repeats_one_cell_so_its_interval_is_about_its_latency():
    found = estimate(design(gru()))
    assert 0.9 < found.ii_cycles / found.latency_cycles <= 1.01
    longer = estimate(design(gru(sizes={"n_in": 6, "n_state": 20, "sequence": 40})))
    assert 1.8 < longer.latency_cycles / found.latency_cycles < 2.2
    assert longer.dsp == found.dsp


def test_a_non_static_gru_pays_its_short_interval_with_copies_of_the_cell():
    static, unrolled = estimate(design(gru())), estimate(design(gru(options={"static": False})))
    assert unrolled.dsp == pytest.approx(20 * static.dsp, rel=0.01)
    assert unrolled.ii_cycles < static.ii_cycles / 10


def test_both_directions_of_a_bidirectional_layer_are_paid():
    one = estimate(design(gru()))
    two = estimate(design(gru(sizes={"n_in": 6, "n_state": 20, "sequence": 20, "directions": 2})))
    assert two.dsp == pytest.approx(2 * one.dsp, abs=1)


@pytest.mark.parametrize(("tool", "each"), [("2020.1", 1), ("2023.2", 2)])
def test_a_streamed_convolution_takes_the_cycles_a_pixel_that_its_tool_reports(tool, each):
    sizes = {
        "in_height": 28, "in_width": 28, "n_chan": 1, "filt_height": 3, "filt_width": 3, "n_filt": 4,
        "out_height": 26, "out_width": 26,
    }  # fmt: skip
    conv = LayerDescription(
        name="c", op="conv2d", inputs=(T,), result=T, sizes=sizes, types={"weight": T, "accum": T}
    )
    found = estimate(design(conv, io_type="io_stream", tool_version=tool))
    assert found.ii_cycles == each * 28 * 28
    assert found.ii_cycles <= found.latency_cycles < found.ii_cycles + 20


def test_a_slower_device_needs_more_cycles_for_the_same_layer():
    fast, slow = estimate(design(dense(width=12))), estimate(design(dense(width=12), part="pynq-z2"))
    assert slow.latency_cycles > fast.latency_cycles


def test_bit_operations_are_operand_widths_multiplied():
    one = dense(n_in=1, n_out=1, weights={"weight": WeightContent.of(np.array([[5]]))})
    assert estimate(design(one)).ebops == 3 * 16


def test_a_batch_normalization_costs_a_product_with_a_constant_for_each_value():
    """Ten values of two channels: constants of 3 and 1 bits, five times each."""
    scale = WeightContent.of(np.array([5, 4]))
    norm = LayerDescription(
        name="n",
        op="normalize",
        inputs=(T,),
        result=T,
        sizes={"n_in": 10},
        types={"weight": T},
        weights={"weight": scale},
    )
    assert estimate(design(norm)).ebops == 5 * (3 + 1) * T.width


def test_energy_of_one_product_is_the_published_curve():
    one = dense(n_in=1, n_out=1, weights={"weight": WeightContent.of(np.array([[0b1000000000000001]]))})
    # A 16-bit multiplication and a 16-bit addition at 45 nm after QTools' fit of Horowitz's table.
    expected = 0.002994791667 * 256 + 0.001041666667 * 16 + 0.003125 * 16
    assert estimate(design(one)).energy_pj == pytest.approx(expected)


def test_totals_are_sums_of_the_layers_and_say_that_they_are_estimates():
    found = estimate(design(dense(), relu(32), dense(32, 5)))
    plain = found.to_json()
    assert plain["source"] == "estimate"
    assert abs(plain["dsp"] - sum(layer["dsp"] for layer in plain["layers"])) <= 3
    assert abs(plain["lut"] - sum(layer["lut"] for layer in plain["layers"])) < 0.1 * plain["lut"] + 200


def test_every_quantity_lies_in_its_interval():
    found = estimate(design(dense(), relu(32), dense(32, 5)))
    for low, high in found.intervals.values():
        assert low <= high
        assert low >= 0
    plain = found.to_json()
    assert set(plain) >= {"lut_interval", "ff_interval", "dsp_interval", "latency_cycles_interval"}


def test_an_implemented_design_has_fewer_luts_than_c_synthesis_reports():
    subject = design(dense(), relu(32), dense(32, 5))
    assert estimate(subject, kind="implemented").lut < estimate(subject).lut


def test_an_unknown_part_is_refused():
    with pytest.raises(UserError, match="not in the catalogue"):
        estimate(design(dense(), part="xc9zz"))


@pytest.mark.parametrize("op", sorted(layer_kinds()))
@pytest.mark.parametrize("io_type", ["io_parallel", "io_stream"])
def test_every_operation_can_be_estimated_in_parallel_and_on_streams(op, io_type):
    sizes = dict.fromkeys(layer_kinds()[op].sizes, 4)
    layer = LayerDescription(name="x", op=op, inputs=(T, T), result=T, sizes=sizes)
    found = estimate(design(layer, io_type=io_type))
    assert found.latency_cycles >= 0
    assert found.ii_cycles >= 1
    assert all(np.isfinite([found.lut, found.ff, found.dsp, found.bram18, found.energy_pj]))


def test_the_same_design_is_estimated_alike_twice():
    subject = design(dense(), relu(32), dense(32, 5))
    assert estimate(subject) == estimate(subject)


def test_ten_layers_take_less_than_ten_milliseconds_with_their_weights_counted():
    layers = [dense(64, 64, name=f"d{i}") for i in range(5)] + [relu(64) for _ in range(5)]
    weights = np.random.default_rng(2).integers(-128, 128, size=(64, 64))
    estimate(design(*layers))
    spent = []
    for _ in range(20):
        start = time.perf_counter()
        content = WeightContent.of(weights)
        fresh = [
            replace(layer, weights={"weight": content}) if layer.op == "dense" else layer for layer in layers
        ]
        estimate(design(*fresh))
        spent.append(time.perf_counter() - start)
    assert min(spent) < 0.010


def test_ten_thousand_estimates_leave_no_memory_behind():
    subject = design(dense(), relu(32))
    for _ in range(200):
        estimate(subject)
    tracemalloc.start()
    try:
        for _ in range(1000):
            estimate(subject)
        before, _ = tracemalloc.get_traced_memory()
        for _ in range(9000):
            estimate(subject)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 64 * 1024


def test_a_recurrent_layer_settles_its_two_reuse_factors_one_by_one():
    # 6 x 80 and 20 x 80 products: 30 is legal for the first, 20 is the nearest legal one for the second.
    assert settle_reuse_factors(6, 80, 30, strategy="resource", n_state=20) == (30, 20)
    assert settle_reuse_factors(6, 80, 7, strategy="latency", n_state=20) == (7, 7)
    assert settle_reuse_factors(16, 64, 5, strategy="resource") == (4, None)
    assert settle_reuse_factors(16, 64, 9, strategy="distributed_arithmetic") == (1, None)


def test_distributed_arithmetic_takes_no_dsps():
    assert estimate(design(dense(width=16, strategy="distributed_arithmetic"))).dsp == 0


def test_a_softmax_of_many_slices_costs_more_than_one():
    def softmax(n, outer):
        return LayerDescription(
            name="s", op="softmax", inputs=(T,), result=T, sizes={"n_in": n, "outer": outer}
        )

    one, ten = estimate(design(softmax(10, 1))), estimate(design(softmax(10, 10)))
    assert ten.dsp == 10 * one.dsp
    assert ten.bram18 > 5 * one.bram18


def test_branches_count_side_by_side_and_a_chain_one_after_the_other():
    def wide(name, after):
        return dense(32, 32, 12, name=name, after=after)

    chain = design(wide("a", None), wide("b", None), wide("c", None))
    branches = design(wide("a", ("x",)), wide("b", ("x",)), wide("c", ("a", "b")))
    assert estimate(branches).latency_cycles < estimate(chain).latency_cycles
    assert estimate(branches).lut == estimate(chain).lut
    same = design(wide("a", ("x",)), wide("b", ("a",)), wide("c", ("b",)))
    assert estimate(same).latency_cycles == estimate(chain).latency_cycles
    assert DesignDescription.from_json(branches.to_json()) == branches
