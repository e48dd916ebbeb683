"""A quantity or a metric is one row of a table: everything that names them follows from it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bitfront.hls import part
from bitfront.search.config import MetricConfig, StudyConfig
from bitfront.search.problem.metric_functions import functions_of
from bitfront.search.quantities import METRICS, QUANTITIES, Quantity, named
from bitfront.search.quantities.metrics import default_metric, label_of
from bitfront.search.quantities.table import number
from bitfront.spaces import UserError

NEW = """
import csv, json, sys
from dataclasses import replace
from pathlib import Path

from bitfront.search.quantities import QUANTITIES, Quantity, resources_of

QUANTITIES["adders"] = Quantity(
    name="adders", key="adder_count", label="Adders", head="adders", unit="pJ", estimate="energy_pj", decimals=2,
    objective=True, limit="most adders", example="3nJ", in_reports=True, by_layer=True,
)

from plausible import METRIC, plausible_study, reference
from rich.console import Console
from test_estimate import dense, design
from typer.testing import CliRunner

from bitfront.hls.estimate import estimate
from bitfront.search.analysis.sensitivity import RESOURCES
from bitfront.search.analysis.view import StudyView
from bitfront.search.cli.estimate import _table
from bitfront.search.cli.main import app
from bitfront.search.config import MetricConfig, StudyConfig
from bitfront.search.config.reference import markdown
from bitfront.search.report.write import write_report
from bitfront.search.tracking.content import run_metrics
from bitfront.search.tracking.registry import version_tags
from bitfront.search.trials.objectives import broken, constraints_of, parse_objectives, resource_violations

folder = Path(sys.argv[1])
config = StudyConfig(model="m.py:f", data="d.py:f", task="binary", objectives=["metric", "adders"],
                     constraints={"adders": "2nJ"})
(limit,) = (c for c in constraints_of(config.limits(), METRIC) if c.name == "adders")
objectives = parse_objectives(config.objectives, METRIC)
cost = estimate(design(dense()))

def costed(e):
    figures = {**e.resources, "adder_count": e.resources["lut"] / 8}
    return replace(e, resources=figures, layers=tuple({**row, "adder_count": 77.25} for row in e.layers))

trials = [costed(e) for e in plausible_study(12)]
for e in trials:
    e.write(folder)
told = reference("toy")
scale = type(told.box).spanning([e.resources for e in trials[:6]], objectives, 0.842, 0.5)
replace(told, objectives=objectives, constraints=(limit,), box=scale).write(folder)
(folder / "study.yaml").write_text("name: toy\\nmodel: m.py:f\\ndata: d.py:f\\ntask: binary\\n")
page = write_report(folder, figures=False).read_text()
console = Console(width=300, record=True, file=open(folder / "table", "w"))
console.print(_table("t", [cost], figures=True))
runs = [CliRunner().invoke(app, ["show", str(folder), words], env={"COLUMNS": "300"})
        for words in ("1", "adders<1uJ", "adders<2ns")]
show = [run.output or str(run.exception) for run in runs]
print(json.dumps({
    "estimate": resources_of(cost)["adder_count"] == cost.energy_pj,
    "limit": [limit.limit, limit.text],
    "broken": broken([limit], resource_violations([limit], {"adder_count": 3000.0}), {"adder_count": 3000.0}),
    "objective": objectives[1].title,
    "reference": [part for part in markdown().split("\\n### ") if "adders" in part],
    "table": (folder / "table").read_text() and "adders" in console.export_text(),
    "show": show,
    "front.csv": "adder_count" in next(csv.reader((folder / "front.csv").open())),
    "page": "Adders (pJ)" in page,
    "mlflow": "est/adder_count" in run_metrics(trials[0]),
    "version": "adder_count" in version_tags(next(e for e in trials if e.metrics), told),
    "sensitivity": "adder_count" in RESOURCES,
}))
"""


def test_a_quantity_that_the_table_gains_is_known_wherever_quantities_are_named(tmp_path):
    here = Path(__file__).parent
    paths = os.pathsep.join([str(here), *filter(None, [os.environ.get("PYTHONPATH")])])
    run = subprocess.run(
        [sys.executable, "-c", NEW, str(tmp_path)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": paths},
    )
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout.splitlines()[-1])
    shown, picked, refused = found.pop("show")
    assert "adders" in shown
    assert "77.25" in shown  # the column of the layers
    assert "adder_count" in picked
    assert "wrong unit: write an energy" in refused
    assert found.pop("limit") == [2000, "2nJ"]
    assert found.pop("broken") == "constraint adders: 3000 > 2000"
    assert found.pop("objective") == "Adders (pJ)"
    keys = {part.split("\n")[0]: part for part in found.pop("reference")}
    assert "most adders" in keys["`constraints.adders`"]
    assert "**example** `3nJ`" in keys["`constraints.adders`"]
    assert "`objectives`" in keys
    assert found == dict.fromkeys(found, True)


def test_a_quantity_goes_by_its_name_its_key_and_its_alias():
    assert {q.name for q in QUANTITIES.values()} == set(QUANTITIES)
    assert len({q.key for q in QUANTITIES.values()}) == len(QUANTITIES)
    for q in QUANTITIES.values():
        assert named(q.name) is named(q.key) is q
    assert named("Interval") is QUANTITIES["ii"]
    assert named("luts") is None


def test_what_a_device_has_a_stock_of_is_what_its_catalogue_counts():
    stocks = dict.fromkeys(q.stock for q in QUANTITIES.values() if q.on_device)
    assert list(stocks) == list(part("xcvu13p").capacity())


def test_quantities_without_a_limit_or_aim_are_refused_in_study_files():
    given = {"model": "m.py:f", "data": "d.py:f", "task": "binary"}
    with pytest.raises(UserError, match="no key 'uram' in constraints"):
        StudyConfig(**given, constraints={"uram": 3})
    with pytest.raises(UserError, match="'latency_cycles' isn't known: did you mean 'latency'"):
        StudyConfig(**given, objectives=["metric", "latency_cycles"])


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("lut", 1234.0, "1,234"),
        ("latency_ns", 725.0, "725"),
        ("latency_ns", 72.25, "72.2"),
        ("new", 0.5, "0.5"),
    ],
)
def test_a_figure_is_written_with_as_many_decimals_as_its_quantity_has(key, value, text):
    assert number(key, value) == text


def test_a_quantity_is_titled_with_its_unit():
    assert [Quantity(name="a", label="A").title, Quantity(name="a", label="A", unit="ns").title] == [
        "A",
        "A (ns)",
    ]


def test_every_metric_of_the_table_is_computed_and_documented():
    about = MetricConfig.model_fields["name"].description
    for name, metric in METRICS.items():
        wanted = MetricConfig(name=name)
        assert set(functions_of(wanted)) == set(METRICS)
        assert wanted.direction == metric.direction
        assert name in about
        assert metric.about in about
        assert all(option in MetricConfig.model_fields for option in metric.options)


@pytest.mark.parametrize(
    ("tasks", "name"),
    [
        (["regression"], "mse"),
        (["multiclass", "regression"], "accuracy"),
        ([["?"]], "accuracy"),
        ([], "accuracy"),
    ],
)
def test_a_study_without_a_metric_gets_the_first_that_fits(tasks, name):
    assert default_metric(tasks) == name


def test_a_metric_is_labelled_as_people_write_it():
    assert [label_of(name) for name in ("roc_auc", "mse", "balanced_accuracy", "jet_mass")] == [
        "ROC AUC",
        "MSE",
        "Balanced accuracy",
        "Jet mass",
    ]
    assert [metric.perfect for metric in METRICS.values()] == [1.0, 1.0, 1.0, 1.0, None, 1.0, 0.0, 1.0]


@pytest.mark.parametrize(
    ("task", "metric", "limit", "words"),
    [
        ("regression", "mse", -0.1, "mse is never below 0"),
        ("binary", "roc_auc", 1.0, "roc_auc lies within 0..1"),
        ("binary", "background_rejection", -3, None),
    ],
)
def test_a_bound_on_a_metric_must_lie_where_the_metric_does(task, metric, limit, words):
    given = {"model": "m.py:f", "data": "d.py:f", "task": task, "metric": metric}
    if words is None:
        assert StudyConfig(**given, constraints={"metric": limit}).limits()["metric"].value == limit
        return
    with pytest.raises(UserError, match=words):
        StudyConfig(**given, constraints={"metric": limit})
