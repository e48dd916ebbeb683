"""Intervals and upper ends hold the share of new designs that they promise, or say that they can't."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bitfront.hls.estimate import Coefficients, Normal, Residuals, interval, log_ratio, upper

ERRORS = st.lists(st.floats(-3, 3), min_size=1, max_size=41, unique=True)
TRIALS = 4000


@given(ERRORS, st.integers(50, 99))
def test_of_errors_that_count_alike_the_kth_of_n_plus_one_is_taken(errors, percent):
    # in whole numbers: k = ceil(percent (n + 1) / 100)
    k = -(-percent * (len(errors) + 1) // 100)
    expected = sorted(errors)[k - 1] if k <= len(errors) else math.inf
    assert Residuals.of(errors).quantile(percent / 100) == expected
    if percent > 50:
        assert Residuals.of([-error for error in errors]).quantile(1 - percent / 100) == -expected


@pytest.mark.parametrize("n", [10, 15, 30, 200])
@pytest.mark.parametrize("confidence", [0.6, 0.8, 0.9])
def test_a_new_design_stays_below_the_upper_end_as_often_as_promised(n, confidence):
    rng = np.random.default_rng(n)
    draws = rng.standard_t(2, (TRIALS, n + 1))  # heavy tails: nothing is assumed of the errors
    below = np.mean([draw[-1] <= Residuals.of(draw[:-1], kept=n).quantile(confidence) for draw in draws])
    # between the confidence and the next step of 1 / (n + 1), within three standard deviations of TRIALS
    doubt = 3 * math.sqrt(confidence * (1 - confidence) / TRIALS)
    assert confidence - doubt <= below <= confidence + 1 / (n + 1) + doubt


@pytest.mark.parametrize("n", [10, 25, 100])
def test_an_interval_holds_a_new_design_as_often_as_promised(n):
    rng = np.random.default_rng(n)
    inside = []
    for draw in rng.normal(0, 0.5, (TRIALS, n + 1)):
        low, high = interval(1000.0, Residuals.of(draw[:-1], kept=n))
        inside.append(low <= 1001 * math.exp(draw[-1]) - 1 <= high)
    doubt = 3 * math.sqrt(0.8 * 0.2 / TRIALS)
    assert 0.8 - doubt <= np.mean(inside) <= 0.8 + 2 / (n + 1) + doubt


def test_the_new_design_counts_as_one_more():
    # 10 errors, 90 %: nine of ten would hold 82 % of new designs, so the largest is taken
    assert Residuals.of([float(n) for n in range(1, 11)]).quantile(0.9) == 10.0
    assert Residuals.of([float(n) for n in range(1, 10)]).quantile(0.9) == 9.0


def test_where_too_few_designs_are_known_there_is_no_end():
    few = Residuals.of([0.1, -0.1, 0.2, 0.0])
    assert upper(100.0, few, 0.9) == math.inf
    assert interval(100.0, few) == (0.0, math.inf)
    assert math.isfinite(upper(100.0, few, 0.8))


@given(ERRORS, st.floats(0, 1e6), st.floats(0.5, 0.99))
def test_an_interval_holds_its_estimate_and_an_upper_end_is_never_below_it(errors, value, confidence):
    known = Residuals.of(errors)
    low, high = interval(value, known)
    assert 0 <= low <= value + 1e-6 * value + 1e-9
    assert high >= value - 1e-6 * value - 1e-9
    assert upper(value, known, confidence) >= value - 1e-6 * value - 1e-9


@given(ERRORS, st.floats(0.5, 0.98))
def test_more_confidence_never_lowers_the_upper_end(errors, confidence):
    known = Residuals.of(errors)
    assert upper(50.0, known, confidence) <= upper(50.0, known, confidence + 0.01)


def test_a_heavy_error_counts_as_its_weight_says():
    errors, alike = [0.0, 1.0, 2.0, 3.0, 4.0] * 8, [1.0] * 40
    heavy = [9.0 if error == 4.0 else 1.0 for error in errors]
    assert Residuals.of(errors, alike).quantile(0.7) == 3.0
    assert Residuals.of(errors, heavy).quantile(0.7) == 4.0
    assert Residuals.of(errors, heavy).effective == pytest.approx((32 + 72) ** 2 / (32 + 8 * 81))


def test_many_errors_are_thinned_and_keep_their_levels_and_their_number():
    errors = np.random.default_rng(4).normal(0, 1, 1000)
    known = Residuals.of(errors)
    assert len(known.values) == 41
    assert known.effective == pytest.approx(1000)
    for level in (0.1, 0.25, 0.5, 0.75, 0.9):
        assert known.quantile(level) == pytest.approx(np.quantile(errors, level), abs=0.1)
    assert known.values[0] == errors.min()
    assert known.values[-1] == errors.max()


def test_what_is_written_is_read_again():
    known = Residuals.of([0.3, -0.2, 0.1], [1.0, 2.0, 3.0], designs=2, authors=1, borrowed=0.5)
    again = Residuals.from_json(known.to_json())
    assert again.values == known.values
    assert again.weights == pytest.approx(known.weights, abs=1e-4)
    assert (again.designs, again.authors, again.borrowed) == (2, 1, 0.5)
    alike = Residuals.of([0.3, -0.2])
    assert "weights" not in alike.to_json()
    assert Residuals.from_json(alike.to_json()) == alike


@pytest.mark.parametrize("errors", [[], [0.1, 0.2]])
def test_a_set_of_errors_needs_errors_and_positive_weights(errors):
    with pytest.raises(ValueError, match="at least one error"):
        Residuals.of(errors, [0.0] * len(errors))


def test_two_factors_of_an_older_file_are_the_ends_of_its_interval():
    older = {
        "weights": {}, "era": {},
        "intervals": {"csynth": {"mlp": {"lut": [0.5, 3.0]}, "all": {"lut": [0.25, 4.0], "ff": [0.4, 2.0]}}},
    }  # fmt: skip
    known = Coefficients.from_json(older)
    mlp, other = known.errors_of("csynth", "mlp"), known.errors_of("csynth", "cnn")
    assert interval(999.0, mlp["lut"]) == pytest.approx((499.0, 2999.0))
    assert interval(999.0, other["lut"]) == pytest.approx((249.0, 3999.0))
    assert interval(999.0, mlp["ff"]) == pytest.approx((399.0, 1999.0)), "of all, where the family has none"
    assert interval(999.0, mlp["dsp"]) == pytest.approx((499.0, 1999.0)), "a factor of two where none has"


def test_an_error_is_the_logarithm_of_truth_to_estimate_of_one_more_each():
    assert log_ratio(19.0, 9.0) == pytest.approx(math.log(2))
    assert log_ratio(0.0, 0.0) == 0.0
    assert upper(0.0, Normal.of_factors(1.0, 3.0), 0.9) == pytest.approx(2.0), (
        "an estimate of nothing has one"
    )
