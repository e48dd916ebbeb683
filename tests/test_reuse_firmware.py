"""Brute force: every reuse factor that a layer may get, compiled, against the bit-true model, bit for bit.

What the firmware computes with the factors that hls4ml lists and bitfront doesn't offer is compiled too: they
are wrong.
"""

from __future__ import annotations

import itertools
from pathlib import Path

import keras
import numpy as np
import pytest
import zoo

from bitfront.hls import (
    BuildError,
    Target,
    convert,
    hls_config,
    legal_reuse_factors,
    node_reuse_factors,
    to_keras,
)
from bitfront.spaces import LayerHardware

L = keras.layers
LAYERS = {
    "dense": ((6,), lambda x, name: L.Dense(4, name=name)(x)),
    "dense_sequence": ((3, 6), lambda x, name: L.Dense(4, name=name)(x)),
    "dense_image": ((2, 3, 6), lambda x, name: L.Dense(4, name=name)(x)),
    "one_position": ((1, 6), lambda x, name: L.Dense(4, name=name)(x)),
    "conv1d": ((5, 3), lambda x, name: L.Conv1D(4, 2, padding="same", name=name)(x)),
    "conv1d_pointwise": ((5, 6), lambda x, name: L.Conv1D(4, 1, strides=2, name=name)(x)),
    "conv2d": ((4, 5, 2), lambda x, name: L.Conv2D(4, (2, 3), name=name)(x)),
    "conv2d_strided": ((5, 6, 2), lambda x, name: L.Conv2D(3, 3, strides=2, padding="same", name=name)(x)),
    "conv2d_pointwise": ((4, 4, 6), lambda x, name: L.Conv2D(4, 1, strides=2, name=name)(x)),
    "lstm": ((3, 3), lambda x, name: L.LSTM(4, name=name)(x)),
    "gru": ((3, 3), lambda x, name: L.GRU(4, name=name)(x)),
    "simple_rnn": ((3, 3), lambda x, name: L.SimpleRNN(4, name=name)(x)),
    "bi_lstm": ((3, 4), lambda x, name: L.Bidirectional(L.LSTM(4), name=name)(x)),
    "bi_gru": ((3, 4), lambda x, name: L.Bidirectional(L.GRU(4), name=name)(x)),
    "depthwise1d": ((5, 3), lambda x, name: L.DepthwiseConv1D(2, name=name)(x)),
    "depthwise2d": ((4, 5, 2), lambda x, name: L.DepthwiseConv2D(2, name=name)(x)),
    "einsum_dense": ((3, 6), lambda x, name: L.EinsumDense("abc,cd->abd", (3, 4), name=name)(x)),
}
RECURRENT = ("lstm", "gru", "simple_rnn")
ONLY_LATENCY = ("depthwise1d", "depthwise2d", "einsum_dense")
ONLY_PARALLEL = ("bi_lstm", "bi_gru", "einsum_dense")
A_BUILD = 7
"""Layers of one build: a stream has no more readers."""
ANY = (1, 2, 5, 100)
"""Of the factors that the Latency strategy takes."""


def layers_of(kind: str, count: int):
    """Return a model with so many layers of a kind side by side, and its inputs."""
    shape, layer = LAYERS[kind]
    keras.utils.set_random_seed(3)
    x = keras.Input(shape, name="x")
    outputs = [layer(x, f"layer{i}") for i in range(count)]
    model = keras.Model(x, outputs if count > 1 else outputs[0])
    zoo.randomize(model, 3)
    data = np.random.default_rng(1).normal(size=(60, *shape)).astype(np.float32)
    data[::17] *= 4
    return model, data


def differences(folder: Path, kind, factors, io_type, strategy, backend="Vitis", *, static=True):
    """Return the factors, (kernel, recurrent) of recurrent layers, whose firmware differs from the bit-true
    model.

    The factors are written behind bitfront's back, which would move those that it doesn't take to be right.
    """
    model, x = layers_of(kind, len(factors))
    graph, bit_true, types = zoo.prepared(model, x, 5)
    expected = bit_true.predict([x])
    plain = to_keras(graph, bit_true.weights(), types)
    target = Target(io_type=io_type, backend=backend)
    config = hls_config(graph, types, plain, LayerHardware(strategy=strategy), target)
    for number, factor in enumerate(factors):
        layer = config["LayerName"][f"layer{number}"]
        layer["ReuseFactor"] = factor[0] if isinstance(factor, tuple) else factor
        if not static:
            layer["Static"] = False
        if isinstance(factor, tuple):
            layer["RecurrentReuseFactor"] = factor[1]
    project = convert(
        plain, config, folder / "project", io_type=io_type, part=zoo.PART, clock_ns=5, backend=backend
    )
    found = project.compile().predict(x)
    outputs = found if isinstance(found, list) else [found]
    wrong = [
        f
        for f, a, b in zip(factors, outputs, expected, strict=True)
        if np.abs(a - b.reshape(a.shape)).max() > 0
    ]
    moved = [n for n in project.notices if n.kind == "reuse_factor" and kind not in RECURRENT]
    return wrong, moved


def offered(kind: str, io_type: str, strategy: str):
    """Return what bitfront offers for a kind of layer: of recurrent layers pairs."""
    model, _ = layers_of(kind, 1)
    graph, _, _ = zoo.prepared(model, layers_of(kind, 1)[1], 5)
    legal = node_reuse_factors(graph, "layer0", strategy, io_type) or ANY
    if kind not in RECURRENT:
        return legal
    recurrent = node_reuse_factors(graph, "layer0", strategy, io_type, recurrent=True) or ANY
    pairs = list(itertools.product(legal, recurrent))
    order = np.random.default_rng(0).permutation(len(pairs))
    return tuple(pairs[i] for i in order[: 2 * A_BUILD])


def outcome(folder, kind, factor):
    """Return what becomes of the firmware of one layer with Resource and io_parallel."""
    try:
        wrong, _ = differences(folder, kind, (factor,), "io_parallel", "Resource")
    except BuildError as error:
        return "stops" if "correct only for RF <=" in str(error) else str(error)
    return "differs" if wrong else "right"


CASES = [
    (kind, io_type, strategy)
    for kind in LAYERS
    for io_type in ("io_parallel", "io_stream")
    for strategy in ("Latency", "Resource")
    if not (strategy == "Resource" and kind in ONLY_LATENCY)
    and not (io_type == "io_stream" and kind in ONLY_PARALLEL)
]


@zoo.needs_compiler
@pytest.mark.slow
@pytest.mark.parametrize(("kind", "io_type", "strategy"), CASES)
def test_every_factor_that_is_offered_computes_what_the_bit_true_model_computes(
    tmp_path, kind, io_type, strategy
):
    factors = offered(kind, io_type, strategy)

    for start in range(0, len(factors), A_BUILD):
        some = factors[start : start + A_BUILD]
        assert differences(tmp_path / str(start), kind, some, io_type, strategy) == ([], [])


@zoo.needs_compiler
@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["Latency", "Resource"])
@pytest.mark.parametrize(
    ("kind", "io_type"),
    [
        ("lstm", "io_parallel"),
        ("lstm", "io_stream"),
        ("gru", "io_parallel"),
        ("gru", "io_stream"),
        ("bi_lstm", "io_parallel"),
        ("bi_gru", "io_parallel"),
    ],
)
def test_a_cell_a_step_computes_the_same_with_every_factor(tmp_path, kind, io_type, strategy):
    factors = offered(kind, io_type, strategy)[:A_BUILD]

    assert differences(tmp_path, kind, factors, io_type, strategy, static=False) == ([], [])


@zoo.needs_compiler
@pytest.mark.slow
@pytest.mark.parametrize("io_type", ["io_parallel", "io_stream"])
@pytest.mark.parametrize("kind", ["dense", "dense_sequence", "conv1d", "conv2d", "conv2d_pointwise"])
def test_the_older_back_end_computes_the_same(tmp_path, kind, io_type):
    factors = offered(kind, io_type, "Resource")[-A_BUILD:]

    assert differences(tmp_path, kind, factors, io_type, "Resource", "Vivado") == ([], [])


@zoo.needs_compiler
@pytest.mark.slow
@pytest.mark.parametrize(
    "kind",
    [
        "dense_sequence",
        "dense_image",
        "one_position",
        "conv1d",
        "conv1d_pointwise",
        "conv2d",
        "conv2d_pointwise",
    ],
)
def test_every_factor_that_hls4ml_lists_and_is_not_offered_is_wrong(tmp_path, kind):
    """A convolution in io_parallel with a factor above its window: an assertion stops it, or the outputs
    differ.
    """
    model, _ = layers_of(kind, 1)
    kernel = next(w for w in model.weights if "kernel" in w.path)
    listed = legal_reuse_factors(int(np.prod(kernel.shape[:-1])), int(kernel.shape[-1]))
    kept_back = sorted(set(listed) - set(offered(kind, "io_parallel", "Resource")))
    assert kept_back

    for factor in kept_back:
        assert outcome(tmp_path / str(factor), kind, factor) in ("differs", "stops")
