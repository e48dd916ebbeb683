"""The page's table of all trials, and that of what was stopped or failed."""

from __future__ import annotations

from dataclasses import dataclass

from ..analysis.view import Standing, StudyView, advice
from ..problem.score_warnings import ties_note
from ..quantities import QUANTITIES
from ..trials.evaluation import Evaluation, total_seconds
from ..trials.objectives import Objective
from .rendering import Number, Table

Cell = str | Number


@dataclass(frozen=True)
class Trials:
    """All trials: columns as in `Table`, and rows with where each trial ended up."""

    columns: list[tuple[str, str]]
    rows: list[tuple[Standing, list[Cell]]]


def all_trials(view: StudyView) -> Trials:
    """Return a row for each trial, in the order of their numbers."""
    costs = list(view.costs)
    names = {cost.name for cost in costs}
    for name in ("lut", "lut_implemented", "ff", "ff_implemented", "dsp", "bram", "latency"):
        quantity = QUANTITIES[name]
        if name not in names and any(quantity.key in e.resources for e in view.evaluations):
            costs.append(Objective.of(quantity))
    columns = [("Trial", ""), ("Standing", "text"), ("Method", "text")]
    columns += [(f"{view.metric_name} (validation)", ""), ("To float (validation)", "")]
    columns += [("On test data", ""), ("To float (test)", "")] if view.tested else []
    columns += [(cost.title, "") for cost in costs]
    trained = any(e.ptq_resources for e in view.evaluations)
    columns += [("Untrained (validation)", ""), (f"its {view.costs[0].title}", "")] if trained else []
    columns += [("Seconds", ""), ("Note", "text long")]
    return Trials(columns, [(view.standing(e), _cells(view, e, costs, trained)) for e in view.evaluations])


def _cells(view: StudyView, e: Evaluation, costs: list[Objective], trained: bool) -> list[Cell]:
    method = view.names.get(e.number) or f"{e.method.upper()}{', training undone' if e.undone else ''}"
    cells: list[Cell] = [Number(e.number, str(e.number)), view.standing(e), method]
    cells += _beside(e.metrics.get("score"), view.reference.float_score)
    if view.tested:
        cells += _beside(e.metrics.get("test"), view.reference.float_scores["test"])
    cells += [_number(e.resources.get(cost.key), ",.6g") for cost in costs]
    if trained:  # a design of its own, which costs something else
        value = e.ptq_resources.get(view.costs[0].key)
        cells += [_number(None if value is None else e.metrics.get("ptq"), ".4f"), _number(value, ",.6g")]
    seconds = total_seconds([e])
    notes = [f"{name} over by {100 * v:.3g} %" for name, v in e.constraints.items() if v > 0]
    notes += filter(None, [ties_note(e)])
    return [*cells, _number(seconds, ".2f"), e.reason or ", ".join(notes)]


def _beside(score: float | None, reference: float) -> list[Number]:
    """Return a score, and how far it is from the float model's."""
    return [_number(score, ".4f"), _number(None if score is None else score - reference, "+.4f")]


def _number(value: float | None, form: str) -> Number:
    return Number(value, "" if value is None else format(value, form))


def failures(view: StudyView) -> Table:
    """Return why trials were stopped or failed, and runs of tools, with what to do; without rows where none
    was.
    """
    rows = [
        [name, str(count), advice(name), f"trial {example.number}: {example.reason or ''}"]
        for name, count, example in view.reasons()
    ]
    rows += [
        [f"synthesis: {cause}", str(count), what, f"trial {number}: {line}"]
        for cause, count, what, number, line in view.synthesis_failures()
    ]
    columns = [("Reason", "text"), ("Trials", ""), ("What to do", "text long"), ("Example", "text long")]
    return Table(columns, rows)
