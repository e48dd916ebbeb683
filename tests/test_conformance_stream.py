"""The bit-true model equals hls4ml's emulation with io_stream: every layer kind that streams, five
precisions.
"""

from __future__ import annotations

import keras
import numpy as np
import pytest
import zoo

from bitfront.hls import Target, hls_config, to_keras

STREAMING = [g for g in zoo.GROUPS if g not in {"attention", "bidirectional", "einsum"}]


@zoo.needs_compiler
@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("group", STREAMING)
@pytest.mark.parametrize("strategy", ["Latency", "Resource"])
def test_every_layer_streams_what_the_bit_true_model_computes(tmp_path, group, strategy, seed):
    """One random precision of 2 to 16 bits of every layer a build: a stream has at most seven readers."""
    found = zoo.differences(tmp_path, group, "io_stream", strategy, seed=seed)

    assert found == dict.fromkeys(found, 0.0)


@zoo.needs_compiler
@pytest.mark.parametrize("tail", ["elementwise", "merged", "shared"])
def test_a_flattened_stream_is_read_right_by_any_layer(tmp_path, tail):
    """hls4ml leaves many short words in the stream, which only a dense layer can read (the random models
    found it).
    """
    L = keras.layers
    x = keras.Input((3, 2), name="x")
    y = L.Flatten()(L.Conv1D(2, 2, name="conv")(x))
    if tail == "elementwise":
        outputs = [L.BatchNormalization()(L.ReLU()(y))]
    elif tail == "merged":
        outputs = [L.Add()([y, L.Dense(4)(L.Flatten()(x))])]
    else:  # a dense layer and two others read the same stream
        outputs = [L.Dense(3)(y), L.Concatenate()([L.Activation("tanh")(y), L.LeakyReLU()(y)])]
    model = keras.Model(x, outputs)
    zoo.randomize(model, 4)
    samples = np.random.default_rng(0).normal(size=(100, 3, 2)).astype(np.float32)
    graph, bit_true, types = zoo.prepared(model, samples, 1)
    plain = to_keras(graph, bit_true.weights(), types)
    config = hls_config(graph, types, plain, target=Target(io_type="io_stream"))

    given = zoo.emulated(tmp_path / "p", plain, config, samples, "io_stream")

    for wanted, got in zip(bit_true.predict([samples]), given, strict=True):
        assert np.array_equal(wanted.ravel(), got.ravel())
