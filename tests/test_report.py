"""The report shows a study as its folder tells it, works offline, and reads on a phone and by keyboard."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from dataclasses import replace

import pytest
from plausible import OBJECTIVES, plausible, plausible_study, write_study

from bitfront.search.front import pareto, pick
from bitfront.search.report import StudyView, write_report
from bitfront.search.report.plots import heat_map, scatter
from bitfront.search.report.view import advice, uniform_label, widths
from bitfront.spaces import UserError

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
EVALUATIONS = plausible_study(40)
FRONT = {e.number for e in pareto(EVALUATIONS, OBJECTIVES)}
TESTED = [replace(e, metrics={**e.metrics, "test": 0.7654}) if e.number in FRONT else e for e in EVALUATIONS]


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return write_study(tmp_path_factory.mktemp("studies") / "toy", TESTED)


@pytest.fixture(scope="module")
def page(study):
    """The page without Plotly's 5 MB: what bitfront wrote itself."""
    text = write_report(study, figures=False).read_text(encoding="utf-8")
    return re.sub(r"<script>/\*\*.*?</script>", "", text, flags=re.S)


@pytest.fixture(scope="module")
def view(study):
    return StudyView.read(study)


def test_the_three_picks_stand_first_with_the_commands_that_export_them(page):
    for how in ("best", "knee", "smallest"):
        chosen = pick(TESTED, OBJECTIVES, how)
        assert f"bitfront export toy --pick {how}</code>" in page
        card = page[page.index(f"<h3>{how.capitalize()}</h3>") :].split('class="command"')[0]
        assert f"trial {chosen.number}<" in card
        assert f"{chosen.score:.4f}" in card
        assert "<dt>On test data</dt><dd>0.7654</dd>" in card


def test_every_trial_has_one_row_with_its_standing(page, view):
    body = page.split('<table id="trials">')[1].split("<tbody>")[1].split("</tbody>")[0]
    assert re.findall(r'data-standing="([^"]+)"', body) == [view.standing(e) for e in TESTED]
    assert body.count('<td data-value="0.7654">0.7654</td>') == len(FRONT)


def test_the_test_column_is_there_only_for_a_study_that_looked_at_test_data(page, tmp_path):
    untested = write_report(write_study(tmp_path / "toy", EVALUATIONS), figures=False).read_text("utf-8")
    assert '<button type="button">On test data</button>' in page
    assert '<button type="button">On test data</button>' not in untested


def test_the_page_asks_the_network_for_nothing(page):
    assert "default-src 'none'" in page
    assert not re.findall(r"""(?:src|href)=["']?(?:https?:)?//""", page)


def test_what_did_not_complete_is_counted_with_advice(page, view):
    table = page.split('id="failures-section-title"')[1].split("</section>")[0]
    assert {name for name, _, _ in view.reasons()} >= {"constraint"}
    assert sum(count for _, count, _ in view.reasons()) == sum(e.reason is not None for e in TESTED)
    for name, count, _ in view.reasons():
        assert f'<td class="text">{name}</td><td>{count}</td>' in table
        assert html.escape(advice(name)) in table


def test_a_point_of_the_front_tells_its_interval_and_the_bits_of_every_layer(view):
    cost = next(cost for cost in view.costs if cost.name == "lut")
    traces = [t for t in scatter(view, cost)["data"] if "on the front" in t["name"]]
    told = {int(re.search(r"Trial (\d+)", text)[1]): text for trace in traces for text in trace["text"]}
    members = [e for e in view.front if e.kind != "uniform"]
    assert set(told) == {e.number for e in members}
    for e in members:
        assert f"weight {widths(e)['lstm/weight']}," in told[e.number]
        assert "80 %:" in told[e.number]
    for trace in traces:
        assert all(up > 0 and down > 0 for up, down in zip(*_ends(trace), strict=True))


def _ends(trace):
    return trace["error_x"]["array"], trace["error_x"]["arrayminus"]


def test_the_front_line_leads_through_what_nothing_beats_in_its_plane(view):
    for cost in view.costs:
        line = scatter(view, cost)["data"][0]
        assert line["name"] == "front in this plane"
        assert line["x"] == sorted(line["x"])
        assert line["y"] == sorted(line["y"])


def test_the_heat_map_holds_the_bits_of_every_front_member(view):
    trace = heat_map(view)["data"][0]
    members = [e for e in view.front if e.precision]
    assert trace["z"] == [[widths(e)[key] for key in trace["x"]] for e in members]


def test_a_uniform_baseline_is_named_by_its_width_whatever_its_accumulators_and_reuse():
    params = {"method": "ptq", "lstm.weights": 6, "lstm.accumulators": 24, "lstm.tables": 18}
    baseline = replace(plausible(0, width=6), params={**params, "reuse_factor": 16, "dense.reuse_factor": 8})
    assert uniform_label(baseline) == "6 bit"


def test_a_study_in_which_nothing_is_feasible_says_so_and_offers_no_pick(tmp_path):
    stopped = [e for e in EVALUATIONS if e.status == "infeasible"]
    text = write_report(write_study(tmp_path / "toy", stopped)).read_text(encoding="utf-8")
    assert "No candidate meets every limit." in text
    assert "--pick knee" not in text
    assert not (tmp_path / "toy" / "front.png").exists()


def test_names_from_the_study_cannot_become_markup(tmp_path):
    bad = replace(
        EVALUATIONS[0], status="failed", metrics={}, reason="odd: <img src=x onerror=alert(1)></script>"
    )
    text = write_report(write_study(tmp_path / "toy", [*EVALUATIONS[1:], bad]), figures=False).read_text(
        "utf-8"
    )
    assert "<img src=x" not in text
    assert "&lt;img src=x" in text


def test_the_same_study_gives_the_same_page_and_figures(study, tmp_path):
    copy = tmp_path / "toy"
    shutil.copytree(study, copy)
    write_report(study)
    write_report(copy)
    names = sorted(p.relative_to(study) for p in study.glob("figures/*"))
    assert {p.name for p in names} >= {"front_lut.png", "front_lut.pdf", "precision.png", "hypervolume.pdf"}
    for name in [*names, "front.png", "front.csv", "report.html"]:
        assert (study / name).read_bytes() == (copy / name).read_bytes(), name


def test_a_folder_that_is_no_study_is_refused_in_a_sentence(tmp_path):
    with pytest.raises(UserError, match="is not a study that has run"):
        write_report(tmp_path)


PROBE = """<!DOCTYPE html><title>probe</title>
<style>iframe {{ border: 0; width: {width}px; height: 900px }}</style>
<iframe src="toy/report.html"></iframe><pre id="found"></pre>
<script>
const frame = document.querySelector("iframe");
const wait = () => {{
  const page = frame.contentDocument;
  if (!page || !page.documentElement.dataset.ready) return setTimeout(wait, 50);
  const view = frame.contentWindow, table = page.getElementById("trials");
  const shown = () => Array.from(table.tBodies[0].rows).filter((row) => !row.hidden);
  const found = {{
    overflow: page.documentElement.scrollWidth - page.documentElement.clientWidth,
    plots: Array.from(page.querySelectorAll(".plot"), (plot) => plot.querySelectorAll("svg.main-svg").length > 0),
    requests: view.performance.getEntriesByType("resource").length,
  }};
  const lut = Array.from(table.tHead.querySelectorAll("button")).find((b) => b.textContent === "LUT");
  const column = lut.closest("th").cellIndex;
  const values = () => shown().map((row) => Number(row.cells[column].dataset.value));
  lut.click();
  found.ascending = values();
  lut.click();
  found.descending = values();
  const standing = page.getElementById("filter-standing");
  standing.value = "front";
  standing.dispatchEvent(new view.Event("change"));
  found.front = shown().map((row) => Number(row.cells[0].dataset.value));
  found.count = page.getElementById("filter-count").textContent;
  const scatter = page.getElementById("cost-lut-plot");
  const curve = scatter.data.findIndex((trace) => trace.name.endsWith("on the front"));
  view.Plotly.Fx.hover(scatter, [{{ curveNumber: curve, pointNumber: 0 }}]);
  setTimeout(() => {{
    found.hover = (scatter.querySelector(".hoverlayer") || {{}}).textContent;
    document.getElementById("found").textContent = JSON.stringify(found);
  }}, 300);
}};
wait();
</script>
"""


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="needs headless Chromium (Debian: chromium)")
@pytest.mark.parametrize("width", [1400, 390])
def test_in_a_browser_the_page_fits_sorts_filters_and_hovers_without_a_request(study, width, tmp_path):
    write_report(study, figures=False)
    probe = study.parent / f"probe_{width}.html"
    probe.write_text(PROBE.format(width=width), encoding="utf-8")
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"]
    command += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    command += ["--disable-quic", "--allow-file-access-from-files", "--enable-logging=stderr"]
    command += [f"--user-data-dir={tmp_path}", "--virtual-time-budget=20000", "--window-size=1500,1000"]
    ran = subprocess.run(
        [*command, "--dump-dom", probe.as_uri()], capture_output=True, text=True, timeout=120, check=True
    )
    assert "CONSOLE" not in ran.stderr, ran.stderr
    text = re.search(r'<pre id="found">(.*?)</pre>', ran.stdout, re.S)[1]
    assert text, ran.stderr[-2000:]
    found = json.loads(html.unescape(text))
    assert found["overflow"] == 0
    assert found["plots"]
    assert all(found["plots"])
    assert found["requests"] == 0
    assert found["ascending"] == sorted(found["ascending"])
    assert found["descending"] == sorted(found["ascending"], reverse=True)
    assert len(found["ascending"]) == len(TESTED)
    assert set(found["front"]) == FRONT
    assert found["count"] == f"{len(FRONT)} of {len(TESTED)} trials"
    assert "lstm: weight" in found["hover"]
