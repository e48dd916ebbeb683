"""A gradient width search takes from a recurrent layer the units that aren't worth their cost."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import zoo

from bitfront.hls import Trainer, removable_units, shrunk
from bitfront.search import Evaluator, load_problem, load_study
from bitfront.search.problem.float_model import train_float
from bitfront.search.trials.objectives import parse_objectives
from bitfront.search.warm_start.gradient_widths import GradientWidths
from bitfront.search.warm_start.unit_pruning import COUNTS, UnitPruning, fewer_units, groups
from bitfront.spaces import lower

MODEL = """
import keras

def build():
    L = keras.layers
    x = keras.Input((5, 3), name="x")
    return keras.Model(x, L.Dense(1, activation="sigmoid", name="out")(L.GRU(12, name="cells")(x)))
"""
DATA = """
import numpy as np

def load():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(1400, 5, 3)).astype("float32")
    y = (x[:, -1, 0] > 0).astype(int)
    return (x[:1000], y[:1000]), (x[1000:1200], y[1000:1200]), (x[1200:], y[1200:])
"""
"""One unit of twelve is enough."""


def test_the_least_units_go_together_and_one_of_each_direction_stays():
    inputs = keras.Input((4, 3), name="x")
    cells = keras.layers.Bidirectional(keras.layers.GRU(5), name="cells")(inputs)
    model = keras.Model(inputs, keras.layers.Dense(2, name="out")(cells))
    zoo.randomize(model, 1)
    graph = lower(model)
    (layer,) = removable_units(graph)
    weights = layer[0][3].erased(graph.weights)
    found = groups(layer, weights)
    assert [len(part.entries) for part in found] == [2 * count for count in COUNTS[:3]]
    for part in found:
        assert sum(entry < 5 for entry in part.entries) == len(part.entries) / 2
        assert 3 not in part.entries
    least = min(layer[1], key=lambda unit: unit.size(weights))
    assert all(set(least.entries) <= set(part.entries) for part in found)


def test_units_that_went_stay_away_in_a_training_that_begins_without_them():
    inputs = keras.Input((4, 3), name="x")
    model = keras.Model(inputs, keras.layers.Dense(2, name="out")(keras.layers.GRU(5, name="cells")(inputs)))
    zoo.randomize(model, 1)
    x = np.random.default_rng(0).normal(size=(64, 4, 3)).astype(np.float32)
    graph, bit_true, types = zoo.prepared(model, x, 1, low=6, high=8)
    ((side,),) = removable_units(graph)
    whole = bit_true.weights()
    weights = side[2].erased(whole)
    weights["cells"] = {
        **weights["cells"],
        "bias": whole["cells"]["bias"],
    }  # it has a state that nothing reads
    bit_true.restore(weights)
    trainer = Trainer(bit_true, [x], [(x.sum((1, 2)) > 0).astype(int)], tasks=["multiclass"], batch_size=32)
    trainer.reset()
    trainer.keep_zeros()
    trainer.epoch(np.arange(64), 0.01)
    assert shrunk(graph, bit_true.weights(), types).graph["cells"].shape == (4,)
    trainer.reset()
    trainer.epoch(np.arange(64), 0.01)
    assert shrunk(graph, bit_true.weights(), types).graph["cells"].shape == (5,)


STUDY = """
name: small
model: model.py:build
data: data.py:load
task: binary
metric: roc_auc
objectives: [metric, lut, dsp]
hls: {strategy: Resource, reuse_factor: 3}
training: {float_epochs: 12, epochs: 1, float_learning_rate: 0.01, learning_rate: 0.005, batch_size: 100}
gradient_epochs: 20
screening: 0
tracking: {enabled: false}
"""


@pytest.fixture(scope="module")
def evaluator(tmp_path_factory):
    """The evaluator of a study whose multipliers are shared, its float model trained."""
    folder = tmp_path_factory.mktemp("units")
    for name, text in (("model.py", MODEL), ("data.py", DATA), ("study.yaml", STUDY)):
        (folder / name).write_text(text)
    problem = load_problem(load_study(folder / "study.yaml"), folder)
    train_float(problem)
    return Evaluator(problem)


@pytest.mark.slow
def test_most_units_of_a_layer_that_needs_few_are_gone_at_the_end_of_a_path(evaluator):
    """Though multipliers are shared, where single zeros spare nothing; and the score is kept."""
    objectives = parse_objectives(["roc_auc", "lut", "dsp"], evaluator.metric_record)
    search = GradientWidths(evaluator, objectives, 20)
    found = search.searched()
    units = []
    for _, seed in found:
        types = evaluator.costs.types(evaluator.space.candidate(seed.params), seed.weights)
        units.append(shrunk(evaluator.graph, seed.weights, types).graph["cells"].attrs["units"])
    assert units[0] == 12
    assert units[-1] <= 6
    few = [e.score for (e, _), n in zip(found, units, strict=True) if n <= 6]
    assert max(few) > evaluator.float_score - 0.05
    assert max(units) >= 12


def test_nothing_goes_that_the_loss_needs_more_than_it_costs(evaluator):
    """Where cost weighs nothing, no unit; where it weighs most, all but one of a layer."""
    trainer = evaluator.training.trainer
    trainer.reset()
    evaluator.scores.begin_training()
    pruning = UnitPruning(evaluator)
    weights = evaluator.bit_true.weights()

    def cost(these):
        return sum(float(np.count_nonzero(array)) for roles in these.values() for array in roles.values())

    ((side,),) = removable_units(evaluator.graph)
    assert sum(unit.left(fewer_units(evaluator, None)) for unit in side) == 3
    assert pruning.take(weights, cost, 0.0) is weights  # for nothing, nothing goes
    kept = weights
    for _ in range(12):
        kept = pruning.take(kept, cost, 1e6)
    assert sum(unit.left(kept) for unit in side) == 1
    types = evaluator.costs.types(evaluator.space.candidate(evaluator.space.uniform(8, "qat")))
    assert shrunk(evaluator.graph, trainer.weights(), types).graph["cells"].attrs["units"] == 1
