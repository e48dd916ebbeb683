"""Quantizers, types and training of the bit-true model."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import qkeras
import tensorflow as tf
import zoo
from hypothesis import given, settings
from hypothesis import strategies as st

from bitfront.hls import BitTrue, BitTrueLayer, Trainer, VariableFixedPoint, resolve, to_qkeras
from bitfront.hls.bit_true import compiled
from bitfront.hls.precision.resolve import least_error
from bitfront.spaces import FixedPoint, UserError, integer_bits, lower

VALUES = np.concatenate([np.linspace(-40, 40, 4001), np.arange(-64, 64) / 16.0, [0.0, 1e-9]]).astype("f4")


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 16).flatmap(lambda w: st.tuples(st.just(w), st.integers(1, w))))
def test_a_signed_quantizer_equals_quantized_bits(widths):
    """The variable quantizer gives QKeras' values for every width and integer bits that QKeras supports."""
    width, integer = widths
    ours = VariableFixedPoint(width, integer)
    theirs = qkeras.quantized_bits(width, integer - 1, symmetric=0, keep_negative=True, alpha=1.0)

    # QKeras adds x and takes it off again, which costs its result the last bits of float32
    assert np.abs(np.asarray(theirs(VALUES)) - np.asarray(ours(VALUES))).max() < ours.precision.step / 4


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 16).flatmap(lambda w: st.tuples(st.just(w), st.integers(0, w))))
def test_an_unsigned_quantizer_equals_quantized_relu(widths):
    """The unsigned quantizer gives QKeras' quantized ReLU."""
    width, integer = widths
    ours = VariableFixedPoint(width, integer, signed=False)
    theirs = qkeras.quantized_relu(width, integer)

    # QKeras adds x and takes it off again, which costs its result the last bits of float32
    assert np.abs(np.asarray(theirs(VALUES)) - np.asarray(ours(VALUES))).max() < ours.precision.step / 4


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 24), st.integers(-4, 10), st.booleans())
def test_the_quantizer_equals_the_types_own_rounding(width, integer, signed):
    """The traced quantizer and `FixedPoint.quantize` agree, also where QKeras has no equivalent."""
    kind = FixedPoint(width, integer, signed, "RND_CONV", "SAT")
    quantizer = VariableFixedPoint(signed=signed)
    quantizer.assign(kind)
    exact = VALUES.astype(np.float64)

    found = np.asarray(quantizer(VALUES), np.float64)
    assert np.allclose(kind.quantize(exact), found, rtol=2**-23, atol=kind.step * 2**-20)


def test_one_trace_serves_every_precision():
    """Twenty candidates are assigned and scored; each function is traced once."""
    model, x = zoo.zoo("vector", 1), zoo.data("vector", 100)
    graph = lower(model)
    bit_true = BitTrue(graph)
    calibration = bit_true.calibrate([x])
    for seed in range(20):
        bit_true.assign(resolve(graph, zoo.random_widths(graph, seed), calibration))
        bit_true.predict([x])
        bit_true.restore(graph.weights)

    assert set(bit_true.traces.values()) == {1}


@pytest.mark.parametrize("group", zoo.GROUPS)
def test_a_compiled_model_answers_the_same_in_every_bit(group, monkeypatch):
    """What XLA compiles once a study has run for a while changes no score; a set of another size is answered
    too.
    """
    monkeypatch.setattr(compiled, "COMPILE_AFTER", 0.0)
    model, x = zoo.zoo(group, 1), zoo.data(group, 300)
    _, bit_true, _ = zoo.prepared(model, x, 7)
    bit_true.batch_size = 110
    (name,) = {"predict_float32", "predict_float64"} & set((bit_true.predict([x]), bit_true.traces)[1])
    signature = [[tf.TensorSpec((None, *x.shape[1:]), name.removeprefix("predict_"))]]
    alone = bit_true.traced(name, bit_true.forward, signature)
    xla = bit_true.traced(f"{name}_compiled", bit_true.forward, signature, jit_compile=True)

    for a, b in zip(alone([x]), xla([x]), strict=True):
        assert np.array_equal(a, b)
    for a, b in zip(bit_true.predict([x[:7]]), bit_true.predict([x]), strict=True):
        assert np.array_equal(a, b[:7])
    assert set(bit_true.traces.values()) == {1}


def test_without_rounding_the_model_is_the_keras_model():
    """The float pass of the bit-true layers gives Keras's own predictions."""
    for group in zoo.GROUPS:
        model, x = zoo.zoo(group, 1), zoo.data(group, 50)
        expected = model.predict(x, verbose=0)
        found = BitTrue(lower(model, head="keep")).predict_float([x])

        for a, b in zip(expected, found, strict=True):
            assert np.allclose(a, b, atol=1e-4)


def test_every_layer_meets_the_protocol():
    """Each layer of the zoo offers what `BitTrueLayer` asks for."""
    for group in zoo.GROUPS:
        bit_true = BitTrue(lower(zoo.zoo(group, 1)))

        assert all(isinstance(layer, BitTrueLayer) for layer in bit_true.layers.values())


def test_feed_forward_candidates_are_the_same_in_qkeras():
    """A candidate exported with constant QKeras quantizers predicts the same, tables and means apart."""
    for group, names in (
        ("vector", ("mlp", "norm")),
        ("merges", ("joins",)),
        ("image", ("conv2d", "separable2d")),
    ):
        model, x = zoo.zoo(group, 1, only=names), zoo.data(group, 100)
        graph, bit_true, types = zoo.prepared(model, x, 5, low=3, high=10)
        found = to_qkeras(graph, bit_true.weights(), types).predict(x, verbose=0)
        found = found if isinstance(found, list) else [found]

        for name, a, b in zip(graph.outputs, bit_true.predict([x]), found, strict=True):
            assert np.array_equal(a, b), name


def test_training_with_rounding_learns_and_is_traced_once():
    """Loss falls from one epoch to the next, for two candidates, with one trace."""
    keras.utils.set_random_seed(0)
    L = keras.layers
    model = keras.Sequential([keras.Input((7, 4)), L.GRU(6), L.Dense(1, activation="sigmoid")])
    x = zoo.data("recurrent", 600)
    y = (x.sum((1, 2)) > 0).astype("int32")
    graph, bit_true, _ = zoo.prepared(model, x, 1, low=5, high=8)
    trainer = Trainer(bit_true, [x], [y], tasks=["binary"], batch_size=50)
    calibration = bit_true.calibrate([x])
    for seed in (1, 2):
        bit_true.restore(graph.weights)
        bit_true.assign(resolve(graph, zoo.random_widths(graph, seed, 5, 8), calibration))
        trainer.reset()
        losses = [trainer.epoch(np.arange(600), 1e-2) for _ in range(5)]

        assert losses[-1] < losses[0]
    assert bit_true.traces["train_epoch"] == 1


def test_weights_that_are_made_zero_stay_so_and_the_others_train():
    """As many as asked for, no bias; none asked for leaves a training bit for bit as it was, in one traced
    epoch.
    """
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input((6,)), keras.layers.Dense(16, activation="relu"), keras.layers.Dense(1)]
    )
    x = zoo.data("vector", 400)[:, :6]
    y = x[:, :1]
    graph, bit_true, _ = zoo.prepared(model, x, 1, low=5, high=8)
    trainer = Trainer(bit_true, [x], [y], tasks=["regression"], batch_size=50)
    trained = []
    for share in (0.0, 0.5, 0.9, 0.0):
        bit_true.restore(graph.weights)
        trainer.reset()
        trainer.prune(share)
        before = bit_true.weights()
        for _ in range(4):
            trainer.epoch(np.arange(400), 1e-3)
        trained.append(after := bit_true.weights())
        kernels = {node: roles["weight"] for node, roles in after.items() if "weight" in roles}
        total = sum(kernel.size for kernel in kernels.values())
        assert sum(int((kernel == 0).sum()) for kernel in kernels.values()) == int(share * total)
        for node, kernel in kernels.items():
            moved = kernel != before[node]["weight"]
            assert np.array_equal(kernel == 0, before[node]["weight"] == 0)
            assert moved[kernel != 0].any()
            assert np.count_nonzero(after[node]["bias"])

    for node, roles in trained[0].items():
        for role, array in roles.items():
            assert np.array_equal(array, trained[3][node][role])
    assert bit_true.traces["train_epoch"] == 1


def test_what_the_firmware_cannot_compute_is_refused_by_name():
    """Every faulty layer is named, with the reason, before anything is trained."""
    L = keras.layers
    inputs = keras.Input((6, 4), name="x")
    y = L.UnitNormalization(name="unit")(L.GroupNormalization(2, name="groups")(inputs))
    model = keras.Model(inputs, L.LSTM(3, go_backwards=True, name="back")(y))
    with pytest.raises(UserError, match=r"groups.*GroupNormalization.*unit.*back"):
        lower(model)


def test_a_narrow_accumulator_wraps_as_ap_fixed_does():
    """Products are truncated one by one and the sum wraps, as a NumPy emulation of the C++ loop gives."""
    L = keras.layers
    model = keras.Sequential([keras.Input((12,), name="x"), L.Dense(3, name="d")])
    zoo.randomize(model, 0)
    x = zoo.data("vector", 50)
    graph = lower(model)
    bit_true = BitTrue(graph, narrow_accumulators=frozenset({"d"}))
    widths = zoo.random_widths(graph, 2, 6, 8) | {"d/accum": 9}
    types = resolve(graph, widths, bit_true.calibrate([x]))
    bit_true.assign(types)
    accum = types["d/accum"]
    inputs = types["x/result"].quantize(x)
    weights = types["d/weight"].quantize(graph.weights["d"]["weight"])
    total = accum.quantize(types["d/bias"].quantize(graph.weights["d"]["bias"]))[None]
    for i in range(12):
        total = accum.quantize(total + accum.quantize(inputs[:, i, None] * weights[None, i]))

    assert np.array_equal(types["d/result"].quantize(total), bit_true.predict([x])[0])


@pytest.mark.parametrize("names", [("lstm",), ("gru",)])
def test_backpropagation_of_all_steps_at_once_is_automatic_differentiation(names, monkeypatch):
    """Outputs agree in every bit and gradients to float32's accuracy with those of the step-by-step cells."""
    model, x = zoo.zoo("recurrent", 1, only=names), zoo.data("recurrent", 60)
    _, bit_true, _ = zoo.prepared(model, x, 2, low=6, high=9)

    def outputs_and_gradients():
        bit_true.mode.exact, bit_true.mode.training, bit_true.mode.dtype = True, True, tf.float32
        with tf.GradientTape() as tape:
            (output,) = bit_true.forward([tf.constant(x)])
            loss = tf.reduce_sum(tf.square(output - 0.1))
        return output.numpy(), [g.numpy() for g in tape.gradient(loss, bit_true.trainable)]

    found, gradients = outputs_and_gradients()
    monkeypatch.setattr("bitfront.hls.bit_true.backprop.LIMIT", 0)
    expected, automatic = outputs_and_gradients()

    assert np.array_equal(found, expected)
    for a, b in zip(gradients, automatic, strict=True):
        assert np.abs(b).max() > 0
        assert np.allclose(a, b, rtol=1e-3, atol=1e-4 * np.abs(b).max())


@pytest.mark.parametrize("seed", range(5))
def test_least_squared_error_is_found_by_comparing_every_range(seed):
    """Of the widths' ranges, none rounds a heavy-tailed sample with less error; wide types cover it whole."""
    values = np.random.default_rng(seed).standard_t(3, 2000)
    most = integer_bits(np.abs(values).max())

    def error(width: int, integer: int) -> float:
        return float(
            np.square(FixedPoint(width, integer, True, "RND_CONV", "SAT").quantize(values) - values).sum()
        )

    for width in (2, 3, 4, 6, 8, 12):
        best = min(range(most - 4, most + 3), key=lambda integer: error(width, integer))
        assert least_error(values, width, most, True) == best
    assert least_error(values, 3, most, True) < most == least_error(values, 24, most, True)


def test_calibration_draws_from_every_pixel_and_every_feature():
    """A border that is always zero, or a feature that is always small, doesn't fill the sample."""
    image = keras.Input((8, 8, 1), name="image")
    graph = lower(keras.Model(image, keras.layers.Flatten(name="flat")(image)))
    x = np.pad(np.ones((2048, 6, 6, 1), "f4"), ((0, 0), (1, 1), (1, 1), (0, 0)))

    assert 0.5 < BitTrue(graph).calibrate([x]).samples["image/result"].mean() < 0.62


@pytest.mark.parametrize("kind", ["LSTM", "Bidirectional"])
def test_the_type_of_an_lstm_minds_its_cell_state_which_no_output_shows(kind):
    """A cell state that grows far beyond the outputs keeps integer bits, though not all that it would
    fill.
    """
    lstm = keras.layers.LSTM(4, name="lstm", unit_forget_bias=True)
    rows = keras.Input((20, 3), name="rows")
    layer = lstm if kind == "LSTM" else keras.layers.Bidirectional(lstm, name="lstm")
    model = keras.Model(rows, layer(rows))
    for weight in model.weights:
        if "bias" in weight.path:
            weight.assign(weight + 2.0)  # gates open, so that the cell adds up
    graph = lower(model)
    (node,) = (n for n in graph if n.op != "input")
    x = np.random.default_rng(1).normal(size=(256, 20, 3)).astype("f4")
    ranges = [BitTrue(graph).calibrate([x], rule=rule) for rule in ("max", "mse")]
    result = next(t for t in graph.tensors(node) if t.role == "result")
    covering, clipped = (calibration.integer(result, 4) for calibration in ranges)
    cell = ranges[1].samples[f"{node.name}/cell"]

    assert np.abs(cell).max() > 4 > 1 >= np.abs(ranges[1].samples[result.key]).max()
    assert 1 < clipped < covering
