"""What a design is built without, and that its outputs don't miss it."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import zoo
from zoo import L, needs_compiler

from bitfront.hls import BitTrue, Target, Trainer, convert, describe, hls_config, removable, shrunk, to_keras
from bitfront.hls.estimate import estimate

PLACE = {"part": zoo.PART, "clock_ns": 5.0}


def with_gaps(weights, seed, share=0.5):
    """Return weights with whole rows and columns of their arrays zero, chosen at random."""
    rng = np.random.default_rng(seed)
    found = {n: {r: np.array(a) for r, a in roles.items()} for n, roles in weights.items()}
    for roles in found.values():
        for array in (a for r, a in roles.items() if r in {"weight", "bias"}):
            for axis in range(array.ndim):
                np.moveaxis(array, axis, 0)[rng.random(array.shape[axis]) < share] = 0.0
    return found


def computed(graph, weights, types, x):
    """Return what the bit-true model of a graph computes."""
    bit_true = BitTrue(graph)
    bit_true.restore(weights)
    bit_true.assign(types)
    return bit_true.predict([x])


def size(graph):
    """Return the values of all nodes together."""
    return sum(int(np.prod(node.shape)) for node in graph)


LONG = {"recurrent", "bidirectional"}
"""Groups of which nothing is taken, and which take long."""


@pytest.mark.parametrize(
    "group", [pytest.param(g, marks=[pytest.mark.slow] if g in LONG else []) for g in sorted(zoo.GROUPS)]
)
def test_a_shrunk_design_computes_what_the_whole_one_does_bit_for_bit(group):
    """For every kind of layer, whichever rows and columns of its weights are zero."""
    only = ("one_head", "cross") if group == "attention" else ()
    model, x = zoo.zoo(group, 1, only=only), zoo.data(group, 60)
    graph, bit_true, types = zoo.prepared(model, x, 0, low=3, high=10)
    weights = with_gaps(bit_true.weights(), 0)
    left = shrunk(graph, weights, types)

    bit_true.restore(weights)
    for found, expected in zip(
        computed(left.graph, left.weights, left.types, x), bit_true.predict([x]), strict=True
    ):
        np.testing.assert_array_equal(found, expected)
    assert [graph[o].shape for o in graph.outputs] == [left.graph[o].shape for o in left.graph.outputs]
    smaller = {"vector": 0.8, "attention": 0.8, "sequence": 0.95}
    assert size(left.graph) <= smaller.get(group, 1.0) * size(graph)


def test_a_design_without_zeros_is_left_as_it_is():
    """The same objects: nothing is copied for the many candidates that have nothing to lose."""
    model, x = zoo.zoo("attention", 1, only=("one_head",)), zoo.data("attention", 60)
    graph, _, types = zoo.prepared(model, x, 1, low=12, high=14)
    left = shrunk(graph, graph.weights, types)
    assert left.graph is graph
    assert left.types is types


@pytest.mark.parametrize("readers", [1, 2])
def test_a_filter_goes_through_a_flattening_with_its_entry_at_every_position(readers):
    """Unless another layer needs the flattened values as they are."""
    inputs = keras.Input((4, 4, 2), name="x")
    flat = L.Flatten(name="flat")(L.Conv2D(3, 3, activation="relu", name="conv")(inputs))
    outputs = [L.Dense(2, name="out")(flat)] + ([L.Softmax(name="rest")(flat)] if readers > 1 else [])
    model = keras.Model(inputs, outputs)
    zoo.randomize(model, 2)
    x = np.random.default_rng(0).normal(size=(60, 4, 4, 2)).astype(np.float32)
    graph, bit_true, types = zoo.prepared(model, x, 2, low=6, high=9)
    weights = {n: {r: np.array(a) for r, a in roles.items()} for n, roles in bit_true.weights().items()}
    weights["conv"]["weight"][..., 1] = weights["conv"]["bias"][1] = 0.0

    left = shrunk(graph, weights, types)
    shapes = {node.name: node.shape for node in left.graph}
    assert (shapes["conv"], shapes["flat"]) == (((2, 2, 2), (8,)) if readers == 1 else ((2, 2, 3), (12,)))
    bit_true.restore(weights)
    for found, expected in zip(
        computed(left.graph, left.weights, left.types, x), bit_true.predict([x]), strict=True
    ):
        np.testing.assert_array_equal(found, expected)


@pytest.fixture(scope="module")
def block():
    """A block of attention and two dense layers, with types, its weights and data."""
    inputs = keras.Input((7, 6), name="x")
    attended = L.MultiHeadAttention(2, 3, name="mha")(inputs, inputs)
    hidden = L.Dense(9, activation="relu", name="hidden")(L.Add(name="sum")([inputs, attended]))
    model = keras.Model(inputs, L.Dense(2, name="out")(L.GlobalAveragePooling1D(name="pool")(hidden)))
    zoo.randomize(model, 4)
    x = zoo.data("attention", 260)
    graph, bit_true, types = zoo.prepared(model, x, 4, low=5, high=9)
    return graph, bit_true, types, x


def test_a_head_a_key_and_a_value_can_go_by_themselves_and_all_at_once(block):
    """Two heads, three keys and three values: one by one, and each kind together."""
    graph, bit_true, _, _ = block
    parts = removable(graph)
    assert sorted((len(p.entries), len(p.arrays)) for p in parts) == sorted(
        [(1, 6)] * 2 + [(2, 6)] + [(1, 4)] * 3 + [(3, 4)] + [(1, 2)] * 3 + [(3, 2)]
    )
    for part in parts:
        assert part.left(bit_true.weights())
        assert not part.left(part.erased(bit_true.weights()))


def test_what_is_removed_costs_nothing(block):
    """A head less halves the products of two variables, a key less takes a third of the scores'."""
    graph, bit_true, types, _ = block
    head, key = (
        next(p for p in removable(graph) if len(p.arrays) == n and len(p.entries) == 1) for n in (6, 4)
    )

    def products(weights):
        left = shrunk(graph, weights, types)
        design = describe(left.graph, left.types, left.weights, {}, Target(**PLACE))
        rows = {row.name: row for row in estimate(design).layers}
        return rows["mha_scores"].ebops, rows["mha_context"].ebops

    scores, context = products(bit_true.weights())
    assert products(head.erased(bit_true.weights())) == (scores / 2, context / 2)
    assert products(key.erased(bit_true.weights())) == (pytest.approx(scores * 2 / 3), context)


def test_an_attention_that_gives_zero_is_not_built_and_one_that_gives_a_bias_adds_it(block):
    """The sum becomes a cast, or adds a constant; nothing of the attention is left."""
    graph, bit_true, types, _ = block
    every_value = next(p for p in removable(graph) if len(p.arrays) == 2 and len(p.entries) == 3)
    biased = every_value.erased(bit_true.weights())
    plain = {**biased, "mha_output": {**biased["mha_output"], "bias": np.zeros(6, np.float32)}}

    for weights, op in ((biased, "add_constant"), (plain, "linear")):
        left = shrunk(graph, weights, types)
        assert not [node.name for node in left.graph if node.name.startswith("mha")]
        assert left.graph["sum"].op == op
        assert set(left.weights) == {node.name for node in left.graph if node.op in {"dense", "add_constant"}}


@needs_compiler
@pytest.mark.slow
@pytest.mark.parametrize("what", ["head", "key", "values", "values and bias"])
def test_the_firmware_of_a_shrunk_design_computes_what_the_whole_model_does(block, what, tmp_path):
    """hls4ml builds it, and its emulation gives the outputs of the bit-true model with the zeros in it."""
    graph, bit_true, types, x = block
    arrays, entries = {"head": (6, 1), "key": (4, 1)}.get(what, (2, 3))
    part = next(p for p in removable(graph) if (len(p.arrays), len(p.entries)) == (arrays, entries))
    weights = part.erased(bit_true.weights())
    if what.endswith("bias"):
        weights = {**weights, "mha_output": {**weights["mha_output"], "bias": np.zeros(6, np.float32)}}
    expected = computed(graph, weights, types, x)[0]

    left = shrunk(graph, weights, types)
    plain = to_keras(left.graph, left.weights, left.types)
    project = convert(plain, hls_config(left.graph, left.types, plain), tmp_path / "p", **PLACE)
    np.testing.assert_array_equal(project.compile().predict(x), expected)


def test_a_training_keeps_what_was_erased_zero_and_its_loss_is_measured_without_training(block):
    """Kernels and biases of a head stay zero, all others move; `loss` changes nothing and agrees with an
    epoch's at rate 0.
    """
    graph, bit_true, types, x = block
    before = bit_true.weights()
    bit_true.assign(types)
    trainer = Trainer(bit_true, [x], [(x.sum((1, 2)) > 0).astype(int)], tasks=["multiclass"], batch_size=65)
    order = np.arange(260)
    assert trainer.loss(order) == pytest.approx(trainer.epoch(order, 0.0), rel=1e-5)
    head = next(p for p in removable(graph) if len(p.arrays) == 6)
    ones = {n: {r: np.ones(np.shape(a), np.float32) for r, a in roles.items()} for n, roles in before.items()}
    trainer.erase(head.erased(ones))
    trainer.epoch(order, 0.01)

    trained = bit_true.weights()
    assert not head.left(trained)
    for name, role, axis in head.arrays:
        others = [i for i in range(trained[name][role].shape[axis]) if i not in head.entries]
        assert np.take(trained[name][role], others, axis).any()
    trainer.reset()
    bit_true.restore(before)
    trainer.epoch(order, 0.01)
    assert head.left(bit_true.weights())
    bit_true.restore(before)
