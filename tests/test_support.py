"""What hls4ml can't build is refused by name, before anything is trained."""

from __future__ import annotations

import keras
import pytest
import zoo

from bitfront.hls import check_hardware, support_table
from bitfront.spaces import UserError, lower

L = keras.layers


def wide(readers):
    """Return a model whose input is read by so many layers."""
    x = keras.Input((4,), name="x")
    return keras.Model(x, L.Concatenate()([L.Dense(2)(x) for _ in range(readers)]))


def test_a_stream_with_eight_readers_is_refused_by_name():
    """hls4ml copies a stream at most seven times; its own message names none of our layers."""
    with pytest.raises(UserError, match=r"'x' \(input\): 8 layers read its output"):
        check_hardware(lower(wide(8)), io_type="io_stream")

    check_hardware(lower(wide(7)), io_type="io_stream")
    check_hardware(lower(wide(8)), io_type="io_parallel")


def test_a_tensor_that_is_also_an_output_counts_as_read_once_more():
    """An output of the model takes a copy of the stream for itself."""
    x = keras.Input((4,), name="x")
    h = L.Dense(3, name="h")(x)
    model = keras.Model(x, [h, *(L.Dense(2)(h) for _ in range(7))])

    with pytest.raises(UserError, match=r"'h' \(dense\): 8 layers"):
        check_hardware(lower(model, head="keep"), io_type="io_stream")


@pytest.mark.parametrize(
    ("group", "only", "io_type", "strategy", "words"),
    [
        ("sequence", ("depthwise1d",), "io_parallel", "Resource", "no Resource strategy for depthwise"),
        ("image", ("separable2d",), "io_parallel", "Resource", "no Resource strategy for depthwise"),
        ("bidirectional", ("bi_gru",), "io_stream", "Latency", "io_parallel only"),
        (
            "recurrent",
            ("gru",),
            "io_parallel",
            "distributed_arithmetic",
            "no distributed arithmetic for recurrent",
        ),
    ],
)
def test_what_hls4ml_lacks_is_refused_and_stands_in_the_table(group, only, io_type, strategy, words):
    """The check before a study and the table of `doctor` give the same reason."""
    model = zoo.zoo(group, 1, only=only)

    with pytest.raises(UserError, match=words):
        check_hardware(lower(model, head="keep"), io_type=io_type, strategies=[strategy])

    rows = [row for row in support_table(model) if row.reason]
    assert rows
    assert all(words in row.reason for row in rows)
    assert all(io_type not in row.io_types or strategy not in row.strategies for row in rows)
