"""The ready studies: every folder is whole, loads, and is what its study file says."""

from __future__ import annotations

import ast
import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bitfront.experiments import brought, data_of, gallery, model_of, ready_study
from bitfront.experiments.gallery import PRESETS
from bitfront.hls import support_table
from bitfront.search import run_study, space_of
from bitfront.search.config import load_study
from bitfront.search.evaluator.prepare import require_buildable
from bitfront.search.problem.load import load_problem
from bitfront.spaces import lower

STUDIES = gallery()
EACH = pytest.mark.parametrize("study", STUDIES, ids=lambda study: study.name)


def from_file(study, name):
    """The module that a study file names, loaded by its path as the launcher does."""
    spec = importlib.util.spec_from_file_location(f"{study.name}_{name}", study.folder / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def of_data(name, function):
    """A function of a study's data.py."""
    return getattr(from_file(ready_study(name), "data"), function)


def test_the_register_names_every_study_folder_once_and_the_lstm_first():
    folders = {file.parent.name for file in STUDIES[0].folder.parent.glob("*/study.yaml")}
    assert {study.name for study in STUDIES} == folders
    assert len(STUDIES) == len(folders)
    assert STUDIES[0].name == "top_tagging_lstm"
    assert {study.family for study in STUDIES} == {"lstm", "gru", "transformer", "mlp", "cnn"}


@EACH
def test_the_readme_opens_with_the_command_that_runs_the_study(study):
    lines = (study.folder / "README.md").read_text().splitlines()
    assert lines[0].startswith("# ")
    assert lines[2:5] == ["```bash", f"bitfront run experiments/{study.name}/study.yaml", "```"]


@EACH
def test_the_study_file_is_accepted_and_fits_one_screen(study):
    config = load_study(study.file)
    assert config.name == study.name
    assert (config.model, config.data) == ("model.py:build", "data.py:load")
    assert len(study.file.read_text().splitlines()) <= 30


@pytest.mark.parametrize("name", ["study.yaml", *(f"{preset}.yaml" for preset in PRESETS)])
@EACH
def test_every_key_of_the_study_file_has_a_comment(study, name):
    lines = (study.folder / name).read_text().splitlines()
    for before, line in zip(["", *lines], lines, strict=False):
        assert "#" in line or before.startswith("# "), line


@pytest.mark.parametrize("preset", PRESETS)
@EACH
def test_every_preset_is_accepted_and_gives_the_study_a_folder_of_its_own(study, preset):
    config, plain = load_study(study.file, preset=preset), load_study(study.file)
    assert config.name == f"{study.name}-{preset}"
    assert (config.space, config.device) == (plain.space, plain.device)
    require_buildable(config, lower(from_file(study, "model").build(), head=config.space.head))
    hours = config.budget.wall / 3600
    assert hours <= 0.12 if preset == "quick" else hours >= 6


@EACH
def test_every_layer_can_be_built_and_what_the_study_searches_is_not_refused(study):
    config = load_study(study.file)
    model = from_file(study, "model").build()
    assert all(row.supported for row in support_table(model))
    graph = lower(model, head=config.space.head)
    require_buildable(config, graph)
    space = space_of(config, graph)
    assert {"method"} < {d.name for d in space.dimensions}
    assert space.candidate(space.uniform(6, "qat")).method == "qat"


BROUGHT = {
    "gw": (lambda: brought("BITFRONT_GW", "gw_windows.npz"), "gravitational-wave windows: set BITFRONT_GW"),
    "quickdraw": (
        lambda: brought("BITFRONT_QUICKDRAW", "quickdraw_strokes.npz"),
        "strokes of Quick, Draw!: set BITFRONT_QUICKDRAW",
    ),
    "japanese": (
        lambda: of_data("japanese_vowels_lstm", "default_path")() or Path("JapaneseVowels"),
        "JapaneseVowels: pip install --no-deps aeon, or set BITFRONT_JAPANESE_VOWELS",
    ),
    "mnist": (of_data("mnist", "default_path"), "MNIST: set BITFRONT_MNIST"),
    "dry": (of_data("dry_bean", "default_path"), "Dry Bean: set BITFRONT_DRY_BEAN"),
    "jsc": (of_data("jsc_openml", "default_path"), "OpenML 42468: set BITFRONT_JSC_OPENML"),
    "jet": (of_data("jet_constituents", "default_path"), "constituents: set BITFRONT_JET_CONSTITUENTS"),
    "fashion": (of_data("fashion_mnist_cnn", "default_path"), "Fashion-MNIST: set BITFRONT_FASHION_MNIST"),
}


def require_data(study):
    """Skip where a user has to bring the study's data, and has not."""
    place, wanted = BROUGHT.get(study.name.split("_")[0], (None, ""))
    if place and not place().exists():
        pytest.skip(f"needs {wanted}")


@pytest.mark.slow
@EACH
def test_every_study_runs_under_its_quick_preset(study, tmp_path):
    """A uniform candidate after one epoch of float training, rounded and trained."""
    require_data(study)
    asked = [
        "training.float_epochs=1",
        "training.epochs=1",
        "screening=0",
        "space.method=[qat]",
        "budget.trials=1",
        "tracking.enabled=false",
    ]
    config = load_study(study.file, [*asked, f"output={tmp_path}"], preset="quick")
    result = run_study(config, study.folder)
    (evaluation,) = result.evaluations
    assert evaluation.status == "complete"
    assert evaluation.metrics.keys() >= {"ptq", "qat"}


@EACH
def test_the_data_fit_the_model_and_the_task(study):
    require_data(study)
    data, config = from_file(study, "data").load(), load_study(study.file)
    model = from_file(study, "model").build()
    assert set(data) == {f"{kind}_{part}" for kind in "xy" for part in ("train", "val", "test")}
    for part in ("train", "val", "test"):
        x, y = data[f"x_{part}"], data[f"y_{part}"]
        assert x.shape == (len(y), *model.input_shape[1:])
        assert x.dtype == np.float32
        assert np.issubdtype(y.dtype, np.integer)
        classes = 2 if config.task == "binary" else model.output_shape[-1]
        assert set(np.unique(y)) == set(range(classes))
    score = np.asarray(model(data["x_test"][:50]))
    assert score.shape == (50, model.output_shape[-1])
    assert score.min() >= 0
    assert score.max() <= 1


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("top_tagging_lstm", 3569),
        ("top_tagging_gru", 3089),
        ("top_tagging_transformer", 677),
        ("gw_transformer", 789),
        ("japanese_vowels_lstm", 2697),
        ("quickdraw_lstm", 134149),
        ("quickdraw_gru", 117637),
        ("flavour_tagging_lstm", 67553),
        ("flavour_tagging_gru", 52673),
        ("b_tagging_transformer", 655),
        ("engine_anomaly_transformer", 829),
        ("fashion_mnist_cnn", 6898),
        ("jets_mlp", 4257),
        ("digits_cnn", 2122),
        ("mnist", 52650),
        ("dry_bean", 311),
        ("wine", 42),
        ("jsc_openml", 4389),
        ("jet_constituents", 1045),
    ],
)
def test_the_models_have_the_parameters_that_their_readmes_state(name, parameters):
    [study] = [one for one in STUDIES if one.name == name]
    assert from_file(study, "model").build().count_params() == parameters
    assert f"{parameters:,} parameters" in " ".join((study.folder / "README.md").read_text().split())


def test_the_mlp_learns_more_than_a_cut_on_the_mass_within_three_epochs():
    import keras
    from sklearn.metrics import roc_auc_score

    from bitfront.experiments.jets import SUBSTRUCTURE

    data = data_of("jets_mlp")
    keras.utils.set_random_seed(1)
    model = model_of("jets_mlp")
    model.compile(keras.optimizers.Adam(0.001), "binary_crossentropy")
    model.fit(data["x_train"], data["y_train"], batch_size=128, epochs=3, verbose=0)
    score = model.predict(data["x_test"], verbose=0)[:, 0]
    mass = data["x_test"][:, SUBSTRUCTURE.index("mass")]
    learned, cut = (roc_auc_score(data["y_test"], values) for values in (score, mass))
    assert 0.97 < learned < 0.995
    assert learned > cut + 0.01


def test_listing_the_gallery_and_loading_data_does_not_import_tensorflow():
    code = (
        "import sys; from bitfront.experiments import data_of, gallery; gallery(); "
        "data_of('top_tagging_lstm');data_of('jets_mlp'); print('tensorflow' in sys.modules, 'keras' in "
        "sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["False", "False"]


def test_digits_are_multiples_of_a_sixteenth_and_are_split_without_overlap():
    data = data_of("digits_cnn")
    inputs = np.concatenate([data[f"x_{part}"] for part in ("train", "val", "test")])
    assert inputs.shape == (1797, 8, 8, 1)
    assert (inputs * 16 == np.round(inputs * 16)).all()
    assert inputs.min() == 0
    assert inputs.max() == 1


@EACH
def test_a_split_is_a_partition_with_equal_shares_of_every_class(study):
    split = getattr(from_file(study, "data"), "split", None)
    if split is None:
        assert study.name == "gw_transformer"  # split by event
        return
    y = np.repeat([0, 1, 2], [100, 200, 700])
    parts = split(y, (0.5, 0.3, 0.2), seed=9)
    assert sorted(np.concatenate(parts)) == list(range(1000))
    for rows, share in zip(parts, (0.5, 0.3, 0.2), strict=True):
        assert np.bincount(y[rows]).tolist() == [100 * share, 200 * share, 700 * share]
    assert any(np.diff(y[parts[0]]) < 0)  # shuffled, not sorted by class


@EACH
def test_a_study_is_whole_its_model_and_data_name_layers_and_steps_themselves(study):
    """What is imported of bitfront are readers and generators of data, and what a mistake of the user is."""
    readers = {
        "read_sample",
        "read_flavours",
        "read_windows",
        "read_drawings",
        "substructure",
        "SUBSTRUCTURE",
    }
    readers |= {"brought", "synthetic_engines", "UserError", "PER_CLASS", "RECORDINGS", "SAMPLES", "REAL"}
    for name in ("model", "data"):
        tree = ast.parse((study.folder / f"{name}.py").read_text())
        imported = {
            alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and str(node.module).startswith("bitfront")
            for alias in node.names
        }
        assert imported <= (readers if name == "data" else set())
        assert not [
            node for node in ast.walk(tree) if isinstance(node, ast.Import) and "bitfront" in ast.dump(node)
        ]


def test_a_copied_study_gives_the_same_model_and_data_from_its_own_files(tmp_path):
    """`bitfront init` copies it; what is changed there is what runs."""
    copy = tmp_path / "mine"
    shutil.copytree(ready_study("digits_cnn").folder, copy, ignore=shutil.ignore_patterns("__pycache__"))
    model, data = copy / "model.py", copy / "data.py"
    model.write_text(model.read_text().replace("layers.Dense(32,", "layers.Dense(12,"))
    data.write_text(data.read_text().replace("/ 16.0", "/ 32.0"))
    problem = load_problem(load_study(copy / "study.yaml"), copy)
    assert problem.model.get_layer("dense").units == 12
    assert problem.data.x_train[0].max() == 0.5


def test_standardising_uses_the_training_part_alone_and_leaves_constants_finite():
    rng = np.random.default_rng(0)
    x = rng.normal([5, -2, 0], [3, 0.1, 0], (600, 3))
    data = {
        f"x_{part}": rows
        for part, rows in zip(("train", "val", "test"), np.split(x, (360, 480)), strict=True)
    }
    standardise = of_data("jets_mlp", "standardise")
    scaled = standardise(data)
    np.testing.assert_allclose(scaled["x_train"].mean(0), 0, atol=0.02)
    np.testing.assert_allclose(scaled["x_train"][:, :2].std(0), 1, atol=0.02)
    assert (scaled["x_train"][:, 2] == 0).all()
    shifted = dict(data, x_test=data["x_test"] + 1000)
    assert np.array_equal(standardise(shifted)["x_train"], scaled["x_train"])
    assert np.array_equal(standardise(shifted)["x_val"], scaled["x_val"])
