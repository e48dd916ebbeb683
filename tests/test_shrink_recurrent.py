"""Units of recurrent layers and channels of depthwise convolutions that have no effect aren't built."""

from __future__ import annotations

from itertools import product

import keras
import numpy as np
import pytest
import zoo
from hypothesis import given, settings
from hypothesis import strategies as st
from zoo import L, needs_compiler

from bitfront.hls import BitTrue, Target, describe, hls_config, removable_units, shrunk, to_keras
from bitfront.hls.estimate import estimate
from bitfront.hls.operation import operation
from bitfront.hls.zeros.liveness import needed, nonzero
from bitfront.spaces import lower

PLACE = {"part": zoo.PART, "clock_ns": 5.0}
CELLS = {"lstm": (L.LSTM, 4, 2), "gru": (L.GRU, 3, 2), "simple_rnn": (L.SimpleRNN, 1, 0)}
UNITS = 5


def network(cell, *, both=False, sequences=False):
    """Return a model of one recurrent layer, `cells`, that a dense layer reads."""
    inputs = keras.Input((4, 3), name="x")
    layer = CELLS[cell][0](UNITS, return_sequences=sequences, name="cells")
    if both:
        layer = L.Bidirectional(layer, name="cells")
    return keras.Model(inputs, L.Dense(2, name="out")(layer(inputs)))


def copied(weights):
    return {n: {r: np.array(a) for r, a in roles.items()} for n, roles in weights.items()}


def columns(cell, units):
    """Return the columns of these units in all gates."""
    return (UNITS * np.arange(CELLS[cell][1])[:, None] + np.asarray(units, int)).ravel()


def computed(graph, weights, types, x):
    bit_true = BitTrue(graph)
    bit_true.restore(weights)
    bit_true.assign(types)
    return bit_true.predict([x])[0]


def without_effect(weights, cell, rng, prefix=""):
    """Make the weights of some units zero: those that nothing reads, and those that nothing changes from zero;
    return how many.
    """
    own, block = weights["cells"], CELLS[cell][2]
    unread, still = ([1, 4], [2]) if rng.random() < 0.5 else ([0], [3])
    first = UNITS if prefix == "backward_" else 0
    rest = [u for u in range(UNITS) if u not in unread]
    weights["out"]["weight"][[first + u for u in unread]] = 0.0
    for unit in unread:  # it may read itself and the others that go, and be read by these
        own[f"{prefix}recurrent_weight"][unit, columns(cell, rest)] = 0.0
    for unit in still:
        column = block * UNITS + unit
        own[f"{prefix}weight"][:, column] = 0.0
        own[f"{prefix}recurrent_weight"][rest, column] = 0.0
        own[f"{prefix}recurrent_weight"][unread, column] = 0.0
        own[f"{prefix}recurrent_weight"][unit, column] = 1.0  # of its own state alone
        for role in ("bias", "recurrent_bias"):
            if f"{prefix}{role}" in own:
                own[f"{prefix}{role}"][column] = 0.0
    return len(unread) + len(still)


@pytest.fixture(scope="module")
def built():
    """Return what builds a network with its types once."""
    known = {}

    def of(cell, both, sequences):
        key = cell, both, sequences
        if key not in known:
            model = network(cell, both=both, sequences=sequences)
            zoo.randomize(model, 3)
            x = np.random.default_rng(0).normal(size=(60, 4, 3)).astype(np.float32)
            known[key] = (*zoo.prepared(model, x, 3, low=6, high=9), x)
        return known[key]

    return of


CASES = [
    *(pytest.param(c, False, s) for c, s in product(CELLS, (False, True))),
    *(pytest.param(c, True, False, marks=pytest.mark.slow) for c in ("lstm", "gru")),
]


@pytest.mark.parametrize(("cell", "both", "sequences"), CASES)
def test_a_layer_without_its_idle_units_computes_the_same_bits(built, cell, both, sequences):
    """Those that nothing reads, not even the states of others, and those whose state stays zero."""
    graph, bit_true, types, x = built(cell, both, sequences)
    weights, rng = copied(bit_true.weights()), np.random.default_rng(1)
    gone = [without_effect(weights, cell, rng, p) for p in (("forward_", "backward_") if both else ("",))]

    left = shrunk(graph, weights, types)
    assert left.graph["cells"].attrs["units"] == UNITS - min(gone)
    assert left.graph["out"].shape == graph["out"].shape
    bit_true.restore(weights)
    bit_true.assign(types)
    np.testing.assert_array_equal(computed(left.graph, left.weights, left.types, x), bit_true.predict([x])[0])


@settings(max_examples=15, deadline=None)
@given(cell=st.sampled_from(sorted(CELLS)), both=st.booleans(), data=st.data())
def test_what_is_said_to_have_no_effect_has_none_in_keras(cell, both, data):
    """Keras is the witness, on networks with zeros anywhere: states of units that are said to stay zero are
    zero, and those that are said not to matter may start anywhere.
    """
    if both and cell == "simple_rnn":
        both = False
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    density = data.draw(st.sampled_from([0.1, 0.3, 0.6]))
    model = network(cell, both=both)
    for variable in model.weights:
        variable.assign(rng.normal(size=variable.shape) * (rng.random(variable.shape) < density))
    graph = lower(model)
    weights = {n: {r: np.asarray(a) for r, a in roles.items()} for n, roles in graph.weights.items()}
    live = nonzero(graph, weights)
    used = needed(graph, weights, live)

    x = rng.normal(size=(20, 4, 3)).astype(np.float32)
    layer = model.get_layer("cells")
    states = np.asarray(layer(x))
    assert not states[:, ~live["cells"]].any()

    first = np.asarray(model(x))
    unread = live["cells"] & ~used["cells"]
    start = [np.where(half, rng.normal(size=UNITS), 0.0) for half in np.split(unread, 1 + both)]
    start = [np.broadcast_to(half, (20, UNITS)).astype(np.float32) for half in start]
    begun = layer(x, initial_state=[one for half in start for one in [half] * (2 if cell == "lstm" else 1)])
    assert np.array_equal(np.asarray(begun)[:, used["cells"]], states[:, used["cells"]])
    np.testing.assert_array_equal(np.asarray(model.get_layer("out")(begun)), first)
    features = used["x"][0]
    assert np.array_equal(np.asarray(model(np.where(features, x, 7.0))), first)


def test_a_unit_less_takes_its_rows_and_columns_and_its_share_of_the_cost(built):
    """The products of the recurrent kernel fall by the square."""
    graph, bit_true, types, _ = built("gru", False, False)
    (side,) = removable_units(graph)[0]
    assert len(side) == UNITS
    pair = type(side[0]).together(side[:2])
    weights = pair.erased(bit_true.weights())
    assert not pair.left(weights)
    assert all(unit.left(weights) for unit in side[2:])

    left = shrunk(graph, weights, types)
    shapes = {role: array.shape for role, array in left.weights["cells"].items()}
    kept = left.graph["cells"].shape[-1]
    assert 0 < kept <= UNITS - 2  # rounding may leave others without effect
    gates = 3 * kept
    assert shapes == {
        "weight": (3, gates),
        "recurrent_weight": (kept, gates),
        "bias": (gates,),
        "recurrent_bias": (gates,),
    }
    assert left.weights["out"]["weight"].shape == (kept, 2)
    whole = describe(graph, types, graph.weights, {}, Target(**PLACE))
    fewer = describe(left.graph, left.types, left.weights, {}, Target(**PLACE))
    assert estimate(fewer).lut < 0.75 * estimate(whole).lut
    sizes = [layer.sizes["n_state"] for layer in (*whole.layers, *fewer.layers) if layer.op == "gru"]
    assert sizes == [UNITS, kept]


def test_both_directions_keep_as_many_units_as_the_one_that_needs_more():
    """Which hls4ml builds alike; the other keeps some that have no effect."""
    model = network("gru", both=True)
    zoo.randomize(model, 3)
    graph = lower(model)
    first, second = removable_units(graph)[0]
    assert (len(first), len(second)) == (UNITS, UNITS)
    weights = type(first[0]).together([*first[:3], *second[1:2]]).erased(graph.weights)
    stays = nonzero(graph, weights)["cells"]
    assert list(np.flatnonzero(~stays)) == [0, 1, 2, UNITS + 1]
    evened = operation("bidirectional").evened(graph["cells"], stays)
    assert [int(half.sum()) for half in np.split(evened, 2)] == [4, 4]
    assert (evened | ~stays).all()


STEPS = {
    "last": (lambda y: y[:, -1], [(5, 3)], (UNITS,)),
    "part of the last": (lambda y: y[:, -1, 1:3], [(5, 3)], (UNITS,)),
    "third": (lambda y: y[:, 2], [(3, 3)], (UNITS,)),
    "first three": (lambda y: L.Flatten()(y[:, :3]), [(3, 3)], (3, UNITS)),
    "every second": (lambda y: L.Flatten()(y[:, ::2]), [(5, 3)], (5, UNITS)),
    "two parts": (lambda y: L.Concatenate()([y[:, 0], y[:, 3]]), [(4, 3)], (4, UNITS)),
}


@pytest.mark.parametrize("what", STEPS)
def test_steps_that_nothing_reads_are_not_computed(what):
    """Those behind the last one that is read; and of one step, no sequence is kept."""
    read, sources, shape = STEPS[what]
    inputs = keras.Input((5, 3), name="x")
    model = keras.Model(
        inputs, L.Dense(2, name="out")(read(L.LSTM(UNITS, return_sequences=True, name="cells")(inputs)))
    )
    zoo.randomize(model, 3)
    x = np.random.default_rng(0).normal(size=(40, 5, 3)).astype(np.float32)
    graph, bit_true, types = zoo.prepared(model, x, 3, low=6, high=9)
    left = shrunk(graph, bit_true.weights(), types)
    cells = left.graph["cells"]
    assert [left.graph[name].shape for name in cells.inputs] == sources
    assert cells.shape == shape
    assert (left.graph is graph) == (what == "every second")
    expected = bit_true.predict([x])[0]
    np.testing.assert_array_equal(computed(left.graph, left.weights, left.types, x), expected)
    plain = to_keras(left.graph, left.weights, left.types)
    assert np.asarray(plain(x)).shape == expected.shape


def depthwise_network():
    inputs = keras.Input((5, 5, 2), name="x")
    y = L.Conv2D(4, 2, activation="relu", name="first")(inputs)
    y = L.DepthwiseConv2D(2, activation="relu", name="each")(y)
    return keras.Model(inputs, L.Dense(2, name="out")(L.Flatten(name="flat")(y)))


def test_a_channel_of_a_depthwise_convolution_goes_with_what_makes_and_what_reads_it():
    """One that gets nothing, one that gives nothing, one that nothing reads; of four one is left."""
    model = depthwise_network()
    zoo.randomize(model, 5)
    x = np.random.default_rng(0).normal(size=(60, 5, 5, 2)).astype(np.float32)
    graph, bit_true, types = zoo.prepared(model, x, 5, low=6, high=9)
    weights = copied(bit_true.weights())
    weights["first"]["weight"][..., 0] = weights["first"]["bias"][0] = weights["each"]["bias"][0] = 0.0
    weights["each"]["weight"][:, :, 1] = weights["each"]["bias"][1] = 0.0
    weights["out"]["weight"][3::4] = 0.0

    left = shrunk(graph, weights, types)
    assert left.graph["first"].shape == (4, 4, 1)
    assert left.graph["each"].shape == (3, 3, 1)
    assert left.graph["flat"].shape == (9,)
    bit_true.restore(weights)
    np.testing.assert_array_equal(computed(left.graph, left.weights, left.types, x), bit_true.predict([x])[0])
    (side,) = removable_units(graph)[0]
    gone = side[2].erased(graph.weights)
    assert not gone["out"]["weight"][2::4].any()
    assert shrunk(graph, gone, types).graph["first"].shape == (4, 4, 3)


@needs_compiler
@pytest.mark.slow
@pytest.mark.parametrize(
    ("cell", "both"), [("lstm", False), ("gru", False), ("simple_rnn", False), ("gru", True)]
)
@pytest.mark.parametrize("strategy", ["Latency", "Resource"])
def test_the_firmware_without_idle_units_computes_what_the_whole_model_does(
    built, cell, both, strategy, tmp_path
):
    """hls4ml builds it, and its emulation gives the outputs of the bit-true model with the zeros in it."""
    graph, bit_true, types, x = built(cell, both, False)
    weights, rng = copied(bit_true.weights()), np.random.default_rng(1)
    for prefix in ("forward_", "backward_") if both else ("",):
        without_effect(weights, cell, rng, prefix)
    expected = computed(graph, weights, types, x)

    left = shrunk(graph, weights, types)
    assert left.graph["cells"].attrs["units"] < UNITS
    plain = to_keras(left.graph, left.weights, left.types)
    config = hls_config(left.graph, left.types, plain, zoo.hardware(left.graph, strategy))
    (found,) = zoo.emulated(tmp_path / "p", plain, config, x)
    np.testing.assert_array_equal(found.reshape(expected.shape), expected)
