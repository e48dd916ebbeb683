"""The bit-true model equals hls4ml's emulation: every layer kind, several random precisions, one build a
group.

Streams: `test_conformance_stream.py`, which runs beside this file.
"""

from __future__ import annotations

import pytest
import zoo

FAST = [
    ("vector", "io_parallel", "Latency"),
    ("sequence", "io_stream", "Latency"),
    ("sequence", "io_parallel", "Latency"),
    ("merges", "io_stream", "Resource"),
    ("image", "io_parallel", "Latency"),
    ("recurrent", "io_parallel", "Latency"),
    ("bidirectional", "io_parallel", "Latency"),
    ("attention", "io_parallel", "Latency"),
    ("einsum", "io_parallel", "Latency"),
    ("norms", "io_stream", "Latency"),
    ("entries", "io_parallel", "Latency"),
    ("entries", "io_stream", "Resource"),
    ("curves", "io_stream", "Latency"),
    ("views", "io_stream", "Latency"),
    ("constants", "io_parallel", "Latency"),
    ("spread", "io_parallel", "Latency"),
    pytest.param("unrolled", "io_stream", "Latency", marks=pytest.mark.slow),  # 40 s of compiling
]
COPIES = 5
"""Random precisions of every layer in one build of the slow tier."""


@zoo.needs_compiler
@pytest.mark.parametrize(("group", "io_type", "strategy"), FAST)
def test_every_layer_computes_what_the_firmware_computes(tmp_path, group, io_type, strategy):
    """No output of any branch differs on any of 200 samples, saturating ones among them."""
    found = zoo.differences(tmp_path, group, io_type, strategy)

    assert found == dict.fromkeys(found, 0.0)


@zoo.needs_compiler
@pytest.mark.slow
@pytest.mark.parametrize(
    ("group", "strategy"),
    [
        *((group, "Latency") for group in zoo.GROUPS),
        *((group, "Resource") for group in zoo.GROUPS if group not in {"attention", "einsum"}),
    ],
)
def test_five_precisions_of_every_layer_compute_what_the_firmware_computes(tmp_path, group, strategy):
    """Five random precisions of 2 to 16 bits of every layer share one build."""
    found = zoo.differences(tmp_path, group, "io_parallel", strategy, COPIES, seed=11)

    assert found == dict.fromkeys(found, 0.0)


@zoo.needs_compiler
@pytest.mark.slow
@pytest.mark.parametrize("group", ["attention", "einsum"])
def test_attention_by_distributed_arithmetic_computes_what_the_firmware_computes(tmp_path, group):
    """Projections without multipliers, products of two variables with them."""
    found = zoo.differences(tmp_path, group, "io_parallel", "distributed_arithmetic", seed=7)

    assert found == dict.fromkeys(found, 0.0)
