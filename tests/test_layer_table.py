"""Layers are written as one table, and what a dimension chooses is told from its name in one place."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

import pytest
from plausible import plausible, write_study

from bitfront.search.storage.study_folder import StudyFolder
from bitfront.search.tracking.content import gather_files, run_params
from bitfront.search.trials.layer_table import FILE, layers_csv
from bitfront.spaces import dimension_kind


def test_a_table_of_layers_has_a_row_for_each_and_reads_back():
    e = plausible(12)
    rows = list(csv.DictReader(io.StringIO(layers_csv(e.layers))))
    assert [row["node"] for row in rows] == [row["node"] for row in e.layers]
    assert [json.loads(row["types"]) for row in rows] == [dict(row["types"]) for row in e.layers]
    assert [float(row["lut"]) for row in rows] == [row["lut"] for row in e.layers]
    assert layers_csv(()) == ""


def test_a_trials_folder_and_its_run_have_the_same_table(tmp_path):
    e = plausible(12)
    folder = write_study(tmp_path / "study", [e])
    (tmp_path / "run").mkdir()
    gather_files(e, folder, tmp_path / "run")  # the folder has none: it is made from the evaluation
    StudyFolder(folder).write_trial(e, None)
    stored = next(folder.glob(f"trials/*/{FILE}"))
    assert stored.read_text() == (tmp_path / "run" / FILE).read_text() == layers_csv(e.layers)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("method", "method"),
        ("sparsity", "sparsity"),
        ("strategy", "strategy"),
        ("lstm.reuse_factor", "reuse_factor"),
        ("rnn.recurrent_reuse_factor", "recurrent_reuse_factor"),
        ("rnn.recurrent_mode", "recurrent_mode"),
        ("d.activations.integer", "shift"),
        ("sparsity.weights", "width"),
        ("d.accumulators", "width"),
    ],
)
def test_the_end_of_a_dimensions_name_says_what_it_chooses(name, kind):
    assert dimension_kind(name) == kind


def test_mlflow_files_widths_and_integer_bits_under_bits():
    e = replace(plausible(12), params={"d.weights": 4, "d.activations.integer": 1, "d.reuse_factor": 2})
    assert set(run_params(e)) == {"method", "bits.d.weights", "bits.d.activations.integer", "d.reuse_factor"}
