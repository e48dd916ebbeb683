"""LUT and FF are two figures each, by C-synthesis and implemented, told apart wherever they are named."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
import small_study
from plausible import DEVICE, METRIC, plausible
from typer.testing import CliRunner

from bitfront.hls.design.layers import DesignDescription, LayerDescription
from bitfront.hls.design.weights import WeightContent
from bitfront.hls.estimate import Site, SiteDesign, estimate, site_estimate
from bitfront.hls.synthesis import SynthesisOutcome
from bitfront.search import load_study, read_evaluations
from bitfront.search.analysis.headline import headline
from bitfront.search.analysis.view import StudyView
from bitfront.search.cli.main import app
from bitfront.search.measurements.corrected import corrected_study
from bitfront.search.measurements.measured import Measured
from bitfront.search.measurements.record import write_record
from bitfront.search.quantities import QUANTITIES, energy_range, measured_name, resources_of
from bitfront.search.quantities.table import intervals_of
from bitfront.search.tracking.content import run_metrics
from bitfront.search.trials.objectives import Objective, constraints_of, parse_objectives
from bitfront.search.trials.reference import Reference
from bitfront.spaces.errors import UserError
from bitfront.spaces.precision import FixedPoint

T = FixedPoint(16, 6)


def layer(n=24, name="d"):
    return LayerDescription(
        name=name, op="dense", inputs=(T,), result=T, sizes={"n_in": n, "n_out": n},
        types={"weight": FixedPoint(8, 1), "accum": T},
    )  # fmt: skip


def design(*layers):
    return DesignDescription(name="m", layers=layers or (layer(),), part="u250", clock_ns=5.0)


def test_both_kinds_at_once_are_each_what_it_is_alone():
    both, alone = estimate(design(), both=True), estimate(design(), kind="implemented")
    assert replace(both, implemented=None) == estimate(design())
    assert both.implemented == alone
    assert estimate(design()).implemented is None
    with pytest.raises(ValueError, match="start from csynth"):
        estimate(design(), kind="implemented", both=True)


def test_both_kinds_of_ten_layers_take_less_than_10_ms():
    ten = design(*(layer(name=f"d{n}") for n in range(10)))
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        resources_of(estimate(ten, both=True))
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 0.010


def test_reports_of_the_site_correct_each_kind_by_their_own():
    found = estimate(design(), both=True)
    measured = {"csynth": {"lut": 2.0 * found.lut}, "vsynth": {"lut": 0.5 * found.implemented.lut}}
    site = Site((SiteDesign(design=design(), measured=measured),))
    after = site_estimate(design(), site=site, both=True)
    assert after.lut > found.lut
    assert after.implemented.lut < found.implemented.lut


def test_resources_hold_both_figures_each_with_its_interval():
    found = estimate(design(), both=True)
    resources, intervals = resources_of(found), intervals_of(found)
    assert (resources["lut"], resources["lut_implemented"]) == (found.lut, found.implemented.lut)
    assert (resources["ff"], resources["ff_implemented"]) == (found.ff, found.implemented.ff)
    assert intervals["lut_implemented"] == found.implemented.intervals["lut"]
    assert intervals["lut"] == found.intervals["lut"]
    assert "dsp_implemented" not in resources


def test_an_estimate_of_c_synthesis_alone_makes_no_implemented_figure_up():
    assert "lut_implemented" not in resources_of(estimate(design()))
    old = plausible(3)
    assert "lut_implemented" not in old.resources
    with pytest.raises(UserError, match="no 'lut_implemented'"):
        Objective.of(QUANTITIES["lut_implemented"]).value(old)


@pytest.mark.parametrize(
    ("key", "stage", "name"),
    [
        ("lut", "csynth", "lut"), ("lut", "vsynth", ""), ("lut_implemented", "vsynth", "lut"),
        ("lut_implemented", "rtl", "lut"), ("lut_implemented", "csynth", ""), ("ff_implemented", "vsynth", "ff"),
        ("dsp", "csynth", "dsp"), ("dsp", "vsynth", "dsp"), ("latency_ns", "cosim", "latency_ns"),
    ],
)  # fmt: skip
def test_a_stage_of_the_tools_measures_one_of_the_two(key, stage, name):
    assert measured_name(key, stage) == name


def test_what_logic_synthesis_measured_stands_beside_the_implemented_estimate_alone():
    known = Measured({"csynth": {"lut": 900.0, "dsp": 3.0}, "vsynth": {"lut": 300.0, "dsp": 2.0}})
    assert known.value("lut") == ("csynth", 900.0)
    assert known.value("lut_implemented") == ("vsynth", 300.0)
    assert known.value("dsp") == ("csynth", 3.0)
    assert Measured({"vsynth": {"lut": 300.0}}).value("lut") is None


def test_objectives_of_an_older_study_say_that_their_lut_is_of_c_synthesis():
    (_, old) = parse_objectives(["accuracy", "lut"], METRIC)
    plain = {**old.to_json(), "label": "LUT"}
    assert Objective.from_json(plain).label == "C-synthesis LUT"
    assert Objective.from_json({**plain, "name": "adders", "label": "Adders"}).label == "Adders"


def limits(tmp_path, *overrides):
    return load_study(small_study.write(tmp_path), overrides).limits()


def test_a_design_must_fit_the_device_in_the_figure_that_the_study_names(tmp_path):
    assert "lut_implemented" not in limits(tmp_path)
    assert limits(tmp_path)["lut"].text == "100%"
    named = limits(tmp_path, "objectives=[metric, lut_implemented]")
    assert ("lut" in named, named["lut_implemented"].text) == (False, "100%")
    given = limits(tmp_path, "constraints={lut_implemented: 20%}")
    assert ("lut" in given, given["lut_implemented"].value) == (False, 0.2 * DEVICE["lut"])
    both = limits(tmp_path, "constraints={lut_implemented: 20%, lut: 50%}")
    assert (both["lut"].text, both["lut_implemented"].text) == ("50%", "20%")


def test_a_limit_beyond_the_device_is_refused_for_either_figure(tmp_path):
    with pytest.raises(UserError, match=r"constraints\.lut_implemented = 9000000 is more than the 1728000"):
        limits(tmp_path, "constraints={lut_implemented: 9000000}")


def test_a_limit_of_zero_is_scaled_by_the_stock_that_both_figures_share(tmp_path):
    (limit,) = constraints_of(
        limits(tmp_path, "constraints={lut_implemented: 0}") | {}, METRIC, {"lut": 100.0}
    )[:1]
    assert (limit.name, limit.scale) == ("lut_implemented", 100.0)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A study of both LUT figures that has run to its end, and what its run printed."""
    file = small_study.write(tmp_path_factory.mktemp("both"))
    words = [
        "run", file, "--trials", 14, "--set", f"output={file.parent / 'studies'}",
        "--set", "objectives=[metric, lut_implemented, lut]", "--set", "constraints={lut_implemented: 1500}",
        "--set", "screening=20", "--set", "sampler=auto",
    ]  # fmt: skip
    result = CliRunner().invoke(app, list(map(str, words)), env={"COLUMNS": "300", "NO_COLOR": "1"})
    assert result.exit_code == 0, result.output
    return file.parent / "studies" / "small", result.output


def test_a_study_of_both_figures_runs_to_its_end_and_its_front_has_both(finished):
    folder, printed = finished
    reference, found = Reference.read(folder), read_evaluations(folder)
    assert [o.name for o in reference.objectives] == ["metric", "lut_implemented", "lut"]
    assert len(found) == 14
    for e in found:
        low, high = e.intervals["lut_implemented"]
        assert low <= e.resources["lut_implemented"] <= high
        assert e.resources["lut_implemented"] < e.resources["lut"]
        over = e.resources["lut_implemented"] > 1500
        assert over == (e.constraints["lut_implemented"] > 0)
        assert over == (e.status == "infeasible" or not e.feasible)
    assert "Implemented LUT" in printed


def test_page_headline_and_runs_say_which_figure_is_meant(finished):
    folder, _ = finished
    view = StudyView.read(folder)
    assert "Implemented LUT" in headline(view)
    page = (folder / "report.html").read_text()
    for text in (
        "<dt>Implemented LUT</dt>",
        "<dt>C-synthesis LUT</dt>",
        "Implemented LUT, of 1.73 M on the device",
    ):
        assert text in page
    metrics = run_metrics(view.front[0])
    assert metrics["est/lut_implemented"] < metrics["est/lut"]
    assert metrics["est/lut_implemented_low"] <= metrics["est/lut_implemented"]
    assert "lut_implemented,ff," in (folder / "front.csv").read_text()


def test_show_says_which_figure_is_which_and_picks_by_either(finished):
    folder, _ = finished
    number = StudyView.read(folder).front[0].number
    shown = CliRunner().invoke(app, ["show", str(folder), str(number)], env={"COLUMNS": "300"}).output
    assert "LUT and FF by C-synthesis" in shown
    assert "(Implemented LUT; 80 %: " in shown
    assert "(C-synthesis LUT; 80 %: " in shown
    assert "after Horowitz and after Moons" in shown
    picked = CliRunner().invoke(app, ["show", str(folder), "lut_implemented<1400"], env={"COLUMNS": "300"})
    assert picked.exit_code == 0, picked.output


def test_a_logic_synthesis_corrects_the_implemented_figures_of_the_other_candidates(finished):
    folder, _ = finished
    before = read_evaluations(folder, corrected=False)
    one = next(e for e in before if e.status == "complete")
    outcome = SynthesisOutcome(
        fidelity="vsynth", tool="vivado", seconds=1.0,
        measured={
            "csynth": {"lut": one.resources["lut"], "ff": one.resources["ff"]},
            "vsynth": {"lut": 2.0 * one.resources["lut_implemented"]},
        },
    )  # fmt: skip
    record = write_record(folder, one.number, one.design, outcome)
    try:
        after = {e.number: e for e in corrected_study(folder, before)}
        for e in before:
            now = after[e.number]
            assert now.resources["lut_implemented"] > 1.2 * e.resources["lut_implemented"]
            assert now.resources["lut"] == pytest.approx(e.resources["lut"], rel=0.01)
            over = now.resources["lut_implemented"] > 1500
            assert over == (now.constraints["lut_implemented"] > 0), "limits are checked anew"
    finally:
        for path in record.folder.iterdir():
            path.unlink()
        record.folder.rmdir()


def test_the_energy_of_a_multiply_accumulate_after_moons_grows_with_its_width_to_the_power_of_1_25():
    def moons(width, zeros=False):
        one = LayerDescription(
            name="d", op="dense", inputs=(FixedPoint(width, 2),), result=T, sizes={"n_in": 1, "n_out": 2},
            types={"weight": FixedPoint(2, 1), "accum": T},
            weights={"weight": WeightContent.of([[1, 0 if zeros else 1]])},
        )  # fmt: skip
        return estimate(design(one)).energy_moons_pj

    assert moons(16) == pytest.approx(2 * 3.7)
    assert moons(8) == pytest.approx(2 * 3.7 * 0.5**1.25)
    assert moons(16, zeros=True) == pytest.approx(3.7), "a constant zero multiplies nothing"


def test_a_range_of_energy_needs_both_models():
    assert energy_range({"energy_pj": 5.0, "energy_moons_pj": 3.0}) == (3.0, 5.0)
    assert energy_range({"energy_pj": 5.0}) is None
