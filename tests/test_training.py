"""Training with rounding: what its options do to loss, rate and weights, and that it never ends below where it
began.
"""

from __future__ import annotations

from dataclasses import replace

import keras
import numpy as np
import pytest
import small_study
import zoo

from bitfront.hls import Distillation, Trainer, logits, pruned
from bitfront.search import Evaluator, load_problem, load_study
from bitfront.search.evaluator.schedule import averages_decay, learning_rates
from bitfront.search.evaluator.training import Start
from bitfront.search.problem.float_model import train_float


def test_the_rate_falls_by_step_or_by_epoch_and_rises_first_where_it_is_to():
    by_epoch = [learning_rates(1.0, epoch, 3, 4) for epoch in range(3)]
    assert np.array(by_epoch) == pytest.approx(np.repeat([[1.0], [0.55], [0.1]], 4, 1))
    by_step = np.concatenate([learning_rates(1.0, epoch, 3, 4, schedule="cosine") for epoch in range(3)])
    assert by_step[0] == 1.0
    assert by_step[-1] == pytest.approx(0.1)
    assert (np.diff(by_step) < 0).all()
    rising = np.concatenate(
        [learning_rates(1.0, epoch, 3, 4, schedule="constant", warm_up=0.5) for epoch in range(3)]
    )
    assert rising == pytest.approx(np.minimum(1.0, np.arange(1, 13) / 6))
    assert learning_rates(1.0, 0, 1, 1, schedule="cosine") == [1.0]


def test_averages_look_back_over_their_share_of_the_steps():
    assert averages_decay(0.0, 5, 100) == 0.0
    assert averages_decay(0.2, 5, 100) == 0.99
    assert averages_decay(0.2, 1, 1) == 0.0


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_a_distilled_loss_is_the_labels_and_the_float_models_by_their_shares(task):
    """Cross-entropies written out, with NumPy; the float model's own outputs are a minimum of its part."""
    import tensorflow as tf

    rng = np.random.default_rng(1)
    teacher, output = (rng.normal(size=(5, 1 if task == "binary" else 3)) for _ in range(2))
    t = 2.0

    def soft(z):
        if task == "regression":
            return (teacher - z) ** 2
        if task == "binary":
            p, q = 1 / (1 + np.exp(-teacher / t)), 1 / (1 + np.exp(-z / t))
            return -(t**2) * (p * np.log(q) + (1 - p) * np.log(1 - q))
        p, q = (np.exp(a / t) / np.exp(a / t).sum(1, keepdims=True) for a in (teacher, z))
        return -(t**2) * (p * np.log(q)).sum(1)

    labels = np.abs(rng.normal(size=soft(output).shape))
    mixed = Distillation([teacher], 0.25, t).mixed
    given = tf.constant(labels)
    found = mixed(given, tf.constant(teacher), tf.constant(output), task).numpy()
    assert found == pytest.approx(0.75 * labels + 0.25 * soft(output))
    at = tf.Variable(teacher)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(Distillation([teacher], 1.0, t).mixed(given, tf.constant(teacher), at, task))
    assert np.abs(tape.gradient(loss, at)).max() < 1e-12


def test_probabilities_become_logits_and_certain_ones_stay_finite():
    p = np.array([[0.2, 0.8], [0.0, 1.0]])
    found = logits(p, "multiclass", probabilities=True)
    assert np.exp(found[0]) == pytest.approx(p[0])
    assert np.isfinite(found).all()
    assert logits(np.array([0.8]), "binary", probabilities=True) == pytest.approx(np.log(4))
    assert (logits(p, "multiclass", probabilities=False) == p.astype(np.float32)).all()


def test_a_network_learns_what_the_float_model_says_where_labels_say_nothing():
    """Labels are noise; rates, decays and candidates change without another trace, and averages are those of
    the weights that each step left.
    """
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input((6,)), keras.layers.Dense(8, activation="relu"), keras.layers.Dense(3)]
    )
    x = zoo.data("vector", 400)[:, :6]
    teacher = np.asarray(x @ np.random.default_rng(2).normal(size=(6, 3)), np.float32)
    noise = np.random.default_rng(3).integers(0, 3, 400)
    graph, bit_true, types = zoo.prepared(model, x, 1, low=5, high=8)
    distillation = Distillation([teacher], 1.0)
    trainer = Trainer(
        bit_true, [x], [noise], tasks=["multiclass"], batch_size=50, distillation=distillation, averages=True
    )
    bit_true.assign(types)

    def agreement():
        return float((bit_true.predict([x])[0].argmax(1) == teacher.argmax(1)).mean())

    before = agreement()
    for _ in range(8):
        trainer.epoch(np.arange(400), np.linspace(0.03, 0.02, 8), decay=0.9)
    assert agreement() > max(0.7, before)

    bit_true.restore(graph.weights)
    trainer.reset()
    trainer.prune(0.5)
    expected = bit_true.weights()
    trainer.epoch(np.arange(50), 0.0)  # without decay, averages are the weights
    for _ in range(4):
        trainer.epoch(np.arange(50), 0.01, decay=0.75)
        now = bit_true.weights()
        expected = {
            node: {role: now[node][role] + 0.75 * (a - now[node][role]) for role, a in roles.items()}
            for node, roles in expected.items()
        }
    found = trainer.averaged()
    for node, roles in expected.items():
        for role, array in roles.items():
            assert found[node][role] == pytest.approx(array, abs=1e-6)
            assert np.array_equal(bit_true.weights()[node][role], now[node][role])
    assert bit_true.traces["train_epoch"] == 1


RUINOUS = (
    "training.float_epochs=20",
    "training.float_learning_rate=0.02",
    "training.learning_rate=10",
    "training.epochs=2",
    "space.sparsity=[0,50]",
)


@pytest.fixture(scope="module")
def problem(tmp_path_factory):
    file = small_study.write(tmp_path_factory.mktemp("ruinous"))
    found = load_problem(load_study(file, [*RUINOUS, "training.averaging=0.3"]), file.parent)
    train_float(found)
    return found


@pytest.fixture(scope="module")
def evaluator(problem):
    return Evaluator(problem)


def test_a_training_that_ruins_the_weights_leaves_what_it_began_with(evaluator):
    """From the float weights, from weights of another candidate, and from sparse ones: never below the
    start's score at its cost.
    """
    params = {**evaluator.space.uniform(6, "qat"), "sparsity": 0}
    plain, _ = evaluator.evaluate(1, params)
    assert plain.metrics["qat"] < plain.metrics["ptq"] == plain.score
    assert plain.method == "ptq"

    for sparsity in (0, 50):
        changed = {**params, "sparsity": sparsity}
        given = evaluator.graph.weights
        if sparsity:
            given = pruned(evaluator.graph, given, 0.5)
        start = Start("trial 1", given, sparse=bool(sparsity))
        inherited = evaluator.inherited(2, changed, given)
        kept, weights = evaluator.evaluate(2, changed, start=start)
        begun = [row["metric"] for row in kept.history if row["epoch"] == 0]
        if begun:
            assert begun == [inherited.score]
        assert kept.score >= inherited.score
        assert kept.resources["ebops"] <= inherited.resources["ebops"] or kept.score > inherited.score
        assert sparsity == 0 or weights is not None


def test_averages_that_score_better_are_kept(problem):
    """The last row of the history says what they scored."""
    settings = {
        "learning_rate": 0.01,
        "epochs": 3,
        "averaging": 0.5,
        "distillation": 0.5,
        "schedule": "cosine",
    }
    training = problem.config.training.model_copy(update=settings)
    evaluator = Evaluator(replace(problem, config=problem.config.model_copy(update={"training": training})))
    found, _ = evaluator.evaluate(1, {**evaluator.space.uniform(3, "qat"), "sparsity": 0})
    last = found.history[-1]
    best = max(row["metric"] for row in found.history)
    assert found.metrics["qat"] == max(best, last["averaged"])
    assert evaluator.bit_true.traces["train_epoch"] == 1
