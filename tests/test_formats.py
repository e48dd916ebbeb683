"""What earlier versions wrote is opened for ever: studies that ran, bundles and study files, as `formats/1`
keeps them.
"""

from __future__ import annotations

import csv
import hashlib
import importlib
import io
import json
import os
import shutil
import sys
import tarfile
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from bundles import exact_in_a_fresh_process, said_by_bitfront, said_by_script

from bitfront.hls import DesignDescription
from bitfront.search import Evaluation, export_bundle, load_study, read_evaluations
from bitfront.search.analysis.latency import read_latency
from bitfront.search.analysis.sensitivity import read_sensitivity
from bitfront.search.analysis.test_scores import read_test_scores
from bitfront.search.bundle.designs import study_designs
from bitfront.search.cli import main
from bitfront.search.config.settings import as_begun, flat
from bitfront.search.evaluator.cache import TrainingCache
from bitfront.search.measurements import read_records
from bitfront.search.storage.identity import Identity
from bitfront.search.storage.study_folder import StudyFolder
from bitfront.search.tracking.content import run_metrics, run_params
from bitfront.search.tracking.registry import chosen
from bitfront.search.trials.evaluation import FILE
from bitfront.search.trials.reference import Reference
from bitfront.search.warm_start.gradient_seeds import read_seeds
from bitfront.search.warm_start.screening import read_rounded

OLD = Path(__file__).parent / "formats" / "1"
MADE = "0201565bd92ce39386954e88c6adc49f98292a20771007b2ace1e52347146846"
"""SHA-256 of the names and contents of all files in `formats/1`."""
MADE_WITH = {"bitfront": "0.1.0", "tensorflow": "2.21.0", "keras": "3.15.1", "numpy": "2.4.6"}
STUDIES = ("mlp", "gru")
MEANING = json.loads((OLD / "study_files" / "meaning.json").read_text())
RENAMED: dict[str, str] = {
    f"{kind}: {old}": new
    for kind in ("study", "study.yaml")
    for old, new in (("scout", "screening"), ("gradient", "gradient_epochs"))
}
"""Key paths that have another name since, in files (`evaluation.json: kept`), study files (`study:
screening`) and MLflow (`mlflow: est/lut`), with the new one. An entry needs an alias in the code, so that the
old files below are still read.
"""

_FIGURES = ("lut_implemented", "ff_implemented", "energy_moons_pj")
ADDED: frozenset[str] = frozenset(
    [
        "evaluation.json: layers.energy_moons_pj",
        "layers.csv: energy_moons_pj",
        *(f"study.yaml: metric.{one}" for one in ("false_positive_rate", "over_classes")),
        "study.yaml: space.element_widths",
        "study.yaml: space.rounding",
        *(f"evaluation.json: {of}.{one}" for of in ("resources", "ptq_resources") for one in _FIGURES),
        *(f"evaluation.json: intervals.{one}" for one in _FIGURES),
        *(f"front.csv: {one}{end}" for one in _FIGURES for end in ("", "_low", "_high")),
        *(f"front.csv: untrained_{one}" for one in _FIGURES),
        *(f"test_scores.json: resources.{one}" for one in _FIGURES),
    ]
)
"""Keys that later versions write beside those listed, as in `RENAMED`."""


def ran(name: str, base: Path = OLD) -> Path:
    return base / name / "ran" / name


def plain(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def trials(folder: Path) -> dict[int, dict[str, Any]]:
    """Return what the files say of each trial, read without bitfront."""
    return {one["number"]: one for one in map(plain, sorted(folder.glob(f"trials/*/{FILE}")))}


@pytest.fixture
def old(tmp_path) -> Callable[[str], Path]:
    """Copy an old study with its own files; return the folder that these are in."""
    return lambda name: Path(shutil.copytree(OLD / name, tmp_path / name))


@pytest.fixture
def bitfront(monkeypatch, capsys) -> Callable[..., str]:
    """Run the command in a folder, which must work; return what it printed."""

    def call(folder: Path, *arguments: str) -> str:
        monkeypatch.chdir(folder)
        monkeypatch.setattr(sys, "argv", ["bitfront", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        assert not ended.value.code, err
        return out

    return call


@pytest.fixture(scope="module")
def bundles(tmp_path_factory) -> Path:
    """The old bundles, unpacked."""
    with tarfile.open(OLD / "bundles.tar.xz") as file:
        file.extractall(tmp_path_factory.mktemp("old"), filter="data")
        return tmp_path_factory.getbasetemp() / "old0" / "bundles"


# -- the files themselves ------------------------------------------------------------------------------------


def test_the_old_files_are_as_they_were_made():
    """Whoever makes them anew tests nothing: this changes for no reason but a mistake here."""
    state = hashlib.sha256()
    for path in sorted(OLD.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            state.update(
                f"{path.relative_to(OLD).as_posix()} {hashlib.sha256(path.read_bytes()).hexdigest()}".encode()
            )
    assert state.hexdigest() == MADE


def keys(value: Any, prefix: str = "") -> Iterator[str]:
    """Give the key paths of plain values; what a study names itself (nodes, dimensions, outputs) counts as
    `*`.
    """
    if isinstance(value, dict):
        own = prefix.rpartition(".")[2] in {
            "params",
            "precision",
            "recall",
            "class_counts",
            "float_recall",
            "types",
        }
        for key, inner in value.items():
            path = f"{prefix}.{'*' if own else key}".lstrip(".")
            yield path
            yield from keys(inner, path)
    elif isinstance(value, list):
        for inner in value:
            yield from keys(inner, prefix)


def array_names(path: Path) -> set[str]:
    raw = path.read_bytes()
    with np.load(io.BytesIO(raw[32:] if ".cache" in path.parts else raw), allow_pickle=False) as arrays:
        return set(arrays.files)


def all_keys(name: str, base: Path = OLD) -> dict[str, list[str]]:
    """Return the keys of each kind of file of a study that ran, and those of its journal's records."""
    folder, found = ran(name, base), {}
    for path in sorted(folder.rglob("*.json")):
        found.setdefault(path.name, set()).update(keys(plain(path)))
    found["study.yaml"] = set(flat(yaml.safe_load((folder / "study.yaml").read_text())))
    for path in (*folder.rglob("*.npz"), *folder.parent.glob(".cache/*/*")):
        kind = path.name if path.suffix else "cache"
        found.setdefault(kind, set()).update(array_names(path))
    for path in sorted(folder.rglob("*.csv")):
        found.setdefault(path.name, set()).update(next(csv.reader(path.open()), []))
    for line in (folder / "journal.log").read_text().splitlines():
        record = json.loads(line)
        for kind in ("user_attr", "user_attrs", "system_attr", "system_attrs"):
            found.setdefault(f"journal.log {kind}", set()).update(record.get(kind) or ())
    return {kind: sorted(names) for kind, names in sorted(found.items())}


def unlike(name: str, base: Path) -> list[str]:
    """Return which keys are new in what a study that went on wrote, and which listed ones its rewritten files
    lack.
    """
    folder = ran(name, base)
    for number in trials(ran(name)):  # what is left was written now
        shutil.rmtree(folder / "trials" / f"{number:05d}")
    now, found = all_keys(name, base), []
    for kind, names in plain(OLD / "keys.json")[name].items():
        known = {RENAMED.get(f"{kind}: {key}", key) for key in names}
        written = set(now.get(RENAMED.get(kind, kind), ()))
        found += [f"{kind}: {key} is new" for key in sorted(written - known) if f"{kind}: {key}" not in ADDED]
        if kind in {"reference.json", "study.yaml", "front.csv", "identity.json"}:
            found += [f"{kind}: {key} is gone" for key in sorted(known - written)]
    return found


# -- study files ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MEANING)
def test_a_study_file_of_every_key_means_what_it_did(name):
    file, _, preset = name.partition(" ")
    config = load_study(OLD / "study_files" / f"{file}.yaml", preset=preset or None)
    then = MEANING[name]
    # a study that began with other defaults goes on with them: of what the file leaves out, these alone differ
    config, _ = as_begun(config, then["values"])
    now = flat(json.loads(json.dumps(config.to_dict())))
    assert (config.digest, list(config.directions())) == (then["digest"], then["directions"])
    told = {RENAMED.get(f"study: {key}", key): value for key, value in flat(then["values"]).items()}
    if (
        told.get("budget.trials") == 60 and "budget.wall" not in told
    ):  # the default of then; it shapes nothing
        del told["budget.trials"]
    assert {key: now.get(key) for key in told} == told


# -- what studies recorded -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", STUDIES)
def test_every_trial_reads_back_as_its_file_says(name):
    folder, files = ran(name), trials(ran(name))
    found = {e.number: e for e in read_evaluations(folder, corrected=False)}
    assert sorted(found) == sorted(files)
    for number, e in found.items():
        told = files[number]
        for key in (
            "digest",
            "method",
            "status",
            "fidelity",
            "start",
            "epochs",
            "kind",
            "source",
            "kept",
            "reason",
        ):
            assert getattr(e, RENAMED.get(f"{FILE}: {key}", key)) == told[key], (number, key)
        for key in (
            "params",
            "metrics",
            "ties",
            "resources",
            "ptq_resources",
            "precision",
            "constraints",
            "seconds",
        ):
            assert dict(getattr(e, RENAMED.get(f"{FILE}: {key}", key))) == told[key], (number, key)
        assert {k: list(v) for k, v in e.intervals.items()} == told["intervals"]
        assert {k: list(v) for k, v in e.recall.items()} == told["recall"]
        assert [dict(row) for row in e.layers] == told["layers"]
        rows = [{k: np.nan if v is None else v for k, v in row.items()} for row in told["history"]]
        np.testing.assert_equal([dict(row) for row in e.history], rows)
        weights = folder / "trials" / f"{number:05d}" / "weights.npz"
        assert e.has_weights == weights.exists() == bool(told["weights_sha256"])
        own = StudyFolder(folder).weights(e) or {}
        assert sorted(f"{node}/{role}" for node in own for role in own[node]) == sorted(
            array_names(weights) if weights.exists() else ()
        )
    assert {e.status for e in found.values()} == {"complete", "failed" if name == "mlp" else "infeasible"}


@pytest.mark.parametrize("name", STUDIES)
def test_what_stands_beside_the_trials_reads_back_too(name):
    folder = ran(name)
    told, reference = plain(folder / "reference.json"), Reference.read(folder)
    assert (reference.study, reference.study_id) == (told["study"], told["study_id"])
    assert dict(reference.float_scores) == told["float"]
    assert [o.key for o in reference.objectives] == [row["key"] for row in told["objectives"]]
    assert [c.name for c in reference.constraints] == [row["name"] for row in told["constraints"]]
    assert [c.limit for c in reference.constraints] == [row["limit"] for row in told["constraints"]]
    assert reference.box.to_json() == told["box"]
    assert dict(reference.device) == told["device"]
    assert [dict(row) for row in reference.moved] == told["moved"]
    told, identity = plain(folder / "identity.json"), Identity.read(folder)
    assert (identity.config, identity.problem, identity.data) == (
        told["config"],
        told["problem"],
        told["data"],
    )
    assert (identity.run, identity.folder, identity.carried) == (told["run"], told["folder"], told["carried"])
    told, tested = plain(folder / "test_scores.json"), read_test_scores(folder)
    assert [(row.trial, row.score) for row in tested.rows] == [
        (row["trial"], row["score"]) for row in told["rows"]
    ]
    told, timings = plain(folder / "latency.json"), read_latency(folder)
    assert [t.median_us for t in timings] == [row["median_us"] for row in told]
    rows = list(csv.DictReader((folder / "sensitivity.csv").open()))
    assert [(s.tensor, s.bits) for s in read_sensitivity(folder)] == [
        (r["tensor"], int(r["bits"])) for r in rows
    ]
    told = [plain(path) for path in sorted(folder.glob("trials/*/synthesis/*/record.json"))]
    records = read_records(folder)
    assert [r.outcome.to_json() for r in records] == [row["outcome"] for row in told]
    assert [(r.number, r.digest) for r in records] == [(row["number"], row["digest"]) for row in told]
    assert chosen(folder) == plain(folder / "champion.json")["trial"]
    assert StudyFolder(folder).spent_seconds() == float((folder / "spent_seconds").read_text()) > 0


@pytest.mark.parametrize("name", STUDIES)
def test_what_a_search_began_with_reads_back(name):
    folder = ran(name)
    for path in (*folder.glob("gradient*.npz"), folder / "uniform.npz"):
        told, found = read_seeds(path)
        assert len(found) == len(told["candidates"]) == len(told["epochs"]) > 0
        own = {
            f"{i}/{node}/{role}"
            for i, one in enumerate(found)
            for node in one.weights
            for role in one.weights[node]
        }
        assert own == array_names(path) - {"told"}
    for path in folder.rglob("descended.json"):
        assert [e.params for e in map(Evaluation.from_json, plain(path))] == [
            row["params"] for row in plain(path)
        ]
    if name == "mlp":
        assert [e.params for e in read_rounded(folder)] == [
            row["params"] for row in plain(folder / "rounded.json")
        ]


@pytest.mark.parametrize("name", STUDIES)
def test_trainings_that_were_cached_are_found(name):
    cache = ran(name).parent / ".cache"
    entries = sorted(cache.glob("*/*"))
    assert entries
    for path in entries:
        weights, history = TrainingCache(cache, 1 << 30).get(path.name)
        assert history
        names = {f"{node}/{role}" for node in weights for role in weights[node]}
        assert names | {"history"} == array_names(path)


@pytest.mark.parametrize("name", STUDIES)
def test_mlflow_knows_a_trial_by_the_names_that_it_had(name):
    told = plain(OLD / name / "mlflow.json")
    for e in read_evaluations(ran(name)):
        then = told[str(e.number)]
        assert run_params(e) == {RENAMED.get(f"mlflow: {k}", k): v for k, v in then["params"].items()}
        now, known = run_metrics(e), {RENAMED.get(f"mlflow: {k}", k): v for k, v in then["metrics"].items()}
        assert now == pytest.approx(known, rel=1e-9)


@pytest.mark.parametrize("name", STUDIES)
def test_a_trial_is_the_design_that_it_was(name):
    told = plain(OLD / name / "design.json")
    number = plain(ran(name) / "champion.json")["trial"]
    one = next(e for e in read_evaluations(ran(name)) if e.number == number)
    assert json.loads(json.dumps(DesignDescription.from_json(told).to_json())) == told
    again = json.loads(json.dumps(study_designs(ran(name), [one])[number].to_json()))
    for layer in again["layers"]:
        for content in layer["weights"].values():
            for added in ("multiplied", "long_multiplied", "long_digits"):
                content.pop(added)
    assert again == told


# -- commands ------------------------------------------------------------------------------------------------


def test_an_old_study_is_listed_and_shown(bitfront, old):
    files, base = trials(ran("gru")), old("gru")
    rows = json.loads(bitfront(base, "ls", "--output", "ran", "--json"))
    assert f"{len(files)} trials" in next(row["about"] for row in rows if row["name"] == "ran/gru")
    shown = json.loads(bitfront(base, "show", "ran/gru", "8", "--json"))
    assert (shown["metrics"], shown["precision"]) == (files[8]["metrics"], files[8]["precision"])
    assert "constraint lut" in bitfront(base, "show", "ran/gru", "17")
    assert "knee" in bitfront(base, "show", "study.yaml")


def test_an_old_study_goes_on_with_a_trial_more(bitfront, old):
    """Nothing is said to differ, no trial is made again, and what is written has the keys that it had."""
    base, name = old("mlp"), "mlp"
    before, front = trials(ran(name)), list(csv.DictReader((ran(name) / "front.csv").open()))
    most = max(before) + 1
    assert "1 failed" in bitfront(base, "run", "study.yaml", "--trials", str(most))
    after = trials(base / "ran" / name)
    assert sorted(set(after) - set(before)) == [most]
    for number, told in before.items():
        now = after[number]
        now["metrics"].pop("test", None)
        told["metrics"].pop("test", None)
        assert now == told, number
    assert (base / "ran" / name / "report.html").stat().st_size > 1e6
    now = {row["trial"]: row for row in csv.DictReader((base / "ran" / name / "front.csv").open())}
    still = [row for row in front if row["trial"] in now]  # the new trial may have beaten others
    assert still
    for row in still:
        kept = {key: now[row["trial"]][RENAMED.get(f"front.csv: {key}", key)] for key in row}
        assert kept | {"test": ""} == row | {"test": ""}
    assert unlike(name, base.parent) == []


@pytest.mark.slow
def test_an_old_recurrent_study_goes_on_after_its_space_was_widened(bitfront, old):
    base, before = old("gru"), trials(ran("gru"))
    assert "more trials" not in bitfront(base, "run", "study.yaml", "--trials", str(max(before) + 2))
    assert sorted(set(trials(base / "ran" / "gru")) - set(before)) == [max(before) + 1]
    assert unlike("gru", base.parent) == []


@pytest.mark.slow
def test_a_training_of_an_old_study_is_taken_from_the_cache(bitfront, old):
    """Its journal is gone and a trained trial with it: this one is tried again, and costs no training."""
    base, number = old("mlp"), 12
    folder = base / "ran" / "mlp"
    if {package: version(package) for package in MADE_WITH} != MADE_WITH:
        pytest.skip("trainings by other versions are other trainings")
    told = trials(folder)[number]
    cached = list(folder.parent.glob(".cache/*/*"))
    for path in cached:
        os.utime(path, (1, 1))
    (folder / "journal.log").unlink()
    shutil.rmtree(folder / "trials" / f"{number:05d}")
    bitfront(base, "run", "study.yaml", "--trials", "26")
    now = trials(folder)[number]
    assert (now["params"], now["metrics"]["score"]) == (told["params"], told["metrics"]["score"])
    assert now["resources"] == told["resources"]
    assert any(path.stat().st_mtime > 1 for path in cached), "the cache marks what was used"
    assert now["weights_sha256"] == told["weights_sha256"]


# -- bundles -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["mlp", pytest.param("gru", marks=pytest.mark.slow)])
def test_an_old_bundle_passes_bitfronts_verification(bundles, name):
    assert said_by_bitfront(bundles / name)[0] == 0


@pytest.mark.slow
def test_old_bundles_pass_their_own_verification(bundles):
    for name in STUDIES:
        assert said_by_script(bundles / name)[0] == 0


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("bitfront.hls.keras_layers", "FirmwareLayer"),
        ("bitfront.hls.bit_true.quantizer", "VariableFixedPoint"),
        ("bitfront.search.tracking.firmware", "_load_pyfunc"),
    ],
)
def test_a_module_that_bundles_or_mlflow_name_is_still_there(module, name):
    """In model_qkeras.keras, in a bundle's README, and as `loader_module` of registered models."""
    assert hasattr(importlib.import_module(module), name)


@pytest.mark.slow
def test_keras_loads_the_models_of_old_bundles_as_their_readme_says(bundles):
    assert exact_in_a_fresh_process(*(bundles / name for name in STUDIES)) == [(1, 1), (1, 1)]


@pytest.mark.slow
@pytest.mark.parametrize("name", STUDIES)
def test_a_trial_of_an_old_study_exports_the_same_firmware(bundles, name, tmp_path):
    before = bundles / name
    number = plain(before / "provenance.json")["study"]["trial"]
    after = export_bundle(ran(name), str(number), tmp_path / "new")
    assert said_by_bitfront(after)[0] == 0
    same = ["precision.json", "layers.csv"]
    same += [p.relative_to(before).as_posix() for p in before.glob("golden/*.npy")]
    same += [p.relative_to(before).as_posix() for p in before.glob("project/firmware/weights/*.h")]
    assert len(same) > 6
    for file in same:
        assert (after / file).read_bytes() == (before / file).read_bytes(), file


if __name__ == "__main__":  # wrote keys.json, once
    (OLD / "keys.json").write_text(json.dumps({name: all_keys(name) for name in STUDIES}, indent=1) + "\n")
