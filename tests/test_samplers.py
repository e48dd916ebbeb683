"""Who proposes a study's candidates."""

from __future__ import annotations

import importlib.util

import pytest
import small_study

from bitfront.search.samplers.optuna_samplers import chosen_sampler, optuna_sampler
from bitfront.spaces import UserError


@pytest.mark.parametrize(
    ("name", "trials", "chosen"),
    [("auto", 60, "surrogate"), ("auto", None, "surrogate"), ("auto", 5000, "nsga2"), ("gp", 5000, "gp")],
)
def test_auto_is_the_surrogate_until_trials_are_many(name, trials, chosen):
    """A named sampler is taken as it is."""
    assert chosen_sampler(name, trials) == chosen


@pytest.mark.skipif(importlib.util.find_spec("torch") is not None, reason="PyTorch is installed")
def test_the_gaussian_process_without_pytorch_says_what_to_install():
    """Optuna's own message names a module that no user asked for."""
    with pytest.raises(UserError, match=r"bitfront\[gp\]"):
        optuna_sampler("gp", 1, 10)


def test_the_uniform_grid_ends_with_its_last_width(tmp_path):
    """A larger budget adds nothing."""
    found = small_study.run(small_study.write(tmp_path), "sampler=grid-uniform", trials=50)

    assert {e.kind for e in found.values()} == {"uniform"}
    assert sorted({e.params["hidden.weights"] for e in found.values()}) == [3, 4, 5, 6, 7, 8]
