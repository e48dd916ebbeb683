"""Every figure that page, terminal, JSON, CSV and MLflow show is recomputed from the study's folder by code
of its own.

`witness` reads what was written as a reader does and shares nothing with the code that wrote it. A study that
is made false in one of the ways that were found is caught, and so is any single figure that is changed.
"""

from __future__ import annotations

import json
import random
import re
import shutil
import sqlite3
from dataclasses import replace

import pytest
import small_study
from typer.testing import CliRunner
from witness import Truth, shows
from witness_figures import rows_of
from witness_mlflow import mlflow_faults
from witness_page import page_faults
from witness_text import csv_faults, json_faults, run_faults, show_faults, trial_faults

from bitfront.search import read_evaluations
from bitfront.search.analysis import findings, headline
from bitfront.search.analysis.findings import Budget, find
from bitfront.search.analysis.view import StudyView
from bitfront.search.cli.main import app
from bitfront.search.report import page, write_report

SETTINGS = (
    "sampler=auto",
    "gradient_epochs=24",
    "screening=30",
    "training={float_epochs: 80, float_learning_rate: 0.01, learning_rate: 0.004, epochs: 2}",
    "objectives=[metric, lut, latency]",
    "constraints={metric_drop: 0.4, lut: 2100}",
    "space={weights: 2..8, activations: 3..8, input: 4..6, method: [ptq, qat], sparsity: [0, 50, 75]}",
    "tracking={enabled: true}",
)
WIDE = {"COLUMNS": "400", "NO_COLOR": "1"}


def shown(*words):
    """What a command prints, on a terminal so wide that no line breaks."""
    result = CliRunner().invoke(app, [str(word) for word in words], env=WIDE)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture(scope="module", autouse=True)
def _remembered():
    """Importances take seconds and none of these studies is made false by them: each is computed once."""
    memory, true = {}, findings.importance

    def importance(evaluations, objective):
        key = (objective.name, tuple((e.number, objective.value(e)) for e in evaluations))
        memory[key] = memory.get(key) or true(evaluations, objective)
        return memory[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(findings, "importance", importance)
        yield


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A study that has run to its end, with all stages, and what its run printed."""
    file = small_study.write(tmp_path_factory.mktemp("claims"))
    settings = [f"output={file.parent / 'studies'}", *SETTINGS]
    words = ["run", file, "--trials", 36, *(word for one in settings for word in ("--set", one))]
    printed = shown(*words)
    return file.parent / "studies" / "small", printed


@pytest.fixture
def study(finished, tmp_path):
    """A copy of that study that may be made false."""
    shutil.copytree(finished[0], tmp_path / "small")
    return tmp_path / "small"


def test_the_study_has_what_the_claims_are_about(finished):
    """Uniform widths by both methods, pruned candidates on the front, trained ones that kept the float
    weights.
    """
    truth = Truth(finished[0])
    assert {e["method"] for e in truth.uniform} == {"ptq", "qat"}
    assert any(e["params"]["sparsity"] for e in truth.front)
    assert any(truth.gain(e) is not None for e in truth.scored)
    assert any(e["start"] == "gradient" for e in truth.scored)
    assert any(e["start"] == "uniform" for e in truth.scored)
    assert len({e["status"] for e in truth.trials.values()}) > 1 or len(truth.feasible) < len(truth.scored)
    assert truth.tests["rows"][0]["score"] == truth.float["test"]
    for row in truth.tests["rows"][1:]:
        assert row["score"] == truth.trials[row["trial"]]["metrics"]["test"]


def test_every_figure_of_the_page_is_recomputed(finished):
    """Sentences, cards, tables, figures and the table of the front that can be taken away."""
    truth = Truth(finished[0])
    text = (finished[0] / "report.html").read_text()
    assert page_faults(truth, text) == []
    assert csv_faults(truth, (finished[0] / "front.csv").read_text()) == []


def test_every_figure_of_the_terminal_is_recomputed(finished):
    """Of the search, of `show`, and of `show` for single trials."""
    folder, printed = finished
    truth = Truth(folder)
    assert run_faults(truth, printed) == []
    assert show_faults(truth, shown("show", folder)) == []
    for how, e in truth.picks.items():
        assert trial_faults(truth, e["number"], shown("show", folder, how)) == []
    for number in list(truth.trials)[::6]:
        if truth.trials[number]["status"] == "complete":
            assert trial_faults(truth, number, shown("show", folder, number)) == []


def test_every_key_of_the_json_is_recomputed(finished):
    """Of `report --json`, and of `show --json`, which has no test scores."""
    folder, truth = finished[0], Truth(finished[0])
    (told,) = json.loads(shown("report", folder, "--json"))
    assert json_faults(truth, told) == []
    assert json_faults(truth, json.loads(shown("show", folder, "--json"))) == []
    assert json.loads(shown("show", folder, "knee", "--json"))["number"] == truth.picks["knee"]["number"]


def test_every_metric_param_and_tag_of_mlflow_is_recomputed(finished):
    """Read from its database, without its client."""
    folder = finished[0]
    assert mlflow_faults(Truth(folder), folder.parent / "mlflow.db") == []


# -- a study that is made false is caught --------------------------------------------------------------------


def rewritten(folder):
    """The page of a study as the code writes it now."""
    return write_report(folder, figures=False).read_text()


def as_they_were(true):
    """The table as it was: a candidate's score before training beside what it costs pruned."""

    def budgets(view, cost):
        able = [e for e in view.scored if all(v <= 0 for k, v in e.constraints.items() if k != "metric_drop")]
        rows = []
        for row in true(view, cost):
            within = [e for e in able if cost.value(e) <= row.limit]
            sides = []
            for method in ("ptq", "qat"):
                e = max((e for e in within if method in e.metrics), key=lambda e: e.metrics[method])
                sides.append((e.number, e.metrics[method], cost.value(e)))
            rows.append(Budget(row.limit, row.name, *sides, sides[1][1] - sides[0][1]))
        return tuple(rows)

    return budgets


def test_a_score_before_training_beside_a_cost_after_it_is_caught(study, monkeypatch):
    """On the page, in the terminal and in the JSON."""
    monkeypatch.setattr(findings, "budgets", as_they_were(findings.budgets))
    truth = Truth(study)

    assert any("gains-section" in fault for fault in page_faults(truth, rewritten(study)))
    assert show_faults(truth, shown("show", study))
    assert any("budgets" in fault for fault in json_faults(truth, json.loads(shown("show", study, "--json"))))


def test_a_gain_over_another_design_is_caught_in_mlflow(finished, tmp_path):
    """`score/gain` of a pruned candidate, and a `score/ptq` whose cost is not told."""
    truth = Truth(finished[0])
    pruned = next(e for e in truth.scored if e["params"]["sparsity"] and "qat" in e["metrics"])
    for key, change in (
        ("score/gain", "insert into latest_metrics (run_uuid, key, value, timestamp, step, is_nan) values "
                       "(?, ?, 0.1, 0, 0, 0)"),
        ("ptq/lut", "delete from latest_metrics where run_uuid = ? and key = ?"),
    ):  # fmt: skip
        shutil.copy(finished[0].parent / "mlflow.db", tmp_path / "mlflow.db")
        with sqlite3.connect(tmp_path / "mlflow.db") as sql:
            query = "select run_uuid from tags where key = 'bitfront.trial' and value = ?"
            (run,) = sql.execute(query, (str(pruned["number"]),)).fetchone()
            sql.execute(change, (run, key))
        assert any(key in fault for fault in mlflow_faults(truth, tmp_path / "mlflow.db"))


def test_a_headline_that_compares_another_split_is_caught(study, monkeypatch):
    """Validation against validation though there are test scores; and one split against the other."""
    truth = Truth(study)
    true = StudyView.against

    def on_validation(view, e):
        return replace(
            true(view, e),
            split="validation",
            score=e.score,
            float_score=view.reference.float_score,
            interval=None,
        )

    def across(view, e):
        return replace(true(view, e), float_score=view.reference.float_score)

    for false in (on_validation, across):
        monkeypatch.setattr(StudyView, "against", false)
        faults = page_faults(truth, rewritten(study))
        assert [fault for fault in faults if fault.startswith("card")]
        assert [fault for fault in faults if fault.startswith("p:")]
        assert show_faults(truth, shown("show", study))
        assert any(
            "picks" in fault for fault in json_faults(truth, json.loads(shown("show", study, "--json")))
        )


def test_a_search_that_ends_on_validation_scores_alone_is_caught(finished):
    """Its last lines stand beside the float model's test score."""
    truth, printed = Truth(finished[0]), finished[1]
    e = truth.picks["best"]
    told = re.search(r"best .*", printed)[0]
    gap = f"{truth.score(e) - truth.float['val']:+.4f} to float"
    false = re.sub(r"[\d.]+ on test data \(.*?\)", f"{truth.score(e):.4f} on validation data ({gap})", told)
    assert false != told
    assert run_faults(truth, printed.replace(told, false))


def test_of_equally_near_uniform_widths_a_dearer_one_is_caught(study, monkeypatch):
    """And the cheapest is what the page names."""
    truth = Truth(study)
    knee, u = truth.picks["knee"], truth.nearest_uniform
    if knee["kind"] == "uniform":
        pytest.skip("the knee is a uniform width: there is nothing beside it")
    bit_true = json.loads(json.dumps(u)) | {"number": max(truth.trials) + 1, "digest": "dearer"}
    bit_true["resources"] = {key: 1.5 * value for key, value in u["resources"].items()}
    folder = study / "trials" / f"{bit_true['number']:05d}"
    folder.mkdir()
    (folder / "evaluation.json").write_text(json.dumps(bit_true))
    truth = Truth(study)
    assert truth.nearest_uniform["number"] == u["number"]
    assert not [fault for fault in page_faults(truth, rewritten(study)) if fault.startswith("p:")]

    def dearest(view, e):
        near = page_nearest(view, e)
        pool = [
            o
            for o in view.scored
            if o.kind == "uniform" and view.against(o).score == view.against(near).score
        ]
        return max(pool, key=view.costs[0].value)

    page_nearest = headline.nearest_uniform
    monkeypatch.setattr(headline, "nearest_uniform", dearest)
    assert [fault for fault in page_faults(truth, rewritten(study)) if fault.startswith("p:")]


def test_a_knee_far_below_the_float_model_that_is_not_flagged_is_caught(study, monkeypatch):
    """Where the whole front is far below, and where a better part of it was passed over."""
    path = study / "reference.json"
    reference = json.loads(path.read_text())
    (study / "manifest.sha256").unlink(missing_ok=True)  # what is edited here is no damage
    path.write_text(json.dumps(reference | {"float": {"val": 0.99, "test": 0.99}, "knee_drop": 0.001}))
    truth = Truth(study)
    assert truth.knee_lost is not None
    flagged = page_faults(truth, rewritten(study))
    assert not [fault for fault in flagged if fault.startswith("card")]
    assert (
        "worse than the float model on validation data: nothing on the front is within 0.0010"
        in rewritten(study)
    )

    monkeypatch.setattr(page, "knee_warning", lambda *_: None)
    assert [fault for fault in page_faults(truth, rewritten(study)) if fault.startswith("card knee")]
    monkeypatch.undo()
    path.write_text(json.dumps(reference | {"knee_drop": 0.0}))
    truth = Truth(study)
    best, smallest = truth.picks["best"], truth.picks["smallest"]
    assert truth.picks["knee"]["number"] != smallest["number"] != best["number"]
    monkeypatch.setattr(
        StudyView, "picks", property(lambda view: dict.fromkeys(("best", "knee", "smallest"), view.front[0]))
    )
    assert [fault for fault in page_faults(truth, rewritten(study)) if fault.startswith("card knee")]


def test_uniform_widths_that_were_not_trained_are_called_rounded_only(study):
    """On the page and in the terminal; and a study that says so though they were trained is caught."""
    truth = Truth(study)
    text, lines = (study / "report.html").read_text(), shown("show", study)
    assert "rounded only" not in text + lines
    false = text.replace(
        "Chosen on validation data,", "Uniform widths were rounded only: none was trained. Chosen on"
    )
    assert page_faults(truth, false)
    for e in truth.uniform:
        if "qat" in e["metrics"]:
            shutil.rmtree(study / "trials" / f"{e['number']:05d}")
    fewer = Truth(study)
    assert not fewer.uniform_trained
    assert "Uniform widths were rounded only" in rewritten(study)
    assert "Uniform widths were rounded only" in shown("show", study)
    assert not [f for f in page_faults(fewer, rewritten(study)) if f.startswith(("p:", "gains-section"))]


def figures_of(text):
    """Places of the page's figures: (begin, end) of each number in what is seen, and in what is drawn."""
    hidden = [
        m.span()
        for m in re.finditer(r"<(script|style|pre|nav|head)\b.*?</\1>|<[^>]*>|&#?\w+;", text, re.DOTALL)
    ]
    marks = iter([*hidden, (len(text), len(text))])
    begin, places = 0, []
    for start, end in marks:
        places += [
            (begin + m.start(), begin + m.end()) for m in re.finditer(r"\d+(?:[.,]\d+)*", text[begin:start])
        ]
        begin = end
    block = re.search(r'id="figures">(.*?)</script>', text, re.DOTALL)
    return places, block.span(1)


def altered(number):
    """The same number with its last digit changed."""
    return number[:-1] + str((int(number[-1]) + 5) % 10)


def test_any_figure_that_is_changed_is_caught(finished):
    """One after the other: a sample of those that are read on the page, drawn in its figures, printed and in
    the JSON.
    """
    folder = finished[0]
    truth, text = Truth(folder), (folder / "report.html").read_text()
    chance = random.Random(1)
    places, (begin, end) = figures_of(text)
    assert len(places) > 600
    for a, b in chance.sample(places, 40):
        false = text[:a] + altered(text[a:b]) + text[b:]
        assert page_faults(truth, false), f"{text[a - 80 : a]} >{text[a:b]}< {text[b : b + 30]}"

    drawn = json.loads(text[begin:end])
    leaves = list(numbers_in({name: rows_of(figure) for name, figure in drawn.items()}))
    assert len(leaves) > 300
    for path in chance.sample(leaves, 25):
        false = json.loads(text[begin:end])
        alter({name: rows_of(figure) for name, figure in false.items()}, path)
        assert page_faults(truth, text[:begin] + json.dumps(false).replace("<", "\\u003c") + text[end:]), path

    lines = shown("show", folder)
    spots = [m.span() for m in re.finditer(r"\d+\.\d+", lines)]
    for a, b in chance.sample(spots, 15):
        assert show_faults(truth, lines[:a] + altered(lines[a:b]) + lines[b:]), lines[a - 60 : b]
    told = json.loads(shown("show", folder, "--json"))
    for path in chance.sample(list(numbers_in(told)), 15):
        false = json.loads(json.dumps(told))
        alter(false, path)
        assert json_faults(truth, false), path


def numbers_in(value, path=()):
    """Paths to the numbers of plain data."""
    if isinstance(value, dict):
        for key, one in value.items():
            yield from numbers_in(one, (*path, key))
    elif isinstance(value, list):
        for key, one in enumerate(value):
            yield from numbers_in(one, (*path, key))
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield path


def alter(value, path):
    """Change one number of plain data in place."""
    place = value
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = place[path[-1]] * 1.01 + 1


def test_a_figure_that_nobody_recomputes_is_a_fault(finished):
    """A new sentence, table, column or picture is caught until the witness knows it."""
    truth, text = Truth(finished[0]), (finished[0] / "report.html").read_text()
    for old, new in (
        ("</footer>", " On average 12 LUTs are saved.</footer>"),
        ("</main>", "<p>Mixing saves 57 %.</p></main>"),
        ('<section id="details-section"', '<section '
                                          'id="new-section"><table><tr><th>Saved</th></tr><tr><td>57 '
                                          '%</td></tr></table></section><section id="details-section"'),
        ('{"front_lut"', '{"new-plot": {"layer": []}, "front_lut"'),
    ):  # fmt: skip
        assert text.count(old) == 1
        assert page_faults(truth, text.replace(old, new)), new


@pytest.mark.parametrize(
    ("text", "value", "holds"),
    [
        ("49.7 k", 49_700, True),
        ("49.7 k", 49_760, False),
        ("1,020", 1020.4, True),
        ("-0.0034", -0.00337, True),
        ("0.067", 0.0674, True),
        ("0.067", 0.0676, False),
        ("1.2e+02", 123, True),
        ("none", None, True),
        ("", 0.0, False),
    ],
)
def test_a_written_figure_is_its_value_to_the_digits_that_are_written(text, value, holds):
    """So the witness neither forgives nor invents."""
    assert shows(text, value) is holds


def test_an_older_study_still_reports(study):
    """Without what is recorded since: untrained costs, epochs, a drop for the knee, test scores of uniform
    widths.
    """
    for path in (study / "trials").glob("*/evaluation.json"):
        e = json.loads(path.read_text())
        for key in ("ptq_resources", "epochs"):
            e.pop(key)
        path.write_text(json.dumps(e))
    (study / "manifest.sha256").unlink(missing_ok=True)  # it had none
    reference = json.loads((study / "reference.json").read_text())
    reference.pop("knee_drop")
    (study / "reference.json").write_text(json.dumps(reference))
    (study / "test_scores.json").unlink()
    text = rewritten(study)
    assert "Untrained (validation)" not in text
    assert len(read_evaluations(study)) == len(Truth(study).trials)
    assert find(StudyView.read(study)).uniform_trained
    shown("show", study)
