"""What the page's tables say of a search: how sure its scores are, what it gains over uniform widths."""

from __future__ import annotations

from dataclasses import dataclass

from ..analysis.findings import Budget, Findings, UniformMatch
from ..analysis.view import StudyView, si
from .rendering import Table


def test_table(view: StudyView, found: Findings) -> Table | None:
    """Return the front on the test split with its intervals; None before the study is over."""
    known = view.test_scores
    if known is None or not view.any_feasible:
        return None
    rows = []
    for trial in (None, *(e.number for e in view.front)):
        row = known.of(trial)
        if row is None:
            continue
        e = next((e for e in view.front if e.number == trial), None)
        validation = e.score if e else view.reference.float_score
        note = "validation score above the interval: luck" if trial in found.optimistic else ""
        cells = ["float model" if e is None else str(e.number), f"{validation:.4f}", f"{row.score:.4f}"]
        cells += [_interval(row.interval)]
        cells += ["", ""] if e is None else [_interval(row.to_float, "+"), _interval(row.to_best, "+")]
        rows.append([*cells, note])
    columns = [("Trial", "text"), ("Validation", ""), ("Test", ""), (f"{100 * known.confidence:g} %", "")]
    columns += [("To float", ""), ("To the best", ""), ("", "text")]
    return Table(columns, rows)


def _interval(bounds: tuple[float, float] | None, sign: str = "") -> str:
    return "" if bounds is None else f"{bounds[0]:{sign}.4f} to {bounds[1]:{sign}.4f}"


@dataclass(frozen=True)
class Gains:
    """What mixed widths and training gained over uniform ones."""

    uniform: Table
    budgets: Table
    tested: bool
    fairness: str
    """How much training the uniform baselines had, where it is known; begins with a space."""


def gains(view: StudyView, found: Findings) -> Gains | None:
    """Return what mixed widths and training gained over uniform ones; None without scored uniform
    baselines.
    """
    if not found.uniform_matches:
        return None
    cost = view.costs[0].label
    tested = any(uniform_match.test is not None for uniform_match in found.uniform_matches)
    split = " (validation)" if tested else ""
    columns = [("Trial", ""), ("Uniform", "text"), ("Epochs", ""), (f"{view.metric_name}{split}", "")]
    columns += [("on test data", "")] if tested else []
    columns += [(cost, ""), ("As good, by trial", ""), (f"its {cost}", "")]
    columns += [("test, to the uniform", "")] if tested else []
    columns += [("At no more cost, by trial", ""), (f"its gain{split}", "")]
    columns += [("its gain on test data", "")] if tested else []
    heads = [(f"{cost} at most", ""), ("as uniform", "text"), ("Rounded", ""), (f"its {cost}", "")]
    heads += [("Trained", ""), (f"its {cost}", ""), ("Training gains", "")]
    return Gains(
        Table(columns, [_uniform_match_cells(one, tested=tested) for one in found.uniform_matches]),
        Table(heads, [_budget_cells(row) for row in found.budgets]),
        tested,
        _fairness(view, found),
    )


def _fairness(view: StudyView, found: Findings) -> str:
    """Return how much training the uniform baselines had, beside the searched candidates."""
    if not found.uniform_trained:
        return " Uniform widths were rounded only: none was trained in this study."
    uniform = max(uniform_match.epochs or 0.0 for uniform_match in found.uniform_matches)
    searched = max((e.epochs for e in view.scored if e.kind == "search"), default=0.0)
    if not uniform:  # of a study from before this was recorded, or training helped none
        return ""
    return (
        f" Uniform widths had up to {uniform:g} epochs of training, searched candidates up to {searched:g}."
    )


def _uniform_match_cells(uniform_match: UniformMatch, *, tested: bool) -> list[str]:
    cells = [
        str(uniform_match.trial),
        uniform_match.name,
        "" if uniform_match.epochs is None else f"{uniform_match.epochs:g}",
        f"{uniform_match.score:.4f}",
    ]
    cells += [_figure(uniform_match.test, "")] if tested else []
    cells += [
        si(uniform_match.cost),
        "none" if uniform_match.cheaper is None else str(uniform_match.cheaper),
        "" if uniform_match.ratio is None else f"{100 * uniform_match.ratio:.0f} %",
    ]
    cells += [_figure(uniform_match.cheaper_test_gain)] if tested else []
    cells += [
        "none" if uniform_match.better is None else str(uniform_match.better),
        _figure(uniform_match.gain),
    ]
    cells += [_figure(uniform_match.better_test_gain)] if tested else []
    return cells


def _figure(value: float | None, sign: str = "+") -> str:
    return "" if value is None else f"{value:{sign}.4f}"


def _budget_cells(row: Budget) -> list[str]:
    sides: list[str] = []
    for side in (row.ptq, row.qat):
        sides += ["none", ""] if side is None else [f"{side[1]:.4f} (trial {side[0]})", si(side[2])]
    return [si(row.limit), row.name, *sides, _figure(row.gain)]


def progress_note(found: Findings) -> str:
    """Return when the hypervolume last grew, in a sentence."""
    if found.last_gain is None or found.last_gain_seconds is None:
        return "Nothing feasible was found, so there is none."
    since = found.trials - 1 - found.last_gain
    return (
        f"The dotted line marks trial {found.last_gain}, the last one that made it grow by a thousandth: "
        f"{found.last_gain_seconds:.1f} of {found.seconds:.1f} s of evaluation had passed, {since} trials "
        f"followed."
    )
