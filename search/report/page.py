"""The report as one HTML file that needs nothing else: no server, no network, no file beside it."""

from __future__ import annotations

import html
import shlex
from collections.abc import Mapping, Sequence
from statistics import median
from urllib.parse import quote

from ..analysis.against_float import knee_note, knee_warning
from ..analysis.findings import Findings
from ..analysis.headline import headline
from ..analysis.view import Standing, StudyView, advice, si
from ..problem.score_warnings import percent, tied, ties_note, ties_range
from ..quantities import QUANTITIES
from ..trials.evaluation import Evaluation, total_seconds
from ..trials.objectives import SIGNS, Objective
from . import evidence, findings_page, markup
from .charts import metric_range
from .figure import Figure

STANDINGS: Sequence[Standing] = ("front", "feasible", "over limit", "stopped", "failed")
PICK_TITLES = {"best": "Best", "knee": "Knee", "smallest": "Smallest"}
PICK_NOTES = {
    "best": "highest score of the front",
    "knee": "best trade of score for resources",
    "smallest": "fewest resources of the front",
}


def render(view: StudyView, found: Findings, figures: Mapping[str, Figure], front_csv: str) -> str:
    """Return the page of a study and what it teaches; `front_csv` is offered as a download."""
    sections = [_scatter_section(view, cost) for cost in view.costs] if view.scored else []
    sections.append(_heat_section(view))
    sections.append(findings_page.test_section(view, found))
    sections.append(findings_page.gains_section(view, found))
    sections.append(findings_page.importance_section(found))
    sections.append(evidence.sensitivity_section(view))
    sections.append(_pair(view, found))
    sections.append(evidence.synthesis_section(view))
    sections.append(evidence.latency_section(view))
    sections += [_trials_section(view), _failures_section(view), _details_section(view, front_csv)]
    main = "\n".join(filter(None, [_picks(view), *sections]))
    return markup.document(
        f"{view.reference.study}: bitfront report", _header(view), main, _footer(view), figures
    )


def _header(view: StudyView) -> str:
    links = [
        f'<a href="#cost-{cost.name}">{html.escape(cost.label)}</a>' for cost in view.costs if view.scored
    ]
    links += ['<a href="#precision-section">Precision</a>'] if view.front else []
    links += ['<a href="#test-section">Test data</a>'] if view.test_scores and view.any_feasible else []
    links += ['<a href="#gains-section">Gains</a>'] if any(e.kind == "uniform" for e in view.scored) else []
    links += ['<a href="#progress-section">Progress</a>'] if view.scored else []
    links += ['<a href="#sensitivity-section">Sensitivity</a>'] if view.sensitivity else []
    links += ['<a href="#synthesis-section">Synthesis</a>'] if view.measured else []
    links += ['<a href="#latency-section">FPGA or CPU</a>'] if view.latency and view.picks else []
    links += ['<a href="#trials-section">All trials</a>']
    links += (
        ['<a href="#failures-section">Stopped and failed</a>']
        if view.reasons() or view.synthesis_failures()
        else []
    )
    designs = max((e.calibrated_on for e in view.evaluations), default=0)
    calibrated = f", calibrated on {designs} synthesised designs," if designs else ""
    notice = ""
    if not view.any_feasible:
        nearest = (
            f" Shown are those that break them least: trial {view.front[0].number}." if view.front else ""
        )
        notice = f'<p class="notice" role="alert">No candidate meets every limit.{nearest} Relax a limit or run more trials.</p>'
    if view.warnings:
        told = "".join(f"<li>{html.escape(text)}</li>" for text in view.warnings)
        notice += f'<div class="notice" role="note">Scores to be read with care:<ul>{told}</ul></div>'
    return (
        f"<h1>{html.escape(view.reference.study)}</h1>\n<p class=lead>{html.escape(headline(view))}</p>\n"
        f"<p class=soft>Resources and latency are estimates{calibrated} with their 80 % intervals; what a vendor tool "
        f"measured stands beside them. Scores are bit-true to the firmware.</p>{notice}\n"
        f'<nav aria-label="Sections">{" ".join(links)}</nav>'
    )


def _picks(view: StudyView) -> str:
    cards = "\n".join(_card(view, how, e) for how, e in view.picks.items())
    return f'<div class="picks">{cards}</div>' if cards else ""


def _card(view: StudyView, how: str, e: Evaluation) -> str:
    rows = [("Method", f"{e.method.upper()}{' · uniform baseline' if e.kind == 'uniform' else ''}")]
    if tied(e):
        told = ties_range(e.ties, view.metric_name.lower())
        rows.append(
            ("Undecided", f"{percent(e.ties['share'])} <small>({html.escape(told or 'classes')})</small>")
        )
    now = view.against(e)
    if now.split == "test":
        rows.append((f"{view.metric_name} on validation data", f"{e.score:.4f}"))
    if now.interval and view.test_scores:
        low, high = now.interval
        rows.append((f"To float, {100 * view.test_scores.confidence:g} %", f"{low:+.4f} to {high:+.4f}"))
    shown = {cost.name: cost for cost in view.costs}
    for name in ("lut", "dsp", "latency"):
        quantity = QUANTITIES[name]
        if quantity.key in e.resources:
            shown.setdefault(name, Objective(name, "minimize", quantity.key, quantity.label, quantity.unit))
    for cost in shown.values():
        bounds = e.intervals.get(cost.key)
        interval = f", 80 %: {si(bounds[0])} to {si(bounds[1])}" if bounds else ""
        stock = view.reference.device.get(cost.key)
        value = cost.value(e)
        share = (
            f", {100 * value / stock:.2g} % of the device"
            if isinstance(stock, int) and stock and value
            else ""
        )
        unit = f" {cost.unit}" if cost.unit else ""
        rows.append((cost.label, f"{si(value)}{unit} <small>({e.origin}{interval}{share})</small>"))
        for stage, figures in e.measured.items():
            if cost.key in figures:
                rows.append(("", f"{si(figures[cost.key])} <small>({html.escape(stage)}, measured)</small>"))
    listed = "".join(f"<dt>{html.escape(name)}</dt><dd>{text}</dd>" for name, text in rows)
    command = f"bitfront export {shlex.quote(view.folder)} --pick {how}"
    note, notice = PICK_NOTES[how], ""
    if how == "knee":
        note += f", {knee_note(view.reference)}"
        warning = knee_warning(view.reference, e)
        notice = f'<p class="notice">{html.escape(warning)}</p>' if warning else ""
    return (
        f'<div class="pick"><div class="head"><h3>{PICK_TITLES[how]}</h3><span class="soft">trial {e.number}</span></div>'
        f'<p class="soft">{html.escape(note)}</p>{notice}'
        f'<p class="value">{now.score:.4f}</p><p class="soft">{html.escape(view.metric_name)} on {now.split} data, {now.gap}</p>'
        f"<dl>{listed}</dl>"
        f'<div class="command"><code tabindex="0">{html.escape(command)}</code>'
        f'<button type="button" aria-label="Copy the command that exports {how}">Copy</button></div></div>'
    )


def _scatter_section(view: StudyView, cost: Objective) -> str:
    name = f"front_{cost.name}"
    hidden = metric_range(view)[1]
    outside = (
        f" {hidden} trial{'s' if hidden > 1 else ''} with other scores lie outside: zoom out to see them."
        if hidden
        else ""
    )
    caption = (
        "Circles are PTQ, triangles QAT; diamonds are uniform baselines, pointed ones trained. Large outlined marks are on the front and carry "
        "the 80 % interval of the estimate. The line is the front in this plane; with more objectives a point can be "
        f"on the front for another reason.{outside}"
    )
    heading = f"{html.escape(view.metric_name)} against {html.escape(markup.lower(cost.label))}"
    return markup.section(f"cost-{cost.name}", heading, markup.figure(name, heading, caption))


def _heat_section(view: StudyView) -> str:
    if not any(e.precision for e in view.front):
        return ""
    caption = (
        f"Bits of every tensor, from the model's input to its output; one row a front member, cheapest in "
        f"{html.escape(markup.lower(view.costs[0].label))} on top: trial, method, score (validation), {html.escape(markup.lower(view.costs[0].label))}."
    )
    return markup.section(
        "precision-section",
        "Precision of the front",
        markup.figure("precision", "Bits of each tensor", caption, "wide"),
    )


def _pair(view: StudyView, found: Findings) -> str:
    if not view.scored:
        return ""
    caption = (
        "Volume of the objectives that the feasible candidates dominate, in units of the box that the float model's "
        f"score, the score without any input and the uniform candidates' resources span (resources by their logarithm). {findings_page.progress_note(found)}"
    )
    left = markup.section(
        "progress-section", "Progress of the search", markup.figure("hypervolume", "Hypervolume", caption)
    )
    if all(e.gain is None or not e.precision for e in view.scored):
        trained = any("qat" in e.metrics for e in view.scored)
        none = (
            "Every training changed the design too" if trained else "No candidate was trained in this study"
        )
        right = markup.section("training-section", "PTQ or QAT?", f"<p>{none}.</p>")
    else:
        right = markup.section(
            "training-section",
            "PTQ or QAT?",
            markup.figure("training", "Gain of training", html.escape(_verdict(view))),
        )
    return f'<div class="pair">{left}{right}</div>'


def _verdict(view: StudyView) -> str:
    gains = [e.gain for e in view.scored if e.gain is not None]
    sign = SIGNS[view.reference.metric.direction]
    helped = sum(sign * gain > 0 for gain in gains)
    members = [e for e in view.front if e.kind != "uniform"]
    trained = sum(e.method == "qat" for e in members)
    return (
        f"Each triangle compares one design with itself before training, on validation data. Training helped {helped} of "
        f"{len(gains)}, by {median(gains):+.4f} in the median. Candidates whose weights training made zero, or of fewer bits, "
        f"are other designs and not among them. {trained} of the front's {len(members)} searched members are trained."
    )


def _trials_section(view: StudyView) -> str:
    keys = list(view.costs)
    names = {cost.name for cost in keys}
    for name in ("lut", "ff", "dsp", "bram", "latency"):
        quantity = QUANTITIES[name]
        if name not in names and any(quantity.key in e.resources for e in view.evaluations):
            keys.append(Objective(name, "minimize", quantity.key, quantity.label, quantity.unit))
    head = [
        ("Trial", ""),
        ("Standing", "text"),
        ("Method", "text"),
        (f"{view.metric_name} (validation)", ""),
        ("To float (validation)", ""),
    ]
    head += [("On test data", ""), ("To float (test)", "")] if view.tested else []
    head += [(key.title, "") for key in keys]
    head += [("Untrained (validation)", ""), (f"its {view.costs[0].title}", "")] if _trained(view) else []
    head += [("Seconds", ""), ("Note", "text")]
    cells = "".join(
        f'<th scope="col" class="{css}"><button type="button">{html.escape(text)}</button></th>'
        for text, css in head
    )
    rows = "\n".join(_row(view, e, keys) for e in view.evaluations)
    options = "".join(f'<option value="{name}">{name}</option>' for name in STANDINGS)
    content = f"""<div class="controls">
<label>Search <input id="filter-text" type="search" placeholder="qat 24 uniform"></label>
<label>Standing <select id="filter-standing"><option value="">all</option>{options}</select></label>
<span id="filter-count" class="soft" role="status" aria-live="polite"></span></div>
<div class="scroll" tabindex="0" role="region" aria-label="Table of all trials">
<table id="trials"><thead><tr>{cells}</tr></thead><tbody>
{rows}
</tbody></table></div>"""
    return markup.section("trials-section", "All trials", content)


def _trained(view: StudyView) -> bool:
    """Whether it is known of trained candidates what they score and cost without training."""
    return any(e.ptq_resources for e in view.evaluations)


def _row(view: StudyView, e: Evaluation, keys: Sequence[Objective]) -> str:
    standing = view.standing(e)
    method = view.names.get(e.number) or f"{e.method.upper()}{', training undone' if e.undone else ''}"
    cells = [
        markup.number_cell(float(e.number), str(e.number)),
        markup.text_cell(standing),
        markup.text_cell(method),
    ]
    score = e.metrics.get("score")
    cells.append(markup.number_cell(score, "" if score is None else f"{score:.4f}"))
    difference = None if score is None else score - view.reference.float_score
    cells.append(markup.number_cell(difference, "" if difference is None else f"{difference:+.4f}"))
    if view.tested:
        test = e.metrics.get("test")
        cells.append(markup.number_cell(test, "" if test is None else f"{test:.4f}"))
        difference = None if test is None else test - view.reference.float_scores["test"]
        cells.append(markup.number_cell(difference, "" if difference is None else f"{difference:+.4f}"))
    for key in keys:
        value = e.resources.get(key.key)
        cells.append(markup.number_cell(value, "" if value is None else f"{value:,.6g}"))
    if _trained(view):  # a design of its own, which costs something else
        value = e.ptq_resources.get(view.costs[0].key)
        before = None if value is None else e.metrics.get("ptq")
        cells.append(markup.number_cell(before, "" if before is None else f"{before:.4f}"))
        cells.append(markup.number_cell(value, "" if value is None else f"{value:,.6g}"))
    cells.append(markup.number_cell(total_seconds([e]), f"{total_seconds([e]):.2f}"))
    notes = [f"{name} over by {100 * v:.3g} %" for name, v in e.constraints.items() if v > 0]
    notes += filter(None, [ties_note(e)])
    cells.append(f'<td class="text long">{html.escape(e.reason or ", ".join(notes))}</td>')
    return f'<tr class="{standing}" data-standing="{standing}">{"".join(cells)}</tr>'


def _failures_section(view: StudyView) -> str:
    rows = [
        [name, str(count), advice(name), f"trial {example.number}: {example.reason or ''}"]
        for name, count, example in view.reasons()
    ]
    rows += [
        [f"synthesis: {cause}", str(count), what, f"trial {number}: {line}"]
        for cause, count, what, number, line in view.synthesis_failures()
    ]
    if not rows:
        return ""
    columns = [("Reason", "text"), ("Trials", ""), ("What to do", "text long"), ("Example", "text long")]
    table = markup.table(columns, [[html.escape(cell) for cell in row] for row in rows])
    return markup.section("failures-section", "Stopped and failed", table)


def _details_section(view: StudyView, front_csv: str) -> str:
    download = f'<a download="front.csv" href="data:text/csv;charset=utf-8,{quote(front_csv)}">front.csv</a>'
    config = (
        f"<details><summary>Study file</summary><pre>{html.escape(view.config)}</pre></details>"
        if view.config
        else ""
    )
    content = (
        f"<p>The front as a table: {download}. The figures as PNG, SVG and PDF lie in the study's folder "
        f"<code>figures</code>. Another point: <code>bitfront export {html.escape(shlex.quote(view.folder))} "
        f"--pick 'lut&lt;5000'</code>, or with a trial's number.</p>{config}"
    )
    return markup.section("details-section", "Take it away", content)


def _footer(view: StudyView) -> str:
    data = f" Data: {html.escape(view.reference.data)}." if view.reference.data else ""
    test = view.reference.float_scores.get("test")
    tested = f" Float model on test data: {test:.4f}." if test is not None else ""
    seconds = total_seconds(view.evaluations)
    search = "" if view.spent is None else f"; the search took {view.spent:,.0f} s in all"
    return f"Candidates took {seconds:,.0f} s of evaluation{search}.{data}{tested} Written by bitfront; opens without a network."
