"""One's own designs are estimated: a model at one precision, a bundle, a study's front."""

from __future__ import annotations

import json
import sys
from dataclasses import replace

import keras
import numpy as np
import pytest
from zoo import GROUPS, zoo

from bitfront.hls import Target, describe, hls_config, to_keras, to_qkeras
from bitfront.hls.estimate import estimate
from bitfront.hls.precision.uniform import uniform_types
from bitfront.search.bundle.designs import bundle_design, model_design
from bitfront.search.bundle.source import BundleSource
from bitfront.search.bundle.write import write_bundle
from bitfront.search.cli import main as run_main
from bitfront.spaces import FixedPoint, LayerHardware, UserError, lower

PLACE = {"part": "xcu250-figd2104-2L-e", "clock_ns": 5.0}


@pytest.mark.parametrize("group", GROUPS)
def test_every_kind_of_layer_has_a_row_with_figures(group):
    model = zoo(group, 1)
    found = estimate(model_design(model, FixedPoint(8, 3), Target(**PLACE)))
    nodes = [node.name for node in lower(model) if node.op not in {"input", "dropout"}]

    assert [layer.name for layer in found.layers] == nodes
    assert found.lut > 0
    assert found.latency_cycles > 0
    assert all(low <= getattr(found, key) <= high for key, (low, high) in found.intervals.items())


def test_wider_precisions_cost_more():
    model = zoo("vector", 1)
    luts = [estimate(model_design(model, FixedPoint(width, 3), Target(**PLACE))).lut for width in (4, 7, 10)]

    assert luts == sorted(luts)
    assert luts[0] * 2 < luts[-1]


def test_every_weight_and_result_has_the_precision_that_was_asked_for():
    graph = lower(zoo("vector", 1, only=("mlp",)))
    types = uniform_types(graph, FixedPoint(10, 4))
    results = [types[f"{node.name}/result"] for node in graph if node.op in {"input", "relu"}]

    assert {kind for key, kind in types.items() if key.endswith("/weight")} == {FixedPoint(10, 4)}
    assert [kind.width for kind in results] == [10, 10, 10]
    assert [kind.signed for kind in results] == [True, False, False]


def test_branches_count_side_by_side():
    """Two equal branches take as long as one, and the sum one step more."""
    x = keras.Input((16,))
    one, two = (keras.layers.Dense(16, name=name)(x) for name in ("one", "two"))
    both = model_design(keras.Model(x, keras.layers.Add()([one, two])), FixedPoint(16, 6), Target(**PLACE))
    chained = replace(both, layers=tuple(replace(layer, after=None) for layer in both.layers))

    assert estimate(both).latency_cycles < estimate(chained).latency_cycles


def test_a_dropout_costs_nothing_and_breaks_no_chain():
    def build(*, dropout):
        x = keras.Input((16,))
        y = keras.layers.Dense(16, name="one")(x)
        y = keras.layers.Dropout(0.5)(y) if dropout else y
        return keras.Model(x, keras.layers.Dense(4, name="two")(y))

    keras.utils.set_random_seed(1)
    plain = build(dropout=False)
    dropped = build(dropout=True)
    dropped.set_weights(plain.get_weights())
    found = [estimate(model_design(model, FixedPoint(12, 4), Target(**PLACE))) for model in (plain, dropped)]

    assert found[0].latency_cycles == found[1].latency_cycles
    assert found[0].lut == found[1].lut


def test_a_strategy_that_hls4ml_lacks_is_refused():
    with pytest.raises(UserError, match="no distributed arithmetic for recurrent layers"):
        model_design(
            zoo("recurrent", 1),
            FixedPoint(8, 3),
            Target(**PLACE),
            LayerHardware(strategy="distributed_arithmetic"),
        )


@pytest.mark.parametrize(
    ("group", "branch"), [("vector", "norm"), ("sequence", "conv1d"), ("recurrent", "gru")]
)
def test_a_bundle_is_estimated_as_the_trial_that_it_was_written_from(group, branch, tmp_path):
    """Its files alone give the design description that the search had."""
    graph = lower(zoo(group, 1, only=(branch,)))
    types = uniform_types(graph, FixedPoint(7, 2))
    hardware = {graph.nodes[-1].name: LayerHardware(strategy="Resource", reuse_factor=2)}
    plain = to_keras(graph, graph.weights, types)
    golden = np.zeros((200, *graph[graph.inputs[0]].shape))
    source = BundleSource(
        name="b",
        quantized_model=to_qkeras(graph, graph.weights, types),
        model=plain,
        float_model=plain,
        precision=types,
        hls_config=hls_config(graph, types, plain, hardware),
        golden_inputs=[golden],
        golden_outputs=[np.zeros((200, *plain.output_shape[1:]))],
        evaluation={},
        **PLACE,
    )
    bundle = write_bundle(source, tmp_path / "b", check=False)
    known = replace(describe(graph, types, graph.weights, hardware, Target(**PLACE)), name="b")

    assert estimate(bundle_design(bundle)).to_json() == estimate(known).to_json()


@pytest.fixture
def bitfront(monkeypatch, capsys, tmp_path):
    """Run the command in an empty folder; return its exit code, standard output and standard error."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["bitfront", *arguments])
        with pytest.raises(SystemExit) as ended:
            run_main()
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out, err

    return call


def test_a_keras_file_is_estimated_with_both_kinds_and_intervals(bitfront, tmp_path):
    zoo("vector", 1, only=("mlp",)).save(tmp_path / "net.keras")

    code, out, _ = bitfront(
        "estimate", "net.keras", "--precision", "fixed<8,3>", "--part", "alveo-u250", "--json"
    )

    rows = {row["kind"]: row for row in json.loads(out)}
    assert code == 0
    assert set(rows) == {"csynth", "implemented"}
    assert rows["implemented"]["lut"] < rows["csynth"]["lut"]
    assert rows["csynth"]["lut_interval"][0] < rows["csynth"]["lut"] < rows["csynth"]["lut_interval"][1]
    assert len(rows["csynth"]["layers"]) == 5


def test_a_function_is_estimated_as_a_table_that_says_that_its_weights_are_untrained(bitfront, tmp_path):
    (tmp_path / "model.py").write_text(
        "import keras\n\ndef build():\n    x = keras.Input((8,))\n"
        "    return keras.Model(x, keras.layers.Dense(4, activation='relu', name='only')(x))\n"
    )

    code, out, _ = bitfront("estimate", "model.py:build")

    assert code == 0
    assert "untrained" in out
    assert "only_relu" in out
    assert ".." in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "Give either"),
        (("net.keras", "--designs", "a.jsonl"), "Give either"),
        (("--designs", "a.jsonl"), "--out"),
        (("net.keras", "--precision", "8 bits"), "8 bits"),
        (("empty",), "neither a bundle nor a study"),
        (("nosuch",), "nosuch"),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_code_two(bitfront, tmp_path, arguments, words):
    (tmp_path / "empty").mkdir()
    code, out, err = bitfront("estimate", *arguments)

    assert code == 2
    assert words in err
    assert "Traceback" not in err + out


def test_a_damaged_bundle_is_refused_in_one_sentence(tmp_path):
    for name in ("precision.json", "hls4ml_config.yaml", "model.keras"):
        (tmp_path / name).write_text("{")

    with pytest.raises(UserError, match="export it again"):
        bundle_design(tmp_path)


@pytest.mark.parametrize(("cell", "products"), [("LSTM", 2 * 7 * 7 + 7 * 5), ("GRU", 7 * 7 + 7 * 5)])
def test_what_gates_multiply_has_the_bits_of_their_tables_and_of_the_state(cell, products):
    """Beside the constants of both kernels; of a GRU, the reset gate's table with what it resets, a sum."""
    units, steps, inputs = 3, 4, 2
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((steps, inputs)), getattr(keras.layers, cell)(units, name="cell")])
    graph = lower(model)
    wanted = uniform_types(graph, FixedPoint(5, 2))
    types = {**wanted, "cell/table": FixedPoint(7, 1)}
    design = describe(graph, types, graph.weights, {}, Target(**PLACE))
    (layer,) = (one for one in design.layers if one.name == "cell")
    content = {role: layer.weights[role].bits for role in ("weight", "recurrent_weight")}
    constants = sum(content.values()) * 5
    reset = 7 * types["cell/accum"].width if cell == "GRU" else 0

    found = estimate(design)
    assert found.ebops == steps * (constants + units * (products + reset))
