"""The pages work in a browser: the report's own, and MLflow's of a study."""

from __future__ import annotations

import html
import json
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from browser import SHOTS, chromium, in_browser
from pages import STUDY
from plausible import OBJECTIVES, write_study

from bitfront.search.report import write_comparison, write_report
from bitfront.search.tracking import MlflowTracker, StudyRecord, links
from bitfront.search.trials.front import pareto

PROBE = """
<script>
const probe = async () => {
  if (document.documentElement.dataset.ready !== "true") return setTimeout(probe, 50);
  const out = {}, table = document.getElementById("trials"), rows = () => [...table.tBodies[0].rows];
  out.ready = document.documentElement.dataset.ready === "true";
  out.plots = [...document.querySelectorAll(".plot")].map((p) => [p.id, p.querySelectorAll("svg.marks").length]);
  out.overflow = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  const head = (name) => [...table.tHead.rows[0].cells].find((c) => c.textContent.trim() === name);
  head("C-synthesis LUT").querySelector("button").click();
  out.ascending = rows().map((r) => Number(r.cells[head("C-synthesis LUT").cellIndex].dataset.value));
  head("Accuracy (validation)").querySelector("button").click();
  head("Accuracy (validation)").querySelector("button").click();
  out.sort = head("Accuracy (validation)").getAttribute("aria-sort");
  out.descending = rows().map((r) => r.cells[head("Accuracy (validation)").cellIndex].dataset.value);
  const pick = document.getElementById("filter-standing");
  pick.value = "front"; pick.dispatchEvent(new Event("change"));
  out.front = rows().filter((r) => !r.hidden).map((r) => Number(r.cells[0].dataset.value));
  pick.value = ""; pick.dispatchEvent(new Event("change"));
  const text = document.getElementById("filter-text");
  text.value = "uniform nothing"; text.dispatchEvent(new Event("input"));
  out.none = document.getElementById("filter-count").textContent;
  const tip = document.querySelector(".tip");
  const touch = (node, kind) => {
    const box = node.getBoundingClientRect();
    const at = { clientX: box.x + box.width / 2, clientY: box.y + box.height / 2, bubbles: true };
    node.dispatchEvent(new PointerEvent(kind, at));
    node.dispatchEvent(new MouseEvent(kind.replace("pointer", "mouse"), at));
  };
  const plot = document.getElementById("front_lut");
  const marks = () => [...plot.querySelectorAll(".points_marks path")];
  const front = marks().find((n) => n.getAttribute("fill") === "#E69F00");
  out.quiet = tip.hidden;
  touch(front, "pointermove");
  out.hover = tip.hidden ? "" : tip.textContent;
  out.tip = [tip.offsetWidth, tip.getBoundingClientRect().right <= innerWidth];
  touch(front, "pointerout");
  out.left = tip.hidden;
  out.marks = marks().length;
  const entry = [...plot.querySelectorAll(".role-legend-label text")].find((n) => n.textContent === "QAT, on the front");
  entry.dispatchEvent(new MouseEvent("click", { bubbles: true }));
  const later = () => new Promise((done) => setTimeout(done, 100));
  await later();
  out.alone = marks().length;
  entry.dispatchEvent(new MouseEvent("click", { bubbles: true }));
  await later();
  out.again = marks().length;
  out.keys = [...document.querySelectorAll("button, a[href], input, select, summary")].filter((n) => n.tabIndex < 0).length;
  out.requests = performance.getEntriesByType("resource").map((e) => e.name);
  const pre = document.createElement("pre");
  pre.id = "probe"; pre.textContent = JSON.stringify(out); document.body.append(pre);
};
addEventListener("load", probe);
</script>
"""


FULL = """
<script>
const probe = async () => {
  if (document.documentElement.dataset.ready !== "true") return setTimeout(probe, 50);
  const out = {};
  out.plots = [...document.querySelectorAll(".plot")].map((p) => [p.id, p.querySelectorAll("svg.marks").length]);
  out.unreachable = [...document.querySelectorAll(".scroll, .wide")].filter((n) => n.tabIndex < 0).length;
  out.unnamed = [...document.querySelectorAll("[role=region], figure, nav, input, select")].filter(
    (n) => !(n.getAttribute("aria-label") || n.closest("label"))).length;
  out.requests = performance.getEntriesByType("resource").map((e) => e.name);
  out.ready = document.documentElement.dataset.ready === "true";
  const pre = document.createElement("pre");
  pre.id = "probe"; pre.textContent = JSON.stringify(out); document.body.append(pre);
};
addEventListener("load", probe);
</script>
"""


def with_script(page, script):
    """A page's text with one script more at its end."""
    text, end, rest = page.read_text().rpartition("</body>")  # Vega's own code has the word too
    return text + script + end + rest


def opened(page, probe, tmp_path):
    """Open a report page, see that it draws every figure without an error or a request; return what `probe`
    found.
    """
    probed = tmp_path / "probed.html"
    probed.write_text(with_script(page, probe))
    dom, console = chromium(tmp_path, probed.as_uri(), "--window-size=1920,1080", "--dump-dom")
    found = json.loads(html.unescape(re.search(r'<pre id="probe">(.*?)</pre>', dom, re.DOTALL)[1]))
    assert console == []
    assert found["ready"]
    assert found["requests"] == []
    assert all(count > 0 for _, count in found["plots"])
    return found


@in_browser
@pytest.mark.parametrize("kind", ["full", "comparison"])
def test_the_other_pages_draw_every_figure_without_an_error_or_a_request(kind, full_page, page, tmp_path):
    shown = (
        full_page
        if kind == "full"
        else write_comparison([page.parent, full_page.parent], tmp_path / "c", figures=False)
    )
    found = opened(shown, FULL, tmp_path)
    assert len(found["plots"]) == (9 if kind == "full" else 3)
    assert (found["unreachable"], found["unnamed"]) == (0, 0)
    if SHOTS:
        chromium(
            tmp_path, shown.as_uri(), "--window-size=1920,5000", f"--screenshot={Path(SHOTS) / kind}.png"
        )


@in_browser
def test_the_page_works_in_a_browser_at_both_widths(page, view, tmp_path):
    found = opened(page, PROBE, tmp_path)
    assert len(found["plots"]) == 6
    assert found["overflow"] <= 0
    assert found["ascending"] == sorted(e.resources["lut"] for e in STUDY)
    assert found["sort"] == "descending"
    scored = [float(x) for x in found["descending"] if x]
    assert scored == sorted(scored, reverse=True)
    assert found["descending"][len(scored) :] == [""] * (len(STUDY) - len(scored))
    assert sorted(found["front"]) == sorted(e.number for e in view.front)
    assert found["none"] == "0 of 60 trials"
    assert found["quiet"]
    assert "Trial" in found["hover"]
    assert "lstm: weight" in found["hover"]
    assert found["tip"][0] > 100
    assert found["tip"][1], "what a point says reaches beyond the window"
    assert found["left"], "what a point says stays when it is left"
    assert 0 < found["alone"] < found["marks"]
    assert found["again"] == found["marks"]
    assert found["keys"] == 0


@in_browser
@pytest.mark.parametrize(("width", "height"), [(1920, 5600), (390, 8700)])
def test_the_page_fits_a_projector_and_a_phone(full_page, tmp_path, width, height):
    # a headless window is never narrower than 500 pixels, a frame in it is
    frame = tmp_path / "frame.html"
    measure = "<script>addEventListener('load', () => setTimeout(() => { document.documentElement.dataset.over = String("
    measure += (
        "document.documentElement.scrollWidth - innerWidth); document.title = 'measured'; }, 800));</script>"
    )
    (tmp_path / "inner.html").write_text(with_script(full_page, measure))
    frame.write_text(
        f'<body style="margin:0"><iframe id="f" src="inner.html" width="{width}" height="{height}" '
        'style="border:0"></iframe><script>addEventListener("load", () => setTimeout(() => { const d = '
        'document.getElementById("f").contentDocument; document.title = d.documentElement.dataset.over; }, '
        "2500));"
        "</script></body>"
    )
    access = "--allow-file-access-from-files"
    dom, console = chromium(
        tmp_path, frame.as_uri(), access, f"--window-size={max(width, 500)},{height}", "--dump-dom"
    )
    assert console == []
    assert int(re.search(r"<title>(-?\d+)</title>", dom)[1]) <= 0, "the page is wider than the screen"
    shot = Path(SHOTS or tmp_path) / f"report-{width}.png"
    shot.parent.mkdir(parents=True, exist_ok=True)
    size = f"--window-size={max(width, 500)},{height}"
    chromium(tmp_path, frame.as_uri(), access, size, f"--screenshot={shot}")
    assert shot.stat().st_size > 50_000


UNLISTENED = "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1"
"""Any address but this machine's fails, which a page then logs as an error."""
OWN_NOTES = ("WebGL", "AG Grid: since v27.1")
"""What MLflow's pages log on a machine without graphics, and of a table's deprecated options."""


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """The MLflow pages of one study, served as `bitfront ui` serves them: (address, links to the study)."""
    output = tmp_path_factory.mktemp("studies")
    folder = write_study(output / "toy-lstm", STUDY)
    write_report(folder)
    front = [e.number for e in pareto(STUDY, OBJECTIVES)]
    tracker = MlflowTracker(output, warn=pytest.fail)
    tracker.start(StudyRecord.of(folder))
    for evaluation in STUDY:
        tracker.trial(evaluation)
    tracker.finish(front, [folder / "report.html", folder / "front.csv", folder / "front.png"])
    code = f"import sys; from bitfront.search.tracking import ui; sys.exit(ui({str(output)!r}, 0))"
    server = subprocess.Popen(
        [sys.executable, "-u", "-c", code], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    stop = threading.Timer(400, os.killpg, (server.pid, signal.SIGKILL))
    stop.start()
    try:
        address = server.stdout.readline().split()[1]
        (mine,) = links(output)
        yield address, mine, front
    finally:
        stop.cancel()
        os.killpg(server.pid, signal.SIGINT)
        try:
            server.wait(60)
        finally:
            server.stdout.close()


@in_browser
@pytest.mark.slow
@pytest.mark.parametrize("width", [1920, 1024])
@pytest.mark.parametrize("kind", ["run", "table", "compare", "report"])
def test_mlflow_s_pages_show_the_study_and_ask_for_nothing_from_outside(kind, width, pages, tmp_path):
    address, mine, front = pages
    link = address + getattr(mine, kind)
    shot = Path(SHOTS or tmp_path) / f"mlflow-{kind}-{width}.png"
    dom, console = chromium(tmp_path, link, UNLISTENED, f"--window-size={width},1400", "--dump-dom")
    chromium(tmp_path, link, UNLISTENED, f"--window-size={width},1400", f"--screenshot={shot}")
    assert [line for line in console if not any(known in line for known in OWN_NOTES)] == []
    words = {
        "run": ["toy-lstm", "float"],
        "table": ["toy-lstm", f"{len(front) + 1} matching runs"],  # the study, which MLflow adds to its front
        "compare": [f"Comparing {len(front)} Runs", "bits.lstm.weight", f"{front[-1]:05d}"],
        "report": ["front.csv", "report.html"],
    }
    shown = " ".join(re.sub(r"<[^>]*>", " ", dom).split())
    assert [word for word in words[kind] if word not in shown] == []
    assert shot.stat().st_size > 20_000
