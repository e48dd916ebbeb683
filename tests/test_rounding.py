"""Results whose exact halves go up (`space.rounding: RND`): the same in every place that computes them."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
import zoo

from bitfront.hls import BitTrue, VariableFixedPoint, resolve, to_qkeras
from bitfront.hls.bit_true.quantizer import Mode
from bitfront.hls.rtl import trace_logic
from bitfront.spaces import FixedPoint, UserError, lower


@pytest.mark.parametrize("dtype", [tf.float32, tf.float64])
@pytest.mark.parametrize("kind", ["fixed<5,2,RND,SAT>", "ufixed<4,4,RND,SAT>", "fixed<9,-3,RND,SAT>"])
def test_halves_go_up_as_in_the_type_itself(kind, dtype):
    """Halves of both signs, and the numbers next to them, of which x + 0.5 would be rounded up once more."""
    wanted = FixedPoint.parse(kind)
    halves = (np.arange(-64, 64) + 0.5) * wanted.step
    real = dtype.as_numpy_dtype
    x = np.concatenate([halves, np.nextafter(halves.astype(real), -np.inf), np.linspace(-40, 40, 999)])
    quantizer = VariableFixedPoint(signed=wanted.signed, rounding="RND", mode=Mode(dtype=dtype))
    quantizer.assign(wanted)

    assert np.array_equal(quantizer(x.astype(real)), wanted.quantize(x.astype(real)))


def test_a_model_is_not_given_types_that_round_in_another_way():
    graph = lower(zoo.zoo("vector", 1, only=("mlp",)))
    bit_true = BitTrue(graph, rounding="RND")
    calibration = bit_true.calibrate([zoo.data("vector", 50)])

    with pytest.raises(UserError, match="rounds in another way"):
        bit_true.assign(resolve(graph, zoo.random_widths(graph, 1), calibration))


def test_only_results_are_rounded_up():
    """Weights and inputs are rounded before they enter the firmware."""
    graph, _, types = zoo.prepared(
        zoo.zoo("vector", 1, only=("mlp",)), zoo.data("vector", 50), 1, rounding="RND"
    )
    rounded = {tensor.key: types[tensor.key].rounding for tensor in graph.all_tensors()}

    assert {key for key, how in rounded.items() if how == "RND"} == {
        f"{node.name}/result" for node in graph if node.inputs and f"{node.name}/result" in rounded
    }


@pytest.mark.parametrize(("group", "names"), [("vector", ("mlp", "norm")), ("recurrent", ("lstm",))])
def test_the_exported_keras_model_predicts_the_same(group, names):
    x = zoo.data(group, 100)
    graph, bit_true, types = zoo.prepared(zoo.zoo(group, 1, only=names), x, 5, low=3, high=9, rounding="RND")
    found = to_qkeras(graph, bit_true.weights(), types).predict(x, verbose=0)
    found = found if isinstance(found, list) else [found]

    for name, a, b in zip(graph.outputs, bit_true.predict([x]), found, strict=True):
        assert np.array_equal(a, b), name


def test_logic_of_the_same_types_is_smaller_and_computes_the_same():
    """Half to even needs the lowest bit that stays in a second addition."""
    model, x = zoo.zoo("vector", 1, only=("mlp",)), zoo.data("vector", 100)
    costs = {}
    for rounding in ("RND", "RND_CONV"):
        graph, bit_true, types = zoo.prepared(model, x, 3, low=3, high=7, rounding=rounding)
        logic = trace_logic(graph, types, graph.weights)
        y = np.concatenate([one.reshape(len(x), -1) for one in bit_true.predict([x])], 1)
        assert np.array_equal(logic.predict(types[f"{graph.inputs[0]}/result"].quantize(x)), y)
        costs[rounding] = logic.cost

    assert costs["RND"] < 0.95 * costs["RND_CONV"]


@zoo.needs_compiler
@pytest.mark.slow
@pytest.mark.parametrize(
    ("group", "io_type", "strategy"),
    [
        *((group, "io_parallel", "Latency") for group in zoo.GROUPS),
        ("sequence", "io_stream", "Latency"),
        ("recurrent", "io_parallel", "Resource"),
        ("merges", "io_parallel", "distributed_arithmetic"),
    ],
)
def test_every_layer_computes_what_the_firmware_computes(tmp_path, group, io_type, strategy):
    found = zoo.differences(tmp_path, group, io_type, strategy, rounding="RND")

    assert found == dict.fromkeys(found, 0.0)
