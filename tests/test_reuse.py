"""Which reuse factors are offered, what becomes of others, and where it is said."""

from __future__ import annotations

import json

import keras
import numpy as np
import pytest
import zoo
from typer.testing import CliRunner

from bitfront.hls import (
    Target,
    check_hardware,
    convert,
    hls_config,
    legal_reuse_factor,
    node_reuse_factors,
    support_table,
    to_keras,
)
from bitfront.search import Evaluator, StudyConfig, load_problem
from bitfront.search.cli.main import app
from bitfront.search.evaluator.hardware import hardware_notices
from bitfront.search.trials.reference import Reference
from bitfront.spaces import LayerHardware, UserError, lower

L = keras.layers


def net():
    """An image's convolution, a Dense over positions, one over a vector."""
    x = keras.Input((4, 4, 3), name="image")
    h = L.Conv2D(4, 2, activation="relu", name="conv")(x)
    h = L.Dense(6, name="each")(h)
    return keras.Model(x, L.Dense(3, name="out")(L.Flatten()(h)))


def config(model=net, shape=(4, 4, 3), **hls):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(120, *shape)).astype(np.float32), np.arange(120) % 3
    data = {f"{k}_{part}": v for part in ("train", "val", "test") for k, v in (("x", x), ("y", y))}
    return StudyConfig(model=model(), data=data, task="multiclass", hls={"strategy": "Resource"} | hls)


def evaluator(**options):
    return Evaluator(load_problem(config(**options), "."))


@pytest.mark.parametrize(
    ("io_type", "conv", "each"),
    [
        ("io_parallel", (1, 2, 3, 4, 6, 12), (1, 2, 4)),
        ("io_stream", (1, 2, 3, 4, 6, 12, 24, 48), (1, 2, 4, 8, 12, 24)),
    ],
)
def test_a_parallel_convolution_has_no_factor_above_its_window(io_type, conv, each):
    """A Dense over positions is one too: hls4ml makes a 1 x 1 convolution of it."""
    graph = lower(net())

    assert node_reuse_factors(graph, "conv", "Resource", io_type) == conv
    assert node_reuse_factors(graph, "each", "Resource", io_type) == each
    assert node_reuse_factors(graph, "out", "Resource", io_type)[-1] == 9 * 6 * 3


def test_a_factor_is_moved_only_where_the_strategy_needs_it():
    graph = lower(net())

    assert legal_reuse_factor(graph, "conv", 1024) == 12
    assert legal_reuse_factor(graph, "conv", 1024, ("Latency",)) == 1024
    assert legal_reuse_factor(graph, "conv", 1024, ("Latency", "Resource")) == 12
    assert legal_reuse_factor(graph, "conv", 4, ("Resource", "distributed_arithmetic")) == 1


@zoo.needs_compiler
@pytest.mark.parametrize("io_type", ["io_parallel", pytest.param("io_stream", marks=pytest.mark.slow)])
def test_the_firmware_of_a_factor_that_is_too_large_computes_what_the_bit_true_model_computes(
    tmp_path, io_type
):
    """hls4ml's own choice is 48 for the first layer and 24 for the second, of which io_parallel computes
    something else.
    """
    model = net()
    zoo.randomize(model, 1)
    x = np.random.default_rng(0).normal(size=(50, 4, 4, 3)).astype(np.float32)
    graph, bit_true, types = zoo.prepared(model, x, 4)
    plain = to_keras(graph, bit_true.weights(), types)
    hardware = LayerHardware(strategy="Resource", reuse_factor=1024)
    config = hls_config(graph, types, plain, hardware, Target(io_type=io_type))
    project = convert(plain, config, tmp_path / "project", io_type=io_type, part=zoo.PART)

    assert np.array_equal(project.compile().predict(x), bit_true.predict([x])[0])
    assert not [n for n in project.notices if n.kind == "reuse_factor"]


def test_a_layers_own_choices_are_the_legal_ones_each_once():
    study = evaluator(reuse_factor={"conv": [1, 5, 11, 64, 1024], "*": 1})

    offered = next(d for d in study.space.dimensions if d.name == "conv.reuse_factor")
    assert offered.choices == (1, 4, 12)
    params = study.space.uniform(8, "ptq")
    built = {
        v: study.space.candidate({**params, offered.name: v}).hardware["conv"].reuse_factor
        for v in (5, 64, 1024)
    }
    assert built == {5: 4, 64: 12, 1024: 12}  # as a study that asked before they were moved has them


def test_one_choice_for_all_layers_is_built_as_near_as_each_can():
    study = evaluator(reuse_factor=[1, 1024, 4096])

    shared = next(d for d in study.space.dimensions if d.name == "reuse_factor")
    assert shared.choices == (1, 1024)
    candidate = study.space.candidate({**study.space.uniform(8, "ptq"), "reuse_factor": 1024})
    assert candidate.chosen("reuse_factor") == {"conv": 12, "each": 4, "out": 162}
    rows = {
        row.name: row.reuse_factor
        for row in study.costs.estimate(candidate, study.costs.types(candidate)).layers
    }
    factors = candidate.chosen("reuse_factor")
    assert {name: rows[name] for name in factors} == factors


def test_what_is_moved_is_said_with_what_is_legal():
    study = evaluator(reuse_factor={"conv": 1024, "*": 1})

    assert hardware_notices(study.problem.config, study.graph, study.space) == (
        "hls.reuse_factor: 'conv' gets 12 instead of 1024: with Resource and io_parallel its firmware is "
        "right with 1, 2, 3, 4, 6, 12.",
    )
    legal = evaluator(reuse_factor={"conv": [1, 6], "*": 1})
    assert hardware_notices(legal.problem.config, legal.graph, legal.space) == ()


def test_a_recurrent_kernel_that_cant_have_the_layers_factor_is_named():
    def recurrent():
        return keras.Sequential([keras.Input((4, 3)), L.GRU(4, name="rnn"), L.Dense(3, name="out")])

    study = evaluator(model=recurrent, shape=(4, 3), reuse_factor={"rnn": 9, "out": 1})

    (notice,) = hardware_notices(study.problem.config, study.graph, study.space)
    assert notice.startswith("hls.recurrent_reuse_factor: the recurrent kernel of 'rnn' gets 8 instead of 9")


def test_distributed_arithmetic_shares_nothing_and_is_not_there_for_depthwise_convolutions():
    def depthwise():
        x = keras.Input((4, 4, 3), name="image")
        return keras.Model(x, L.Dense(3, name="out")(L.Flatten()(L.DepthwiseConv2D(2, name="dw")(x))))

    strategy = {"dw": "distributed_arithmetic", "out": ["Latency", "distributed_arithmetic"]}
    study = evaluator(model=depthwise, strategy=strategy, reuse_factor=4)

    candidate = study.space.candidate(study.space.uniform(8, "ptq"))
    assert (candidate.hardware["dw"].strategy, candidate.chosen("reuse_factor")) == (
        "Latency",
        {"dw": 4, "out": 1},
    )
    notices = hardware_notices(study.problem.config, study.graph, study.space)
    assert [n.split(" gets ")[0] for n in notices] == ["hls.strategy: 'dw'", "hls.reuse_factor: 'out'"]
    rows = {row.layer: row.strategies for row in support_table(depthwise())}
    assert rows["dw"] == ("Latency",)
    assert "distributed_arithmetic" in rows["out"]


def test_a_strategy_is_checked_for_the_layers_that_may_get_it():
    """A depthwise convolution has no Resource strategy: the way out is Latency for it alone."""

    def depthwise():
        x = keras.Input((4, 4, 3), name="image")
        return keras.Model(x, L.Dense(3, name="out")(L.Flatten()(L.DepthwiseConv2D(2, name="dw")(x))))

    evaluator(model=depthwise, strategy={"dw": "Latency", "*": "Resource"})
    with pytest.raises(UserError, match=r"'dw' .* no Resource strategy for depthwise"):
        evaluator(model=depthwise, strategy="Resource")


@pytest.mark.parametrize(
    "layer",
    [
        L.Conv2D(2, (1, 3), strides=(2, 1), name="rows"),
        L.DepthwiseConv2D((1, 3), strides=(2, 2), name="rows"),
    ],
)
def test_a_stream_whose_kernel_is_one_pixel_high_can_leave_out_no_rows(layer):
    """hls4ml computes every row: the stream keeps data that nobody reads."""
    x = keras.Input((4, 6, 2), name="x")
    graph = lower(keras.Model(x, layer(x)))

    with pytest.raises(UserError, match=r"'rows' .*compute every row where the kernel is 1 pixel high"):
        check_hardware(graph, io_type="io_stream")
    check_hardware(graph, io_type="io_parallel")


MODEL = """
import keras
def build():
    x = keras.Input((4, 4, 3), name="image")
    h = keras.layers.Conv2D(4, 2, activation="relu", name="conv")(x)
    return keras.Model(x, keras.layers.Dense(3, name="out")(keras.layers.Flatten()(h)))
"""
DATA = """
import numpy as np
def load():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(90, 4, 4, 3)).astype("float32"), np.arange(90) % 3
    return {f"{k}_{p}": v for p in ("train", "val", "test") for k, v in (("x", x), ("y", y))}
"""
STUDY = """
model: model.py:build
data: data.py:load
task: multiclass
training: {float_epochs: 1, epochs: 1}
space: {weights: 8, activations: 8, input: 8, method: ptq}
budget: {trials: 1}
screening: 0
gradient_epochs: 0
tracking: {enabled: false}
hls: {strategy: Resource, reuse_factor: 1024}
"""


def test_a_study_says_it_when_it_is_checked_and_run_and_writes_it_down(tmp_path, monkeypatch):
    for name, text in (("model.py", MODEL), ("data.py", DATA), ("study.yaml", STUDY)):
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    said = "Note: hls.reuse_factor: 'conv' gets 12 instead of 1024"

    checked = CliRunner().invoke(app, ["validate", "study.yaml"])
    ran = CliRunner().invoke(app, ["run", "study.yaml"])

    assert said in checked.output
    assert said in ran.output
    (folder,) = (path.parent for path in tmp_path.glob("studies/*/reference.json"))
    moved = {row["node"]: row for row in Reference.read(folder).moved}
    assert moved["conv"] == {"node": "conv", "key": "reuse_factor", "asked": 1024, "built": 12}
    layers = json.loads((folder / "trials/00000/evaluation.json").read_text())["layers"]
    assert {r["node"]: r["reuse_factor"] for r in layers if "reuse_factor" in r} == {"conv": 12, "out": 108}
