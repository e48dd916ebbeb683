"""Values moved, put together with constants, broadcast and multiplied over axes: Keras's own outputs are the
judge.
"""

from __future__ import annotations

import keras
import numpy as np
import pytest
import zoo
from keras import ops

from bitfront.hls import BitTrue, Trainer, hls_config, resolve, to_keras
from bitfront.hls.witness import first_difference
from bitfront.spaces import LayerRule, UserError, build_space, lower
from bitfront.spaces.lowering.views import numbered, view

L = keras.layers
ROW = np.linspace(-1, 1, 6).astype(np.float32)
EACH = np.linspace(-1, 2, 24).astype(np.float32).reshape(4, 6)
IMAGE = L.Reshape((2, 4, 3))


def made(build):
    """Return a model of two inputs of 4 steps of 6 features."""
    x, y = keras.Input((4, 6)), keras.Input((4, 6))
    keras.utils.set_random_seed(0)
    return keras.Model([x, y], build(x, y))


def operations_of(build):
    """Return the nodes' operations, inputs left out, where Keras computes what the graph computes."""
    model = made(build)
    assert first_difference(model) is None
    return [node.op for node in lower(model, head="keep") if node.inputs]


@pytest.mark.parametrize(
    "build",
    [
        lambda x, y: x[:, :2],
        lambda x, y: x[..., 0],
        lambda x, y: x[:, 1],
        lambda x, y: x[:, ::2, 1:4],
        lambda x, y: x[:, ::-1],
        lambda x, y: ops.transpose(x, (0, 2, 1)),
        lambda x, y: ops.swapaxes(x, 1, 2),
        lambda x, y: ops.moveaxis(x, 1, 2),
        lambda x, y: ops.flip(x, 2),
        lambda x, y: ops.repeat(x, 2, axis=1),
        lambda x, y: ops.tile(x, (1, 2, 3)),
        lambda x, y: ops.take(x, np.array([0, 2]), axis=1),
        lambda x, y: L.Permute((2, 1))(x),
        lambda x, y: L.Cropping1D((1, 2))(x),
        lambda x, y: L.UpSampling1D(3)(x),
    ],
)
def test_what_moves_values_is_one_view(build):
    assert operations_of(build) == ["view"]


@pytest.mark.parametrize(
    "layer",
    [
        lambda: L.Permute((3, 1, 2)),
        lambda: L.Cropping2D(((1, 0), (1, 2))),
        lambda: L.UpSampling2D((2, 3)),
    ],
)
def test_images_are_permuted_cut_and_enlarged(layer):
    assert operations_of(lambda x, y: layer()(IMAGE(x))) == ["reshape", "view"]


def test_what_moves_nothing_is_no_node():
    assert operations_of(lambda x, y: L.Dense(2)(x * np.ones(6, np.float32))) == ["dense"]
    assert operations_of(lambda x, y: L.Dense(2)(x[:, :])) == ["dense"]
    assert operations_of(lambda x, y: ops.squeeze(ops.expand_dims(x, 1), 1)) == ["reshape", "reshape"]


@pytest.mark.parametrize(
    ("build", "wanted"),
    [
        (lambda x, y: 0.5 * x, ["batchnorm"]),
        (lambda x, y: x / 3, ["batchnorm"]),
        (lambda x, y: 1 - x, ["batchnorm"]),
        (lambda x, y: -x, ["batchnorm"]),
        (lambda x, y: x * ROW, ["batchnorm"]),
        (lambda x, y: x * EACH, ["reshape", "batchnorm", "reshape"]),
        (lambda x, y: x - EACH, ["add_constant"]),
        (lambda x, y: L.Dense(6)(x) * ROW, ["dense"]),
        (lambda x, y: L.Rescaling(1 / 255, offset=-1)(x), ["batchnorm"]),
        (lambda x, y: L.Normalization(mean=ROW, variance=np.abs(ROW) + 0.1)(x), ["batchnorm"]),
        (lambda x, y: L.Normalization(mean=ROW, variance=np.abs(ROW), invert=True)(x), ["batchnorm"]),
        (lambda x, y: L.UpSampling2D((2, 3), interpolation="bilinear")(IMAGE(x)),
         ["reshape", "einsum_dense", "einsum_dense"]),
        (lambda x, y: ops.maximum(x, 0), ["relu"]),
        (lambda x, y: x**2, ["view", "multiply"]),
        (lambda x, y: x + x, ["view", "add"]),
        (lambda x, y: x - y[:, :1], ["view", "view", "subtract"]),
        (lambda x, y: L.Add()([x, L.GlobalAveragePooling1D(keepdims=True)(y)]),
         ["global_avg_pool", "reshape", "view", "add"]),
        (lambda x, y: ops.mean(x, axis=1), ["global_avg_pool"]),
        (lambda x, y: ops.sum(x, axis=1), ["global_avg_pool", "batchnorm"]),
        (lambda x, y: ops.sum(x, axis=-1, keepdims=True), ["einsum_dense", "reshape"]),
        (lambda x, y: ops.max(x, axis=1, keepdims=True), ["global_max_pool", "reshape"]),
        (lambda x, y: ops.concatenate([x, y], 1), ["concatenate"]),
        (lambda x, y: ops.stack([x, y], 1), ["reshape", "reshape", "concatenate"]),
        (lambda x, y: L.Average()([x, y, L.Dense(6)(x)]), ["dense", "add", "add", "batchnorm"]),
        (lambda x, y: L.Concatenate()([x, x]), ["view", "concatenate"]),
        (lambda x, y: ops.softmax(ops.relu(x)), ["relu", "softmax"]),
        (lambda x, y: L.Softmax(axis=1)(x), ["view", "softmax", "view"]),
        (lambda x, y: L.Softmax(axis=(1, 2))(x), ["view", "softmax", "view"]),
        (lambda x, y: ops.softmax(IMAGE(x), axis=2), ["reshape", "view", "softmax", "view"]),
        (lambda x, y: L.PReLU(shared_axes=[1])(x), ["prelu"]),
        (lambda x, y: x @ ops.transpose(y, (0, 2, 1)), ["view", "einsum"]),
        (lambda x, y: ops.einsum("bij,bkj->bik", x, y), ["einsum"]),
        (lambda x, y: ops.matmul(x, EACH.T), ["einsum_dense"]),
        (lambda x, y: ops.matmul(EACH[:, :4], x), ["einsum_dense"]),
        (lambda x, y: ops.einsum("jk,bij->bik", EACH.T, x), ["einsum_dense"]),
        (lambda x, y: L.Dot(axes=(2, 2))([x, y]), ["einsum"]),
        (lambda x, y: L.Dot(axes=-1)([x[:, 0], y[:, 0]]),
         ["view", "view", "reshape", "reshape", "einsum", "reshape"]),
    ],
)  # fmt: skip
def test_constants_broadcasts_and_products_are_computed_as_keras_does(build, wanted):
    assert sorted(operations_of(build)) == sorted(wanted)


@pytest.mark.parametrize(
    ("build", "reason"),
    [
        (lambda x, y: x[:, 0, 0], "keep an axis of 1"),
        (lambda x, y: ops.take(x, np.array([0, 2, 3]), axis=1), "no regular order"),
        (lambda x, y: ops.flip(x, 0), "mixes samples"),
        (lambda x, y: ops.transpose(x, (1, 0, 2)), "mixes samples|batch"),
        (lambda x, y: x / y, "divide by a constant"),
        (lambda x, y: x / 0, "divides by zero"),
        (lambda x, y: ops.minimum(x, 1.0), "ReLU"),
        (lambda x, y: x**3, "only the square"),
        (lambda x, y: ops.max(x, axis=-1), "permute the axes before"),
        (lambda x, y: ops.leaky_relu(x, 0.3), "something else than Keras's leaky_relu"),
        (lambda x, y: ops.sin(x), "bare operation Sin"),
        (lambda x, y: L.Dot(axes=(2, 2), normalize=True)([x, y]), "normalize=True"),
        (lambda x, y: ops.einsum("bij,bkj->bk", x, y), "sums axis i of one tensor alone"),
        (lambda x, y: L.UpSampling2D(2, interpolation="bicubic")(IMAGE(x)), "weights between the pixels"),
    ],
)
def test_what_has_no_firmware_is_refused_with_the_way_out(build, reason):
    with pytest.raises(UserError, match=reason):
        lower(made(build))


def test_a_view_is_found_from_the_numbers_of_its_values_alone():
    assert view(numbered((3, 4))[::-1, 1::2]).numbers().tolist() == [9, 11, 5, 7, 1, 3]
    assert view(numbered((5,))[[0, 1, 3]]) is None
    assert view(numbered((4, 1, 2))).sizes == (4, 2)


@pytest.mark.parametrize(
    "layer",
    [
        lambda: L.Conv1D(4, 2, dilation_rate=2, padding="causal"),
        lambda: L.Conv1D(6, 2, groups=3, strides=2),
        lambda: L.DepthwiseConv1D(2, depth_multiplier=3, padding="same"),
        lambda: L.SeparableConv1D(4, 2, depth_multiplier=2, padding="same", dilation_rate=2),
    ],
)
def test_convolutions_with_dilation_groups_and_multipliers_are_plain_ones_with_zeros(layer):
    assert "conv1d" in operations_of(lambda x, y: layer()(x))


def test_training_leaves_zeros_that_a_layer_has_no_weight_for():
    """Whatever `keep_zeros` says: a grouped convolution that learnt between its groups would be another."""
    model = keras.Sequential([keras.Input((4, 6)), L.Conv1D(6, 2, groups=3), L.Flatten(), L.Dense(1)])
    graph = lower(model)
    bit_true = BitTrue(graph)
    x = np.random.default_rng(0).normal(size=(64, 4, 6)).astype(np.float32)
    calibration = bit_true.calibrate([x])
    bit_true.assign(resolve(graph, {t.key: 8 for t in graph.all_tensors()}, calibration))
    trainer = Trainer(bit_true, [x], [x.sum((1, 2))], tasks=["regression"], batch_size=16, keep_zeros=False)
    (name,) = (node.name for node in graph if node.op == "conv1d")
    before = bit_true.weights()[name]["weight"]

    trainer.reset()
    trainer.epoch(np.arange(64), 0.05)

    after = bit_true.weights()[name]["weight"]
    assert not np.array_equal(before, after)
    assert np.array_equal(before == 0, after == 0)


def test_a_layer_that_is_called_twice_is_built_twice_under_one_name():
    """Its widths are one choice, since its weights are one."""
    shared = L.Dense(6, activation="relu", name="shared")

    model = made(lambda x, y: L.Add()([shared(x), shared(y)]))

    assert first_difference(model) is None
    graph = lower(model)
    dense = [node for node in graph if node.op == "dense"]
    assert [node.layer for node in dense] == ["shared", "shared"]
    assert len({node.name for node in dense}) == 2
    assert np.array_equal(*(graph.weights[node.name]["weight"] for node in dense))


def test_a_model_that_is_called_as_a_layer_is_taken_apart():
    """Twice over, with a layer of a name that the outer model has too, and another model inside."""

    def build(x, y):
        deep = keras.Sequential([keras.Input((4, 3)), L.Dense(3, name="same", activation="tanh")])
        a, b = keras.Input((4, 6), name="a"), keras.Input((4, 6), name="b")
        inner = keras.Model([a, b], [deep(L.Dense(3, name="within")(a)), L.Subtract()([a, b])])
        first, second = inner([x, y])
        third, _ = inner([second, x])
        return L.Dense(2, name="same")(L.Concatenate()([first, third]))

    model = made(build)

    assert first_difference(model) is None
    graph = lower(model)
    assert sorted(node.layer for node in graph if node.op == "dense") == [
        "same", "same", "same_2", "within", "within",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "build",
    [
        lambda x, y: x[:, ::2, 1:] * ROW[1:],
        lambda x, y: L.Add()(ops.split(1 - x @ EACH.T, 2, axis=1)),
        lambda x, y: ops.matmul(EACH[:, :4], x) - ops.max(y, axis=1, keepdims=True),
        lambda x, y: (lambda d: L.Add()([d(x), d(y)]))(keras.Sequential([keras.Input((4, 6)), L.Dense(2)])),
        lambda x, y: L.LSTM(3)(y, initial_state=L.LSTM(3, return_state=True)(x)[1:]),
    ],
)
def test_a_saved_model_is_the_same_as_the_one_in_memory(build, tmp_path):
    """Keras writes arguments of calls as JSON, which has no tuples."""
    model = made(build)
    wanted = [node.op for node in lower(model, head="keep")]

    model.save(tmp_path / "saved.keras")
    again = keras.models.load_model(tmp_path / "saved.keras")

    assert first_difference(again) is None
    assert [node.op for node in lower(again, head="keep")] == wanted


def test_a_called_model_that_is_subclassed_is_refused_by_name():
    class Own(keras.Model):
        def call(self, x):
            return x + 1

    with pytest.raises(UserError, match=r"'mine'.*subclassed"):
        lower(made(lambda x, y: Own(name="mine")(x)))


@pytest.mark.parametrize(
    "build",
    [
        lambda x, y: L.Add()(ops.split(x, 2, axis=1)),
        lambda x, y: ops.unstack(x, axis=1)[2],
        lambda x, y: L.Concatenate()(ops.split(x, [1, 4], axis=-1)[::2]),
        lambda x, y: L.LSTM(3, go_backwards=True, return_sequences=True)(x)[:, ::-1],
        lambda x, y: L.Concatenate()(L.GRU(3, return_state=True)(x)),
        lambda x, y: L.LSTM(3, return_state=True, return_sequences=True, go_backwards=True)(x)[1],
    ],
)
def test_layers_of_several_outputs_and_backward_ones_are_computed_as_keras_does(build):
    operations_of(build)


def test_states_that_nothing_reads_are_not_built():
    assert operations_of(lambda x, y: L.LSTM(3, return_state=True)(x)[0]) == ["lstm"]


@pytest.mark.parametrize(
    "build",
    [
        lambda x, y: L.LSTM(3, return_state=True)(x)[2],
        lambda x, y: L.LSTM(3, recurrent_activation="hard_sigmoid", return_sequences=True)(x),
        lambda x, y: L.GRU(3, reset_after=False)(x),
        lambda x, y: L.GRU(3, recurrent_activation="hard_sigmoid", go_backwards=True)(x),
        lambda x, y: L.GRU(3, activation="relu", use_bias=False)(x),
        lambda x, y: L.SimpleRNN(3, activation="relu", return_sequences=True)(x),
        lambda x, y: L.SimpleRNN(6)(x, initial_state=y[:, 0]),
        lambda x, y: L.GRU(6, reset_after=False)(x, initial_state=[y[:, 1]]),
        lambda x, y: L.LSTM(3)(y, initial_state=L.LSTM(3, return_state=True)(x)[1:]),
    ],
)
def test_recurrent_cells_that_hls4ml_lacks_are_unrolled(build):
    found = operations_of(build)

    assert "dense" in found
    assert not {"gru", "simple_rnn"} & set(found)


def test_the_steps_of_an_unrolled_layer_share_their_widths():
    graph = lower(made(lambda x, y: L.GRU(3, reset_after=False, name="old")(x)))

    space = build_space(graph, lambda layer: LayerRule())

    assert {d.name for d in space.dimensions if d.name.startswith("old.")} == {
        "old.weights",
        "old.activations",
    }


def test_a_long_sequence_is_not_unrolled():
    long = keras.Input((40, 2))
    with pytest.raises(UserError, match=r"it has 40 steps, more than 32: shorten the sequence, or use"):
        lower(keras.Model(long, L.GRU(3, reset_after=False)(long)))


@zoo.needs_compiler
def test_a_scale_that_rounds_to_one_still_rounds_its_result(tmp_path):
    """hls4ml takes a product with ones out of the design, and would take the rounding with it."""
    inputs = keras.Input((4, 3))
    model = keras.Model(inputs, [L.ReLU()(inputs * 1.01), L.Normalization(mean=0.0, variance=1.02)(inputs)])
    graph = lower(model)
    bit_true, x = BitTrue(graph), np.random.default_rng(0).normal(size=(100, 4, 3)).astype(np.float32)
    widths = {t.key: 4 if t.role == "result" and graph[t.node].inputs else 8 for t in graph.all_tensors()}
    widths |= {t.key: 3 for t in graph.all_tensors() if t.role in {"scale", "bias"}}
    types = resolve(graph, widths, bit_true.calibrate([x]))
    bit_true.assign(types)
    plain = to_keras(graph, bit_true.weights(), types)

    found = zoo.emulated(tmp_path / "p", plain, hls_config(graph, types, plain), x)

    for wanted, got in zip(bit_true.predict([x]), found, strict=True):
        assert np.array_equal(wanted.ravel(), got.ravel())


def test_a_layer_that_is_called_as_a_word_of_cpp_gets_another_name():
    """hls4ml names arguments after inputs: `static` would be no argument."""
    given = keras.Input((3,), name="static")

    assert [node.name for node in lower(keras.Model(given, L.Dense(1, name="double")(given)))] == [
        "n_static",
        "n_double",
    ]
