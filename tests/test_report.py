"""The report says what the study found, opens without a network, and works in a browser at any width."""

from __future__ import annotations

import csv
import html
import json
import re
import shutil
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest
from pages import SCORED, STUDY, axis, embedded, layers
from plausible import FLOAT, METRIC, OBJECTIVES, plausible, plausible_study, reference, write_study

from bitfront.hls.synthesis import SynthesisOutcome
from bitfront.search.analysis.headline import headline
from bitfront.search.analysis.latency import read_latency, record_latency
from bitfront.search.analysis.sensitivity import RESOURCES, Sensitivity, write_sensitivity
from bitfront.search.analysis.view import StudyView, layer_widths, mean_width, si
from bitfront.search.measurements.record import write_record
from bitfront.search.report import (
    Comparison,
    charts,
    evidence,
    palette,
    rendering,
    write_comparison,
    write_report,
)
from bitfront.search.report.chart_parts import log_ticks, readable, tick_label
from bitfront.search.trials.evaluation import Evaluation
from bitfront.search.trials.front import pareto, pick
from bitfront.search.trials.names import width_label
from bitfront.search.trials.objectives import Metric, parse_objectives
from bitfront.spaces import UserError


def without_vega(text):
    """The page without Vega's own 0.9 MB of code, which mentions addresses that it never asks for."""
    return re.sub(r"<script>(?:(?!</script>).){500000,}</script>", "", text, count=1, flags=re.DOTALL)


def test_the_report_leaves_the_page_the_table_and_every_figure(page):
    folder = page.parent
    assert page == folder / "report.html"
    assert (folder / "front.csv").is_file()
    names = ["front_lut", "front_latency", "precision", "hypervolume", "training", "importance"]
    expected = {f"{name}.{kind}" for name in names for kind in ("png", "svg", "pdf")}
    assert {path.name for path in (folder / "figures").iterdir()} == expected
    assert (folder / "front.png").read_bytes().startswith(b"\x89PNG")
    assert (folder / "figures" / "front_lut.pdf").read_bytes().startswith(b"%PDF")
    drawing = (folder / "figures" / "front_lut.svg").read_text()
    assert ElementTree.fromstring(drawing).tag.endswith("}svg")
    assert "float 0.8420" in drawing


def test_the_page_asks_for_nothing_from_outside(page):
    whole, text = page.read_text(), without_vega(page.read_text())
    assert len(whole) < 1_200_000
    assert len(text) < 300_000, "Vega was not cut out, so this test would see too much"
    assert not re.findall(r"""(?:src|href)\s*=\s*["']?(?!#|data:)[^"'>]+""", text)
    assert not re.findall(r"https?://", text)
    assert "default-src 'none'" in text


def test_the_three_picks_stand_on_top_with_their_commands(page):
    text = page.read_text()
    for how in ("best", "knee", "smallest"):
        chosen = pick(STUDY, OBJECTIVES, how, METRIC)
        card = re.search(
            rf'<div class="pick">(?:(?!<div class="pick">).)*--pick {how}</code>', text, re.DOTALL
        )[0]
        assert f"trial {chosen.number}<" in card
        assert f'<p class="value">{chosen.score:.4f}</p>' in card
        assert "estimate, 80 %:" in card
        assert f"bitfront export toy-lstm --pick {how}" in card


def test_the_first_sentences_count_what_was_tried(view):
    text = headline(view)
    assert text.startswith(
        "60 candidates for LSTM 20, Dense 64 on xcvu13p-flga2577-2-e at 5 ns (6 of them uniform"
    )
    assert f"{sum(e.feasible for e in STUDY)} meet every limit" in text
    assert f"{len(pareto(STUDY, OBJECTIVES))} are on the front" in text
    assert f"float model scores {FLOAT['val']:.4f}" in text


def test_every_trial_is_a_row_of_the_table(page):
    text = page.read_text()
    body = re.search(r'<table id="trials">.*?<tbody>(.*?)</tbody>', text, re.DOTALL)[1]
    assert [int(float(n)) for n in re.findall(r'<tr[^>]*><td data-value="([\d.]+)"', body)] == [
        e.number for e in STUDY
    ]
    stopped = next(e for e in STUDY if e.status == "infeasible")
    assert html.escape(stopped.reason) in body


def test_scores_on_test_data_are_shown_where_there_are_some(page, tmp_path):
    front = {e.number for e in pareto(STUDY, OBJECTIVES)}
    scored = [replace(e, metrics={**e.metrics, "test": 0.7654}) if e.number in front else e for e in STUDY]
    text = write_report(write_study(tmp_path / "toy", scored), figures=False).read_text()
    columns = [f'<button type="button">{name}</button>' for name in ("On test data", "To float (test)")]
    gap = 0.7654 - FLOAT["test"]
    for column in columns:
        assert text.count(column) == 1
    assert text.count('<td data-value="0.7654">0.7654</td>') == len(front)
    assert text.count(f'<td data-value="{gap!r}">{gap:+.4f}</td>') == len(front)
    assert (
        text.count(
            f'<p class="value">0.7654</p><p class="soft">Accuracy on test data, {gap:+.4f} to float</p>'
        )
        == 3
    )
    assert not [column for column in columns if column in page.read_text() and not view_tested(page)]


def view_tested(page):
    """Whether a page's study has scores on test data."""
    return StudyView.read(page.parent).tested


def test_a_uniform_baseline_is_named_by_its_width_whatever_its_accumulators_and_reuse():
    params = {"method": "ptq", "lstm.weights": 6, "lstm.accumulators": 24, "lstm.tables": 18}
    baseline = replace(plausible(0, width=6), params={**params, "reuse_factor": 16, "dense.reuse_factor": 8})
    assert width_label(baseline) == "6 bit"


def test_a_baseline_that_a_layer_s_range_held_back_is_named_by_its_weights():
    params = {"method": "qat", "input.activations": 4, "a.weights": 2, "b.weights": 2, "a.activations": 3}
    assert width_label(replace(plausible(0, width=6), params=params)) == "2 bit"


def test_labels_that_would_print_over_each_other_are_left_out():
    xs, ys = [100, 101, 100, 1000], [0.9, 0.9, 0.5, 0.9]
    assert readable(xs, ys, xs, (0.4, 1.0)) == [True, False, True, True]


def test_ticks_are_written_as_what_they_are():
    assert [tick_label(tick) for tick in log_ticks([0.02, 0.5])] == [
        "0.01",
        "0.02",
        "0.05",
        "0.1",
        "0.2",
        "0.5",
        "1",
    ]
    assert [tick_label(tick) for tick in (1000.0, 20_000.0, 1e6)] == ["1,000", "20 k", "1 M"]


def test_what_a_tool_measured_stands_beside_its_estimate(full_page):
    view = StudyView.read(full_page.parent)
    drawn = layers(charts.scatter(view, view.costs[0]).spec())
    points = [row for row in drawn["points"] if row["series"] == "measured by C-synthesis"]
    wanted = {e.score: f * e.resources["lut"] for e, f in zip(SCORED, (0.5, 1.2), strict=False)}
    assert {row["y"]: row["x"] for row in points} == pytest.approx(wanted)
    assert "by C-synthesis" in points[0]["text"]
    estimates = {e.score: view.costs[0].value(e) for e in view.scored}
    assert {row["y"] for row in drawn["ties"]} == set(wanted)
    for score, value in wanted.items():
        assert [row["x"] for row in drawn["ties"] if row["y"] == score] == pytest.approx(
            [estimates[score], value]
        )
    assert StudyView.read(full_page.parent).measured[SCORED[0].number].value("latency_ns") == (
        "csynth",
        pytest.approx(SCORED[0].resources["latency_ns"]),
    )


def test_estimates_stand_against_measurements_with_their_intervals(full_page):
    figure = embedded(full_page.read_text())["synthesis"]
    drawn = layers(figure)
    lut = [row for row in drawn["points"] if row["series"] == "C-synthesis LUT"]
    estimates = [e.resources["lut"] for e in SCORED[:2]]
    assert [row["x"] for row in lut] == estimates
    assert [row["y"] for row in lut] == pytest.approx([0.5 * estimates[0], 1.2 * estimates[1]])
    ends = [(row["x"], row["high"]) for row in drawn["intervals"] if row["series"] == "C-synthesis LUT"]
    assert ends == [e.intervals["lut"] for e in SCORED[:2]]
    assert all(row["x"] == row["y"] for row in drawn["equal"])
    assert axis(figure, "points", "x")["scale"]["domain"] == axis(figure, "points", "y")["scale"]["domain"]


def test_the_estimate_s_error_is_told_with_its_coverage(full_page):
    found = evidence.pairs(StudyView.read(full_page.parent))
    lut = [p for p in found if p.key == "lut"]
    assert [round(p.error, 6) for p in lut] == [1.0, round(0.2 / 1.2, 6)]
    assert [p.inside for p in lut] == [False, True]  # the toy's interval is 0.78 to 1.3 of the estimate
    text = full_page.read_text()
    assert (
        '<td class="text">C-synthesis LUT</td><td class="">2</td><td class="">58 %</td><td class="">1 of 2</td>'
        in text
    )


def test_a_synthesis_that_failed_is_listed_with_the_tool_s_line_and_advice(full_page):
    text = full_page.read_text()
    assert "synthesis: hls_unroll" in text
    assert "ERROR: Stop &lt;unrolling&gt;" in text
    assert "Raise the reuse factor." in text


def test_processors_stand_beside_the_fpga_and_the_published_table_is_quoted(full_page, page):
    text = full_page.read_text()
    points = layers(embedded(text)["latency"])["points"]
    assert {"FPGA, one inference", "CPU, one inference", "CPU, per inference of many"} <= {
        row["series"] for row in points
    }
    assert [row["x"] for row in points if row["series"] == "CPU, per inference of many"] == [2.0]
    assert "120 µs on the CPU" in text
    assert "1515.15" in text  # the quoted LSTM on a V100
    assert "Quoted, not measured here" in text
    assert "latency-section" not in page.read_text()  # nothing was measured there


def test_the_sensitivity_table_is_drawn(full_page):
    cells = layers(embedded(full_page.read_text())["sensitivity"])["cells"]
    told = [(row["row"], row["column"], row["value"]) for row in cells]
    assert told == [("lstm/weight", "2", -0.1), ("lstm/weight", "4", -0.05), ("lstm/weight", "8", -0.025)]


def test_every_figure_of_a_full_study_is_a_file_too(full_page):
    names = {path.stem for path in (full_page.parent / "figures").iterdir()}
    assert names >= {"synthesis", "latency", "sensitivity", "precision", "front_lut"}
    for kind in ("png", "svg", "pdf"):
        assert len(list((full_page.parent / "figures").glob(f"*.{kind}"))) == len(names)


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("trials/00000/synthesis/01-csynth/record.json", "{"),
        ("trials/00000/synthesis/01-csynth/record.json", '{"tool": "x"}'),
        ("latency.json", "[{}]"),
        ("sensitivity.csv", "tensor,bits\na,b\n"),
    ],
)
def test_a_damaged_file_is_named_in_a_sentence(file, content, tmp_path):
    study = write_study(tmp_path / "toy", STUDY[:9])
    (study / file).parent.mkdir(parents=True, exist_ok=True)
    (study / file).write_text(content)
    with pytest.raises(UserError, match=Path(file).name):
        write_report(study, figures=False)


def test_the_float_model_is_timed_on_this_machine(tmp_path):
    import keras
    import numpy as np

    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    timings = record_latency(tmp_path, model, [np.zeros((5, 4), "float32")])
    assert read_latency(tmp_path) == timings
    assert {(t.device, t.batch) for t in timings} >= {("CPU", 1), ("CPU", 1024)}
    assert all(0 < t.low_us <= t.median_us <= t.high_us for t in timings)
    assert all("TensorFlow" in t.runtime and t.hardware for t in timings)
    one = min(t.per_sample_us for t in timings if t.batch == 1)
    assert min(t.per_sample_us for t in timings if t.batch == 1024) < one / 4
    assert record_latency(tmp_path, None, [], again=False) == timings


def test_two_studies_are_laid_over_each_other(tmp_path):
    a = write_study(tmp_path / "a", STUDY)
    b = write_study(tmp_path / "b", plausible_study(40, seed=8))
    page = write_comparison([a, b])
    assert page == tmp_path / "compare-a-b" / "report.html"
    figures = embedded(page.read_text())
    fronts = figures["fronts_lut"]
    shapes = axis(fronts, "points", "shape")["scale"]
    assert shapes["domain"] == ["a", "b"]
    assert shapes["range"][0] != shapes["range"][1]
    drawn = layers(fronts)
    for name, study in (("a", STUDY), ("b", plausible_study(40, seed=8))):
        rows = [row for layer in ("points", "rest") for row in drawn[layer] if row["series"] == name]
        scored = [(e.resources["lut"], e.score) for e in study if e.status == "complete"]
        assert sorted((row["x"], row["y"]) for row in rows) == sorted(scored)
    curves = layers(figures["hypervolume"])["hypervolume"]
    assert [row["x"] for row in curves if row["series"] == "b"] == list(range(40))
    assert {p.name for p in (page.parent / "figures").iterdir()} >= {"fronts_lut.pdf", "hypervolume.png"}
    views = Comparison((StudyView.read(a), StudyView.read(b)))
    cheapest = views.cheapest(views.views[0], views.costs[0], 0.02)
    able = [e.resources["lut"] for e in STUDY if e.feasible and e.score >= FLOAT["val"] - 0.02]
    assert cheapest.resources["lut"] == min(able)


def test_studies_of_one_name_in_folders_of_one_name_are_told_apart(tmp_path):
    folders = [write_study(tmp_path / place / "toy", STUDY[:9]) for place in "ab"]
    for folder in folders:
        replace(reference("toy"), study="toy").write(folder)
    figures = embedded(write_comparison(folders, tmp_path / "c", figures=False).read_text())
    assert axis(figures["fronts_lut"], "points", "shape")["scale"]["domain"] == [
        "toy (toy), 1",
        "toy (toy), 2",
    ]
    drawn = layers(figures["hypervolume"])["hypervolume"]
    assert [row["x"] for row in drawn if row["series"] == "toy (toy), 2"] == list(range(9))


def test_studies_that_do_not_compare_are_refused(tmp_path):
    a, b = (write_study(tmp_path / name, STUDY[:9]) for name in "ab")
    replace(reference("b"), metric=Metric("mse", "minimize", 0.0)).write(b)
    with pytest.raises(UserError, match="accuracy, mse"):
        write_comparison([a, b])
    with pytest.raises(UserError, match="2 to 5"):
        write_comparison([a])


def test_stopped_and_failed_trials_are_counted_with_advice(page, view):
    assert {name: count for name, count, _ in view.reasons()} == {
        "constraint": sum(e.status == "infeasible" for e in STUDY),
        "nan_loss": sum(e.status == "failed" for e in STUDY),
    }
    assert "Lower the learning rate" in page.read_text()


def test_the_page_has_every_figure(page):
    names = {"front_lut", "front_latency", "precision", "importance", "hypervolume", "training"}
    assert set(embedded(page.read_text())) == names


def test_vega_s_compiler_takes_every_figure_without_a_warning(full_page, capfd):
    import vl_convert

    for figure in embedded(full_page.read_text()).values():
        assert vl_convert.vegalite_to_vega({**figure, "width": 600}, show_warnings=True)["marks"]
    assert "WARN" not in capfd.readouterr().err


def test_the_scatter_shows_every_scored_trial_once(view):
    (lut, _) = view.costs
    points = [(row["x"], row["y"]) for row in layers(charts.scatter(view, lut).spec())["points"]]
    assert sorted(points) == sorted((e.resources["lut"], e.score) for e in STUDY if e.status == "complete")


def test_intervals_are_drawn_through_the_members_of_the_front(view):
    (lut, _) = view.costs
    rows = layers(charts.scatter(view, lut).spec())["intervals"]
    expected = [(*e.intervals["lut"], e.score) for e in view.front if e.kind != "uniform"]
    assert [(row["x"], row["high"], row["y"]) for row in rows] == expected


def test_hovering_tells_the_bits_of_every_layer(view):
    e = view.front[0]
    told = charts.hover(view, e)
    for layer, roles in layer_widths(e):
        assert f"\n{layer}: {roles[0][0]} {roles[0][1]}" in told
    assert "estimate, 80 %:" in told


def test_float_model_limits_and_baselines_are_marked(view):
    (lut, _) = view.costs
    drawn = layers(charts.scatter(view, lut).spec())
    assert [row["text"] for row in drawn["float label"]] == ["float 0.8420"]
    assert [row["text"] for row in drawn["metric limit labels"]] == [
        "limit 0.7578"
    ]  # 10 % under the float model
    assert [row["text"] for row in drawn["cost limit label"]] == ["limit 69.1 k"]  # 4 % of the device
    assert {"8 bit", "6 bit"} <= {row["text"] for row in drawn["baseline labels"]}
    assert "PTQ, uniform precision" in {row["series"] for row in drawn["points"]}


def test_the_heat_map_has_a_row_a_front_member_and_a_column_a_tensor(view):
    figure = charts.precision(view).spec()
    rows = axis(figure, "cells", "y")["sort"]
    assert [row.split(" · ")[0] for row in rows] == [str(e.number) for e in view.front]
    assert axis(figure, "cells", "x")["sort"] == list(view.front[0].precision)
    assert len(layers(figure)["cells"]) == len(rows) * len(view.front[0].precision)
    costs = [e.resources["lut"] for e in view.front]
    assert costs == sorted(costs)


def test_a_copied_study_reports_the_same(page, tmp_path):
    copy = tmp_path / "toy-lstm"
    shutil.copytree(page.parent, copy, ignore=shutil.ignore_patterns("report.html", "front*", "figures"))
    assert write_report(copy, figures=False).read_text() == page.read_text()


def test_the_same_study_gives_the_same_bytes(page, tmp_path):
    copy = tmp_path / "toy-lstm"
    shutil.copytree(page.parent, copy)
    write_report(copy)
    for path in (page.parent / "figures").iterdir():
        assert (copy / "figures" / path.name).read_bytes() == path.read_bytes(), path.name


def test_the_table_of_the_front_can_be_taken_from_the_page(page):
    rows = list(csv.DictReader((page.parent / "front.csv").open()))
    assert {int(row["trial"]) for row in rows} == {e.number for e in pareto(STUDY, OBJECTIVES)}
    assert "data:text/csv" in page.read_text()


EVIL = """</script><script>alert(1)</script><img src=x onerror='alert(2)'>"'&"""


class Structure(HTMLParser):
    """Elements of a page with the names of their attributes, and how often a text is read in text and
    attributes.
    """

    def __init__(self, text, name):
        super().__init__()
        self.name, self.elements, self.read = name, [], 0
        self.feed(re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL))

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, *sorted(key for key, _ in attrs)))
        self.read += sum(unquote(value or "").replace('""', '"').count(self.name) for _, value in attrs)

    def handle_data(self, data):
        self.read += data.count(self.name)


def named_by_users(folder, name):
    """Pages of studies in which everything that users and tools name is called `name`: of one study, and of
    two.
    """
    folders = []
    for place in "ab":
        bad = replace(STUDY[24], precision={f"{name}/weight": "fixed<8,3>"}, params={name: 3})
        failed = Evaluation(number=9, digest="x", method="qat", status="failed", reason=f"oops: {name}")
        assert bad.status == "complete"
        study = write_study(folder / place, [*STUDY[:8], failed, bad])
        device = {**reference("x").device, "part": f"{name}{place}"}
        replace(reference("x"), model=name, data=name, study=name, device=device).write(study)
        (study / "study.yaml").write_text(name)
        run = {"tool": name, "fidelity": "csynth", "seconds": 1.0}
        write_record(study, 24, bad.digest, SynthesisOutcome(cause=name, line=name, advice=name, **run))
        timing = {"device": "CPU", "hardware": name, "runtime": f"{name}, XLA", "batch": 1, "calls": 9}
        (study / "latency.json").write_text(
            json.dumps([timing | {"median_us": 2.0, "low_us": 1.0, "high_us": 3.0}])
        )
        write_sensitivity(study, [Sensitivity(f"{name}/weight", 4, -0.2, 0.9, dict.fromkeys(RESOURCES, 0.0))])
        folders.append(study)
    one = write_report(folders[0], figures=False).read_text()
    return one, write_comparison(folders, folder / "c", figures=False).read_text()


def test_names_from_a_model_are_text_everywhere_and_cannot_break_out_of_the_page(tmp_path):
    pages = zip(
        named_by_users(tmp_path / "evil", EVIL), named_by_users(tmp_path / "plain", "plain name"), strict=True
    )
    for (evil, plain), least in zip(pages, (14, 8), strict=True):
        assert EVIL not in evil
        assert "<script>alert" not in evil
        assert "<img" not in without_vega(evil)
        found, wanted = Structure(evil, EVIL), Structure(plain, "plain name")
        assert found.elements == wanted.elements
        assert found.read == wanted.read
        assert found.read >= least
        drawn = json.dumps(embedded(evil)).count(json.dumps(EVIL)[1:-1])
        assert drawn == json.dumps(embedded(plain)).count("plain name") > 0


def test_no_template_or_module_of_the_report_goes_past_the_escaping():
    folder = Path(rendering.__file__).parent
    for path in [*folder.glob("*.py"), *folder.glob("templates/*.j2")]:
        text = path.read_text()
        assert "|safe" not in text.replace(" ", "")
        assert "html.escape" not in text
        assert path.name == "rendering.py" or "Markup" not in text
    assert (folder / "rendering.py").read_text().count(
        "Markup("
    ) == 2  # Vega's code, and this package's own files


def test_a_study_without_a_feasible_candidate_says_so(tmp_path):
    broken = [replace(e, constraints={"lut": 0.1 + e.number}) for e in STUDY[:9]]
    study = write_study(tmp_path / "toy", broken)
    text = write_report(study).read_text()
    nearest = min((e for e in broken if e.status == "complete"), key=lambda e: e.number)
    assert "No candidate meets every limit" in text
    assert f"trial {nearest.number}." in text
    assert "0 meet every limit, 0 are on the front" in text
    assert '<div class="pick">' not in text


def test_a_study_where_nothing_was_scored_still_has_a_page(tmp_path):
    failed = [Evaluation(number=0, digest="a", method="qat", status="failed", reason="timeout: 60 s")]
    text = write_report(write_study(tmp_path / "toy", failed)).read_text()
    assert "Raise the limit, or shorten the training." in text
    assert embedded(text) == {}


def test_a_study_of_ptq_alone_says_that_nothing_was_trained(tmp_path):
    ptq = [e for e in STUDY if e.method == "ptq"]
    text = write_report(write_study(tmp_path / "toy", ptq), figures=False).read_text()
    assert "No candidate was trained" in text


def test_a_metric_that_falls_and_dsps_that_are_zero_are_drawn(tmp_path):
    metric = Metric("mse", "minimize", 0.0)
    flipped = [
        replace(e, metrics={k: 1 - v for k, v in e.metrics.items()}, resources={**e.resources, "dsp": 0.0})
        for e in STUDY
    ]
    study = write_study(tmp_path / "toy", flipped)
    objectives = parse_objectives(["mse", "lut", "dsp"], metric)
    changed = replace(reference("toy"), metric=metric, objectives=objectives, constraints=())
    replace(changed, float_scores={"val": 0.158}).write(study)
    write_report(study)
    figure = charts.scatter(StudyView.read(study), objectives[2]).spec()
    assert axis(figure, "points", "x")["scale"].get("type") != "log"
    assert axis(figure, "points", "y")["title"] == "MSE (validation, less is better)"


@pytest.mark.parametrize("damage", ["no reference", "no trials", "damaged"])
def test_what_is_no_study_is_refused_in_a_sentence(damage, tmp_path):
    study = write_study(tmp_path / "toy", STUDY[:2])
    if damage == "no reference":
        (study / "reference.json").unlink()
    elif damage == "no trials":
        shutil.rmtree(study / "trials")
    else:
        (study / "reference.json").write_text('{"study": "toy"}')
    with pytest.raises(UserError):
        write_report(study)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (32.0, "32"),
        (1020.4, "1,020"),
        (49656, "49.7 k"),
        (99999, "100.0 k"),
        (999_950, "1000 k"),
        (1_728_000, "1.73 M"),
        (0.00421, "0.00421"),
        (12.345, "12.3"),
        (26_400, "26.4 k"),
        (123_456, "123 k"),
    ],
)
def test_figures_are_written_as_people_do(value, text):
    assert si(value) == text


def test_the_colours_are_those_of_okabe_and_ito():
    published = {"#000000", "#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7"}
    used = {*palette.METHOD.values(), palette.FRONT, palette.FLOAT, palette.LIMIT, palette.UNIFORM}
    assert used <= published
    assert len(used) == 6


def test_the_mean_width_is_that_of_the_weights():
    e = replace(plausible(24), precision={"a/weight": "fixed<4,1>", "a/recurrent_weight": "fixed<6,1>"})
    assert mean_width(replace(e, precision={**e.precision, "a/result": "fixed<16,3>"})) == 5
    assert mean_width(replace(e, precision={})) is None
