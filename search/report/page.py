"""The report as one HTML file that needs nothing else: no server, no network, no file beside it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from ..analysis.against_float import knee_note, knee_warning
from ..analysis.findings import Findings
from ..analysis.floor import Floor
from ..analysis.headline import headline
from ..analysis.incoming import Incoming
from ..analysis.published import Against
from ..analysis.view import Standing, StudyView, si
from ..problem.score_warnings import percent, tied, ties_range
from ..quantities import QUANTITIES, energy_range, measured_name
from ..quantities.limits import share_text
from ..trials.evaluation import Evaluation, total_seconds
from ..trials.objectives import SIGNS, Objective
from .charts import metric_range
from .evidence import pairs, processors, synthesis
from .figure import Figure
from .findings_tables import gains, progress_note, test_table
from .published_charts import published_table
from .rendering import rendered
from .trials_table import all_trials, failures

STANDINGS: Sequence[Standing] = ("front", "feasible", "over limit", "stopped", "failed")
PICK_NOTES = {
    "best": "highest score of the front",
    "knee": "best trade of score for resources",
    "smallest": "fewest resources of the front",
}


def render(
    view: StudyView,
    found: Findings,
    figures: Mapping[str, Figure],
    front_csv: str,
    floor: Floor | None = None,
    published: Against | None = None,
    incoming: Incoming | None = None,
) -> str:
    """Return the page of a study and what it teaches, beside published points where there are some;
    `front_csv` is offered as a download.
    """
    return rendered(
        "report.html.j2",
        figures,
        view=view,
        folder=shlex.quote(view.folder),
        headline=headline(view),
        calibrated=_calibrated(view),
        sure=_sure(view),
        links=_links(view, published),
        published=published,
        published_table=published_table(view, published) if published else None,
        cards=[_card(view, how, e) for how, e in view.picks.items()],
        outside=metric_range(view)[1] if view.scored else 0,
        tested=test_table(view, found),
        gains=gains(view, found),
        progress=progress_note(found),
        verdict=_verdict(view),
        floor=_floor(floor),
        incoming=incoming.sentence if incoming else "",
        synthesis=synthesis(pairs(view)),
        processors=processors(view),
        trials=all_trials(view),
        standings=STANDINGS,
        failures=failures(view),
        front_csv=front_csv,
        seconds=total_seconds(view.evaluations),
    )


def _calibrated(view: StudyView) -> str:
    designs = max((e.calibrated_on for e in view.evaluations), default=0)
    return f", calibrated on {designs} synthesised designs," if designs else ""


def _sure(view: StudyView) -> str:
    """Return how limits on resources are checked where the study asks for a confidence; else nothing."""
    found = {c.confidence for c in view.reference.constraints if c.confidence}
    if not found:
        return ""
    return (
        f"Limits on resources and times hold for {share_text(max(found))} of designs that were held out: the "
        "upper end of a figure is to keep them, or what was measured of it."
    )


def _floor(floor: Floor | None) -> str:
    """Return what of the cheapest candidate's cost lies in widths that the study fixes; empty where nothing
    was recorded.
    """
    if floor is None:
        return ""
    if not floor.fixed:
        return f"No width that the study fixes adds to the cost of trial {floor.trial}, the cheapest."
    return f"Of trial {floor.trial}, the cheapest: " + " ".join(floor.sentences())


def _links(view: StudyView, published: Against | None) -> list[tuple[str, str]]:
    """Return the sections that the page has: (id, name)."""
    links = [(f"cost-{cost.name}", cost.label, bool(view.scored)) for cost in view.costs]
    links += [
        ("published-section", "Published points", published is not None),
        ("precision-section", "Precision", bool(view.front)),
        ("test-section", "Test data", bool(view.test_scores) and view.any_feasible),
        ("gains-section", "Gains", any(e.kind == "uniform" for e in view.scored)),
        ("progress-section", "Progress", bool(view.scored)),
        ("sensitivity-section", "Sensitivity", bool(view.sensitivity)),
        ("synthesis-section", "Synthesis", bool(view.measured)),
        ("latency-section", "FPGA or CPU", bool(view.latency and view.picks)),
        ("trials-section", "All trials", True),
        ("failures-section", "Stopped and failed", bool(view.reasons() or view.synthesis_failures())),
    ]
    return [(name, text) for name, text, there in links if there]


@dataclass(frozen=True)
class Card:
    """A recommended candidate at the top of the page."""

    how: str
    trial: int
    note: str
    warning: str | None
    score: str
    told: str
    rows: list[tuple[str, str, str]]
    """Name, value, and what stands small beside it, in parentheses."""
    command: str

    @property
    def title(self) -> str:
        """What stands above it."""
        return self.how.capitalize()


def _card(view: StudyView, how: str, e: Evaluation) -> Card:
    now = view.against(e)
    knee = how == "knee"
    return Card(
        how=how,
        trial=e.number,
        note=PICK_NOTES[how] + (f", {knee_note(view.reference)}" if knee else ""),
        warning=knee_warning(view.reference, e) if knee else None,
        score=f"{now.score:.4f}",
        told=f"{view.metric_name} on {now.split} data, {now.gap}",
        rows=[*_score_rows(view, e), *_cost_rows(view, e)],
        command=f"bitfront export {shlex.quote(view.folder)} --pick {how}",
    )


def _score_rows(view: StudyView, e: Evaluation) -> list[tuple[str, str, str]]:
    rows = [("Method", f"{e.method.upper()}{' · uniform baseline' if e.kind == 'uniform' else ''}", "")]
    if tied(e):
        rows.append(
            ("Undecided", percent(e.ties["share"]), ties_range(e.ties, view.metric_name.lower()) or "classes")
        )
    now = view.against(e)
    if now.split == "test":
        rows.append((f"{view.metric_name} on validation data", f"{e.score:.4f}", ""))
    if now.interval and view.test_scores:
        low, high = now.interval
        rows.append((f"To float, {100 * view.test_scores.confidence:g} %", f"{low:+.4f} to {high:+.4f}", ""))
    return rows


def _cost_rows(view: StudyView, e: Evaluation) -> list[tuple[str, str, str]]:
    shown = {cost.name: cost for cost in view.costs}
    for name in ("lut", "lut_implemented", "dsp", "latency"):
        quantity = QUANTITIES[name]
        if quantity.key in e.resources:
            shown.setdefault(name, Objective.of(quantity))
    sure = {c.name: c.confidence for c in view.reference.constraints if c.confidence}
    rows: list[tuple[str, str, str]] = []
    for cost in shown.values():
        bounds = e.intervals.get(cost.key)
        aside = e.origin + (f", 80 %: {si(bounds[0])} to {si(bounds[1])}" if bounds else "")
        if cost.key in e.upper and cost.name in sure:
            aside += f", at most {si(e.upper[cost.key])} with {share_text(sure[cost.name])} confidence"
        stock, value = view.reference.device.get(cost.stock), cost.value(e)
        if isinstance(stock, int) and stock and value:
            aside += f", {100 * value / stock:.2g} % of the device"
        rows.append((cost.label, f"{si(value)}{f' {cost.unit}' if cost.unit else ''}", aside))
        rows += [
            ("", si(figures[name]), f"{stage}, measured")
            for stage, figures in e.measured.items()
            if (name := measured_name(cost.key, stage)) in figures
        ]
    if energies := energy_range(e.resources):
        rows.append(("Energy", " to ".join(map(si, energies)) + " pJ", "after Horowitz and after Moons"))
    return rows


def _verdict(view: StudyView) -> str:
    """Return what training gained, in sentences."""
    gained = [e.gain for e in view.scored if e.gain is not None and e.precision]
    if not gained:
        trained = any("qat" in e.metrics for e in view.scored)
        none = (
            "Every training changed the design too" if trained else "No candidate was trained in this study"
        )
        return f"{none}."
    sign = SIGNS[view.reference.metric.direction]
    helped = sum(sign * gain > 0 for gain in gained)
    members = [e for e in view.front if e.kind != "uniform"]
    trained_members = sum(e.method == "qat" for e in members)
    return (
        "Each triangle compares one design with itself before training, on validation data. Training helped "
        f"{helped} of {len(gained)}, by {median(gained):+.4f} in the median. Candidates whose weights "
        f"training made zero, or of fewer bits, are other designs and not among them. {trained_members} of "
        f"the front's {len(members)} searched members are trained."
    )
