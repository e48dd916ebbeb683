"""Points that others published: every file of them is sound, and a study stands beside those of its own data
set alone.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from plausible import METRIC, plausible_study, reference
from typer.testing import CliRunner

from bitfront.experiments import gallery
from bitfront.search.analysis.published import (
    COMPARED,
    against,
    find_published,
    published_files,
    read_published,
)
from bitfront.search.analysis.view import StudyView
from bitfront.search.cli.main import app
from bitfront.search.config import load_study
from bitfront.search.report import write_report
from bitfront.search.report.published_charts import published_figures
from bitfront.spaces import UserError

POINT = {"name": "net", "value": 0.8, "evidence": "routed", "lut": 9000, "source": "a paper"}
FILE = {"format": 1, "data_set": "toy", "title": "Toy", "identity": "all of it", "metric": "accuracy"}
FILES = published_files()


def write_points(folder: Path, points, **changed) -> str:
    path = folder / "toy.yaml"
    path.write_text(yaml.safe_dump(FILE | changed | {"points": points}))
    return str(path)


def study(folder: Path, **settings):
    """Write a study of the data set `toy` whose trials have implemented LUTs and test scores."""
    trials = []
    for e in plausible_study(30):
        figures = (
            {"resources": {**e.resources, "lut_implemented": e.resources["lut"] / 4}} if e.resources else {}
        )
        tested = {"metrics": {**e.metrics, "test": e.score - 0.001}} if e.metrics else {}
        trials.append(replace(e, **figures, **tested))
    for e in trials:
        e.write(folder)
    reference("toy").write(folder)
    config = {"name": "toy", "model": "m.py:f", "data": "d.py:f", "task": "binary", "data_set": "toy"}
    (folder / "study.yaml").write_text(yaml.safe_dump(config | settings))
    return trials


@pytest.mark.parametrize("name", sorted(FILES))
def test_every_file_of_points_is_sound_and_says_where_each_comes_from(name):
    found = read_published(FILES[name])

    assert name == found.data_set or found.data_set.startswith(name)
    for point in found.points:
        assert point.cost > 0
        assert len(point.source) > 8
        assert point.evidence != "ebops" or point.split == "val"
    assert "http" not in FILES[name].read_text()


def test_the_issues_points_are_there_with_their_kind_of_evidence():
    known = {
        (name, p.value, p.cost, p.evidence)
        for name, file in FILES.items()
        for p in read_published(file).points
    }
    assert known >= {
        ("mnist", 0.979, 5070, "routed"), ("mnist", 0.978, 2092, "routed"), ("mnist", 0.963, 3809, "routed"),
        ("dry_bean", 0.92, 402, "routed"), ("wine", 0.98, 534, "routed"),
        ("jsc_openml", 0.76, 1232, "routed"), ("jsc_openml", 0.769, 12250, "routed"),
        ("jsc_openml", 0.77, 6604, "ebops"), ("jsc_openml", 0.7626, 19647, "csynth"),
    }  # fmt: skip


def test_a_ready_study_that_names_a_data_set_has_points_and_their_metric():
    named = {s.name: load_study(s.file) for s in gallery() if load_study(s.file).data_set}

    assert set(named) == {"mnist", "dry_bean", "wine", "jsc_openml", "jet_constituents"}
    for name, config in named.items():
        found = find_published(name)
        assert config.data_set in found.data_sets
        assert config.metric.name == found.metric
        assert {COMPARED[p.evidence] for p in found.points} & {*config.objectives}


@pytest.mark.parametrize(
    ("points", "changed", "words"),
    [
        ([POINT | {"lut": None}], {}, "is missing, which routed evidence is about"),
        ([POINT | {"evidence": "guessed"}], {}, "evidence = 'guessed' isn't known"),
        ([POINT | {"value": 79.0}], {}, "net with 79, which no accuracy can be"),
        ([POINT, dict(POINT)], {}, "names net twice"),
        ([POINT | {"luts": 3}], {}, "there's no key 'luts'"),
        ([POINT], {"metric": "acuracy"}, "did you mean 'accuracy'"),
        ([POINT], {"format": 2}, "format"),
        ([], {}, "points"),
    ],
)
def test_a_file_that_does_not_fit_is_told_in_a_sentence_that_names_it(points, changed, words, tmp_path):
    file = write_points(tmp_path, points, **changed)
    with pytest.raises(UserError, match=words) as told:
        find_published(file)
    assert "toy.yaml" in str(told.value)


def test_beside_each_point_stands_the_cheapest_candidate_that_scores_as_well_on_test_data(tmp_path):
    trials = study(tmp_path)
    points = [
        POINT,
        POINT | {"name": "out of reach", "value": 0.99},
        POINT | {"name": "synthesised", "evidence": "csynth", "lut": 30000},
        POINT | {"name": "elsewhere", "data_set": "other"},
    ]
    found = against(StudyView.read(tmp_path), find_published(write_points(tmp_path, points)))
    able = [e for e in trials if e.feasible and e.metrics["test"] >= 0.8]
    routed, beyond, csynth = found.rows

    assert routed.own_cost == min(e.resources["lut_implemented"] for e in able)
    assert csynth.own_cost == min(e.resources["lut"] for e in able)
    assert routed.ratio == pytest.approx(routed.own_cost / 9000)
    assert beyond.trial is beyond.ratio is None
    assert beyond.best == max(e.metrics["test"] for e in trials if e.feasible)
    notes = " ".join(found.notes)
    assert "1 points of other are left out" in notes
    assert "after routing (2 of them), drawn over the study's Implemented LUT" in notes
    assert "reported by C-synthesis (1 of them), drawn over the study's C-synthesis LUT" in notes


def run(*words: str):
    return CliRunner().invoke(app, ["report", *words], env={"COLUMNS": "200"})


def test_the_page_has_a_figure_for_each_kind_of_cost_and_a_row_for_each_point(tmp_path):
    study(tmp_path)
    file = write_points(tmp_path, [POINT, POINT | {"name": "<b>slow</b>", "evidence": "csynth"}])
    view = StudyView.read(tmp_path)
    figures = published_figures(view, against(view, find_published(file)))
    assert set(figures) == {"published_lut_implemented", "published_lut"}
    drawing = figures["published_lut"].write(tmp_path, "published_lut")[1].read_text()
    page = write_report(tmp_path, figures=False, published=find_published(file)).read_text()

    assert "published, reported by C-synthesis" in drawing
    assert "published, after routing" not in drawing
    section = re.search(r'id="published-section".*?</section>', page, re.DOTALL)[0]
    assert "a paper" in section
    assert "&lt;b&gt;slow" in section
    rows = json.loads(run(str(tmp_path), "--against", file, "--json").output)[0]["against"]["rows"]
    assert [row["evidence"] for row in rows] == ["routed", "csynth"]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"data_set": "other"}, "toy is of the data set other, the points are of toy: these don't compare"),
        ({"data_set": None}, "doesn't say which data set it is of"),
    ],
)
def test_points_of_another_data_set_are_refused_in_one_sentence(settings, words, tmp_path):
    study(tmp_path, **settings)
    told = run(str(tmp_path), "--against", write_points(tmp_path, [POINT]))

    assert told.exit_code != 0
    assert words in f"{told.output} {told.exception}"
    assert isinstance(told.exception, UserError)
    assert told.exception.exit_code == 2
    assert not (tmp_path / "report.html").exists()


def test_points_of_another_metric_and_names_without_points_are_refused(tmp_path):
    study(tmp_path)
    file = write_points(tmp_path, [POINT], metric="roc_auc")
    with pytest.raises(UserError, match="ranked by accuracy, the points by roc_auc"):
        against(StudyView.read(tmp_path), find_published(file))
    with pytest.raises(UserError, match="did you mean 'mnist'"):
        find_published("mnst")
    assert METRIC.name == "accuracy"


def test_a_study_of_a_ready_studys_data_is_of_its_data_set(tmp_path):
    study(tmp_path, data_set=None, data="wine")
    found = against(StudyView.read(tmp_path), find_published("wine"))
    assert found.data_set == "wine"
