"""Which weights become zero, and what a study makes of candidates that have many."""

from __future__ import annotations

import json

import keras
import numpy as np
import pytest
import small_study
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from bitfront.hls import pruned, zero_share
from bitfront.hls.bit_true.pruning import kept, scores
from bitfront.search import Evaluator, load_study
from bitfront.search.evaluator.training import Start, nearest, ramp
from bitfront.search.problem.float_model import train_float
from bitfront.search.problem.load import load_problem
from bitfront.search.storage.warm_start_files import ROUNDED_FILE
from bitfront.search.trials.evaluation import Evaluation
from bitfront.spaces import lower

SPARSE = (
    "space.sparsity=[0, 50, 90]",
    "training.float_epochs=80",
    "training.epochs=3",
    "training.learning_rate=0.001",
)


@given(arrays(np.float64, st.tuples(st.integers(1, 5), st.integers(1, 5)), elements=st.floats(-8, 8)))
def test_a_weights_score_is_its_square_over_those_no_smaller(kernel):
    """By the formula of the paper, one weight at a time; of equal ones, the later counts as larger."""
    flat = kernel.ravel() ** 2
    found = scores(kernel).ravel()
    for i, square in enumerate(flat):
        above = sum(other for j, other in enumerate(flat) if other > square or (other == square and j >= i))
        assert found[i] == pytest.approx(square / above if above > 0 else 0.0, rel=1e-9)


@given(st.integers(0, 99), st.integers(0, 2**32 - 1))
def test_the_share_holds_over_all_kernels_and_none_is_lost_whole(percent, seed):
    """Every kernel keeps its largest weight while there are fewer to drop than others."""
    rng = np.random.default_rng(seed)
    kernels = [
        rng.normal(size=shape) * scale for shape, scale in (((8, 9), 1.0), ((9, 4), 0.01), ((4, 5), 30.0))
    ]
    masks = kept(kernels, percent / 100, [1, 1, 1])
    total = sum(kernel.size for kernel in kernels)
    assert sum(int((~mask).sum()) for mask in masks) == int(percent / 100 * total)
    for kernel, mask in zip(kernels, masks, strict=True):
        assert not mask.any() or mask.ravel()[np.abs(kernel).argmax()]
    assert all(mask.any() for mask in masks) or total * (1 - percent / 100) < 3


def test_weights_of_a_convolution_go_first_for_they_cost_a_product_at_every_position():
    """More of them than if all weights cost alike; biases stay."""
    model = keras.Sequential(
        [
            keras.Input((6, 6, 1)),
            keras.layers.Conv2D(4, 3, name="seen"),
            keras.layers.Flatten(),
            keras.layers.Dense(8, name="told"),
        ]
    )
    graph = lower(model)
    weights = {
        node: {role: np.asarray(array) for role, array in roles.items()}
        for node, roles in graph.weights.items()
    }
    found = pruned(graph, weights, 0.5)
    alike = kept([roles["weight"] for roles in weights.values()], 0.5, [1, 1])
    for (node, roles), mask in zip(found.items(), alike, strict=True):
        zeros = (roles["weight"] == 0).sum()
        assert (zeros > (~mask).sum()) == (node == "seen")
    for node, roles in found.items():
        assert np.array_equal(roles["bias"], weights[node]["bias"])


def test_the_zeros_of_a_training_grow_fast_and_are_all_there_for_its_last_third():
    """A training of one epoch has them at once."""
    shares = [ramp(epoch, 9) for epoch in range(9)]
    assert shares == sorted(shares)
    assert shares[0] > 0.4
    assert shares[5:] == [1.0] * 4
    assert ramp(0, 1) == 1.0


@pytest.fixture(scope="module")
def evaluator(tmp_path_factory):
    """The evaluator of a small study that searches sparsity, its float model trained."""
    file = small_study.write(tmp_path_factory.mktemp("sparse"))
    problem = load_problem(load_study(file, list(SPARSE)), file.parent)
    train_float(problem)
    return Evaluator(problem)


def share_of_zeros(weights):
    kernels = [np.asarray(a) for roles in weights.values() for a in roles.values() if np.ndim(a) > 1]
    return sum(int((k == 0).sum()) for k in kernels) / sum(k.size for k in kernels)


def test_a_sparse_candidate_is_as_sparse_as_it_says_and_costs_what_it_then_does(evaluator):
    """Though its score is worse than that of its rounded float weights, which a dense candidate would fall
    back on.
    """
    wide = evaluator.space.uniform(8, "qat")
    dense, _ = evaluator.evaluate(0, {**wide, "sparsity": 0})
    sparse, weights = evaluator.evaluate(1, {**wide, "sparsity": 90})

    assert sparse.status == "complete"
    assert sparse.method == "qat"
    assert share_of_zeros(weights) >= 0.89
    assert sparse.score < sparse.metrics["ptq"]
    assert sparse.score == sparse.history[-1]["metric"]
    assert sparse.resources["ebops"] < 0.3 * dense.resources["ebops"]


def test_what_a_sparse_candidate_will_cost_is_known_before_it_is_trained(evaluator):
    """From the float weights, as sparse as it will be: so limits and the sampler judge it by its own cost."""
    params = {**evaluator.space.uniform(6, "qat"), "sparsity": 90}
    candidate = evaluator.space.candidate(params)
    expected = evaluator.costs.untrained(candidate, evaluator.costs.types(candidate)).ebops
    found, _ = evaluator.evaluate(2, params)
    assert found.resources["ebops"] == pytest.approx(expected, rel=0.25)


def test_sparse_weights_of_a_neighbour_are_gone_on_from_though_they_score_less(evaluator):
    """Dense ones that score less than the rounded float weights are not."""
    wide = evaluator.space.uniform(8, "qat")
    _, weights = evaluator.evaluate(3, {**wide, "sparsity": 90})
    params = {**wide, "sparsity": 90}
    went_on, _ = evaluator.evaluate(4, params, start=Start("trial 3", weights, sparse=True))
    rounded = went_on.metrics["ptq"]
    assert went_on.start == "trial 3"
    assert went_on.history[0]["metric"] < rounded
    afresh, _ = evaluator.evaluate(5, params, start=Start("trial 3", weights))
    assert afresh.start == "float"


def test_a_training_that_begins_as_sparse_as_it_shall_be_keeps_its_best_epoch(evaluator):
    """Which may be none: what it began with."""
    params = {**evaluator.space.uniform(8, "qat"), "sparsity": 90}
    _, weights = evaluator.evaluate(6, params)
    again, kept_weights = evaluator.evaluate(7, params, start=Start("gradient", weights, sparse=True))
    assert again.score == max(row["metric"] for row in again.history)
    assert share_of_zeros(kept_weights) >= 0.89
    assert zero_share(kept_weights) == share_of_zeros(kept_weights)
    denser, _ = evaluator.evaluate(8, {**params, "sparsity": 50})
    assert denser.score == denser.history[-1]["metric"]


def test_weights_used_at_every_position_of_a_sequence_go_first():
    """A projection of a transformer has a product for each of them at every position."""
    model = keras.Sequential(
        [
            keras.Input((16, 4)),
            keras.layers.EinsumDense("abc,cd->abd", output_shape=(16, 4), bias_axes="d", name="seen"),
            keras.layers.GlobalAveragePooling1D(),
            keras.layers.Dense(4, name="told"),
        ]
    )
    graph = lower(model)
    found = pruned(graph, graph.weights, 0.5)
    zeros = {node: int((roles["weight"] == 0).sum()) for node, roles in found.items()}
    assert zeros["seen"] > zeros["told"]


def trained(number, width, sparsity):
    return Evaluation(
        number=number,
        digest=str(number),
        method="qat",
        status="complete",
        params={"a": width, "sparsity": sparsity},
        metrics={"score": 0.5, "ptq": 0.5, "qat": 0.5},
    )


def test_the_nearest_candidate_is_never_sparser_and_half_the_weights_count_as_a_bit():
    """50 % zeros are one halving, 75 % two."""
    others = [trained(0, 4, 90), trained(1, 8, 75), trained(2, 5, 0), trained(3, 7, 75)]
    assert nearest({"a": 4, "sparsity": 95}, others).number == 0
    assert nearest({"a": 6, "sparsity": 75}, others).number == 3
    assert nearest({"a": 4, "sparsity": 75}, others[2:]).number == 2
    assert nearest({"a": 4, "sparsity": 0}, others).number == 2
    assert nearest({"a": 4, "sparsity": 0}, others[:2]) is None


def test_screening_tells_the_sampler_what_zeros_save(tmp_path):
    """Each rounded candidate stands beside itself with zeros, priced and not scored."""
    file = small_study.write(tmp_path)
    found = small_study.run(file, *SPARSE, "screening=20", trials=22)
    rows = json.loads((tmp_path / "studies" / "small" / ROUNDED_FILE).read_text())
    dense = {json.dumps(r["params"] | {"method": "", "sparsity": 0}): r for r in rows if r["metrics"]}
    sparse = [r for r in rows if not r["metrics"]]
    assert len(sparse) >= 20
    assert {r["params"]["sparsity"] for r in sparse} == {50, 90}
    for row in sparse:
        bit_true = dense[json.dumps(row["params"] | {"method": "", "sparsity": 0})]
        assert row["resources"]["ebops"] < bit_true["resources"]["ebops"]
    assert {e.params["sparsity"] for e in found.values() if e.kind == "search"} >= {0, 50, 90}
