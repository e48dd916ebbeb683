"""Syntheses that finished correct the estimates of the study's other candidates, with an interval of their
own.
"""

from __future__ import annotations

import numpy as np
import pytest

from bitfront.hls.design.layers import DesignDescription, LayerDescription
from bitfront.hls.estimate import Correction, estimate
from bitfront.spaces.precision import FixedPoint

T = FixedPoint(16, 6)


def found(n_out=32, width=8):
    layer = LayerDescription(
        name="d", op="dense", inputs=(FixedPoint(width, 2),), result=T, sizes={"n_in": 16, "n_out": n_out},
        types={"weight": FixedPoint(width, 1), "accum": T},
    )  # fmt: skip
    return estimate(DesignDescription(name="m", layers=(layer,), part="u250", clock_ns=5.0))


def pairs(ratio, n, noise=0.0, seed=0):
    rng = np.random.default_rng(seed)
    estimates = [found(n_out) for n_out in range(8, 8 + n)]
    return [(one, {"lut": one.lut * ratio * np.exp(rng.normal(0, noise))}) for one in estimates]


def test_without_a_synthesis_nothing_changes():
    before = found()
    assert Correction.of([]).apply(before) == before


def test_the_correction_moves_towards_what_was_measured_as_syntheses_come_in():
    factors = [Correction.of(pairs(1.6, n)).factor("lut") for n in (1, 2, 4, 16)]
    assert 1.2 < factors[0] < factors[-1]
    assert factors == sorted(factors)
    assert factors[-1] == pytest.approx(1.6, rel=0.03)


def test_the_interval_narrows_with_syntheses_that_agree_and_stays_wide_with_ones_that_do_not():
    def width(correction):
        low, high = correction.apply(found()).intervals["lut"]
        return high / low

    before = found().intervals["lut"]
    agreeing, scattered = Correction.of(pairs(1.3, 10)), Correction.of(pairs(1.3, 10, noise=0.8))
    assert width(agreeing) < 0.7 * before[1] / before[0]
    assert width(scattered) > 1.5 * width(agreeing)


def test_corrected_intervals_hold_about_the_share_they_promise():
    # studies differ as the uncorrected interval says, the designs of one half as much
    low, high = found().intervals["lut"]
    spread = np.log((high + 1) / (low + 1)) / (2 * 1.2816)
    rng = np.random.default_rng(3)
    inside = []
    for trial in range(60):
        bias = np.exp(rng.normal(0, spread))
        learned = Correction.of(pairs(bias, 6, noise=spread / 2, seed=trial))
        for n_out in range(40, 50):
            one = learned.apply(found(n_out))
            truth = found(n_out).lut * bias * np.exp(rng.normal(0, spread / 2))
            low, high = one.intervals["lut"]
            inside.append(low <= truth <= high)
    assert 0.72 <= np.mean(inside) <= 0.88


def test_a_corrected_estimate_says_so_and_is_not_corrected_twice():
    learned = Correction.of(pairs(1.5, 5))
    once = learned.apply(found())
    assert once.calibrated_on == 5
    assert once.to_json()["calibrated_on"] == 5
    assert once.source == "estimate"
    assert learned.apply(once) == once
    assert "calibrated_on" not in found().to_json()


def test_quantities_that_no_report_had_keep_their_estimate():
    before, after = found(), Correction.of(pairs(2.0, 5)).apply(found())
    assert after.ff == before.ff
    assert after.intervals["ff"] == before.intervals["ff"]
    assert after.lut > before.lut
