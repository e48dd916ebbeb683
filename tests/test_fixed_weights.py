"""What the user fixed stays fixed: layers that aren't trained, and zeros of a pruned model."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import zoo

from bitfront.hls import Trainer, pruned, zero_share
from bitfront.search import Evaluator, StudyConfig, load_problem
from bitfront.search.execution.worker import Parcel
from bitfront.search.problem.float_model import train_float
from bitfront.search.warm_start.attention_pruning import free_parts
from bitfront.spaces import lower

L = keras.layers


class Position(L.Layer):
    """A user's layer: adds a vector to every sample."""

    def __init__(self, trained=True, **options):
        super().__init__(**options)
        self.trained = trained

    def build(self, input_shape):
        self.vector = self.add_weight(
            shape=input_shape[1:], name="vector", trainable=self.trained, initializer="normal"
        )

    def call(self, inputs):
        return inputs + self.vector


class Encoding(Position):
    """The same as a layer that gives the vector, whatever its input."""

    def call(self, inputs):
        return keras.ops.broadcast_to(self.vector, keras.ops.shape(inputs))


def frozen(output, inputs):
    return set(lower(keras.Model(inputs, output)).frozen)


def test_layers_that_keras_does_not_train_are_known_by_their_tensors():
    """A layer, what a wrapper holds, a part of an attention, one variable, a user's layer, a constant, the
    whole model.
    """
    x = keras.Input((4, 2), name="x")

    assert frozen(L.Dense(3, name="d")(x), x) == set()
    assert frozen(L.Dense(3, name="d", trainable=False)(x), x) == {"d/weight", "d/bias"}
    assert frozen(L.TimeDistributed(L.Dense(3, name="d", trainable=False))(x), x) == {"d/weight", "d/bias"}
    assert frozen(L.TimeDistributed(L.Dense(3, name="d"), trainable=False)(x), x) == {"d/weight", "d/bias"}
    assert len(frozen(L.Bidirectional(L.GRU(3), trainable=False)(x), x)) == 8
    assert frozen(L.LSTM(3, use_bias=False, name="l")(x), x) == {"l/bias"}
    attention = L.MultiHeadAttention(1, 2, name="m")
    attended = attention(x, x)
    attention.key_dense.trainable = False
    assert frozen(attended, x) == {"m_key/weight", "m_key/bias"}
    dense = L.Dense(3, name="d")
    given = dense(x)
    dense.bias.trainable = False
    assert frozen(given, x) == {"d/bias"}
    assert frozen(Position(name="p")(x), x) == frozen(x + Encoding(name="p")(x), x) == set()
    assert frozen(Position(trained=False, name="p")(x), x) == {"p/bias"}
    for constant in (Encoding(trained=False)(x), np.ones((4, 2), np.float32)):
        assert len(frozen(x + constant, x)) == 1
    model = keras.Model(x, L.Dense(2, name="e")(L.Dense(3, name="d")(x)))
    model.trainable = False
    assert lower(model).frozen == {"d/weight", "d/bias", "e/weight", "e/bias"}


@pytest.mark.parametrize(
    ("layer", "norm", "bias", "fixed"),
    [
        (True, True, True, set()),
        (True, False, True, set()),
        (True, False, False, {"c/bias"}),
        (False, True, True, {"c/weight"}),
        (False, False, True, {"c/weight", "c/bias"}),
    ],
)
def test_a_normalization_folded_into_a_layer_leaves_fixed_what_the_user_fixed(layer, norm, bias, fixed):
    """The kernels' product is trained where the layer's own is, the bias where either is."""
    x = keras.Input((4, 2))
    h = L.Conv1D(3, 2, name="c", trainable=layer, use_bias=bias)(x)

    assert frozen(L.BatchNormalization(trainable=norm)(h), x) == fixed


def network():
    """A convolution that isn't trained, a pruned Dense after it, and a normalization that isn't trained."""
    keras.utils.set_random_seed(2)
    x = keras.Input((6,), name="x")
    h = L.Dense(8, activation="relu", name="held", trainable=False)(x)
    h = L.Dense(8, name="pruned")(h)
    h = L.LayerNormalization(name="norm", trainable=False)(L.Reshape((2, 4))(h))
    model = keras.Model(x, L.Dense(1, name="out")(L.Flatten()(h)))
    kernel, bias = model.get_layer("pruned").get_weights()
    kernel[np.abs(kernel) < np.quantile(np.abs(kernel), 0.6)] = 0
    model.get_layer("pruned").set_weights([kernel, bias])
    return model


def trainer_of(model, keep_zeros, optimizer="adamw"):
    x = np.random.default_rng(0).normal(size=(200, 6)).astype(np.float32)
    graph, bit_true, _ = zoo.prepared(model, x, 1, low=8, high=10)
    trainer = Trainer(
        bit_true,
        [x],
        [x[:, :1] - x[:, 1:2]],
        tasks=["regression"],
        batch_size=50,
        optimizer=optimizer,
        keep_zeros=keep_zeros,
    )
    return graph, bit_true, trainer


def assert_fixed(graph, weights, *, zeros=True):
    """Check that frozen weights are the graph's, that zeros of kernels are zeros still, and that all else
    moved.
    """
    for node, roles in graph.weights.items():
        for role, before in roles.items():
            after = np.asarray(weights[node][role])
            if f"{node}/{role}" in graph.frozen:
                assert np.array_equal(after, before)
                continue
            assert not np.array_equal(after, before)
            if zeros and role == "weight":
                assert not after[before == 0].any()


def test_no_way_of_training_moves_frozen_weights_or_fills_zeros():
    """Weight decay, widths that move, steps of single weights and pruning among it; biases of zeros learn."""
    graph, bit_true, trainer = trainer_of(network(), keep_zeros=True)
    order = np.arange(200)
    assert graph.frozen == {"held/weight", "held/bias", "norm/scale", "norm/bias"}
    assert set(trainer.per_weight_steps) == {"pruned/weight", "out/weight"}

    trainer.reset()
    trainer.epoch(order, 0.02)
    assert_fixed(graph, bit_true.weights())
    for _ in range(3):
        trainer.explore(order, 0.02)
        trainer.per_weight_steps.move(dict.fromkeys(trainer.per_weight_steps, 1e-3), 50)
    assert_fixed(graph, trainer.weights())
    trainer.hold(bit_true.types)
    trainer.epoch(order, 0.02)
    assert_fixed(graph, trainer.weights())
    trainer.reset()
    for share in (0.3, 0.6, 0.0):
        trainer.prune(share)
        trainer.epoch(order, 0.02)
    assert_fixed(graph, bit_true.weights())
    assert bit_true.traces["train_epoch"] == 1


def test_zeros_are_filled_where_they_are_not_to_be_kept():
    graph, bit_true, trainer = trainer_of(network(), keep_zeros=False)

    trainer.epoch(np.arange(200), 0.02)

    assert_fixed(graph, bit_true.weights(), zeros=False)
    assert (
        zero_share({"pruned": bit_true.weights()["pruned"]})
        < 0.3
        < zero_share({"pruned": graph.weights["pruned"]})
    )


def test_pruning_takes_no_weight_of_a_frozen_kernel():
    """As many as asked for go of the others, as long as there are any."""
    graph = lower(network())
    kernels = [a for roles in graph.weights.values() for a in roles.values() if np.ndim(a) > 1]
    total = sum(a.size for a in kernels)

    for share in (0.3, 0.5, 0.99):
        found = pruned(graph, graph.weights, share)
        assert np.array_equal(found["held"]["weight"], graph.weights["held"]["weight"])
        assert zero_share(found) == pytest.approx(
            min(max(share, zero_share(graph.weights)), 1 - 48 / total), abs=1 / total
        )


def test_a_model_of_which_nothing_is_trained_stays_as_it_is():
    model = network()
    model.trainable = False
    graph, bit_true, trainer = trainer_of(model, keep_zeros=True)

    assert np.isfinite(trainer.epoch(np.arange(200), 0.02))
    trainer.explore(np.arange(200), 0.02)

    for node, roles in bit_true.weights().items():
        for role, value in roles.items():
            assert np.array_equal(value, graph.weights[node][role])


def test_no_part_of_a_frozen_attention_is_removed():
    x = keras.Input((4, 6), name="x")
    for trained in (True, False):
        attention = L.MultiHeadAttention(2, 3, name="a")
        model = keras.Model(x, L.Dense(2)(attention(x, x)))
        zoo.randomize(model, 0)
        attention.trainable = trained
        assert bool(free_parts(lower(model))) == trained


def problem(model, **training):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(150, 6)).astype(np.float32)
    y = (x[:, :1] - x[:, 1:2]).astype(np.float32)
    data = {f"{k}_{part}": v for part in ("train", "val", "test") for k, v in (("x", x), ("y", y))}
    trained = training.pop("model_trained", True)
    config = StudyConfig(
        model=model,
        data=data,
        task="regression",
        model_trained=trained,
        training={"epochs": 2, "float_epochs": 2, "learning_rate": 0.02, "batch_size": 50, **training},
        space={"method": "qat", "weights": 8, "activations": 8, "input": 8},
    )
    return load_problem(config, ".")


def evaluated(one):
    """Return the graph of a study, and what it trains a candidate's weights to."""
    evaluator = Evaluator(one)
    _, weights = evaluator.evaluate(0, evaluator.space.uniform(8, "qat"), "uniform")
    return evaluator.graph, weights or evaluator.graph.weights


@pytest.mark.parametrize("keep", [True, False])
def test_a_study_keeps_the_zeros_of_a_model_that_comes_trained(keep):
    graph, weights = evaluated(problem(network(), **({} if keep else {"keep_zeros": False})))

    if keep:
        assert_fixed(graph, weights)
    share = zero_share({"pruned": weights["pruned"]})
    assert (share == zero_share({"pruned": graph.weights["pruned"]})) == keep


def test_float_training_keeps_zeros_that_somebody_made_and_no_others():
    """Kernels of zeros and identities are what initializers make: they learn, as biases do."""
    model = keras.Sequential(
        [
            keras.Input((6,)),
            L.Dense(6, kernel_initializer="identity", name="identity"),
            L.Dense(6, name="pruned"),
            L.Dense(1, kernel_initializer="zeros", name="zeros"),
        ]
    )
    kernel, bias = model.get_layer("pruned").get_weights()
    kernel[:, ::2] = 0
    model.get_layer("pruned").set_weights([kernel, bias])
    study = problem(model, model_trained=False)
    train_float(study)
    train_float(study)  # the first batch moves the last kernel alone, whose zeros stop every gradient

    after = {layer.name: layer.get_weights() for layer in model.layers}
    assert np.array_equal(after["pruned"][0] == 0, kernel == 0)
    assert (after["identity"][0] != 0).mean() > 0.9
    assert after["zeros"][0].any()
    assert all(own[1].any() for own in after.values())
    assert study.keeps_zeros
    assert not problem(keras.models.clone_model(model), model_trained=False, keep_zeros=False).zeros


def test_float_training_leaves_what_a_wrapper_holds_that_is_not_trained():
    """Keras tells `trainable=False` of a wrapper's constructor to nobody within."""
    model = keras.Sequential(
        [
            keras.Input((6,)),
            L.Reshape((3, 2)),
            L.Bidirectional(L.LSTM(2), trainable=False, name="held"),
            L.Dense(1, name="out"),
        ]
    )
    before = {layer.name: layer.get_weights() for layer in model.layers}

    train_float(problem(model, model_trained=False))

    for a, b in zip(before["held"], model.get_layer("held").get_weights(), strict=True):
        assert np.array_equal(a, b)
    assert not np.array_equal(before["out"][0], model.get_layer("out").get_weights()[0])


def test_a_worker_knows_what_is_not_trained_though_a_file_does_not(tmp_path):
    """A `.keras` file says of layers whether they are trained, of single variables it doesn't."""
    model = network()
    model.get_layer("out").bias.trainable = False
    model.save(tmp_path / "float.keras")
    evaluator = Evaluator(problem(model))

    unpacked = Parcel.of("key", evaluator, tmp_path, threads=None).unpack()

    assert "out/bias" in evaluator.graph.frozen
    assert lower(unpacked.model).frozen == evaluator.graph.frozen


def test_a_study_file_without_the_key_keeps_its_digest():
    plain = {"model": "m.py:f", "data": "d.py:f", "task": "binary"}
    digests = {
        StudyConfig(**plain, training={"keep_zeros": keep} if keep is not None else {}).digest
        for keep in (None, True)
    }

    assert len(digests) == 1
    assert StudyConfig(**plain, training={"keep_zeros": False}).digest not in digests
