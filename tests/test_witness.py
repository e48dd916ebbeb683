"""Keras's own output is the witness: what is searched is the model that came, or the model is refused."""

from __future__ import annotations

from contextlib import suppress
from functools import partial

import keras
import numpy as np
import pytest
import qkeras
import zoo

import bitfront.hls.witness.compare as witness_module
from bitfront.hls import BitTrue, check_model, first_difference, hls_config, to_keras
from bitfront.search.model_files import from_keras2
from bitfront.spaces import UserError, lower
from bitfront.spaces.lowering.layers import LAYERS
from bitfront.spaces.lowering.work import Lowering

L = keras.layers


@keras.saving.register_keras_serializable("tests")
class Clip(L.Layer):
    """The identity on small values."""

    def __init__(self, bound, **kwargs):
        super().__init__(**kwargs)
        self.bound = bound

    def call(self, x):
        return keras.ops.clip(x, -self.bound, self.bound)


@keras.saving.register_keras_serializable("tests")
class Gain(L.Layer):
    """The identity until it is trained."""

    def build(self, shape):
        self.gain = self.add_weight(shape=(shape[-1],), initializer="ones", name="gain")

    def call(self, x):
        return x * self.gain


@keras.saving.register_keras_serializable("tests")
class Position(L.Layer):
    """Adds a trained vector."""

    def build(self, shape):
        self.vector = self.add_weight(shape=shape[1:], initializer="zeros", name="vector")

    def call(self, x):
        return x + self.vector


@keras.saving.register_keras_serializable("tests")
class Counted(L.Layer):
    """Adds a vector, counts its calls and draws a number that it doesn't use."""

    def build(self, shape):
        self.calls = self.add_weight(shape=(), initializer="zeros", trainable=False, name="calls")
        self.vector = self.add_weight(shape=shape[1:], initializer="zeros", name="vector")
        self.seeds = keras.random.SeedGenerator(1)

    def call(self, x):
        self.calls.assign_add(1.0)
        keras.random.normal((1,), seed=self.seeds)
        return x + self.vector


@keras.saving.register_keras_serializable("tests")
class Same(L.Layer):
    """Gives the same for every sample."""

    def build(self, shape):
        self.vector = self.add_weight(shape=shape[1:], initializer="normal", name="vector")

    def call(self, x):
        return keras.ops.broadcast_to(self.vector, keras.ops.shape(x))


class Fussy(keras.Model):
    """A model that refuses some values when it is called."""

    def call(self, inputs, training=None, mask=None):
        if np.abs(np.asarray(inputs)).max() > 5:
            raise ValueError("too large")
        return super().call(inputs, training=training, mask=mask)


class Halved(keras.Model):
    """A model that does something of its own when it is called."""

    def call(self, inputs, training=None, mask=None):
        return 0.5 * super().call(inputs, training=training, mask=mask)


class Dense(L.Layer):
    """A user's layer that bears the name of Keras's."""

    units = 4

    def call(self, x):
        return x[..., :4]


def relu(x):
    """A user's function that bears the name of Keras's, and saturates."""
    return keras.ops.clip(x, 0.0, 6.0)


def tanh(x):
    """Another one."""
    return keras.ops.tanh(1.01 * x)


def on(shape, *layers):
    """Return a functional model of layers in a row."""
    x = inputs = keras.Input(shape, name="x")
    for layer in layers:
        x = layer(x)
    return keras.Model(inputs, x)


def with_state():
    """Return a model whose LSTM begins with a state that another branch gives."""
    given, inputs = keras.Input((3,), name="given"), keras.Input((5, 2), name="sequence")
    h, c = L.Dense(4)(given), L.Dense(4)(given)
    return keras.Model([given, inputs], L.LSTM(4, name="cell")(inputs, initial_state=[h, c]))


REFUSED = {
    "a layer that clips far out": lambda: on((4,), Clip(8.0, name="odd"), L.Dense(2)),
    "a layer that clips very far out": lambda: on((4,), Clip(1000.0, name="odd"), L.Dense(2)),
    "a gain that begins at one": lambda: on((4,), L.Dense(4), Gain(name="odd")),
    "a function called relu": lambda: on((4,), L.Dense(4, activation=relu, name="odd")),
    "a function called tanh": lambda: on((4,), L.Dense(4), L.Activation(tanh, name="odd")),
    "a class called Dense": lambda: on((6,), Dense(name="odd")),
    "an approximate gelu": lambda: on(
        (4,), L.Dense(4), L.Activation(partial(keras.activations.gelu, approximate=True), name="odd")
    ),
    "a flattening by channels": lambda: on(
        (4, 3), L.Flatten(data_format="channels_first", name="odd"), L.Dense(2)
    ),
    "a gru's masked call": lambda: on((4, 3), L.Masking(name="odd"), L.GRU(2)),
    "dropout that goes on": lambda: keras.Model(
        (x := keras.Input((4,))), L.Dense(2)(L.Dropout(0.5, name="odd")(x, training=True))
    ),
    "a ternary that scales by the values": lambda: on(
        (4,), L.Dense(4), qkeras.QActivation(qkeras.ternary(alpha="auto"), name="odd")
    ),
    "quantized_bits that scales by the values": lambda: on(
        (4,), L.Dense(4), qkeras.QActivation(qkeras.quantized_bits(4, 0, alpha="auto"), name="odd")
    ),
    "an activation drawn at random": lambda: on(
        (4,), L.Dense(4), qkeras.QActivation(qkeras.bernoulli(alpha=1), name="odd")
    ),
    "weights drawn at random": lambda: on(
        (4,),
        qkeras.QDense(3, kernel_quantizer=qkeras.bernoulli(alpha=1), name="odd"),
    ),
    "an einsum that leaves no axis": lambda: on((6,), L.EinsumDense("ab,b->a", 1, name="odd")),
    "half precision": lambda: on((4,), L.Dense(3, dtype="mixed_float16", name="odd")),
}


def _bounded(bits, integer, bound):
    return qkeras.quantized_relu(bits, integer, is_quantized_clip=False, relu_upper_bound=bound)


@pytest.mark.parametrize("build", REFUSED.values(), ids=REFUSED)
def test_what_would_be_computed_otherwise_is_refused_by_the_layer_s_name(build):
    """Each was accepted, or could be, and searched as another function."""
    with pytest.raises(UserError, match="'odd'"):
        check_model(build())


def test_an_lstm_that_is_given_a_state_is_computed_step_by_step():
    """hls4ml starts every state at zero, so that its layer would compute something else."""
    check_model(with_state())

    assert "lstm" not in {node.op for node in lower(with_state())}


@pytest.mark.parametrize(
    "layer",
    [
        lambda: qkeras.QDense(5, kernel_quantizer=qkeras.ternary(alpha=1)),
        lambda: qkeras.QDense(5, kernel_quantizer=qkeras.ternary(alpha="auto")),
        lambda: qkeras.QDense(5, kernel_quantizer=qkeras.binary(alpha=1)),
        lambda: qkeras.QDense(5, kernel_quantizer=qkeras.quantized_po2(4)),
        lambda: qkeras.QDense(5, kernel_quantizer=qkeras.quantized_bits(3, 0, alpha="auto_po2")),
        lambda: qkeras.QDense(
            5,
            kernel_quantizer=qkeras.quantized_bits(4, 1, alpha=0.7),
            bias_quantizer=qkeras.quantized_bits(3, 1, alpha=1),
        ),
        lambda: qkeras.QDense(5, kernel_quantizer=qkeras.quantized_linear(4, 1)),
        lambda: qkeras.QActivation(qkeras.quantized_relu(4, 1)),
        lambda: qkeras.QActivation(qkeras.quantized_relu(5, 2, negative_slope=0.25)),
        lambda: qkeras.QActivation(_bounded(8, 4, 4.0)),
        lambda: qkeras.QActivation(qkeras.quantized_bits(5, 2, alpha=1)),
        lambda: qkeras.QActivation(qkeras.quantized_bits(5, 2, keep_negative=False, alpha=1)),
        lambda: qkeras.QActivation(qkeras.quantized_bits(5, 2, symmetric=True, alpha=1)),
        lambda: qkeras.QActivation(qkeras.quantized_linear(5, 2, alpha=1)),
        lambda: qkeras.QActivation(qkeras.quantized_tanh(6, use_real_tanh=True)),
        lambda: qkeras.QActivation(qkeras.quantized_sigmoid(6, use_real_sigmoid=True)),
        lambda: qkeras.QBatchNormalization(),
        lambda: qkeras.QActivation(qkeras.binary(alpha=1)),
        lambda: qkeras.QActivation(qkeras.binary(use_01=True, alpha=1)),
        lambda: qkeras.QActivation(qkeras.ternary(alpha=1, threshold=0.5)),
        lambda: qkeras.QActivation(qkeras.quantized_bits(1, 1, alpha=1)),
        lambda: qkeras.QActivation(qkeras.quantized_bits(4, 0, alpha=0.5)),
        lambda: qkeras.QActivation(qkeras.quantized_linear(5, 1, alpha=0.5)),
        lambda: qkeras.QActivation(qkeras.quantized_po2(4)),
        lambda: qkeras.QActivation(qkeras.quantized_relu_po2(4, max_value=2)),
        lambda: qkeras.QActivation(qkeras.quantized_relu(6, 2, use_sigmoid=1)),
        lambda: qkeras.QActivation(_bounded(8, 4, 6.0)),
        lambda: qkeras.QActivation(qkeras.quantized_tanh(6)),
        lambda: qkeras.QActivation(qkeras.quantized_sigmoid(6)),
        lambda: qkeras.QActivation(qkeras.quantized_hswish(8, 3, alpha=1)),
        lambda: qkeras.QActivation(qkeras.quantized_ulaw(6, 1)),
        lambda: qkeras.QDenseBatchnorm(4, kernel_quantizer=qkeras.quantized_bits(4, 1, alpha=1)),
        lambda: qkeras.QDense(4, activation=qkeras.binary(alpha=1)),
    ],
)
def test_a_qkeras_model_is_searched_with_the_values_that_its_quantizers_give(layer):
    """Weights are what the quantizers make of them; roundings and saturations are part of the function."""
    model = on((6,), L.Dense(6), layer(), L.Dense(2))
    zoo.randomize(model, 3)

    assert first_difference(model) is None


BITS = qkeras.quantized_bits(5, 1, alpha=1)


def _adapted():
    """A layer that has seen values up to three, of which it rounds to steps of an eighth."""
    layer = qkeras.QAdaptiveActivation("quantized_bits", 6, name="adaptive")
    model = on((6,), L.Dense(6), layer, L.Dense(2))
    zoo.randomize(model, 3)
    layer.ema_min.assign([-3.0])
    layer.ema_max.assign([3.0])
    return model


@pytest.mark.parametrize(
    "layers",
    [
        lambda: [
            (6, 5, 2),
            qkeras.QConv2DBatchnorm(3, 2, kernel_quantizer=BITS, bias_quantizer=BITS, activation=BITS),
        ],
        lambda: [(6, 5, 2), qkeras.QDepthwiseConv2DBatchnorm(2, depthwise_quantizer=BITS)],
        lambda: [(6, 5, 2), qkeras.QAveragePooling2D(2, average_quantizer=BITS, activation=BITS)],
        lambda: [(6, 5, 2), qkeras.QGlobalAveragePooling2D(average_quantizer=BITS)],
        lambda: [
            (6, 5, 2),
            qkeras.QSeparableConv2D(3, 2, depthwise_quantizer=BITS, pointwise_quantizer=BITS),
        ],
        lambda: [(6, 5, 2), qkeras.QScaleShift(weight_quantizer=BITS, bias_quantizer=BITS, activation=BITS)],
        lambda: [(4, 3), qkeras.QSimpleRNN(2, kernel_quantizer=BITS, state_quantizer=BITS)],
        lambda: [
            (4, 3),
            qkeras.QLSTM(
                2,
                kernel_quantizer=BITS,
                recurrent_quantizer=BITS,
                state_quantizer=BITS,
                activation=qkeras.quantized_tanh(6, use_real_tanh=True),
                recurrent_activation=qkeras.quantized_sigmoid(6),
            ),
        ],
        lambda: [(4, 3), qkeras.QGRU(2, state_quantizer=BITS, recurrent_activation="hard_sigmoid")],
        lambda: [(4, 3), qkeras.QBidirectional(qkeras.QLSTM(2, kernel_quantizer=BITS, state_quantizer=BITS))],
    ],
)
def test_every_layer_of_qkeras_is_searched_as_it_computes(layers):
    """Folded normalizations, rounded averages, rounded states and gates."""
    shape, layer = layers()
    model = on(shape, layer, L.Flatten(), L.Dense(2))
    zoo.randomize(model, 3)

    assert first_difference(model) is None


def test_what_an_adaptive_activation_learnt_is_kept():
    assert first_difference(_adapted()) is None


def test_a_state_quantizer_that_moves_zero_is_refused():
    """The firmware's first state is zero as it is."""
    layer = qkeras.QSimpleRNN(2, state_quantizer=qkeras.binary(alpha=1), name="odd")
    with pytest.raises(UserError, match="another value of a state of zero"):
        check_model(on((4, 3), layer, L.Dense(2)))


@pytest.mark.parametrize(
    ("mode", "inner"),
    [
        ("concat", lambda: L.GRU(2, reset_after=False, return_sequences=True)),
        ("sum", lambda: L.LSTM(2, return_sequences=True)),
        ("mul", lambda: L.SimpleRNN(2)),
        ("ave", lambda: L.LSTM(2)),
    ],
)
def test_both_directions_are_joined_as_keras_joins_them(mode, inner):
    """hls4ml has concatenations of equal LSTMs or GRUs alone; others are two layers."""
    model = on((4, 3), L.Bidirectional(inner(), merge_mode=mode), L.Flatten())
    zoo.randomize(model, 3)

    assert first_difference(model) is None


@pytest.mark.parametrize(
    "build",
    [
        lambda: on((7, 5, 2), L.AveragePooling2D(3, strides=2, padding="same")),
        lambda: on((7, 5, 2), L.MaxPooling2D(2, strides=1, padding="same")),
        lambda: on((7, 5, 2), L.AveragePooling2D(1, strides=2), L.MaxPooling2D(4, padding="same")),
        lambda: on((7, 3), L.AveragePooling1D(3, padding="same"), L.MaxPooling1D(2, padding="same")),
        lambda: on((6,), L.Dense(4, activation=keras.ops.relu), L.Activation(keras.ops.sigmoid)),
        lambda: on((6,), L.Dense(4, activation=L.LeakyReLU(0.1)), L.Dense(4, activation=L.ReLU())),
        lambda: on((6,), L.Dense(4), Position()),
        lambda: on((1, 1), L.Conv1D(2, 3, padding="causal")),
        lambda: on((2, 1), L.LayerNormalization(beta_initializer="ones")),
        lambda: on((4, 3), L.Flatten(), L.Flatten(data_format="channels_first"), L.Dense(2)),
    ],
)
def test_what_can_be_computed_exactly_is(build):
    """Padded pooling, Keras's functions by any way, layers as activations, a trained position."""
    assert first_difference(build()) is None


def test_a_model_that_does_more_than_its_layers_is_refused():
    """A class of the user's own may compute anything when it is called."""
    x = keras.Input((4,), name="x")
    outputs = L.Dense(2, name="last")(x)

    with pytest.raises(UserError, match="'last'"):
        check_model(Halved(x, outputs))
    check_model(keras.Model({"a": x}, {"b": outputs}))


def test_the_study_s_own_data_are_compared_with_their_extremes():
    """A layer that differs only where one sample of the data lies is found there."""
    data = np.zeros((500, 4), np.float32)
    data[123, 2] = 3e7  # beyond what the probes of a user's layer hold
    model = on((4,), Clip(1e7, name="odd"), L.Dense(2))

    with pytest.raises(UserError, match="'odd'"):
        check_model(model, [data])


def test_an_input_of_whole_numbers_is_asked_only_what_it_can_hold():
    """A byte has no sign to turn."""
    x = keras.Input((4,), name="x", dtype="uint8")
    model = keras.Model(x, L.Dense(2)(x))

    assert first_difference(model, [np.arange(400).reshape(100, 4) % 256]) is None


@pytest.mark.parametrize("last", [lambda: L.Dense(2), lambda: Clip(8.0)], ids=["accepted", "refused"])
def test_nothing_that_a_model_keeps_is_left_changed(last):
    """Counters and seeds are the user's as well as weights, whatever the verdict."""
    model = on((4,), L.Dense(4), L.Dropout(0.5), Counted(), last())
    before = {variable.path: np.array(variable) for variable in model.variables}

    with suppress(UserError):
        check_model(model)

    changed = [v.path for v in model.variables if not np.array_equal(np.array(v), before[v.path])]
    assert not changed


_FITTING = np.ones((5, 4), np.float32)


@pytest.mark.parametrize("samples", [_FITTING, {"x": _FITTING}, [_FITTING.tolist()], [_FITTING > 0]])
def test_samples_may_come_as_an_array_by_name_or_in_a_list(samples):
    """As Keras takes them."""
    assert first_difference(on((4,), L.Dense(2)), samples) is None


@pytest.mark.parametrize(
    ("samples", "said"),
    [
        ([_FITTING, _FITTING], "2 arrays"),
        ({"y": _FITTING}, "named y"),
        (_FITTING[:0], r"shape \(0, 4\)"),
        (_FITTING[:, :3], r"shape \(5, 3\)"),
        (_FITTING * np.nan, "NaN"),
        (_FITTING.astype(np.float64) * 1e300, "beyond float32"),
        ([[["a"] * 4]], "numbers"),
    ],
)
def test_samples_that_do_not_fit_are_refused_in_a_sentence(samples, said):
    """Not by whatever NumPy would raise."""
    with pytest.raises(UserError, match=said):
        first_difference(on((4,), L.Dense(2)), samples)


def _typed(kind, *layers):
    x = inputs = keras.Input((4,), name="x", dtype=kind)
    for layer in (*layers, L.Dense(2)):
        x = layer(x)
    return keras.Model(inputs, x)


@pytest.mark.parametrize("kind", ["uint8", "bool"])
def test_an_input_s_type_that_cannot_hold_its_samples_is_refused(kind):
    """Keras would cut the fraction off, the firmware would compute with it."""
    model = _typed(kind)

    with pytest.raises(UserError, match=f"type {kind}, which can't hold 0.5"):
        check_model(model, [_FITTING / 2])
    check_model(model, [_FITTING])


def test_whole_numbers_may_pass_a_layer_before_they_meet_weights():
    """Keras keeps them whole; the firmware's numbers are the same."""
    assert first_difference(_typed("int32", L.ReLU())) is None


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (lambda: _typed("bfloat16"), "of type bfloat16"),
        (lambda: on((0,), L.Dense(2)), "none empty"),
        (lambda: on((None, 4), L.Dense(2)), "fixed"),
        (lambda: keras.Sequential([L.Dense(2)]), "no known inputs"),
        (lambda: L.Dense(2), "isn't a keras.Model"),
        (lambda: Fussy(x := keras.Input((4,)), L.Dense(2)(x)), "too large"),
        (lambda: on((4,), Same(name="odd")), "'odd'.*same for every sample"),
        (lambda: keras.Model(x := keras.Input((4,)), L.Dense(2)(x + np.nan)), "NaN"),
        (
            lambda: keras.Model(x := keras.Input((4,)), L.Add(name="odd")([x, np.ones((1, 4))])),
            "'odd'.*array",
        ),
    ],
)
def test_what_cannot_be_compared_is_refused_in_a_sentence(build, said):
    """Whatever Keras or the user's own code would raise."""
    with pytest.raises(UserError, match=said):
        check_model(build())


def test_a_constant_s_name_may_be_another_node_s():
    """Names of layers become names of C++, in which they can be alike."""
    x = keras.Input((4,), name="x")
    h = L.Dense(4, name="a-b")(x)

    assert first_difference(keras.Model(x, L.Dense(2)(L.Add()([h, Same(name="a_b")(h)])))) is None


def test_large_scores_of_an_attention_round_as_far_as_their_softmax_tells():
    """What rounding moves within a layer moves what comes out; a state that runs away from zero too."""
    keras.utils.set_random_seed(1)
    x = keras.Input((5, 4), name="x")
    attention = keras.Model(x, L.MultiHeadAttention(2, 3)(x, x))
    wild = on((40, 2), L.SimpleRNN(8, recurrent_initializer=keras.initializers.RandomNormal(0, 2)))

    assert first_difference(attention, np.random.default_rng(0).normal(size=(50, 5, 4)) * 1e3) is None
    assert first_difference(wild) is None


def test_the_weights_come_back_after_the_second_look():
    """They are changed only to see what training may find."""
    model = on((6, 4), L.LSTM(3), L.Dense(4), L.BatchNormalization(), Gain())
    before = [np.array(w) for w in model.weights]

    with pytest.raises(UserError):
        check_model(model)
    model = keras.Model(model.inputs, model.layers[-2].output)
    check_model(model)

    after = {w.path: np.array(w) for w in model.weights}
    assert all(np.array_equal(after[w.path], old) for w, old in zip(model.weights, before, strict=False))


def _wrong(op):
    """Return a handler as a careless one would be: it takes a layer for the nearest that is known."""

    def handler(work: Lowering, layer, inputs, shape):
        return work.add(layer, op, inputs, shape)

    return handler


@pytest.mark.parametrize(
    ("kind", "layer", "op"),
    [
        ("ELU", lambda: L.ELU(name="next"), "relu"),
        ("PReLU", lambda: L.PReLU(name="next"), "relu"),
        ("Softmax", lambda: L.Softmax(axis=1, name="next"), "softmax"),
        ("Permute", lambda: L.Permute((2, 1), name="next"), "reshape"),
    ],
)
def test_the_next_layer_that_is_lowered_wrongly_is_named(monkeypatch, kind, layer, op):
    """Whoever adds a layer carelessly is stopped by the witness, not by a user."""
    monkeypatch.setitem(LAYERS, kind, _wrong(op))
    model = on((3, 4), L.Dense(4), layer(), L.Flatten(), L.Dense(2))

    assert first_difference(model).layer == "next"


def test_without_the_witness_a_wrong_layer_would_pass(monkeypatch):
    """The witness is what refuses: taken away, the same model is accepted."""
    monkeypatch.setitem(LAYERS, "ELU", _wrong("relu"))
    model = on((4,), L.Dense(4), L.ELU(name="next"))
    with pytest.raises(UserError, match="'next'"):
        check_model(model)

    monkeypatch.setattr(witness_module, "_compared", lambda *_: None)
    check_model(model)


def test_a_keras_2_model_whose_function_saturates_under_a_known_name_is_refused():
    """It is saved by its name alone, so that Keras 3 would read its own function of that name."""
    keras2 = pytest.importorskip("tf_keras")
    inputs = keras2.Input((4,))

    with pytest.raises(UserError, match="computes otherwise"):
        from_keras2(keras2.Model(inputs, keras2.layers.Dense(3, activation=relu)(inputs)), "model.py:build")


def test_a_keras_2_model_may_name_its_inputs_and_outputs():
    """They are compared by their names."""
    keras2 = pytest.importorskip("tf_keras")
    a, b = keras2.Input((3,), name="a"), keras2.Input((2,), name="b")
    h = keras2.layers.Concatenate()([a, b])
    model = keras2.Model({"b": b, "a": a}, {"z": keras2.layers.Dense(1)(h), "c": keras2.layers.Dense(2)(h)})

    assert first_difference(from_keras2(model, "model.py:build")) is None


@pytest.mark.parametrize("kind", ["recurrent", "convolutions", "rows"])
def test_a_keras_2_model_may_name_arguments_that_keras_3_no_longer_has(kind):
    """An LSTM's `time_major`, a convolution's `groups`: what they say by default is what Keras 3 does."""
    keras2 = pytest.importorskip("tf_keras")
    K = keras2.layers
    layers = {
        "recurrent": [K.Input((5, 4)), K.Bidirectional(K.LSTM(3, return_sequences=True)), K.GRU(2)],
        "convolutions": [K.Input((5, 5, 2)), K.DepthwiseConv2D(2), K.SeparableConv2D(3, 2), K.Flatten()],
        "rows": [K.Input((6, 2)), K.SeparableConv1D(3, 2), K.BatchNormalization(), K.SimpleRNN(2)],
    }[kind]

    assert first_difference(from_keras2(keras2.Sequential(layers), "model.py:build")) is None


def test_a_keras_2_argument_that_keras_3_lacks_is_refused_where_it_says_something():
    keras2 = pytest.importorskip("tf_keras")
    model = keras2.Sequential([keras2.layers.Input((5, 4)), keras2.layers.LSTM(3, time_major=True)])

    with pytest.raises(UserError, match="time_major"):
        from_keras2(model, "model.py:build")


# -- in the firmware -----------------------------------------------------------------------------------------


def padded(x):
    """Return pools whose windows reach over the edge, of signed and of unsigned values."""
    h = L.Conv2D(3, 2)(x)
    signed = [
        L.MaxPooling2D(2, strides=1, padding="same")(h),
        L.AveragePooling2D(3, strides=2, padding="same")(h),
        L.AveragePooling2D((2, 3), strides=(3, 2), padding="same")(h),
    ]
    positive = [
        L.MaxPooling2D(3, strides=2, padding="same")(L.Activation("relu")(h)),
        L.AveragePooling2D(2, padding="same")(L.Activation("relu")(h)),
    ]
    row = L.Reshape((7, 10))(x)
    return [
        *signed,
        *positive,
        L.MaxPooling1D(3, padding="same")(row),
        L.AveragePooling1D(4, padding="same")(row),
    ]


def rounded(x):
    """Return layers that round their results by themselves, as QKeras's do."""
    q = qkeras.quantized_bits(6, 2, alpha=1)
    x = L.Flatten()(qkeras.QActivation(qkeras.quantized_bits(8, 3, alpha=1))(x))
    a = qkeras.QDense(4, kernel_quantizer=qkeras.ternary(alpha=1), activation=q)(x)
    b = L.BatchNormalization()(qkeras.QDense(4, kernel_quantizer=q, activation=q)(x))
    c = qkeras.QActivation(qkeras.quantized_relu(4, 1))(L.Dense(4)(x))
    return [L.Dense(2)(a), b, L.Dense(3)(c), qkeras.QActivation(q)(L.Add()([a, c]))]


@zoo.needs_compiler
@pytest.mark.parametrize("branches", [padded, rounded])
def test_padded_pooling_and_a_model_s_own_roundings_are_built_bit_for_bit(tmp_path, branches):
    """The C++ of hls4ml pads unsigned values with the middle of their range, unless corrected."""
    keras.utils.set_random_seed(4)
    inputs = keras.Input((7, 5, 2), name="x")
    model = keras.Model(inputs, branches(inputs))
    zoo.randomize(model, 4)
    x = np.random.default_rng(1).normal(size=(200, 7, 5, 2)).astype(np.float32)
    x[::17] *= 4
    graph, bit_true, types = zoo.prepared(model, x, 4)

    expected = bit_true.predict([x])
    plain = to_keras(graph, bit_true.weights(), types)
    given = zoo.emulated(tmp_path / "p", plain, hls_config(graph, types, plain), x)

    for want, got in zip(expected, given, strict=True):
        assert np.array_equal(want.ravel(), got.ravel())


def test_the_float_graph_of_a_qkeras_model_gives_its_classes():
    """The score that a study starts from is QKeras's own."""
    model = on(
        (8,),
        qkeras.QDense(16, kernel_quantizer=qkeras.ternary(alpha=1)),
        qkeras.QActivation(qkeras.quantized_relu(3, 2)),
        qkeras.QDense(5, kernel_quantizer=qkeras.quantized_bits(2, 0, alpha="auto")),
    )
    zoo.randomize(model, 5)
    x = np.random.default_rng(2).normal(size=(500, 8)).astype(np.float32)

    (outputs,) = BitTrue(lower(model)).predict_float([x])

    assert np.array_equal(outputs.argmax(1), np.asarray(model(x)).argmax(1))


@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
def test_a_last_activation_that_another_layer_reads_stays_on_the_hardware(activation):
    """It is an output and an input: left off, what reads it would read nothing (the random models found
    it).
    """
    x = keras.Input((3,), name="x")
    y = L.Activation(activation, name="head")(L.Dense(3, name="d")(x))
    z = L.Dense(2, name="after")(y)
    model = keras.Model(x, [z, y])

    graph = lower(model, head="logits")

    assert graph.outputs == ("after", "head")
    assert graph.dropped_head is None
    check_model(model)
