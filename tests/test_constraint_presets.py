"""Limits by name in `constraints`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bitfront.search import StudyConfig, load_study
from bitfront.search.config.constraint_presets import presets
from bitfront.spaces import UserError

STUDY = "model: m.py:build\ndata: d.py:load\ntask: binary\n"


def _limits(tmp_path: Path, constraints: str) -> dict[str, Any]:
    (tmp_path / "study.yaml").write_text(f"{STUDY}constraints: {constraints}\n")
    return {k: v.value for k, v in load_study(tmp_path / "study.yaml").constraints.given().items()}


@pytest.mark.parametrize("name", sorted(presets()))
def test_a_preset_is_a_study_files_limits_and_says_who_sets_them(tmp_path: Path, name: str) -> None:
    given = _limits(tmp_path, name)
    assert set(given) == set(presets()[name].constraints)
    assert presets()[name].title
    assert presets()[name].source


def test_a_limit_beside_a_preset_wins_and_null_takes_one_away(tmp_path: Path) -> None:
    alone = _limits(tmp_path, "cms-l1-correlator")
    changed = _limits(tmp_path, "{preset: cms-l1-correlator, dsp: 7, bram: null, metric_drop: 0.01}")
    assert changed["dsp"] == 7
    assert changed["metric_drop"] == 0.01
    assert changed["latency"] == alone["latency"]
    assert "bram" in alone
    assert "bram" not in changed


def test_a_preset_of_ones_own_is_read_beside_the_study_file(tmp_path: Path) -> None:
    (tmp_path / "ours.yaml").write_text(
        "title: ours\nsource: us\nconstraints: {lut: 10%, latency: 300ns}\n", encoding="utf-8"
    )
    assert _limits(tmp_path, "ours.yaml") == {"lut": 10, "latency": 300}


def test_a_kept_study_holds_the_limits_and_reads_without_the_preset(tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text(f"{STUDY}constraints: atlas-gep\n")
    study = load_study(tmp_path / "study.yaml")
    again = StudyConfig(**study.model_dump(mode="json", exclude_none=True))
    assert again.constraints == study.constraints
    assert again.constraints.given()


def test_python_takes_the_name_too() -> None:
    study = StudyConfig(
        name="a", model="m.py:build", data="d.py:load", task="binary", constraints="atlas-gep"
    )
    assert "latency" in study.constraints.given()


@pytest.mark.parametrize(
    ("constraints", "said"),
    [
        ("cms-l1-corelator", "did you mean 'cms-l1-correlator'"),
        ("nowhere.yaml", "can't be read"),
        ("{preset: 3}", "isn't a name"),
        ("bad.yaml", "lacks a mapping 'constraints'"),
        ("nested.yaml", "has a preset inside"),
        ("wrong.yaml", "lutt"),
    ],
)
def test_a_preset_that_is_not_one_is_refused_in_a_sentence(
    tmp_path: Path, constraints: str, said: str
) -> None:
    (tmp_path / "bad.yaml").write_text("- 1\n")
    (tmp_path / "nested.yaml").write_text("constraints: {preset: atlas-gep}\n")
    (tmp_path / "wrong.yaml").write_text("constraints: {lutt: 3}\n")
    with pytest.raises(UserError, match=r"study\.yaml") as caught:
        _limits(tmp_path, constraints)
    assert said in str(caught.value)
    assert str(caught.value).count("\n") == 0
