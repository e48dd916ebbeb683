"""Reuse factors of recurrent kernels and static mode: what is searched, what is built, and that neither
changes a bit.
"""

from __future__ import annotations

import keras
import numpy as np
import pytest
import zoo

from bitfront.hls import built_reuse_factors, convert, hls_config, to_keras
from bitfront.search import Evaluator, StudyConfig, load_problem
from bitfront.spaces import Candidate, LayerHardware, UserError, lower


def model(cell="GRU", steps=5, features=3, units=4):
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((steps, features)),
            getattr(layers, cell)(units, name="rnn"),
            layers.Dense(2, name="out"),
        ]
    )


@pytest.mark.parametrize("cell", ["LSTM", "GRU"])
@pytest.mark.parametrize("shape", [(20, 6, 20), (15, 6, 120), (100, 3, 128)])
def test_without_a_choice_both_factors_are_those_that_hls4ml_settles_on(cell, shape):
    from hls4ml.backends import get_backend

    _, features, units = shape
    hls4ml, width = get_backend("vivado"), units * {"LSTM": 4, "GRU": 3}[cell]
    graph = lower(model(cell, *shape))
    for wanted in (1, 2, 6, 12, 30, 48, 60, 96, 192, 384):
        settled = tuple(
            hls4ml.get_closest_reuse_factor(hls4ml.get_valid_reuse_factors(n, width), wanted)
            for n in (features, units)
        )
        assert built_reuse_factors(graph, "rnn", wanted) == settled


def test_the_recurrent_kernels_factor_is_chosen_by_itself():
    graph = lower(model("GRU", 100, 3, 128))
    assert built_reuse_factors(graph, "rnn", 48, 128) == (48, 128)
    assert built_reuse_factors(graph, "rnn", 48, 5) == (48, 4)
    assert built_reuse_factors(graph, "rnn", 384, 8) == (384, 8)


def built(folder, cell, mode, factors, strategy="Resource"):
    """Return hls4ml's C++ configuration and the largest difference of the emulation from the bit-true
    model.
    """
    keras.utils.set_random_seed(4)
    net = model(cell)
    x = np.random.default_rng(0).normal(size=(200, 5, 3)).astype(np.float32)
    graph, bit_true, types = zoo.prepared(net, x, 5)
    expected = bit_true.predict([x])[0]
    plain = to_keras(graph, bit_true.weights(), types)
    hardware = LayerHardware(
        strategy=strategy,
        reuse_factor=factors[0],
        recurrent_reuse_factor=factors[1],
        recurrent_mode=mode,
    )
    config = hls_config(graph, types, plain, {"rnn": hardware})
    project = convert(plain, config, folder / "p", part="xcvu13p-flga2577-2-e").compile()
    text = (project.folder / "firmware" / "parameters.h").read_text()
    return text, float(np.abs(project.predict(x) - expected).max())


@zoo.needs_compiler
@pytest.mark.parametrize(
    ("cell", "mode", "factors"),
    [
        ("LSTM", "non_static", (3, 2)),
        ("GRU", "non_static", (12, 8)),
        ("GRU", "static", (6, 4)),
        ("LSTM", "static", (3, 8)),
    ],
)
def test_neither_mode_nor_factors_change_a_bit_and_the_firmware_has_those_asked_for(
    tmp_path, cell, mode, factors
):
    text, difference = built(tmp_path, cell, mode, factors)
    assert difference == 0
    assert f"use_static = {'true' if mode == 'static' else 'false'}" in text
    products = [part for part in text.split("struct config") if "n_zeros" in part and "dense_config" in part]
    found = [int(part.partition("reuse_factor = ")[2].partition(";")[0]) for part in products[:2]]
    assert found == list(factors)


@zoo.needs_compiler
@pytest.mark.slow
@pytest.mark.parametrize("cell", ["LSTM", "GRU", "SimpleRNN"])
@pytest.mark.parametrize("mode", ["static", "non_static"])
@pytest.mark.parametrize(
    ("strategy", "factors"), [("Latency", (2, 1)), ("Resource", (1, 4)), ("Resource", (12, 4))]
)
def test_every_cell_is_exact_in_both_modes(tmp_path, cell, mode, strategy, factors):
    assert built(tmp_path, cell, mode, factors, strategy)[1] == 0


@pytest.fixture(scope="module")
def evaluator():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(300, 5, 3)).astype(np.float32), rng.integers(0, 2, 300)
    hls = {
        "strategy": "Resource",
        "reuse_factor": {"rnn": [1, 3, 12]},
        "recurrent_reuse_factor": {"rnn": [1, 2, 4]},
        "recurrent_mode": ["static", "non_static"],
    }
    data = {f"{k}_{part}": v for part in ("train", "val", "test") for k, v in (("x", x), ("y", y))}
    config = StudyConfig(model=model(), data=data, task="multiclass", hls=hls)
    return Evaluator(load_problem(config, "."))


def cost(evaluator, **chosen):
    candidate = evaluator.space.candidate({**evaluator.space.uniform(8, "ptq"), **chosen})
    return evaluator.costs.estimate(candidate, evaluator.costs.types(candidate))


def test_a_study_searches_them_and_the_estimate_follows(evaluator):
    names = {d.name: d.choices for d in evaluator.space.dimensions}
    assert names["rnn.recurrent_reuse_factor"] == (1, 2, 4)
    assert names["recurrent_mode"] == ("static", "non_static")
    small, large = cost(evaluator), cost(evaluator, recurrent_mode="non_static")
    assert large.lut > 3 * small.lut
    assert large.ii_cycles < small.ii_cycles
    slow = cost(evaluator, **{"rnn.reuse_factor": 12, "rnn.recurrent_reuse_factor": 4})
    assert slow.latency_cycles > small.latency_cycles


def test_a_candidate_without_these_choices_keeps_the_digest_that_it_had():
    plain = Candidate(method="ptq", widths={"a/weight": 4}, hardware={"a": LayerHardware(reuse_factor=2)})
    assert plain.digest == Candidate.from_json(plain.to_json()).digest
    assert set(plain.to_json()) == {"method", "widths", "shifts", "strategy", "reuse_factor"}
    other = Candidate(
        method="ptq", widths={"a/weight": 4}, hardware={"a": LayerHardware(recurrent_mode="non_static")}
    )
    assert Candidate.from_json(other.to_json()) == other


def test_an_unknown_mode_is_refused_with_the_nearest():
    with pytest.raises(UserError, match=r"recurrent_mode = .nonstatic'.*did you mean 'non_static'\?"):
        StudyConfig(model="m.py:f", data="d.py:f", task="binary", hls={"recurrent_mode": "nonstatic"})
