"""A site's own reports: designs are read out of hls4ml projects, and what tools said of them corrects
estimates.
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace

import pytest
from test_reports import UTILIZATION, csynth_xml
from zoo import zoo

from bitfront.hls import Target, convert, describe, hls_config, to_keras
from bitfront.hls.design.of_project import project_design
from bitfront.hls.design.weights import DesignError
from bitfront.hls.estimate import Site, SiteDesign, estimate, load_site, site_estimate
from bitfront.hls.precision.uniform import uniform_types
from bitfront.search.cli import main
from bitfront.spaces import FixedPoint, LayerHardware, UserError, lower

PART = "xcu250-figd2104-2L-e"
CASES = [
    ("vector", "norm", "io_parallel"),
    ("vector", "softmax", "io_parallel"),
    ("merges", "joins", "io_stream"),
    ("sequence", "causal", "io_stream"),
    ("sequence", "pointwise", "io_stream"),
    ("recurrent", "lstm", "io_parallel"),
    ("recurrent", "gru", "io_stream"),
    ("bidirectional", "bi_lstm", "io_parallel"),
    ("bidirectional", "bi_gru", "io_parallel"),
    ("image", "conv2d", "io_stream"),
    ("image", "separable2d", "io_parallel"),
]


def written(folder, group, branch, io_type="io_parallel", **hardware):
    """Write the project of a branch with hls4ml, and return the design that was meant."""
    graph = lower(zoo(group, 1, only=(branch,)), head="keep")
    types = uniform_types(graph, FixedPoint(8, 3))
    model = to_keras(graph, graph.weights, types)
    chosen, target = LayerHardware(**hardware), Target(part=PART, io_type=io_type)
    config = hls_config(graph, types, model, chosen, target)
    convert(model, config, folder, io_type=io_type, part=PART).write()
    return describe(graph, types, graph.weights, chosen, target)


@pytest.mark.parametrize(("group", "branch", "io_type"), CASES)
def test_a_candidate_is_estimated_as_the_firmware_that_hls4ml_writes_for_it(group, branch, io_type, tmp_path):
    """The design is described twice: from the graph, and from hls4ml's C++ by another reader."""
    meant = estimate(written(tmp_path / "p", group, branch, io_type))
    found = estimate(project_design(tmp_path / "p"))

    for key in ("lut", "ff", "dsp", "bram18", "latency_cycles", "ii_cycles"):
        assert getattr(found, key) == pytest.approx(getattr(meant, key), rel=0.05, abs=2), key


def test_strategy_reuse_factor_part_and_clock_are_read(tmp_path):
    meant = written(tmp_path / "p", "vector", "mlp", strategy="Resource", reuse_factor=4)
    found = project_design(tmp_path / "p", tool_version="2024.1")

    assert (found.part, found.clock_ns, found.backend, found.tool_version) == (PART, 5.0, "Vitis", "2024.1")
    hardware = [
        [(layer.strategy, layer.reuse_factor) for layer in one.layers if layer.op == "dense"]
        for one in (found, meant)
    ]
    assert hardware[0] == hardware[1]
    assert hardware[0][0][0] == "resource"
    assert all(layer.weights["weight"].nonzero > 0 for layer in found.layers if layer.op == "dense")


@pytest.mark.parametrize(
    ("file", "text"), [("hls4ml_config.yml", "ProjectName: ["), ("firmware/bitfront.cpp", "")]
)
def test_a_damaged_project_is_refused(file, text, tmp_path):
    written(tmp_path / "p", "vector", "mlp")
    (tmp_path / "p" / file).write_text(text)
    with pytest.raises(DesignError):
        project_design(tmp_path / "p")


@pytest.fixture
def bitfront(monkeypatch, capsys, tmp_path):
    """Run the command with a site file of its own; return exit code, standard output and standard error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BITFRONT_SITE", str(tmp_path / "site" / "site.json"))

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["bitfront", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out, err

    return call


def reported(folder, *, lut=32227):
    """Put reports in the documented format into a project, where a tool would."""
    place = folder / "bitfront_prj" / "solution1" / "syn" / "report"
    place.mkdir(parents=True)
    (place / "csynth.xml").write_text(csynth_xml().replace("32227", str(lut)))
    text = UTILIZATION.format(version="2023.2", state="Synthesized", family="CLB")
    (folder / "vivado_synth.rpt").write_text(text)
    return place / "csynth.xml"


def test_a_project_with_reports_corrects_the_estimates_of_its_family(bitfront, tmp_path):
    design = written(tmp_path / "p", "vector", "mlp")
    other = written(tmp_path / "other", "recurrent", "gru")
    reported(tmp_path / "p")
    before = estimate(design)

    code, out, _ = bitfront("calibrate", "p")

    after = site_estimate(design)
    assert code == 0
    assert f"lut 32,227 (estimate {before.lut:,})" in out
    assert "mlp, csynth, from 1 reports: lut x" in out
    assert "mlp, implemented, from 1 reports" in out
    assert before.lut < after.lut < 32227
    assert (after.site_reports, after.calibrated_on, after.source) == (1, 0, "estimate")
    assert site_estimate(design, kind="implemented").lut != estimate(design, kind="implemented").lut
    assert site_estimate(other) == estimate(other)


def test_a_report_added_again_replaces_the_first_and_all_can_be_forgotten(bitfront, tmp_path):
    written(tmp_path / "p", "vector", "mlp")
    report = reported(tmp_path / "p")
    bitfront("calibrate", report)
    report.write_text(csynth_xml().replace("32227", "777"))

    assert "holds 1 designs" in bitfront("calibrate", report)[1]
    assert "lut 777" in bitfront("calibrate", "--list")[1]
    assert "holds 0 designs" in bitfront("calibrate", "--forget")[1]
    assert load_site(tmp_path / "site" / "site.json") == Site()


def test_a_report_beside_a_description_needs_no_firmware(bitfront, tmp_path):
    design = written(tmp_path / "p", "vector", "mlp")
    place = tmp_path / "kept"
    place.mkdir()
    (place / "csynth.xml").write_text(csynth_xml())
    assert bitfront("calibrate", place / "csynth.xml")[0] == 2

    (place / "design.json").write_text(json.dumps(design.to_json()))
    assert "lut 32,227" in bitfront("calibrate", place / "csynth.xml")[1]


def test_estimates_of_designs_in_a_file_are_corrected_and_say_so(bitfront, tmp_path):
    design = written(tmp_path / "p", "vector", "mlp")
    reported(tmp_path / "p")
    bitfront("calibrate", "p")
    (tmp_path / "in.jsonl").write_text(json.dumps(design.to_json()) + "\n")
    bitfront("estimate", "--designs", "in.jsonl", "--out", "out.jsonl")
    row = json.loads((tmp_path / "out.jsonl").read_text())

    assert row["site_reports"] == 1
    assert row["lut"] > estimate(design).lut


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "Give reports"),
        (("nosuch",), "does not exist"),
        (("empty",), "no hls4ml project"),
        (("bare",), "no readable synthesis report"),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_code_two(bitfront, tmp_path, arguments, words):
    (tmp_path / "empty").mkdir()
    if "bare" in arguments:
        written(tmp_path / "bare", "vector", "mlp")
    code, out, err = bitfront("calibrate", *arguments)

    assert code == 2
    assert words in err
    assert "Traceback" not in err + out


def test_a_damaged_site_file_is_named(tmp_path):
    (tmp_path / "site.json").write_text("{}")
    with pytest.raises(UserError, match="delete it"):
        load_site(tmp_path / "site.json")


def test_agreeing_reports_narrow_the_interval(tmp_path):
    design = written(tmp_path / "p", "vector", "mlp")
    found = estimate(design)
    designs = [
        SiteDesign(design=replace(design, clock_ns=clock), measured={"csynth": {"lut": 1.5 * found.lut}})
        for clock in (4.0, 4.5, 5.5, 6.0, 7.0)
    ]
    corrected = site_estimate(design, site=Site(tuple(designs)))

    def width(one):
        return one.intervals["lut"][1] / one.intervals["lut"][0]

    assert corrected.site_reports == 5
    assert corrected.lut == pytest.approx(1.5 * found.lut, rel=0.1)
    assert width(corrected) < 0.7 * width(found)
