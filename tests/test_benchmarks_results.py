"""Results of ready studies: what is committed of them, and that the command writes it."""

from __future__ import annotations

import csv
import json

import pytest

from bitfront.experiments import Study
from bitfront.experiments.benchmarks.results import COSTS, main, read, run
from bitfront.experiments.benchmarks.small_study import write_study


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    folder = tmp_path_factory.mktemp("small")
    file = write_study(folder, "hls: {strategy: Resource, reuse_factor: [1, 4]}\n")
    file.with_name("quick.yaml").write_text(
        "budget: {trials: 40}\nscreening: 20\ngradient_epochs: 0\ntraining: {epochs: 1}\n"
    )
    study = Study("small", "a small one", "mlp", folder)
    return run(study, "quick", folder / "studies", folder / "out"), folder / "out"


def test_the_files_hold_the_front_the_figure_and_what_made_them(found):
    _, out = found
    stored = json.loads((out / "run.json").read_text())
    assert stored["command"].endswith("results small --preset quick")
    assert {"commit", "seed", "environment", "wall_s", "search_s", "float", "samples"} <= set(stored)
    assert stored["source"] == "estimate"
    front = {row["name"] for row in stored["candidates"] if row["front"]}
    with (out / "front.csv").open() as file:
        assert (
            len(list(csv.DictReader(file)))
            == len([r for r in stored["candidates"] if r["front"]])
            == len(front)
        )
    assert (out / "front.png").read_bytes().startswith(b"\x89PNG")


def test_a_uniform_candidate_is_there_for_every_choice_of_the_hardware_with_one_score(found):
    made, _ = found
    rows = [
        r
        for r in made["candidates"]
        if r["kind"] == "uniform" and (r["name"], r["method"]) == ("8 bit", "ptq")
    ]
    assert [r["hardware"]["reuse_factor"] for r in rows] == [1, 4]
    assert len({r["val"] for r in rows}) == 1
    assert rows[0]["costs"]["lut"] != rows[1]["costs"]["lut"]
    assert rows[0]["costs"]["ii_ns"] < rows[1]["costs"]["ii_ns"]
    for row in made["candidates"]:
        assert set(row["costs"]) == set(COSTS)
        low, high = row["intervals"]["lut"]
        assert low <= row["costs"]["lut"] <= high


def test_an_unknown_study_is_refused_in_one_sentence(capsys):
    assert main(["nothing"]) == 2
    assert "There is no ready study 'nothing'" in capsys.readouterr().err


@pytest.mark.parametrize("name", sorted(read("quick")))
def test_committed_results_name_their_command_commit_and_time_and_fit_the_preset(name):
    stored = read("quick")[name]
    assert stored["study"] == name
    assert len(stored["commit"]) >= 12
    assert stored["search_s"] < 12 * 60
    assert any(row["front"] for row in stored["candidates"])
    assert {row["method"] for row in stored["candidates"]} == {"ptq", "qat"}
