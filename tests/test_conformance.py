"""The bit-true model equals hls4ml's emulation: every layer kind, several random precisions, one build a group."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import zoo

from bitfront.hls import convert, hls_config, to_keras

SAMPLES = 200
PART = "xcvu13p-flga2577-2-e"

NOT_DEPTHWISE = tuple(
    name
    for branches in zoo.GROUPS.values()
    for name in branches(0)
    if not name.startswith(("depthwise", "separable"))
)
"""hls4ml 1.3 has no Resource strategy for depthwise convolutions; `check_hardware` refuses it."""

needs_compiler = pytest.mark.skipif(shutil.which("g++") is None, reason="the emulation is compiled with g++")
FAST = [
    ("vector", "io_parallel", "Latency", 1),
    ("sequence", "io_parallel", "Latency", 1),
    ("image", "io_parallel", "Latency", 1),
    ("recurrent", "io_parallel", "Latency", 1),
    ("bidirectional", "io_parallel", "Latency", 1),
]
SLOW = [("recurrent", "io_stream", "Resource", 2)]


def differences(tmp_path, group, io_type, strategy, copies, seed=3, **options):
    """Return by how much each output of the emulation differs from the bit-true model."""
    only = NOT_DEPTHWISE if strategy == "Resource" else ()
    model, x = zoo.zoo(group, copies, seed=seed, only=only), zoo.data(group, SAMPLES)
    graph, twin, types = zoo.prepared(model, x, seed, **options)
    expected = twin.predict([x])
    plain = to_keras(graph, twin.weights(), types)
    config = hls_config(graph, types, plain, strategy=strategy, reuse_factor=1)
    project = convert(plain, config, tmp_path / "project", io_type=io_type, part=PART, clock_ns=5)
    found = project.compile().predict(x)
    found = found if isinstance(found, list) else [found]
    return {
        name: float(np.abs(a - b.reshape(a.shape)).max())
        for name, a, b in zip(graph.outputs, expected, found, strict=True)
    }


@needs_compiler
@pytest.mark.parametrize(("group", "io_type", "strategy", "copies"), FAST)
def test_every_layer_computes_what_the_firmware_computes(tmp_path, group, io_type, strategy, copies):
    """No output of any branch differs on any of 200 samples, saturating ones among them."""
    found = differences(tmp_path, group, io_type, strategy, copies)

    assert found == dict.fromkeys(found, 0.0)


@needs_compiler
@pytest.mark.slow
@pytest.mark.parametrize(("group", "io_type", "strategy", "copies"), SLOW)
def test_streams_and_resource_compute_what_the_firmware_computes(tmp_path, group, io_type, strategy, copies):
    """Streams, the Resource strategy, and further random precisions of 2 to 16 bits."""
    runs = [(copies, 11)] if io_type == "io_parallel" else [(1, seed) for seed in range(copies)]
    for each, seed in runs:
        found = differences(tmp_path / str(seed), group, io_type, strategy, each, seed=seed)

        assert found == dict.fromkeys(found, 0.0)
