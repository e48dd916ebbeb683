"""Sections of the page for what a search teaches: sure scores, gains over uniform widths, what mattered."""

from __future__ import annotations

import html

from ..analysis.findings import Budget, Findings, UniformMatch
from ..analysis.view import StudyView, si
from . import markup


def test_section(view: StudyView, found: Findings) -> str:
    """Return the front on the test split with its intervals; nothing before the study is over."""
    known = view.test_scores
    if known is None or not view.any_feasible:
        return ""
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
    told = (
        f"<p>{html.escape(view.metric_name)} on {known.samples:,} test samples, which ranked nothing. Intervals are those of "
        f"{known.resamples} bootstrap draws; each draw scores all models, so differences (to the float model, and to the "
        "member that is best on validation data) are surer than scores. One that holds 0 can't be told from none.</p>"
    )
    return markup.section("test-section", "How sure are the scores?", told + markup.table(columns, rows))


def _interval(bounds: tuple[float, float] | None, sign: str = "") -> str:
    return "" if bounds is None else f"{bounds[0]:{sign}.4f} to {bounds[1]:{sign}.4f}"


def gains_section(view: StudyView, found: Findings) -> str:
    """Return what mixed widths and training gained over uniform ones; nothing without scored uniform baselines."""
    if not found.uniform_matches:
        return ""
    cost = view.costs[0].label
    tested = any(uniform_match.test is not None for uniform_match in found.uniform_matches)
    split = " (validation)" if tested else ""
    columns = [("Trial", ""), ("Uniform", "text"), ("Epochs", ""), (f"{view.metric_name}{split}", "")]
    columns += [("on test data", "")] if tested else []
    columns += [(cost, ""), ("As good, by trial", ""), (f"its {cost}", "")]
    columns += [("test, to the uniform", "")] if tested else []
    columns += [("No dearer, by trial", ""), (f"its gain{split}", "")]
    columns += [("its gain on test data", "")] if tested else []
    content = markup.table(
        columns,
        [_uniform_match_cells(uniform_match, tested=tested) for uniform_match in found.uniform_matches],
    )
    content += (
        f"<p>For each uniform baseline: the cheapest searched candidate that scores at least as well, its {html.escape(cost)} "
        "as a share of the baseline's; and the best one that costs no more. Chosen on validation data, within the limits"
        f"{'; what test data says of the choice stands beside it' if tested else ''}.{_fairness(view, found)}</p>"
    )
    heads = [(f"{cost} at most", ""), ("as uniform", "text"), ("Rounded", ""), (f"its {cost}", "")]
    heads += [("Trained", ""), (f"its {cost}", ""), ("Training gains", "")]
    content += "<h3>PTQ or QAT?</h3>" + markup.table(heads, [_budget_cells(row) for row in found.budgets])
    content += (
        f"<p>The best rounded and the best trained design that have so few {html.escape(cost)}, each with its own "
        f"{html.escape(markup.lower(view.metric_name))} (validation) and its own {html.escape(cost)}.</p>"
    )
    return markup.section("gains-section", "Against uniform precision", content)


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
        html.escape(uniform_match.name),
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
    return [si(row.limit), html.escape(row.name), *sides, _figure(row.gain)]


def importance_section(found: Findings) -> str:
    """Return the picture of which dimensions matter for which objective; nothing where too few were scored."""
    if not any(found.importance.values()):
        return ""
    caption = (
        "Share of each objective's variance over the scored candidates that a dimension explains alone (fANOVA), in per "
        "cent. It describes what was searched: a width that was never low shows no harm."
    )
    return markup.section(
        "importance-section", "What mattered", markup.figure("importance", "Importance", caption, "wide")
    )


def progress_note(found: Findings) -> str:
    """Return when the hypervolume last grew, in a sentence."""
    if found.last_gain is None or found.last_gain_seconds is None:
        return "Nothing feasible was found, so there is none."
    since = found.trials - 1 - found.last_gain
    return (
        f"The dotted line marks trial {found.last_gain}, the last one that made it grow by a thousandth: "
        f"{found.last_gain_seconds:.1f} of {found.seconds:.1f} s of evaluation had passed, {since} trials followed."
    )
