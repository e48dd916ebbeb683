"""What narrowing one tensor does is measured as a trial would measure it, and rules out widths in the
open.
"""

from __future__ import annotations

import sys

import numpy as np
import pytest
import small_study
import yaml

from bitfront.search import Evaluator, load_problem, load_study
from bitfront.search.analysis.sensitivity import measure_sensitivity, read_sensitivity, screen, study_lines
from bitfront.search.cli import main
from bitfront.search.problem.float_model import train_float
from bitfront.spaces import UserError


@pytest.fixture(scope="module")
def evaluator(tmp_path_factory):
    """The evaluator of a small study, its float model trained."""
    file = small_study.write(tmp_path_factory.mktemp("sensitivity"))
    problem = load_problem(
        load_study(file, ["training.float_epochs=20", "training.float_learning_rate=0.01"]), file.parent
    )
    train_float(problem)
    return Evaluator(problem)


@pytest.fixture(scope="module")
def rows(evaluator):
    """The table of that study."""
    return list(measure_sensitivity(evaluator))


def test_a_row_is_what_a_trial_with_one_narrower_tensor_scores(evaluator, rows):
    """The input is one tensor and one dimension, so that a trial can ask the same."""
    params = evaluator.space.uniform(8, "ptq")
    evaluation, _ = evaluator.evaluate(0, {**params, "x.input": 4})
    widest, _ = evaluator.evaluate(1, params)
    (row,) = [r for r in rows if r.tensor == "x/result" and r.bits == 4]

    assert row.score == evaluation.metrics["ptq"]
    assert row.change == pytest.approx(evaluation.metrics["ptq"] - widest.metrics["ptq"])
    assert row.resources["lut"] == pytest.approx(evaluation.resources["lut"] - widest.resources["lut"])


def test_every_tensor_has_every_width_of_its_dimension(evaluator, rows):
    """Nothing is left out, and the widest width changes nothing."""
    expected = {
        (t, b)
        for d in evaluator.space.dimensions
        if d.kind == "width"
        for t in d.targets
        for b in range(d.low, d.high + 1)
    }

    assert {(r.tensor, r.bits) for r in rows} == expected
    assert all(r.change == 0 for r in rows if r.bits == (6 if r.tensor == "x/result" else 8))


def test_screening_names_each_width_that_it_rules_out(evaluator, rows):
    """With qat in the space one bit more is left below, which the sentence says; the lines are valid YAML."""
    drop = 0.01
    found = screen(evaluator, rows, drop)

    assert found.floors
    for name, floor in found.floors.items():
        broken = [r for r in rows if r.tensor in evaluator.space[name].targets and r.change < -drop]
        assert floor == max(r.bits for r in broken)  # the lowest that holds is one above, less the one bit
        assert any(s.startswith(f"{name}: ") and "training may regain" in s for s in found.steps)
    narrowed = yaml.safe_load(study_lines(found, evaluator))["space"]
    assert narrowed.keys() <= {"input", "layers"}
    assert screen(evaluator, rows, drop=1.0).floors == {}


def test_screening_without_a_limit_says_what_to_give(evaluator, rows):
    """Neither a constraint on the metric nor a drop: nothing to screen by."""
    with pytest.raises(UserError, match="--drop"):
        screen(evaluator, rows)


def test_the_command_writes_the_table_that_the_report_reads(tmp_path, monkeypatch, capsys):
    """From a study file that never ran to a table, a figure and lines for the study file."""
    file = small_study.write(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["bitfront", "sensitivity", str(file), "--drop", "0.02"])

    with pytest.raises(SystemExit) as exit_:
        main()

    folder = tmp_path / "studies" / "small"
    assert exit_.value.code == 0
    assert np.isfinite([row.score for row in read_sensitivity(folder)]).all()
    assert (folder / "figures" / "sensitivity.png").stat().st_size > 10_000
    assert "hidden/weight" in capsys.readouterr().out
