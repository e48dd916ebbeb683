"""The report as one HTML file that needs nothing else: no server, no network, no file beside it."""

from __future__ import annotations

import html
import json
import shlex
from collections.abc import Sequence
from importlib import resources
from statistics import median
from typing import Any
from urllib.parse import quote

from ..evaluation import Evaluation, total_seconds
from ..objectives import QUANTITIES, Objective
from . import plots
from .view import Standing, StudyView, advice, si, uniform_label

CSP = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:; font-src data:"
"""Forbids the page every request: it is offline by construction, and a layer's name can't load anything."""

STANDINGS: Sequence[Standing] = ("front", "feasible", "over limit", "stopped", "failed")
PICK_TITLES = {"best": "Best", "knee": "Knee", "smallest": "Smallest"}
PICK_NOTES = {
    "best": "highest score of the front",
    "knee": "best trade: beyond it, a little more score costs much",
    "smallest": "fewest resources of the front",
}


def render(view: StudyView, front_csv: str) -> str:
    """Return the page of a study; `front_csv` is offered as a download."""
    figures: dict[str, plots.Figure] = {}
    sections = [_scatter_section(view, cost, figures) for cost in view.costs] if view.scored else []
    sections.append(_heat_section(view, figures))
    sections.append(_pair(view, figures))
    sections += [_trials_section(view), _failures_section(view), _details_section(view, front_csv)]
    title = html.escape(f"{view.reference.study}: bitfront report")
    body = "\n".join(filter(None, sections))
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{CSP}">
<link rel="icon" href="data:,">
<title>{title}</title>
<style>
{_asset("style.css")}
</style>
</head>
<body>
<a class="skip" href="#trials-section">Skip to the table of trials</a>
<header class="top">
{_header(view)}
</header>
<main>
{_picks(view)}
{body}
</main>
<footer>{_footer(view)}</footer>
<script type="application/json" id="figures">{_json(figures)}</script>
<script>{_plotly()}</script>
<script>
{_asset("page.js")}
</script>
</body>
</html>
"""


def headline(view: StudyView) -> str:
    """Return the study in two sentences of plain text."""
    reference = view.reference
    device = f" on {reference.device['part']}" if reference.device.get("part") else ""
    subject = reference.model or reference.study
    feasible = sum(e.feasible for e in view.evaluations)
    baseline = sum(e.kind == "uniform" for e in view.evaluations)
    text = (
        f"{len(view.evaluations)} candidates for {subject}{device} at {reference.clock_ns:g} ns"
        f"{f' ({baseline} of them uniform baselines)' if baseline else ''}: {feasible} meet every limit, "
        f"{len(view.front) if view.any_feasible else 0} are on the front. "
        f"The float model scores {reference.float_score:.4f}."
    )
    uniform = [e for e in view.scored if e.kind == "uniform" and e.feasible]
    knee = view.picks.get("knee")
    if uniform and knee is not None:
        cost = view.costs[0]
        rival = min(uniform, key=lambda e: abs(e.score - knee.score))
        text += (
            f" At the knee {knee.method.upper()} scores {knee.score:.4f} with {si(cost.value(knee))} {cost.label};"
            f" the uniform baseline nearest in score ({uniform_label(rival)}) has {rival.score:.4f} with "
            f"{si(cost.value(rival))}."
        )
    return text


def _header(view: StudyView) -> str:
    links = [
        f'<a href="#cost-{cost.name}">{html.escape(cost.label)}</a>' for cost in view.costs if view.scored
    ]
    links += ['<a href="#precision-section">Precision</a>'] if view.front else []
    links += ['<a href="#progress-section">Progress</a>'] if view.scored else []
    links += ['<a href="#trials-section">All trials</a>']
    links += ['<a href="#failures-section">Stopped and failed</a>'] if view.reasons() else []
    notice = ""
    if not view.any_feasible:
        nearest = (
            f" Shown are those that break them least: trial {view.front[0].number}." if view.front else ""
        )
        notice = f'<p class="notice" role="alert">No candidate meets every limit.{nearest} Relax a limit or run more trials.</p>'
    return (
        f"<h1>{html.escape(view.reference.study)}</h1>\n<p class=lead>{html.escape(headline(view))}</p>\n"
        f"<p class=soft>Resources and latency are estimates with their 80 % intervals until a vendor tool has "
        f"synthesised the design; scores are bit-true to the firmware.</p>{notice}\n"
        f'<nav aria-label="Sections">{" ".join(links)}</nav>'
    )


def _picks(view: StudyView) -> str:
    cards = "\n".join(_card(view, how, e) for how, e in view.picks.items())
    return f'<div class="picks">{cards}</div>' if cards else ""


def _card(view: StudyView, how: str, e: Evaluation) -> str:
    rows = [("Method", f"{e.method.upper()}{' · uniform baseline' if e.kind == 'uniform' else ''}")]
    if "test" in e.metrics:
        rows.append(("On test data", f"{e.metrics['test']:.4f}"))
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
        rows.append((cost.label, f"{si(value)}{unit} <small>({e.source}{interval}{share})</small>"))
    listed = "".join(f"<dt>{html.escape(name)}</dt><dd>{text}</dd>" for name, text in rows)
    command = f"bitfront export {shlex.quote(view.folder)} --pick {how}"
    difference = e.score - view.reference.float_score
    return (
        f'<div class="pick"><div class="head"><h3>{PICK_TITLES[how]}</h3><span class="soft">trial {e.number}</span></div>'
        f'<p class="soft">{PICK_NOTES[how]}</p>'
        f'<p class="value">{e.score:.4f}</p><p class="soft">{html.escape(view.metric_name)}, {difference:+.4f} to float</p>'
        f"<dl>{listed}</dl>"
        f'<div class="command"><code tabindex="0">{html.escape(command)}</code>'
        f'<button type="button" aria-label="Copy the command that exports {how}">Copy</button></div></div>'
    )


def _scatter_section(view: StudyView, cost: Objective, figures: dict[str, plots.Figure]) -> str:
    name = f"cost-{cost.name}-plot"
    figures[name] = plots.scatter(view, cost)
    hidden = plots.metric_range(view)[1]
    outside = (
        f" {hidden} trial{'s' if hidden > 1 else ''} with other scores lie outside; double-click the figure to see all."
        if hidden
        else ""
    )
    caption = (
        "Circles are PTQ, triangles QAT, diamonds uniform baselines; large outlined marks are on the front and carry "
        "the 80 % interval of the estimate. The line is the front in this plane; with more objectives a point can be "
        f"on the front for another reason.{outside}"
    )
    heading = f"{html.escape(view.metric_name)} against {html.escape(_lower(cost.label))}"
    return _section(f"cost-{cost.name}", heading, _figure(name, heading, caption))


def _heat_section(view: StudyView, figures: dict[str, plots.Figure]) -> str:
    if not any(e.precision for e in view.front):
        return ""
    figures["precision"] = plots.heat_map(view)
    caption = (
        f"Bits of every tensor, from the model's input to its output; one row a front member, cheapest in "
        f"{html.escape(_lower(view.costs[0].label))} on top: trial, method, score, {html.escape(_lower(view.costs[0].label))}."
    )
    return _section(
        "precision-section",
        "Precision of the front",
        _figure("precision", "Bits of each tensor", caption, "wide"),
    )


def _pair(view: StudyView, figures: dict[str, plots.Figure]) -> str:
    if not view.scored:
        return ""
    figures["hypervolume"] = plots.hypervolume_curve(view)
    stopped = (
        f"The dotted line marks trial {view.last_gain}, the last one that made it grow by a thousandth."
        if view.last_gain is not None
        else "Nothing feasible was found, so there is none."
    )
    caption = (
        "Volume of the objectives that the feasible candidates dominate, in units of the box that the float model's "
        f"score, the score without any input and the uniform candidates' resources span (resources by their logarithm). {stopped}"
    )
    left = _section(
        "progress-section", "Progress of the search", _figure("hypervolume", "Hypervolume", caption)
    )
    gain = plots.training_gain(view)
    if gain is None:
        right = _section("training-section", "PTQ or QAT?", "<p>No candidate was trained in this study.</p>")
    else:
        figures["training"] = gain
        right = _section(
            "training-section",
            "PTQ or QAT?",
            _figure("training", "Gain of training", html.escape(_verdict(view))),
        )
    return f'<div class="pair">{left}{right}</div>'


def _verdict(view: StudyView) -> str:
    gains = [e.gain for e in view.scored if e.gain is not None]
    sign = 1 if view.reference.metric.direction == "maximize" else -1
    helped = sum(sign * gain > 0 for gain in gains)
    members = [e for e in view.front if e.kind != "uniform"]
    trained = sum(e.method == "qat" for e in members)
    return (
        f"Each triangle compares one candidate with itself before training. Training helped {helped} of {len(gains)} "
        f"candidates, by {median(gains):+.4f} in the median; {trained} of the front's {len(members)} searched members "
        "are trained."
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
        (view.metric_name, ""),
        ("Before training", ""),
    ]
    head += [("To float", "")]
    head += [("On test data", "")] if _tested(view) else []
    head += [(key.title, "") for key in keys] + [("Seconds", ""), ("Note", "text")]
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
    return _section("trials-section", "All trials", content)


def _tested(view: StudyView) -> bool:
    """Whether any candidate was scored on the test sample (which never ranks)."""
    return any("test" in e.metrics for e in view.evaluations)


def _row(view: StudyView, e: Evaluation, keys: Sequence[Objective]) -> str:
    standing = view.standing(e)
    method = f"{e.method.upper()}{', ' + uniform_label(e) if e.kind == 'uniform' else ''}"
    cells = [_number(float(e.number), str(e.number)), _text(standing), _text(method)]
    score = e.metrics.get("score")
    cells.append(_number(score, "" if score is None else f"{score:.4f}"))
    before = e.metrics.get("ptq")
    cells.append(_number(before, "" if before is None else f"{before:.4f}"))
    difference = None if score is None else score - view.reference.float_score
    cells.append(_number(difference, "" if difference is None else f"{difference:+.4f}"))
    if _tested(view):
        test = e.metrics.get("test")
        cells.append(_number(test, "" if test is None else f"{test:.4f}"))
    for key in keys:
        value = e.resources.get(key.key)
        cells.append(_number(value, "" if value is None else f"{value:,.6g}"))
    cells.append(_number(total_seconds([e]), f"{total_seconds([e]):.2f}"))
    broken = ", ".join(f"{name} over by {100 * v:.3g} %" for name, v in e.constraints.items() if v > 0)
    cells.append(f'<td class="text long">{html.escape(e.reason or broken)}</td>')
    return f'<tr class="{standing}" data-standing="{standing}">{"".join(cells)}</tr>'


def _failures_section(view: StudyView) -> str:
    rows = "".join(
        f'<tr><td class="text">{html.escape(name)}</td><td>{count}</td><td class="text long">{html.escape(advice(name))}</td>'
        f'<td class="text long">trial {example.number}: {html.escape(example.reason or "")}</td></tr>'
        for name, count, example in view.reasons()
    )
    if not rows:
        return ""
    head = "".join(
        f'<th scope="col" class="{css}">{text}</th>'
        for text, css in (("Reason", "text"), ("Trials", ""), ("What to do", "text"), ("Example", "text"))
    )
    table = f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'
    return _section("failures-section", "Stopped and failed", table)


def _details_section(view: StudyView, front_csv: str) -> str:
    download = f'<a download="front.csv" href="data:text/csv;charset=utf-8,{quote(front_csv)}">front.csv</a>'
    config = (
        f"<details><summary>Study file</summary><pre>{html.escape(view.config)}</pre></details>"
        if view.config
        else ""
    )
    content = (
        f"<p>The front as a table: {download}. The figures as PNG and PDF lie in the study's folder "
        f"<code>figures</code>. Another point: <code>bitfront export {html.escape(shlex.quote(view.folder))} "
        f"--pick 'lut&lt;5000'</code>, or with a trial's number.</p>{config}"
    )
    return _section("details-section", "Take it away", content)


def _footer(view: StudyView) -> str:
    data = f" Data: {html.escape(view.reference.data)}." if view.reference.data else ""
    test = view.reference.float_scores.get("test")
    tested = f" Float model on test data: {test:.4f}." if test is not None else ""
    seconds = total_seconds(view.evaluations)
    return f"Candidates took {seconds:,.0f} s of evaluation.{data}{tested} Written by bitfront; opens without a network."


def _section(name: str, title: str, content: str) -> str:
    return f'<section id="{name}" aria-labelledby="{name}-title"><h2 id="{name}-title">{title}</h2>\n{content}</section>'


def _figure(name: str, label: str, caption: str, css: str = "") -> str:
    return (
        f'<figure aria-label="{label}"><figcaption>{caption}</figcaption>'
        f'<div class="{css}"><div id="{name}" class="plot"></div></div></figure>'
    )


def _number(value: float | None, text: str) -> str:
    return f'<td data-value="{"" if value is None else repr(float(value))}">{text}</td>'


def _text(text: str) -> str:
    return f'<td class="text">{html.escape(text)}</td>'


def _lower(label: str) -> str:
    """Return a label for the middle of a sentence: `Latency` -> `latency`, but `LUT` stays."""
    return label if label[:2].isupper() else label[:1].lower() + label[1:]


def _json(value: Any) -> str:
    # "</script>" in a layer's name would end the block that holds it
    return json.dumps(value, allow_nan=False).replace("<", "\\u003c")


def _asset(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def _plotly() -> str:
    from plotly.offline import get_plotlyjs

    return str(get_plotlyjs())
