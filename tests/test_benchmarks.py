"""The speed benchmark measures what its table says, and no candidate is traced again."""

from __future__ import annotations

import pytest

from bitfront.experiments import gallery
from bitfront.experiments.benchmarks import Spread, measure, table
from bitfront.experiments.benchmarks.speed import main, random_params
from bitfront.spaces import Dimension, Space

MLP = next(study for study in gallery() if study.name == "jets_mlp")
ROWS = (
    "PTQ candidates per second",
    "QAT seconds per candidate",
    "rebuilding, PTQ seconds",
    "rebuilding, QAT seconds",
    "PTQ speed-up",
    "QAT speed-up",
    "PTQ candidate / float predict",
    "QAT epoch / float epoch",
    "retraces",
)


@pytest.mark.slow
def test_the_mlp_is_measured_without_a_retrace_and_beats_rebuilding():
    """One repeat fills every row of the table with a positive figure; nothing is traced twice."""
    speed = measure(MLP, repeats=1, rebuild_repeats=1)
    assert speed.retraces == 0
    for name in ("ptq_per_second", "qat_seconds", "rebuild_ptq_seconds", "rebuild_qat_seconds"):
        spread = getattr(speed, name)
        assert 0 < spread.low <= spread.median <= spread.high
    assert speed.ptq_speedup == pytest.approx(speed.rebuild_ptq_seconds.median * speed.ptq_per_second.median)
    # the aims are 100 and 20; rebuilding that wins would mean that ours builds something
    assert min(speed.ptq_speedup, speed.qat_speedup) > 1
    printed = table([speed])
    for row in ROWS:
        assert sum(line.startswith(f"| {row}") for line in printed.splitlines()) == 1, row


def test_a_spread_holds_median_lowest_and_highest():
    assert Spread.of([3.0, 1.0, 2.0]) == Spread(2.0, 1.0, 3.0)


def test_random_parameters_lie_inside_every_dimension():
    import random

    space = Space(
        dimensions=(
            Dimension(name="a", kind="width", low=2, high=4),
            Dimension(name="method", kind="method", choices=("ptq", "qat")),
        )
    )
    drawn = [random_params(space, random.Random(seed)) for seed in range(50)]
    assert {one["a"] for one in drawn} == {2, 3, 4}
    assert {one["method"] for one in drawn} == {"ptq", "qat"}


@pytest.mark.parametrize("option", ["--repeats", "--rebuild-repeats"])
def test_no_repeats_are_refused_in_one_sentence(option, capsys):
    assert main([option, "0"]) == 2
    assert "must be 1 or more" in capsys.readouterr().err


def test_a_missing_folder_for_the_json_is_refused_before_measuring(tmp_path, capsys):
    assert main(["--json", str(tmp_path / "missing" / "speed.json")]) == 2
    assert "does not exist; create it first" in capsys.readouterr().err
