"""`bitfront selftest`: five designs through the tools that are there, and a file that others can read.

AMD's tools are stood in for by `stand_in_tool.py`; the exports that they get are real ones.
"""

from __future__ import annotations

import json
import re
import sys

import pytest
from stand_ins import StandIns
from zoo import needs_compiler

from bitfront.experiments.calibration.samples import load_samples
from bitfront.hls import DesignDescription
from bitfront.hls.estimate import estimate, family_of
from bitfront.search.cli import main as run_main
from bitfront.search.selftest import DESIGNS, build_design

PLACE = {"part": "xcvu13p-flga2577-2-e", "clock_ns": 5.0}


@pytest.fixture
def bitfront(monkeypatch, capsys, tmp_path):
    """Run the command in an empty folder; return its exit code, standard output and standard error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BITFRONT_SITE", str(tmp_path / "site.json"))
    monkeypatch.setenv("COLUMNS", "120")

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["bitfront", *arguments])
        with pytest.raises(SystemExit) as ended:
            run_main()
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out, err

    return call


@pytest.fixture
def tools(tmp_path, monkeypatch):
    stand_ins = StandIns(tmp_path / "tools", monkeypatch)
    stand_ins.version("2025.1")
    stand_ins.install("vitis-run")
    return stand_ins


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_there_is_a_design_of_each_family_and_one_on_streams():
    built = {one.name: build_design(one, **PLACE).description for one in DESIGNS}
    assert {family_of(one) for one in built.values()} == {"mlp", "cnn", "rnn", "transformer"}
    assert [name for name, one in built.items() if one.io_type == "io_stream"] == ["stream"]
    for one in built.values():
        assert estimate(one).lut < 60_000  # C-synthesis of all five is a matter of minutes


def test_a_design_is_the_same_every_time():
    first, second = (build_design(DESIGNS[0], **PLACE) for _ in range(2))
    assert first.description == second.description


def test_every_design_is_synthesised_compared_and_written_to_a_file(bitfront, tools, tmp_path):
    code, out, _ = bitfront("selftest", "--vitis", "--out", "sent-selftest.jsonl", "--keep", "projects")

    assert code == 0
    for design in DESIGNS:
        assert re.search(rf"{design.name}, vitis-run 2025.1", out)
        log = (tmp_path / "projects" / design.name / "synthesis.log").read_text()
        assert "--mode hls --tcl build_prj.tcl" in log
    assert "5 of 5 designs were synthesised" in out
    # the stand-in's report: whatever the estimate, its figures stand in the table
    assert "32,227" in out
    found = lines(tmp_path / "sent-selftest.jsonl")
    assert [one["model"] for one in found] == [design.name for design in DESIGNS]
    for one in found:
        assert one["csynth"]["lut"] == 32227
        assert DesignDescription.from_json(one["design"]).tool_version == "2025.1"
    assert str(tmp_path) not in (tmp_path / "sent-selftest.jsonl").read_text()


def test_the_table_says_whether_each_figure_lies_in_its_interval(bitfront, tools, tmp_path):
    _, out, _ = bitfront("selftest", "--vitis", "--only", "mlp")
    (one,) = lines(tmp_path / "bitfront-selftest.jsonl")
    found = estimate(DesignDescription.from_json(one["design"]))
    inside = 0
    for key, span in found.intervals.items():
        if key in one["csynth"] and key != "uram":  # of which estimates know nothing
            inside += span[0] <= one["csynth"][key] <= span[1]
    assert out.count(" yes ") == inside, out
    assert f"; {inside} of " in out


def test_the_file_is_read_by_calibrate_and_by_the_fit(bitfront, tools, tmp_path):
    bitfront("selftest", "--vitis", "--only", "mlp", "--only", "stream", "--out", "a-selftest.jsonl")
    code, out, _ = bitfront("calibrate", "a-selftest.jsonl")

    assert code == 0
    assert "holds 2 designs" in out
    assert "mlp, csynth, from 1 reports: lut x" in out
    assert "cnn, csynth, from 1 reports" in out
    (tmp_path / "designs.jsonl").write_text("")
    samples = load_samples(tmp_path)
    assert [(one.family, one.era, one.csynth["lut"]) for one in samples] == [
        ("mlp", "vitis", 32227),
        ("cnn", "vitis", 32227),
    ]


def test_without_the_tool_one_sentence_says_so_and_the_exit_code_is_4(bitfront, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    code, out, err = bitfront("selftest", "--vitis")
    assert (code, out) == (4, "")
    assert "No vitis-run or vitis_hls or v++ on PATH" in err
    assert err.count("\n") == 1


def test_a_design_that_the_tool_fails_on_has_a_cause_and_the_others_go_on(
    bitfront, tools, tmp_path, monkeypatch
):
    monkeypatch.setenv(
        "STAND_IN", f"ERROR: [HLS 200-1023] Part is not installed ({tmp_path}/projects/mlp/project.tcl)."
    )
    code, out, _ = bitfront("selftest", "--vitis", "--only", "mlp", "--only", "cnn", "--keep", "projects")
    assert code == 1
    assert out.count("failed (part)") == 2
    assert "0 of 2 designs were synthesised" in out
    found = lines(tmp_path / "bitfront-selftest.jsonl")
    assert [(one["cause"], one["csynth"]) for one in found] == [("part", {}), ("part", {})]
    assert "PROJECT/project.tcl" in found[0]["line"]
    code, _, err = bitfront("calibrate", "bitfront-selftest.jsonl")
    assert code == 2
    assert "no design that was synthesised" in err


def test_a_design_of_another_name_and_a_part_that_no_one_makes_are_refused(bitfront):
    code, _, err = bitfront("selftest", "--only", "gan")
    assert code == 2
    assert "mlp, cnn, rnn, transformer, stream" in err
    code, _, err = bitfront("selftest", "--part", "xc9")
    assert code == 2
    assert "xc9" in err


@pytest.mark.parametrize("text", ["no json\n", '{"csynth": {"lut": 1}}\n', "[1]\n"])
def test_a_file_of_something_else_is_refused_in_one_sentence(bitfront, tmp_path, text):
    (tmp_path / "other.jsonl").write_text(text)
    code, _, err = bitfront("calibrate", "other.jsonl")
    assert code == 2
    assert "selftest --vitis" in err


@needs_compiler
def test_without_vitis_the_firmware_is_compiled_compared_and_checked(bitfront):
    code, out, _ = bitfront("selftest", "--only", "mlp")
    assert code == 0, out
    assert re.search(r"mlp\s+g\+\+\s+ok: the firmware gives the bit-true model's outputs on 100 samples", out)
    assert "known to be refused by Vitis" in out
    assert "selftest --vitis" in out


@needs_compiler
@pytest.mark.slow
def test_every_design_passes_without_vitis(bitfront):
    code, out, _ = bitfront("selftest")
    assert code == 0, out
    assert out.count(" ok: ") >= len(DESIGNS)


def test_a_place_that_cannot_hold_the_outcome_is_refused_before_anything_is_built(bitfront, tools, tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").touch()
    for words, said in (
        (("--keep", "file"), "--keep file can't be made or read (File exists)"),
        (("--keep", "full"), "--keep full holds files already"),
        (("--vitis", "--out", "none/sent.jsonl"), "--out none/sent.jsonl can't be written"),
        (("--vitis", "--out", "full"), "--out full can't be written"),
    ):
        code, _, err = bitfront("selftest", "--only", "mlp", *words)
        assert (code, said in err) == (2, True), err


@pytest.mark.parametrize("figure", ["-5", "NaN", "1e999"])
def test_a_figure_that_no_tool_reports_gets_into_no_sites_file(bitfront, tmp_path, figure):
    design = json.dumps(build_design(DESIGNS[0], **PLACE).description.to_json())
    (tmp_path / "sent.jsonl").write_text(f'{{"csynth": {{"lut": {figure}, "own": 3}}, "design": {design}}}\n')
    code, _, err = bitfront("calibrate", "sent.jsonl")
    assert (code, "line 1: lut is" in err) == (2, True), err
    assert not (tmp_path / "site.json").exists()


def test_a_figure_that_no_estimate_has_is_passed_over(bitfront, tmp_path):
    design = json.dumps(build_design(DESIGNS[0], **PLACE).description.to_json())
    (tmp_path / "sent.jsonl").write_text(f'{{"csynth": {{"lut": 9000, "own": 3}}, "design": {design}}}\n')
    code, out, _ = bitfront("calibrate", "sent.jsonl")
    assert (code, "own" in out) == (0, False)
