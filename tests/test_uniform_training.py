"""Uniform widths are trained for as long as what they are compared with, and are there before it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import small_study
from logged import logged

from bitfront.search import Evaluator, load_problem, load_study, read_evaluations
from bitfront.search.problem.float_model import train_float
from bitfront.search.samplers.optuna_samplers import baselines
from bitfront.search.storage.warm_start_files import GRADIENT_FILE, UNIFORM_FILE
from bitfront.search.trials.objectives import parse_objectives
from bitfront.search.warm_start import uniform_training as training
from bitfront.search.warm_start.context import SearchContext
from bitfront.spaces import UserError

EPOCHS = 11
WIDE = "space={weights: 2..12, activations: 3..12, input: 4..8, method: [ptq, qat], sparsity: 0}"


@pytest.fixture(scope="module")
def context(tmp_path_factory):
    """A small study with a gradient width search, its float model trained, and an empty folder."""
    file = small_study.write(tmp_path_factory.mktemp("uniform"))
    config = load_study(file, [f"gradient_epochs={EPOCHS}", "training.float_epochs=20", WIDE])
    problem = load_problem(config, file.parent)
    train_float(problem)
    evaluator = Evaluator(problem)
    objectives = parse_objectives(config.objectives, evaluator.metric_record)
    folder = tmp_path_factory.mktemp("folder")
    with logged() as said:
        yield SearchContext(evaluator, objectives, evaluator.box(objectives), folder), said


def trained(evaluator):
    """The uniform candidates that are trained, widest first."""
    return [p for p in baselines(evaluator.space) if p["method"] == "qat"]


def test_the_widths_share_one_training_and_hand_its_weights_on(context):
    """Its epochs are as many as were asked for, and each width has those of the wider ones behind it."""
    evaluator = context[0].evaluator
    passed = list(training.narrowed_together(evaluator, trained(evaluator), EPOCHS))
    epochs = [one.epochs for one in passed]
    kernels = [one.weights["hidden"]["weight"] for one in passed]

    assert [one.params for one in passed] == trained(evaluator)
    assert epochs == sorted(epochs)
    assert epochs[-1] == EPOCHS
    assert epochs[0] == round(EPOCHS / len(passed))
    for (before, after), (a, b) in zip(zip(kernels, kernels[1:]), zip(epochs, epochs[1:])):  # noqa: B905, RUF007
        assert (before != after).any() == (b > a)
    assert not np.array_equal(kernels[0], evaluator.graph.weights["hidden"]["weight"])


def test_it_is_done_once_and_a_damaged_file_is_named(context):
    """First come the widths around the narrowest that keeps the metric rounded, and below; then the
    others.
    """
    made, said = context
    evaluator = made.evaluator
    first, other = training.first_uniform(made), training.other_uniform(made)
    again = training.first_uniform(made)
    order = trained(evaluator)
    lead = evaluator.float_score - evaluator.scores.blind()
    kept = max(
        i
        for i, p in enumerate(order)
        if evaluator.rounded(evaluator.space.candidate(p))[0] >= evaluator.float_score - 0.005 * lead
    )

    assert [line for line in said if "Uniform widths" in line] == [
        f"Uniform widths: a training of {EPOCHS} epochs narrows all of them together"
    ]
    assert [one.params for one in first] == order[kept - 1 : kept - 1 + training.FIRST]
    assert [one.params for one in other] == [p for p in order if p not in [one.params for one in first]]
    assert [one.epochs for one in other[: kept - 1]] == [first[0].epochs] * (kept - 1)
    assert max(one.epochs for one in [*first, *other]) == EPOCHS
    for one, same in zip(first, again, strict=True):
        assert (one.params, one.epochs) == (same.params, same.epochs)
        assert np.array_equal(one.weights["out"]["weight"], same.weights["out"]["weight"])
    (made.folder / UNIFORM_FILE).write_text("[")
    with pytest.raises(UserError, match=UNIFORM_FILE):
        training.first_uniform(made)


def test_a_study_that_had_its_path_before_is_not_trained_for_its_uniform_widths(context, tmp_path):
    """What it holds was compared otherwise, and goes on at once."""
    (tmp_path / GRADIENT_FILE).touch()
    older = replace(context[0], folder=tmp_path)
    found = training.first_uniform(older) + training.other_uniform(older)

    assert [(one.weights, one.epochs) for one in found] == [({}, 0.0)] * len(trained(older.evaluator))


def test_a_width_that_is_too_wide_to_be_exact_is_passed_over(context):
    """Those after it are trained all the same."""
    evaluator = context[0].evaluator
    two = [evaluator.space.uniform(8, "qat"), evaluator.space.uniform(4, "qat")]
    refused = evaluator.costs.types

    def types(candidate, *rest):
        if candidate.widths["hidden/weight"] == 8:
            raise UserError("too wide")
        return refused(candidate, *rest)

    evaluator.costs.types = types
    try:
        wide, narrow = training.narrowed_together(evaluator, two, 4)
    finally:
        del evaluator.costs.types
    assert (wide.weights, wide.epochs) == ({}, 0.0)
    assert narrow.weights
    assert narrow.epochs == 4


@pytest.mark.parametrize("sampler", ["random", pytest.param("grid-uniform", marks=pytest.mark.slow)])
def test_in_twenty_trials_uniform_widths_have_the_epochs_of_the_path_and_their_own(tmp_path, sampler):
    """Each says how many; no candidate of the path has more behind it."""
    file = small_study.write(tmp_path)
    settings = [f"gradient_epochs={EPOCHS}", f"sampler={sampler}", "training.epochs=2", "screening=40", WIDE]
    small_study.run(file, *settings, trials=20)
    found = read_evaluations(tmp_path / "studies" / "small")
    uniform = [e for e in found if e.kind == "uniform" and e.params["method"] == "qat"]

    assert len(found) <= 20
    # the others come after the gradient width search
    assert len(uniform) >= (training.FIRST if sampler == "grid-uniform" else 3)
    for e in uniform:
        assert e.history[-1]["epoch"] == 2
        if e.method == "qat":
            assert (e.start, e.epochs > 2) in {("uniform", True), ("float", False)}
    assert any(e.start == "uniform" for e in uniform)
    assert max(e.epochs for e in uniform) > 2


def test_a_trained_candidate_says_what_it_costs_untrained(tmp_path):
    """Its score before training belongs to that cost; what is pruned costs less than that."""
    file = small_study.write(tmp_path)
    config = load_study(file, [WIDE.replace("sparsity: 0", "sparsity: [0, 75]")])
    evaluator = Evaluator(load_problem(config, tmp_path))
    params = evaluator.space.uniform(8, "qat")
    rounded, _ = evaluator.evaluate(0, {**params, "method": "ptq"})
    dense, _ = evaluator.evaluate(1, params)
    sparse, _ = evaluator.evaluate(2, {**params, "sparsity": 75})

    assert rounded.ptq_resources == {}
    assert sparse.ptq_resources == rounded.resources
    assert sparse.metrics["ptq"] == rounded.score
    assert sparse.resources["lut"] < rounded.resources["lut"]
    assert sparse.gain is None
    assert dense.method == "ptq" or dense.ptq_resources == rounded.resources
    assert dense.gain == dense.metrics["qat"] - dense.metrics["ptq"]
