"""A study may ask how sure its limits are to be kept: the upper end of an estimate's error is checked then."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import small_study
from plausible import METRIC
from typer.testing import CliRunner

from bitfront.hls.estimate import load_coefficients, upper
from bitfront.hls.synthesis import SynthesisOutcome
from bitfront.search import load_study, read_evaluations
from bitfront.search.cli.main import app
from bitfront.search.evaluator import Evaluator
from bitfront.search.measurements.corrected import corrected_study
from bitfront.search.measurements.record import write_record
from bitfront.search.problem.load import load_problem
from bitfront.search.quantities import Limit, limits
from bitfront.search.tracking.content import run_metrics
from bitfront.search.trials.evaluation import Evaluation
from bitfront.search.trials.objectives import Constraint, broken, constraints_of, resource_violations
from bitfront.search.trials.reference import Reference
from bitfront.spaces.errors import UserError

WIDE = {"COLUMNS": "300", "NO_COLOR": "1"}
MOST = 2600
"""LUTs that some of the small study's candidates have at most, and others with confidence."""


def config(tmp_path, *overrides):
    return load_study(small_study.write(tmp_path), overrides)


@pytest.mark.parametrize(("given", "share"), [("90%", 0.9), (0.9, 0.9), ("0.75", 0.75), ("50 %", 0.5)])
def test_a_confidence_is_read_as_a_share(given, share):
    assert limits.confidence(given) == share


@pytest.mark.parametrize("given", ["100%", "40%", 1, -0.1, "sure", "9k", True, None])
def test_what_is_no_share_from_half_to_below_all_is_refused(given):
    with pytest.raises(ValueError, match="write a share such as 90%"):
        limits.confidence(given)


def test_a_study_file_keeps_its_confidence_and_one_without_it_is_what_it_was(tmp_path):
    plain, sure = config(tmp_path), config(tmp_path, "constraints={lut: 10%, confidence: 90%}")
    assert sure.constraints.confidence == 0.9
    assert sure.to_dict()["constraints"] == {"lut": "10%", "confidence": "90%"}
    assert type(sure)(**sure.to_dict()) == sure
    assert "confidence" not in plain.to_dict()["constraints"]
    without = config(tmp_path, "constraints={lut: 10%}")
    assert sure.digest != without.digest
    with pytest.raises(UserError, match=r"constraints\.confidence = '10%' is out of range"):
        config(tmp_path, "constraints={confidence: 10%}")


def test_every_limit_on_a_figure_with_an_error_asks_for_it_and_no_other(tmp_path):
    found = config(
        tmp_path,
        "constraints={lut_implemented: 10%, latency: 2us, ebops: 5000, energy: 5nJ, confidence: 80%}",
    ).limits()
    sure = {name for name, limit in found.items() if limit.confidence == 0.8}
    assert sure == {"lut_implemented", "ff", "dsp", "bram", "latency"}
    assert {name for name, limit in found.items() if limit.confidence is None} == {"ebops", "energy"}
    assert all(limit.confidence is None for limit in config(tmp_path).limits().values())


def test_the_upper_end_is_checked_where_a_limit_asks_for_it():
    limit = {"lut": Limit(1000.0, confidence=0.9), "ebops": Limit(500.0)}
    lut, ebops = constraints = constraints_of(limit, METRIC)
    found = resource_violations(constraints, {"lut": 900.0, "ebops": 400.0}, {"lut": 1300.0})
    assert found == {"lut": pytest.approx(0.3), "ebops": pytest.approx(-0.2)}
    text = broken(constraints, found, {"lut": 900.0, "ebops": 400.0}, {"lut": 1300.0})
    assert text == "constraint lut: 1300 at 90% > 1000"
    assert (lut.told, ebops.told) == ("1000 with 90% confidence", "500")
    with pytest.raises(UserError, match="no upper end of 'lut'"):
        resource_violations(constraints, {"lut": 900.0, "ebops": 400.0})


def test_a_limit_without_confidence_is_written_as_before():
    plain = Constraint("lut", "at_most", 5.0, 5.0, "5").to_json()
    assert "confidence" not in plain
    assert Constraint.from_json(plain).confidence is None
    sure = Constraint("lut", "at_most", 5.0, 5.0, "5", confidence=0.9)
    assert Constraint.from_json(sure.to_json()) == sure


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A study with a confident limit that has run to its end, its file, and what its run printed."""
    file = small_study.write(tmp_path_factory.mktemp("sure"))
    words = [
        "run", file, "--trials", 20, "--set", f"output={file.parent / 'studies'}",
        "--set", f"constraints={{lut: {MOST}, confidence: 90%}}", "--set", "screening=20",
        "--set", "sampler=auto", "--set", "space.sparsity=[0, 50]",
    ]  # fmt: skip
    result = CliRunner().invoke(app, list(map(str, words)), env=WIDE)
    assert result.exit_code == 0, result.output
    return file.parent / "studies" / "small", file


def test_a_candidate_keeps_a_limit_if_its_upper_end_does(finished):
    folder, _ = finished
    found = read_evaluations(folder)
    errors = load_coefficients().errors_of("csynth", "mlp")
    for e in found:
        assert e.upper["lut"] == pytest.approx(upper(e.resources["lut"], errors["lut"], 0.9))
        over = e.upper["lut"] > MOST
        assert over == (e.constraints["lut"] > 0)
        assert over == (not e.feasible)
        assert set(e.upper) == {"lut", "ff", "dsp", "bram18"}, "what limits ask for, the device's own too"
    assert any(e.feasible for e in found)
    between = [e for e in found if e.resources["lut"] <= MOST < e.upper["lut"]]
    assert between, "some would have kept the limit by their estimate alone"
    stopped = [e for e in between if e.status == "infeasible"]
    assert all(f"at 90% > {MOST}" in e.reason for e in stopped)


def test_records_page_and_commands_tell_of_it(finished):
    folder, file = finished
    one = next(e for e in read_evaluations(folder) if e.feasible)
    plain = json.loads((folder / "trials" / f"{one.number:05d}" / "evaluation.json").read_text())
    assert plain["upper"] == dict(one.upper)
    assert Evaluation.from_json(plain) == one
    reference = Reference.read(folder)
    assert {c.name: c.confidence for c in reference.constraints}["lut"] == 0.9
    assert run_metrics(one)["est/lut_upper"] == one.upper["lut"]
    page = (folder / "report.html").read_text()
    assert "hold for 90% of designs that were held out" in page
    assert " with 90% confidence" in page
    shown = CliRunner().invoke(app, ["show", str(folder), str(one.number)], env=WIDE).output
    assert f"the limit is 2,600 ({MOST} with 90% confidence)" in shown
    words = ["validate", str(file), "--set", "constraints={lut: 10%, confidence: 90%}"]
    said = CliRunner().invoke(app, words, env=WIDE)
    assert said.exit_code == 0, said.output
    assert "at most 10%, kept with 90% confidence" in said.output
    assert "confidence" not in CliRunner().invoke(app, ["validate", str(file)], env=WIDE).output


def test_syntheses_bring_upper_ends_nearer_and_the_measured_design_counts_as_measured(finished):
    folder, _ = finished
    before = read_evaluations(folder, corrected=False)
    designs = list({e.design: e for e in before if e.status == "complete"}.values())[:6]
    records = []
    for e in designs:
        measured = {"csynth": {"lut": e.resources["lut"]}}
        outcome = SynthesisOutcome(fidelity="csynth", tool="vitis", seconds=1.0, measured=measured)
        records.append(write_record(folder, e.number, e.design, outcome))
    try:
        after = {e.number: e for e in corrected_study(folder, before)}
        known = {e.design for e in designs}
        for e in before:
            now = after[e.number]
            if e.design in known:
                assert now.upper["lut"] == pytest.approx(e.resources["lut"]), "no doubt is left"
            else:
                assert now.resources["lut"] < now.upper["lut"] < e.upper["lut"]
            assert (now.constraints["lut"] > 0) == (now.upper["lut"] > MOST)
            assert now.upper["ff"] == e.upper["ff"]
        assert {e.number for e in before if e.feasible} <= {n for n, now in after.items() if now.feasible}
    finally:
        for record in records:
            (record.folder / "record.json").unlink()
            record.folder.rmdir()


def test_a_confidence_that_no_data_gives_is_refused_before_anything_is_tried(tmp_path):
    study = config(tmp_path, "constraints={lut: 10%, confidence: 99.99%}")
    evaluator = Evaluator(load_problem(study, tmp_path))
    candidate = evaluator.space.candidate(
        {d.name: d.choices[0] if d.choices else d.high for d in evaluator.space.dimensions}
    )
    types = evaluator.costs.types(candidate)
    with pytest.raises(UserError, match=r"confidence = 99\.99% takes more held-out mlp designs"):
        evaluator.costs.cost(types, evaluator.costs.untrained(candidate, types))


def test_an_evaluation_of_a_study_without_confidence_has_no_upper_ends(finished):
    folder, _ = finished
    one = replace(read_evaluations(folder)[0], upper={})
    assert "upper" not in one.to_json()
    assert Evaluation.from_json(one.to_json()) == one
