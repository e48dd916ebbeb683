"""Single weights have steps of their own: what a bit costs against what the loss feels of it."""

from __future__ import annotations

import math

import keras
import numpy as np
import pytest
import zoo
from hypothesis import given, settings
from hypothesis import strategies as st

from bitfront.hls import Trainer
from bitfront.hls.bit_true.per_weight_steps import BOLDNESS
from bitfront.hls.design.weights import WeightContent

SAMPLES = 400


@pytest.fixture(scope="module")
def made():
    """A network of which two of six inputs matter, its trainer and its types."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input((6,)), keras.layers.Dense(8, name="hidden"), keras.layers.Dense(1, name="out")]
    )
    x = zoo.data("vector", SAMPLES)[:, :6]
    y = x[:, :1] - x[:, 1:2]
    graph, bit_true, types = zoo.prepared(model, x, 1, low=10, high=12)
    return graph, bit_true, types, Trainer(bit_true, [x], [y], tasks=["regression"], batch_size=50)


@pytest.fixture
def trainer(made):
    graph, bit_true, types, trainer = made
    bit_true.restore(graph.weights)
    trainer.reset()
    bit_true.assign(types)
    return trainer


def explored(trainer, times, costs=None, rate=1e-2):
    for _ in range(times):
        trainer.explore(np.arange(SAMPLES), rate)
        if costs is not None:
            trainer.per_weight_steps.move(costs, 50)


def steps(trainer, key):
    return trainer.per_weight_steps._kernels[key].steps.numpy()


def test_every_kernel_can_have_steps_and_none_has_at_first(trainer):
    assert set(trainer.per_weight_steps) == {"hidden/weight", "out/weight"}
    for key in trainer.per_weight_steps:
        assert not steps(trainer, key).any()
        assert trainer.per_weight_steps.fraction(key) is None
    held = trainer.model.weights()
    for node, roles in trainer.weights().items():
        for role, array in roles.items():
            assert np.array_equal(array, held[node][role])


def test_a_step_is_what_the_formula_says_of_the_squared_gradients(trainer):
    """To the nearest power of two, the mean of squares being that of the batches heard."""
    explored(trainer, 3, rate=0.0)
    squares = trainer.per_weight_steps._kernels["hidden/weight"].squares.numpy() / (
        1 - 0.999 ** (3 * SAMPLES / 50)
    )
    trainer.per_weight_steps.move({"hidden/weight": 0.01}, 50)
    wanted = np.sqrt(BOLDNESS * 12 * 0.01 / (math.log(2) * 50 * squares))
    found = steps(trainer, "hidden/weight")
    assert np.array_equal(found, np.exp2(np.round(np.log2(wanted))))
    assert not steps(trainer, "out/weight").any()


def test_weights_that_the_loss_hardly_feels_become_zero_first_and_those_that_matter_stay(trainer):
    explored(trainer, 60, dict.fromkeys(trainer.per_weight_steps, 1e-4))
    kept = (trainer.weights()["hidden"]["weight"] != 0).sum(axis=1)
    assert kept[:2].mean() > 1.3 * kept[2:].mean()
    loss, _ = trainer.explore(np.arange(SAMPLES), 0.0)
    x = zoo.data("vector", SAMPLES)
    assert loss < 0.2 * float(np.var(x[:, 0] - x[:, 1]))


def test_the_dearer_a_bit_the_fewer_there_are(made):
    graph, bit_true, types, trainer = made
    bits = []
    for cost in (1e-5, 1e-3, 1e-2):
        bit_true.restore(graph.weights)
        trainer.reset()
        explored(trainer, 30, dict.fromkeys(trainer.per_weight_steps, cost))
        weights = trainer.weights()
        bits.append(sum(content(types, node, weights[node]["weight"]).bits for node in ("hidden", "out")))
    assert bits == sorted(bits, reverse=True)
    assert bits[-1] < 0.5 * bits[0]


def content(types, node, values):
    kind = types[f"{node}/weight"]
    return WeightContent.of(kind.quantize(values) / kind.step)


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 2**32 - 1))
def test_training_on_from_held_steps_gives_no_weight_a_later_bit(made, seed):
    """Zeros stay zero; what the types hold is what training computed with."""
    graph, bit_true, types, trainer = made
    rng = np.random.default_rng(seed)
    bit_true.restore(
        {
            n: {r: (a * rng.integers(0, 2, np.shape(a))).astype(np.float32) for r, a in roles.items()}
            for n, roles in graph.weights.items()
        }
    )
    trainer.reset()
    bit_true.assign(types)
    before = bit_true.weights()
    trainer.hold(types)
    for _ in range(2):
        trainer.epoch(np.arange(SAMPLES), 1e-2)
    after = trainer.weights()
    for node in ("hidden", "out"):
        kind = types[f"{node}/weight"]
        first, last = (
            np.round(kind.quantize(w[node]["weight"]) / kind.step).astype(int) for w in (before, after)
        )
        lowest = np.abs(first) & -np.abs(first)
        assert not last[first == 0].any()
        inside = np.abs(last) < 2 ** (kind.width - 1) - 1
        held = (first != 0) & inside
        assert not (last[held] % lowest[held]).any()
    trainer.reset()
    assert not steps(trainer, "hidden/weight").any()


def test_ordinary_training_is_what_it_was_after_steps_were_removed(made):
    graph, bit_true, types, trainer = made
    found = []
    for disturbed in (False, True):
        if disturbed:
            explored(trainer, 5, dict.fromkeys(trainer.per_weight_steps, 1e-2))
        bit_true.restore(graph.weights)
        trainer.reset()
        bit_true.assign(types)
        trainer.epoch(np.arange(SAMPLES), 1e-2)
        found.append(trainer.weights())
    for node, roles in found[0].items():
        for role, array in roles.items():
            assert np.array_equal(array, found[1][node][role])
