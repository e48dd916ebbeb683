"""Embedding: rows of a table chosen by whole numbers, searched, trained and refused where the firmware would
differ.
"""

from __future__ import annotations

import keras
import numpy as np
import pytest

from bitfront.hls import BitTrue, Trainer, check_model, shrunk
from bitfront.hls.precision import resolve
from bitfront.spaces import UserError, build_space, lower
from bitfront.spaces.space import LayerRule

L = keras.layers


def model(entries=11, **options):
    given = keras.Input((5,), name="given", dtype="int32")
    x = L.Flatten()(L.Embedding(entries, 3, name="rows", **options)(given))
    return keras.Model(given, L.Dense(2, name="last")(x))


def numbers(count=64, entries=11):
    return np.random.default_rng(0).integers(0, entries, (count, 5)).astype(np.int32)


def test_the_graph_is_keras_s_function_on_the_numbers_of_its_entries():
    check_model(model(), numbers())
    check_model(model())


@pytest.mark.parametrize("wrong", [-1, 11])
def test_data_that_choose_no_entry_are_refused_by_name(wrong):
    data = numbers()
    data[3, 2] = wrong
    with pytest.raises(
        UserError, match=rf"'given' holds {wrong}: an Embedding with 11 entries .* from 0 to 10"
    ):
        check_model(model(), data)


def test_a_mask_and_numbers_that_a_layer_computes_are_refused():
    given = keras.Input((5,), name="given")
    computed = L.Embedding(4, 3, name="rows")(L.ReLU()(given))
    with pytest.raises(UserError, match="'rows': reads what a layer computes"):
        lower(keras.Model(given, computed))
    with pytest.raises(UserError, match="'rows': mask_zero=True"):
        lower(model(mask_zero=True))


def test_numbers_of_entries_have_the_type_that_counts_them_and_no_width_to_choose():
    graph = lower(model())
    space = build_space(graph, lambda _: LayerRule())
    assert not any("given" in dimension.name for dimension in (*space.dimensions, *space.fixed))
    bit_true = BitTrue(graph)
    widths = {tensor.key: 6 for tensor in graph.all_tensors()}
    types = resolve(graph, widths, bit_true.calibrate([numbers()]))
    kind = types["given/result"]
    assert (kind.width, kind.integer, kind.signed, kind.max >= 10) == (4, 4, False, True)
    assert types["rows/result"] == types["rows/weight"]


def test_training_moves_the_rows_that_the_data_choose():
    graph = lower(model())
    bit_true = BitTrue(graph)
    x = numbers(256, entries=6)
    y = (x[:, :2] > 2).astype(np.float32)
    before = bit_true.weights()["rows"]["weight"].copy()
    types = resolve(graph, {t.key: 10 for t in graph.all_tensors()}, bit_true.calibrate([x]))
    bit_true.assign(types)
    trainer = Trainer(bit_true, [x], [y], tasks=["regression"], batch_size=32)
    first = trainer.epoch(np.arange(256), 0.01)
    last = [trainer.epoch(np.arange(256), 0.01) for _ in range(5)][-1]
    moved = np.abs(bit_true.weights()["rows"]["weight"] - before).max(1)
    assert last < first
    assert (moved[:6] > 0).all()
    assert not moved[6:].any()


def test_a_column_without_values_is_not_built():
    keras_model = model()
    table, kernel, bias = keras_model.get_weights()
    table[:, 1] = 0
    keras_model.set_weights([table, kernel, bias])
    graph = lower(keras_model)
    bit_true = BitTrue(graph)
    types = resolve(graph, {t.key: 8 for t in graph.all_tensors()}, bit_true.calibrate([numbers()]))
    left = shrunk(graph, graph.weights, types)
    assert left.weights["rows"]["weight"].shape == (11, 2)
    bit_true.assign(types)
    smaller = BitTrue(left.graph)
    smaller.assign(left.types)
    assert np.array_equal(bit_true.predict([numbers()])[0], smaller.predict([numbers()])[0])
