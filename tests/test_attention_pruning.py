"""A path takes from an attention what isn't worth its cost, and a bundle of what is left computes the
same.
"""

from __future__ import annotations

import numpy as np
import pytest
import small_study
from zoo import needs_compiler

from bitfront.hls import removable, shrunk
from bitfront.search import Evaluator, load_problem, load_study
from bitfront.search.bundle import export_bundle
from bitfront.search.problem.float_model import train_float
from bitfront.search.trials.objectives import parse_objectives
from bitfront.search.warm_start.attention_pruning import AttentionPruning
from bitfront.search.warm_start.gradient_widths import GradientWidths

MODEL = """
import keras

def build():
    L = keras.layers
    x = keras.Input((5, 4), name="x")
    attended = L.MultiHeadAttention(1, 3, name="mha")(x, x)
    y = L.GlobalAveragePooling1D(name="pool")(L.Add(name="sum")([x, attended]))
    return keras.Model(x, L.Dense(1, activation="sigmoid", name="out")(y))
"""
DATA = """
import numpy as np

def load():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(1400, 5, 4)).astype("float32")
    y = (x.mean(1) @ np.array([1.0, -1.0, 0.5, 0.0]) > 0).astype(int)  # attention is of no use
    return (x[:1000], y[:1000]), (x[1000:1200], y[1000:1200]), (x[1200:], y[1200:])
"""
STUDY = """
name: small
model: model.py:build
data: data.py:load
task: binary
metric: roc_auc
objectives: [metric, ebops]
space: {method: [ptq, qat], weights: 2..8, activations: 3..8, input: 4..6, sparsity: [0, 50, 90], head: keep}
training: {float_epochs: 8, epochs: 1, float_learning_rate: 0.01, learning_rate: 0.005, batch_size: 100}
gradient_epochs: 60
screening: 0
tracking: {enabled: false}
"""


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """The study's files."""
    folder = tmp_path_factory.mktemp("removal")
    for name, text in (("model.py", MODEL), ("data.py", DATA), ("study.yaml", STUDY)):
        (folder / name).write_text(text)
    return folder / "study.yaml"


@pytest.fixture(scope="module")
def evaluator(file):
    """The study's evaluator, its float model trained."""
    problem = load_problem(load_study(file), file.parent)
    train_float(problem)
    return Evaluator(problem)


def built(evaluator, params, weights):
    """Return the nodes that are built for a candidate."""
    types = evaluator.costs.types(evaluator.space.candidate(params), weights)
    return {node.name for node in shrunk(evaluator.graph, weights, types).graph}


def test_an_attention_of_no_use_is_gone_before_the_path_ends(evaluator):
    """Its products are most of the cost, and of the signal, in the beginning; without it the score is nearly
    what it was.
    """
    path = GradientWidths(evaluator, parse_objectives(["roc_auc", "ebops"], evaluator.metric_record), 240)
    found = path.searched()
    first, whole = found[0]

    assert "mha_scores" in built(evaluator, whole.params, whole.weights)
    without = [e for e, p in found if "mha_scores" not in built(evaluator, p.params, p.weights)]
    best = max(without, key=lambda e: e.score)
    assert best.score > evaluator.float_score - 0.05
    assert best.resources["ebops"] < 0.05 * first.resources["ebops"]


def test_only_what_the_loss_is_better_without_goes_for_nothing_and_everything_at_any_price(evaluator):
    """What is removed stays so in training."""
    trainer = evaluator.training.trainer
    params = evaluator.space.uniform(6, "qat")
    candidate = evaluator.space.candidate(params)
    trainer.reset()
    evaluator.scores.begin_training()
    evaluator.bit_true.assign(evaluator.costs.types(candidate))

    def cost(weights):
        return evaluator.costs.estimate(candidate, evaluator.costs.types(candidate, weights), weights).ebops

    attention_pruning, order = AttentionPruning(evaluator), np.arange(1000)
    before = trainer.loss(attention_pruning._absence.order)
    left = attention_pruning.take(trainer.weights(), cost, 0.0)
    assert any(part.left(left) for part in removable(evaluator.graph))
    assert trainer.loss(attention_pruning._absence.order) <= before
    left = AttentionPruning(evaluator).take(left, cost, 1e9)
    assert not any(part.left(left) for part in removable(evaluator.graph))
    trainer.epoch(order, 0.01)
    assert not any(part.left(trainer.weights()) for part in removable(evaluator.graph))
    assert "mha_scores" not in built(evaluator, params, trainer.weights())


@needs_compiler
@pytest.mark.slow
def test_a_trial_whose_attention_is_gone_is_exported_without_it_and_verified(file, tmp_path):
    """`export_bundle` compiles the firmware and compares it with the whole model's outputs."""
    evaluations = small_study.run(file, "gradient_epochs=240", trials=40)
    folder = file.parent / "studies" / "small"
    costs = {
        n: {row["node"]: row for row in e.layers} for n, e in evaluations.items() if e.status == "complete"
    }
    without = [n for n, rows in costs.items() if "lut" not in rows["mha_scores"]]
    assert without
    bundle = tmp_path / "bundle"
    export_bundle(folder, str(without[0]), bundle)
    assert "mha_scores" not in (bundle / "precision.json").read_text()
