"""Syntheses beside a search and after it: recorded, tracked, learned from; the tool is a stand-in throughout.

See `stand_in_tool.py`: no figure here was measured by a vendor's tool.
"""

from __future__ import annotations

import io
import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from plausible import plausible_study, write_study
from rich.console import Console
from stand_ins import StandIns

from bitfront.hls.synthesis import SynthesisOutcome
from bitfront.search import load_study, read_evaluations, run_study
from bitfront.search.cli import main
from bitfront.search.measurements.record import read_records, write_record
from bitfront.search.run.background_synthesis import finalists
from bitfront.search.tracking import MlflowTracker, StudyRecord, default_uri, sync
from bitfront.search.trials.reference import Reference
from bitfront.spaces import UserError

MODEL = """
import keras

def build():
    return keras.Sequential([
        keras.Input((64,), name="pixels"),
        keras.layers.Dense(12, activation="relu", name="hidden"),
        keras.layers.Dense(10, activation="softmax", name="digit"),
    ])
"""
DATA = """
from sklearn.datasets import load_digits

def load():
    x, y = load_digits(return_X_y=True)
    x = (x / 16.0).astype("float32")
    return {"x_train": x[:600], "y_train": y[:600], "x_val": x[600:900], "y_val": y[600:900],
            "x_test": x[900:1200], "y_test": y[900:1200]}
"""
STUDY = """
name: digits
model: model.py:build
data: data.py:load
task: multiclass
objectives: [metric, lut]
space: {weights: 4..8, activations: 4..8, method: [ptq]}
training: {float_epochs: 8, float_learning_rate: 0.01}
max_fidelity: csynth
synthesis: {timeout: 60s, memory_gib: 4, finalists: 2}
budget: {trials: 6}
gradient_epochs: 0
tracking: {enabled: false}
"""


@pytest.fixture
def tool(tmp_path, monkeypatch):
    return StandIns(tmp_path / "tool", monkeypatch)


def run(folder, *changes):
    """Run the study and return its folder and what it printed."""
    text = io.StringIO()
    config = load_study(folder / "study.yaml", [f"output={folder / 'studies'}", *changes])
    run_study(config, folder, console=Console(file=text, width=400))
    return folder / "studies" / "digits", text.getvalue()


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("study")
    for name, text in (("model.py", MODEL), ("data.py", DATA), ("study.yaml", STUDY)):
        (folder / name).write_text(text)
    return folder


@pytest.fixture(scope="module")
def estimated(written) -> tuple[Path, str]:
    """The study as it ran on a machine without tools."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", "/usr/bin:/bin")
        return run(written)


@pytest.fixture
def copied(estimated, tmp_path) -> Path:
    """A copy of the study's folder, as another machine has it."""
    return shutil.copytree(estimated[0], tmp_path / "copied" / "digits")


def command(monkeypatch, capsys, *arguments):
    monkeypatch.setattr(sys, "argv", ["bitfront", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    out, err = capsys.readouterr()
    return int(ended.value.code or 0), out, err


def test_without_a_tool_the_study_says_so_once_and_goes_on(estimated):
    folder, said = estimated

    assert said.count("on PATH") == 1
    assert "continues with estimates" in said
    assert len(read_evaluations(folder)) == 6
    assert all(e.calibrated_on == 0 for e in read_evaluations(folder))


def test_front_members_are_synthesised_beside_the_search_and_correct_its_estimates(
    written, tool, tmp_path, monkeypatch
):
    tool.install("vitis-run")
    place = shutil.copytree(written, tmp_path / "study", ignore=shutil.ignore_patterns("studies"))
    folder, said = run(place)
    files = {e.number: e for e in read_evaluations(folder, corrected=False)}
    seen = {e.number: e for e in read_evaluations(folder)}
    records = read_records(folder)
    designs = {r.digest for r in records}

    assert records
    assert all(r.outcome.ok for r in records)
    assert f"calibrated on {len(designs)} designs" in said
    assert {e.calibrated_on for e in seen.values()} == {len(designs)}
    factors = [after.resources["lut"] / files[n].resources["lut"] for n, after in seen.items()]
    assert max(factors) / min(factors) < 1.001
    assert abs(max(factors) - 1) > 0.01
    for record in records:
        assert seen[record.number].measured["csynth"]["lut"] == 32227
        assert files[record.number].measured == {}
        assert (record.folder / "synthesis.log").exists()
        assert (record.folder / "csynth.xml").exists()
    assert not list((folder / "synthesis").glob("*"))


def test_a_copied_folder_is_synthesised_and_what_is_done_is_not_done_again(copied, tool, monkeypatch, capsys):
    tool.install("vitis-run")
    before = {p: p.read_bytes() for p in copied.glob("trials/*/evaluation.json")}

    code, out, _ = command(
        monkeypatch, capsys, "synth", copied, "--top", "2", "--jobs", "2", "--timeout", "30s"
    )

    assert code == 0
    assert out.count("csynth: LUT 32,227 (estimate ") == 2
    assert {p: p.read_bytes() for p in copied.glob("trials/*/evaluation.json")} == before
    assert {e.calibrated_on for e in read_evaluations(copied)} == {2}
    assert "calibrated on 2 synthesised designs" in (copied / "report.html").read_text()
    code, out, _ = command(monkeypatch, capsys, "show", copied, str(read_records(copied)[0].number))
    assert "estimate, calibrated on 2 designs" in out
    assert "csynth" in out

    reference = Reference.read(copied)
    top = [
        e.number
        for e in finalists(read_evaluations(copied), reference.objectives, 1, floor=reference.knee_floor)
    ]
    done = {r.number for r in read_records(copied)}
    code, out, _ = command(monkeypatch, capsys, "synth", copied, "--top", "1")
    assert code == 0
    assert ("has its csynth already" in out) == (set(top) <= done)


def test_a_missing_tool_ends_synth_with_code_4(copied, monkeypatch, capsys):
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    code, out, err = command(monkeypatch, capsys, "synth", copied, "--pareto")

    assert code == 4
    assert "No vitis-run" in err
    assert "Traceback" not in err + out


def test_a_failure_is_recorded_with_its_cause_and_tried_again_on_request(copied, tool, monkeypatch, capsys):
    tool.install("vitis-run")
    monkeypatch.setenv("STAND_IN", "ERROR: [Common 17-345] A valid license was not found for feature 'HLS'")
    code, out, _ = command(monkeypatch, capsys, "synth", copied, "--top", "1")

    (failed,) = read_records(copied)
    assert code == 1
    assert "failed (licence)" in out
    assert (failed.outcome.cause, failed.outcome.measured) == ("licence", {})
    assert all(e.calibrated_on == 0 for e in read_evaluations(copied))

    monkeypatch.setenv("STAND_IN", "")
    assert command(monkeypatch, capsys, "synth", copied, "--top", "1")[0] == 0
    first, second = read_records(copied)
    assert (first.folder.name, second.folder.name) == ("01-csynth", "02-csynth")
    assert second.outcome.ok


def test_a_study_goes_on_past_a_tool_that_hangs(written, tool, tmp_path, monkeypatch):
    tool.install("vitis-run")
    monkeypatch.setenv("STAND_IN", "hang")
    place = shutil.copytree(written, tmp_path / "study", ignore=shutil.ignore_patterns("studies"))
    folder, said = run(place, "synthesis.timeout=1s", "synthesis.finalists=1", "budget.trials=4")

    assert len(read_evaluations(folder)) == 4
    assert "failed (timeout)" in said
    assert all(e.calibrated_on == 0 for e in read_evaluations(folder))


@pytest.mark.parametrize(
    "options",
    [("--top", "1", "--pareto"), ("--timeout", "soon"), ("--tool", "yosys", "--fidelity", "csynth")],
)
def test_a_mistake_is_refused_with_code_2(copied, monkeypatch, capsys, options):
    assert command(monkeypatch, capsys, "synth", copied, *options)[0] == 2


def test_the_open_flow_names_the_programs_that_it_lacks(copied, monkeypatch, capsys):
    monkeypatch.setenv("PATH", "/nowhere")
    code, _, err = command(monkeypatch, capsys, "synth", copied, "--tool", "yosys")

    assert code == 4
    assert "yosys, verilator" in err


@pytest.mark.slow
@pytest.mark.skipif(
    not all(map(shutil.which, ("yosys", "verilator", "make", "g++"))), reason="needs yosys and verilator"
)
def test_the_open_flow_gives_a_second_opinion_that_corrects_nothing(copied, monkeypatch, capsys):
    code, out, _ = command(
        monkeypatch, capsys, "synth", copied, "--tool", "yosys", "--top", "1", "--timeout", "5m"
    )
    (record,) = read_records(copied)

    assert code == 0
    assert "rtl: LUT" in out
    assert (record.outcome.fidelity, set(record.outcome.measured)) == ("rtl", {"rtl"})
    assert all(e.calibrated_on == 0 for e in read_evaluations(copied))
    assert (record.folder / "stat.json").exists()


def outcome(lut, **changed):
    measured = {"csynth": {"lut": lut, "latency_cycles": 9.0}}
    return SynthesisOutcome(tool="vitis-run", fidelity="csynth", seconds=3.0, measured=measured, **changed)


def test_limits_are_checked_on_corrected_estimates(tmp_path):
    """Where all syntheses need three times the LUTs, candidates near the limit are beyond it."""
    evaluations = plausible_study(24)
    folder = write_study(tmp_path / "s", evaluations)
    near = [e for e in evaluations if e.feasible]
    for e in near[:6]:
        write_record(folder, e.number, e.digest, outcome(3 * e.resources["lut"]))
    limit = next(c.limit for c in Reference.read(folder).constraints if c.name == "lut")
    found = {e.number: e for e in read_evaluations(folder)}

    for e in near:
        assert found[e.number].resources["lut"] > 2 * e.resources["lut"]
        assert found[e.number].feasible == (found[e.number].resources["lut"] <= limit)
        assert found[e.number].resources["latency_ns"] == found[e.number].resources["latency_cycles"] * 5.0


def test_a_corrected_evaluation_is_never_written(tmp_path):
    evaluation = next(e for e in plausible_study(4) if e.status == "complete")
    with pytest.raises(AssertionError, match="as it was made"):
        replace(evaluation, calibrated_on=1).write(tmp_path)


def test_a_damaged_record_is_named(tmp_path):
    evaluations = plausible_study(4)
    folder = write_study(tmp_path / "s", evaluations)
    record = write_record(folder, evaluations[0].number, evaluations[0].digest, outcome(100))
    (record.folder / "record.json").write_text("{")

    with pytest.raises(UserError, match="delete its folder"):
        read_evaluations(folder)


def test_mlflow_shows_a_synthesis_beside_the_estimate_once(tmp_path):
    from mlflow import MlflowClient

    evaluations = [e for e in plausible_study(8) if e.status == "complete"][:2]
    folder = write_study(tmp_path / "s", evaluations)
    first = evaluations[0]
    tracker = MlflowTracker(tmp_path)
    tracker.start(StudyRecord.of(folder))
    for e in evaluations:
        tracker.trial(e)
    record = write_record(folder, first.number, first.digest, outcome(777, clock_ns=4.2))
    tracker.synthesis(record)
    tracker.synthesis(record)
    tracker.finish([], [])
    client = MlflowClient(tracking_uri=default_uri(tmp_path))
    experiment = client.search_experiments(filter_string="name != 'Default'")[0].experiment_id
    (run_,) = client.search_runs([experiment], f"tags.`bitfront.trial` = '{first.number}'")

    assert run_.data.metrics["csynth/lut"] == 777
    assert run_.data.metrics["csynth/clock_ns"] == 4.2
    assert run_.data.metrics["est/lut"] == first.resources["lut"]
    assert run_.data.tags["synthesis"] == "csynth complete"
    assert len(client.get_metric_history(run_.info.run_id, "csynth/lut")) == 1
    assert [f.path for f in client.list_artifacts(run_.info.run_id, "synthesis/01-csynth")]

    failed = SynthesisOutcome(
        tool="vitis-run", fidelity="csynth", seconds=1.0, cause="unroll", line="x", advice="y"
    )
    write_record(folder, first.number, first.digest, failed)
    assert sync(folder) == 2
    tags = client.get_run(run_.info.run_id).data.tags
    assert tags["synthesis.02-csynth"] == "failed: unroll"


def test_records_are_plain_json(tmp_path):
    record = write_record(tmp_path, 3, "abc", outcome(5))
    plain = json.loads((record.folder / "record.json").read_text())

    assert plain["outcome"]["measured"] == {"csynth": {"lut": 5, "latency_cycles": 9.0}}
    assert read_records(tmp_path) == [record]
