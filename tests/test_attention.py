"""Transformers: what is lowered, what is refused, how many dimensions there are, how exact the normalization
is.
"""

from __future__ import annotations

import keras
import numpy as np
import pytest
import zoo

from bitfront.hls import BitTrue, Target, check_hardware, describe, resolve, to_keras, to_qkeras
from bitfront.hls.estimate import estimate
from bitfront.spaces import LayerRule, UserError, build_space, lower

L = keras.layers


def block(heads: int = 2, key: int = 5, *, positions: str = "none", **options: object) -> keras.Model:
    """Return a transformer of one block on 7 steps of 6 features, with random weights."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((7, 6), name="x")
    x = L.Dense(8, name="embed")(inputs)
    if positions == "constant":
        x = x + np.arange(56, dtype="float32").reshape(7, 8) / 56
    elif positions == "layer":
        x = zoo.Positions(name="positions")(x)
    a = L.Add(name="sum_1")([x, L.MultiHeadAttention(heads, key, name="mha", **options)(x, x)])
    a = L.LayerNormalization(name="norm_1")(a)
    h = L.Dense(8, name="ff_2")(L.Dense(12, activation="relu", name="ff_1")(a))
    x = L.LayerNormalization(name="norm_2")(L.Add(name="sum_2")([a, h]))
    y = L.Dense(1, activation="sigmoid", name="head")(L.GlobalAveragePooling1D(name="pool")(x))
    model = keras.Model(inputs, y)
    zoo.randomize(model, 1)
    return model


@pytest.fixture(scope="module")
def assigned():
    """One block at 12 bits: graph, bit-true model, types."""
    model, x = block(), zoo.data("attention", 300)
    graph = lower(model)
    bit_true = BitTrue(graph)
    widths = {t.key: 0 if t.role == "accum" else 12 for t in graph.all_tensors()}
    types = resolve(graph, widths, bit_true.calibrate([x]))
    bit_true.assign(types)
    return model, graph, bit_true, types, x


@pytest.mark.parametrize("positions", ["none", "constant", "layer"])
@pytest.mark.parametrize("options", [{}, {"use_bias": False}, {"value_dim": 3}])
def test_a_lowered_transformer_computes_what_keras_computes(positions, options):
    """Without rounding the nodes give the Keras model's output, positional encodings among them."""
    model, x = block(positions=positions, **options), zoo.data("attention", 50)
    graph = lower(model)

    expected = np.asarray(model(x))
    assert np.abs(BitTrue(graph).predict_float([x])[0] - expected).max() < 1e-5
    assert any(n.op == "add_constant" for n in graph) == (positions != "none")


def test_cross_attention_reads_query_value_and_key_from_their_own_inputs():
    """Query, value and key are told apart however the layer is called."""
    a, b, c = keras.Input((7, 4), name="a"), keras.Input((5, 3), name="b"), keras.Input((5, 2), name="c")
    model = keras.Model([a, b, c], L.MultiHeadAttention(2, 3, name="mha")(a, key=c, value=b))
    zoo.randomize(model, 3)
    rng = np.random.default_rng(0)
    x = [rng.normal(size=(20, *shape)).astype("f4") for shape in ((7, 4), (5, 3), (5, 2))]

    found = BitTrue(lower(model)).predict_float(x)[0]
    assert np.abs(found - np.asarray(model(x))).max() < 1e-5


def test_one_block_has_about_fifteen_dimensions_and_parts_have_their_own():
    """Default ties keep the search small; `parts` searches scores, softmax, context and projections one by
    one.
    """
    graph = lower(block())

    tied = build_space(graph, lambda _: LayerRule())
    parts = build_space(graph, lambda _: LayerRule(), parts=True)
    assert 13 <= len(tied.dimensions) <= 17
    assert {"mha.weights", "mha.activations", "mha.scores"} <= {d.name for d in tied.dimensions}
    assert {"mha_query.weights", "mha_scores.activations", "mha_context.activations"} <= {
        d.name for d in parts.dimensions
    }
    assert {t for d in (*tied.fixed, *tied.dimensions) for t in d.targets} >= {
        "mha_softmax/inp_norm",
        "mha_softmax/exp_table",
        "mha_softmax/inv_table",
        "norm_1/variance",
        "norm_1/table",
    }


def _masked(x):
    return L.MultiHeadAttention(2, 3, name="mha")(x, x, use_causal_mask=True)


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        (_masked, "use_causal_mask"),
        (lambda x: L.LayerNormalization(axis=1, name="norm")(x), "last axis"),
        (lambda x: L.EinsumDense("abc,de->ade", (2, 3), name="einsum")(x), "sums axis"),
        (lambda x: x / x, "divide by a constant"),
        (lambda x: L.GroupQueryAttention(4, 2, 1, name="grouped")(x, x), "GroupedQueryAttention"),
    ],
)
def test_what_the_firmware_cannot_compute_is_refused_by_name(layer, words):
    """Each refusal says which layer and why."""
    inputs = keras.Input((7, 6))
    with pytest.raises(UserError, match=words):
        lower(keras.Model(inputs, layer(inputs)))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"io_type": "io_stream"}, "mha_query.*io_parallel only"),
        ({"strategies": ("Resource",)}, "not Resource"),
    ],
)
def test_attention_that_cannot_be_built_is_refused_before_training(options, words):
    """Streams and the Resource strategy have no attention; the message names the parts."""
    with pytest.raises(UserError, match=words):
        check_hardware(lower(block()), **({"io_type": "io_parallel"} | options))


@pytest.mark.parametrize("spread", [1e-2, 1.0, 30.0])
def test_a_normalization_is_as_exact_for_small_variances_as_for_large_ones(spread):
    """With 16 bits the relative error stays below half a percent over three and a half orders of
    magnitude.
    """
    inputs = keras.Input((4, 8), name="x")
    model = keras.Model(inputs, L.LayerNormalization(epsilon=1e-7)(inputs))
    x = (np.random.default_rng(0).normal(size=(200, 4, 8)) * spread).astype("f4")
    graph = lower(model)
    bit_true = BitTrue(graph)
    widths = {t.key: 16 for t in graph.all_tensors()}
    bit_true.assign(resolve(graph, widths, bit_true.calibrate([x])))

    expected = np.asarray(model(x))
    assert np.abs(bit_true.predict([x])[0] - expected).mean() < 0.005 * expected.std()


def test_training_moves_every_weight_of_a_transformer():
    """Gradients pass the softmax' and the normalization's tables."""
    from bitfront.hls import Trainer

    model, x = block(positions="layer"), zoo.data("attention", 256)
    graph = lower(model)
    bit_true = BitTrue(graph)
    widths = {t.key: 0 if t.role == "accum" else 10 for t in graph.all_tensors()}
    bit_true.assign(resolve(graph, widths, bit_true.calibrate([x])))
    before = bit_true.weights()
    trainer = Trainer(bit_true, [x], [(x.sum((1, 2)) > 0).astype(int)], tasks=["binary"], batch_size=64)

    first = trainer.epoch(np.arange(256), 0.01)
    losses = [trainer.epoch(np.arange(256), 0.01) for _ in range(8)]
    assert min(losses) < 0.8 * first
    still = [
        f"{n}/{r}"
        for n, roles in bit_true.weights().items()
        for r, v in roles.items()
        if np.array_equal(v, before[n][r])
    ]
    # a bias of the key adds the same to all scores of a query, which the softmax takes off again
    assert set(still) <= {"mha_key/bias"}
    assert set(bit_true.traces.values()) == {1}


def test_the_exported_models_load_and_predict_what_the_firmware_computes_up_to_their_tables(
    assigned, tmp_path
):
    """The Keras and QKeras exports survive a file and differ by less than the softmax' and the norm's tables
    do.
    """
    _, graph, bit_true, types, x = assigned
    expected = bit_true.predict([x])[0]
    for export in (to_keras, to_qkeras):
        made = export(graph, bit_true.weights(), types)
        made.save(tmp_path / "model.keras")
        loaded = keras.saving.load_model(tmp_path / "model.keras")
        assert np.abs(np.asarray(loaded(x)) - expected).max() < 0.05


def test_an_exported_model_lowers_to_the_same_nodes_and_weights(assigned):
    """What a bundle holds can be described again, without the study: names, operations and weights are the
    same.
    """
    _, graph, bit_true, types, _ = assigned
    again = lower(to_keras(graph, bit_true.weights(), types), head="keep")

    assert sorted((n.name, n.op, n.shape) for n in again) == sorted((n.name, n.op, n.shape) for n in graph)
    assert {f"{n}/{r}" for n, roles in again.weights.items() for r in roles} == {
        f"{n}/{r}" for n, roles in graph.weights.items() for r in roles
    }


def test_a_table_and_an_added_constant_lower_again_to_the_same_nodes():
    """GELU's and SiLU's tables and a positional encoding can be described again from what is exported."""
    model, x = zoo.zoo("norms", 1, only=("gelu", "own_positions")), zoo.data("norms", 60)
    graph, bit_true, types = zoo.prepared(model, x, 3)
    exported = to_keras(graph, bit_true.weights(), types)
    again = lower(keras.models.model_from_json(exported.to_json()), head="keep")

    assert sorted((n.name, n.op) for n in again) == sorted((n.name, n.op) for n in graph)
    assert {"gelu", "silu", "add_constant"} <= {n.op for n in again}


def test_an_estimate_prices_every_node(assigned):
    """Scores and context cost products of two variables, tables memory, normalizations logic."""
    _, graph, bit_true, types, _ = assigned
    design = describe(
        graph,
        types,
        bit_true.weights(),
        {},
        Target(part="xcvu13p-flga2577-2-e"),
    )
    found = estimate(design)
    rows = {row.name: row for row in found.layers}

    assert found.family == "transformer"
    assert (
        rows["mha_scores"].ebops
        == 2 * 7 * 7 * 5 * types["mha_key/result"].width * types["mha_query/result"].width
    )
    assert all(rows[name].lut > 0 for name in ("mha_query", "mha_scores", "mha_softmax", "norm_1", "sum_1"))
    assert rows["mha_softmax"].bram18 > 0
