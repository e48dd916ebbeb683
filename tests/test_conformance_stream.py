"""The bit-true model equals hls4ml's emulation with io_stream: every layer kind that streams, five precisions."""

from __future__ import annotations

import pytest
import zoo

from bitfront.hls import REFUSED

STREAMING = [g for g in zoo.GROUPS if (g, "io_stream") not in REFUSED and g != "attention"]


@zoo.needs_compiler
@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("group", STREAMING)
@pytest.mark.parametrize("strategy", ["Latency", "Resource"])
def test_every_layer_streams_what_the_bit_true_model_computes(tmp_path, group, strategy, seed):
    """One random precision of 2 to 16 bits of every layer a build: a stream has at most seven readers."""
    found = zoo.differences(tmp_path, group, "io_stream", strategy, seed=seed)

    assert found == dict.fromkeys(found, 0.0)
