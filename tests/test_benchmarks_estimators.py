"""The comparison of estimators gives both the same designs, and scores both alike."""

from __future__ import annotations

from zoo import zoo

from bitfront.experiments.benchmarks.estimators import plain_layers, table
from bitfront.hls import Target
from bitfront.search.bundle.designs import model_design
from bitfront.spaces import FixedPoint

PLACE = {"part": "xcu250-figd2104-2L-e", "clock_ns": 5.0}


def test_an_mlp_is_told_layer_by_layer_and_anything_else_is_left_out():
    mlp = model_design(zoo("vector", 1, only=("mlp",)), FixedPoint(8, 3), Target(**PLACE))

    assert plain_layers(mlp) == [["dense", 16], ["relu"], ["dense", 10], ["relu"], ["dense", 5]]
    assert (
        plain_layers(model_design(zoo("recurrent", 1, only=("gru",)), FixedPoint(8, 3), Target(**PLACE)))
        is None
    )


def test_both_estimators_are_scored_on_the_designs_that_both_estimate():
    truth = (100.0, 200.0, 400.0, 800.0)
    designs = [{"id": str(n), "truth": {"lut": t}, "bitfront": {"lut": t}} for n, t in enumerate(truth)]
    answers = {str(n): {"lut": 3 * t} for n, t in enumerate(truth[:3])}
    rows = table(designs, answers).splitlines()[2:]

    assert rows == [
        "| LUT | 3 | bitfront | 0 % | 0 % | 100 % | 1.00 |",
        "| LUT | 3 | rule4ml | 100 % | 199 % | 0 % | 1.00 |",
    ]
