"""A search with many workers is simulated, and reaches what one with a single worker does."""

from __future__ import annotations

import json

import numpy as np
import pytest

from bitfront.experiments.benchmarks.parallel_proposals import formula, main, simulated, table, trained_table
from bitfront.search.samplers.gaussian_process import Process, fitted_lengths


def test_sixty_four_workers_reach_nine_tenths_of_what_one_does_at_equal_trials():
    """From their first trials on, which are begun before any has ended."""
    volumes = {workers: simulated(formula(), workers, [64, 128], seed=3) for workers in (1, 64)}
    assert np.array(volumes[64]) / volumes[1] == pytest.approx(1.0, abs=0.1)
    text = table({workers: [row] for workers, row in volumes.items()}, [64, 128])
    assert text.splitlines()[2].count("(100.0 %)") == 2


def test_the_table_of_every_training_gives_its_own_scores(tmp_path):
    rows = {
        json.dumps({"a": a, "b": b}): [0.1 * a, 10.0 * a * b, 0.05 * b] for a in (2, 3) for b in (2, 3, 4)
    }
    file = tmp_path / "truth.json"
    file.write_text(json.dumps(rows))
    benchmark = trained_table(file)
    assert benchmark.of({"b": 4, "a": 3}) == pytest.approx((0.3, 120.0, 0.2))
    assert benchmark.box.ideal == pytest.approx((-0.3, np.log2(41)))
    assert main(["--truth", str(tmp_path / "missing.json")]) == 2


def test_a_process_is_scikit_learns_and_what_it_believes_moves_no_mean():
    """Means and deviations of 120 rows; believing makes it surer where it is told, nowhere less sure."""
    from sklearn.gaussian_process import GaussianProcessRegressor

    from bitfront.search.samplers.gaussian_process import _kernel, _standard

    rng = np.random.default_rng(1)
    x, other = rng.random((120, 5)), rng.random((50, 5))
    y = np.sin(3 * x[:, 0]) + x[:, 1] ** 2 + 0.05 * rng.normal(size=120)
    theta = fitted_lengths(x[:80], y[:80])
    found = Process(x, y, theta)
    kernel = _kernel(5).clone_with_theta(theta)
    mean, deviation = (
        GaussianProcessRegressor(kernel, optimizer=None).fit(x, _standard(y)).predict(other, True)
    )
    assert found.mean(other) == pytest.approx(mean * y.std() + y.mean())
    assert found.upper(other) == pytest.approx((mean + deviation) * y.std() + y.mean())
    before, after = found.predict(other), found.believing(other[:10]).predict(other)
    assert after[0] == pytest.approx(before[0])
    assert (after[1][:10] < 0.96 * before[1][:10]).all()
    assert (after[1] <= before[1] + 1e-12).all()
