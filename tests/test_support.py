"""What hls4ml can't build is refused by name, before anything is trained."""

from __future__ import annotations

import keras
import pytest
import zoo

from bitfront.hls import buildable_with, check_hardware, support_table
from bitfront.search.cli import doctor
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


def test_narrow_accumulators_are_refused_where_distributed_arithmetic_sums_exactly():
    """da4ml's adders have the bits that a sum needs, so the firmware would differ from the score."""
    graph = lower(zoo.zoo("vector", 1, only=("mlp",)), head="keep")
    layer = next(node.layer for node in graph if node.op == "dense")

    with pytest.raises(UserError, match=f"'{layer}'.*sums exactly"):
        check_hardware(
            graph, io_type="io_parallel", strategies=["distributed_arithmetic"], narrow_accumulators=[layer]
        )
    check_hardware(graph, io_type="io_parallel", strategies=["distributed_arithmetic"])
    check_hardware(graph, io_type="io_parallel", strategies=["Latency"], narrow_accumulators=[layer])


def test_a_tensor_that_is_also_an_output_counts_as_read_once_more():
    """An output of the model takes a copy of the stream for itself."""
    x = keras.Input((4,), name="x")
    h = L.Dense(3, name="h")(x)
    model = keras.Model(x, [h, *(L.Dense(2)(h) for _ in range(7))])

    with pytest.raises(UserError, match=r"'h' \(dense\): 8 layers"):
        check_hardware(lower(model, head="keep"), io_type="io_stream")


def test_an_output_that_no_layer_computes_is_refused_by_name():
    """Dropout and a last reshape leave no trace in the firmware: g++ would meet one array of two names."""
    x, y = keras.Input((4,), name="x"), keras.Input((2, 2), name="y")
    h = L.Dense(3, name="h")(x)
    for outputs in ([L.Dropout(0.1)(x), h], [h, L.Flatten()(y)], [x, h]):
        with pytest.raises(UserError, match=r"its output '.*' is the input '[xy]' as it is, so leave it out"):
            check_hardware(lower(keras.Model([x, y], outputs), head="keep"), io_type="io_parallel")
    with pytest.raises(UserError, match=r"its outputs 'h', 'twice' are one tensor"):
        check_hardware(
            lower(keras.Model([x, y], [h, L.Dropout(0.1, name="twice")(h)]), head="keep"),
            io_type="io_parallel",
        )
    check_hardware(lower(keras.Model([x, y], L.Dropout(0.1)(h)), head="keep"), io_type="io_parallel")


def test_an_input_that_no_layer_reads_is_refused_as_a_stream():
    """The emulation ends with data left in the stream, and hardware would stall."""
    x, y = keras.Input((4,), name="x"), keras.Input((2,), name="y")
    graph = lower(keras.Model([x, y], L.Dense(3)(x)))

    with pytest.raises(UserError, match="no layer reads the input 'y'"):
        check_hardware(graph, io_type="io_stream")
    check_hardware(graph, io_type="io_parallel")


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


def test_a_model_whose_layers_pass_but_whose_whole_does_not_is_refused_by_doctor(tmp_path):
    """One tensor given out twice: every layer is supported, yet hls4ml builds no such model, and a run would
    refuse it.
    """
    x = keras.Input((4,), name="x")
    y = L.Dense(2, name="once")(x)
    model = keras.Model(x, [y, L.Dropout(0.1, name="again")(y)])
    assert all(row.supported for row in support_table(model))

    with pytest.raises(UserError, match=r"its outputs 'once', 'again' are one tensor"):
        buildable_with(lower(model, head="keep"))

    model.save(tmp_path / "two.keras")
    with pytest.raises(UserError, match="one tensor"):
        doctor.command(model=str(tmp_path / "two.keras"))


def test_the_interfaces_and_strategies_that_build_a_whole_model_are_those_that_the_check_lets_pass():
    graph = lower(zoo.zoo("recurrent", 1, only=("gru",)), head="keep")
    ways = buildable_with(graph)
    assert ways["io_parallel"] == ("Latency", "Resource")
    for io_type, strategies in ways.items():
        check_hardware(graph, io_type=io_type, strategies=strategies)
