"""An hls4ml project is written reproducibly, built within limits, and computes what ap_fixed arithmetic
says.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from bitfront.hls.backends import Patch
from bitfront.hls.backends.amd import PATCHES
from bitfront.hls.hls4ml_project.patches import apply_patches
from bitfront.hls.hls4ml_project.project import HlsProject, convert
from bitfront.hls.hls4ml_project.sandbox import BuildError, run_limited
from bitfront.spaces import FixedPoint, ToolMissing, UserError

keras = pytest.importorskip("keras")

INPUT = FixedPoint(9, 3, True, "RND_CONV", "SAT")
WEIGHT = FixedPoint(6, 1)
HIDDEN = FixedPoint(7, 3, False, "RND_CONV", "SAT")
OUTPUT = FixedPoint(10, 4, True, "RND_CONV", "SAT")
STATE = FixedPoint(8, 2, True, "RND_CONV", "SAT")
ACCUM = FixedPoint(40, 12)
TABLE = FixedPoint(12, 4)


def configuration(model, types, **options):
    """hls4ml's configuration with the given (layer, role) types and everything else lossless."""
    import hls4ml

    config = hls4ml.utils.config_from_keras_model(model, granularity="name", backend="Vitis")
    for name, layer in config["LayerName"].items():
        layer["Precision"] = {role: str(types.get((name, role), ACCUM)) for role in layer["Precision"]}
        layer.update(options)
    return config


def rounded(layer, *types):
    layer.set_weights([t.quantize(w) for t, w in zip(types, layer.get_weights(), strict=True)])


def mlp():
    """A perceptron of mixed precision with its configuration and its exact NumPy computation."""
    keras.utils.set_random_seed(3)
    model = keras.Sequential(
        [
            keras.Input((5,), name="jets"),
            keras.layers.Dense(7, name="hidden", bias_initializer="normal"),
            keras.layers.ReLU(name="relu"),
            keras.layers.Dense(3, name="logits"),
        ]
    )
    for name in ("hidden", "logits"):
        rounded(model.get_layer(name), WEIGHT, WEIGHT)
    types = {
        ("jets", "result"): INPUT,
        ("relu", "result"): HIDDEN,
        ("logits", "result"): OUTPUT,
        **{(n, r): WEIGHT for n in ("hidden", "logits") for r in ("weight", "bias")},
    }

    def reference(x):
        w1, b1 = (np.asarray(w, float) for w in model.get_layer("hidden").get_weights())
        w2, b2 = (np.asarray(w, float) for w in model.get_layer("logits").get_weights())
        return OUTPUT.quantize(HIDDEN.quantize(np.maximum(INPUT.quantize(x) @ w1 + b1, 0)) @ w2 + b2)

    return model, configuration(model, types), reference


def recurrent(kind="LSTM", bidirectional=False, sequences=True, **options):
    """A recurrent layer whose input, result, accumulator and table types all differ, with its NumPy
    computation.
    """
    keras.utils.set_random_seed(4)
    layer = getattr(keras.layers, kind)(4, name="rnn", return_sequences=sequences, bias_initializer="normal")
    layer = keras.layers.Bidirectional(layer, name="rnn") if bidirectional else layer
    model = keras.Sequential([keras.Input((6, 3), name="track"), layer])
    rounded(layer, *[WEIGHT] * len(layer.get_weights()))
    config = configuration(model, {}, **options)
    for name, given in config["LayerName"].items():
        for role in given["Precision"]:
            if role == "result":
                given["Precision"][role] = str(INPUT if name == "track" else STATE)
            elif role not in ("accum", "table"):
                given["Precision"][role] = str(WEIGHT)
    config["LayerName"]["rnn"]["table_t"] = str(TABLE)

    def table(x, function, reach):
        at = np.clip(np.trunc(x * 1024 / (2 * reach)) + 512, 0, 1023)
        return TABLE.quantize(function((at - 512) * 2 * reach / 1024))

    def sigmoid(x):
        return table(x, lambda v: 1 / (1 + np.exp(-v)), 8)

    def tanh(x):
        return table(x, np.tanh, 4)

    def step(z, inner, h, c):
        if kind == "SimpleRNN":
            return STATE.quantize(tanh(z + inner)), c
        if kind == "GRU":
            update, reset = np.split(sigmoid(z[:, :8] + inner[:, :8]), 2, axis=1)
            new = tanh(z[:, 8:] + ACCUM.quantize(reset * inner[:, 8:]))
            return STATE.quantize(new * (1 - update) + h * update), c
        i, f, g, o = np.split(z + inner, 4, axis=1)
        c = STATE.quantize(tanh(g) * sigmoid(i) + c * sigmoid(f))
        return STATE.quantize(sigmoid(o) * tanh(c)), c

    def direction(x, kernel, recurrent, bias):
        bias, inner_bias = bias if kind == "GRU" else (bias, 0)
        h = c = np.zeros((len(x), 4))
        states = []
        for at in range(x.shape[1]):
            h, c = step(x[:, at] @ kernel + bias, h @ recurrent + inner_bias, h, c)
            states.append(h)
        return np.stack(states, axis=1)

    def reference(x):
        x = INPUT.quantize(x)
        weights = [np.asarray(w, float) for w in layer.get_weights()]
        forward = direction(x, *weights[:3])
        if not bidirectional:
            return forward if sequences else forward[:, -1]
        backward = direction(x[:, ::-1], *weights[3:])
        if sequences:
            return np.concatenate([forward, backward[:, ::-1]], axis=-1)
        return np.concatenate([forward[:, -1], backward[:, -1]], axis=-1)

    return model, config, reference


def files(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> tuple[HlsProject, object, dict[str, str]]:
    model, config, reference = mlp()
    project = convert(model, config, tmp_path_factory.mktemp("mlp") / "project", part="xcu250-figd2104-2L-e")
    fresh = files(project.write().folder)
    return project.compile(), reference, fresh


def test_a_mixed_precision_perceptron_predicts_what_numpy_computes(built):
    project, reference, _ = built
    x = np.random.default_rng(0).normal(0, 2, (300, 5))
    assert np.array_equal(project.predict(x), reference(x))


def test_one_sample_keeps_its_batch_axis(built):
    project, reference, _ = built
    x = np.random.default_rng(1).normal(0, 2, (1, 5)).astype("float32")
    assert np.array_equal(project.predict(x), reference(x))


def test_building_and_running_leaves_the_project_folder_as_written(built):
    project, _, fresh = built
    assert files(project.folder) == fresh


def test_writing_a_design_twice_gives_identical_files_without_this_machines_paths(built, tmp_path):
    _, _, fresh = built
    model, config, _ = mlp()
    other = convert(model, config, tmp_path / "elsewhere", part="xcu250-figd2104-2L-e").write()
    assert files(other.folder) == fresh
    texts = [p.read_text() for p in other.folder.rglob("*") if p.is_file() and "ap_types" not in p.parts]
    assert not any(str(tmp_path) in text for text in texts)
    assert "xcu250-figd2104-2L-e" in (other.folder / "project.tcl").read_text()


@pytest.mark.parametrize(
    ("layer", "io_type"),
    [
        ({"kind": "LSTM", "Static": True}, "io_parallel"),
        ({"kind": "GRU", "sequences": False, "Static": False}, "io_stream"),
        ({"kind": "LSTM", "bidirectional": True, "Static": False}, "io_parallel"),
        ({"kind": "GRU", "bidirectional": True, "sequences": False}, "io_parallel"),
        ({"kind": "SimpleRNN"}, "io_parallel"),
        ({"kind": "SimpleRNN", "sequences": False}, "io_stream"),
        ({"kind": "SimpleRNN", "Strategy": "Resource", "ReuseFactor": 12}, "io_stream"),
    ],
    ids=str,
)
def test_a_recurrent_layer_with_unlike_types_is_bit_exact(layer, io_type, tmp_path):
    model, config, reference = recurrent(**layer)
    project = convert(model, config, tmp_path / "project", io_type=io_type).compile()
    x = np.random.default_rng(2).normal(0, 1.5, (200, 6, 3))
    assert np.array_equal(project.predict(x), reference(x))
    assert not [n for n in project.notices if n.kind != "reuse_factor"]


def test_the_correction_that_an_lstm_needs_to_compile_is_recorded_with_its_hashes(tmp_path):
    model, config, _ = recurrent()
    project = convert(model, config, tmp_path / "project").write()
    by_name = {one.name: one for one in project.patches}
    assert list(by_name) == ["lstm-accum-type", "pooling-padding", "weights-from-headers", "own-names"]
    patch = by_name["lstm-accum-type"]
    patched = (project.folder / patch.file).read_bytes()
    assert patch.sha256_after == hashlib.sha256(patched).hexdigest() != patch.sha256_before


def test_patching_again_changes_nothing_and_gives_the_same_record(tmp_path):
    model, config, _ = recurrent()
    project = convert(model, config, tmp_path / "project").write()
    fresh = files(project.folder)
    assert apply_patches(project.folder, PATCHES) == project.patches[: len(PATCHES)]
    assert files(project.folder) == fresh


def test_a_patch_that_does_not_fit_is_an_error_and_leaves_the_file(tmp_path):
    target = tmp_path / PATCHES[0].file
    target.parent.mkdir(parents=True)
    target.write_text("rewritten upstream\n")
    with pytest.raises(BuildError, match="lstm-accum-type"):
        apply_patches(tmp_path, PATCHES)
    assert target.read_text() == "rewritten upstream\n"


def test_a_text_that_occurs_twice_is_not_patched(tmp_path):
    (tmp_path / "a.h").write_text("x\nx\n")
    with pytest.raises(BuildError, match="twice"):
        apply_patches(tmp_path, [Patch("twice", "a.h", "ambiguous", (("x\n", "y\n"),))])


def test_several_inputs_and_outputs_keep_the_models_order(tmp_path):
    keras.utils.set_random_seed(5)
    first, second = keras.Input((4, 2), name="first"), keras.Input((3,), name="second")
    flat = keras.layers.Flatten(name="flat")(first)
    left = keras.layers.Dense(2, name="left", use_bias=False)(flat)
    right = keras.layers.Dense(3, name="right", use_bias=False)(second)
    model = keras.Model([second, first], [left, right])
    for name in ("left", "right"):
        rounded(model.get_layer(name), WEIGHT)
    types = {(n, "result"): INPUT for n in ("first", "second", "flat")}
    types |= {(n, "weight"): WEIGHT for n in ("left", "right")}
    types |= {(n, "result"): OUTPUT for n in ("left", "right")}
    project = convert(model, configuration(model, types), tmp_path / "project", io_type="io_stream").compile()
    rng = np.random.default_rng(6)
    a, b = rng.normal(size=(50, 4, 2)), rng.normal(size=(50, 3))
    got = project.predict([b, a])
    want = [
        OUTPUT.quantize(
            INPUT.quantize(a.reshape(50, -1)) @ np.asarray(model.get_layer("left").kernel, float)
        ),
        OUTPUT.quantize(INPUT.quantize(b) @ np.asarray(model.get_layer("right").kernel, float)),
    ]
    assert all(np.array_equal(g, w) for g, w in zip(got, want, strict=True))
    with pytest.raises(UserError, match="2 inputs"):
        project.predict([b])


def test_projects_built_at_the_same_time_do_not_disturb_each_other(tmp_path):
    """Static state and exported names are per program, so equal names in one process are safe."""
    projects, results = {}, {}
    for name, make in {"mlp": mlp, "lstm": recurrent}.items():
        model, config, reference = make()
        projects[name] = convert(model, config, tmp_path / name / "project"), reference

    def build(name):
        project, reference = projects[name]
        x = np.random.default_rng(7).normal(0, 1, (20, *project.input_shapes[0]))
        results[name] = np.array_equal(project.compile().predict(x), reference(x))

    threads = [threading.Thread(target=build, args=(name,)) for name in projects]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {"mlp": True, "lstm": True}


def test_an_illegal_reuse_factor_is_told_with_what_hls4ml_took_instead(tmp_path, capsys):
    model, config, _ = mlp()
    config["Model"]["Strategy"] = "Resource"
    config["LayerName"]["hidden"] |= {"Strategy": "Resource", "ReuseFactor": 3}
    config["LayerName"]["logits"] |= {"Strategy": "Resource", "ReuseFactor": 7}
    project = convert(model, config, tmp_path / "project")
    moved = [(n.layer, n.asked, n.used) for n in project.notices if n.kind == "reuse_factor"]
    assert moved == [("hidden", 3, 1)]
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("layer", "what"),
    [
        (lambda: keras.layers.GRU(2, reset_after=False, name="rnn"), "reset_after"),
        (lambda: keras.layers.LSTM(2, go_backwards=True, name="rnn"), "go_backwards"),
        (
            lambda: keras.layers.Bidirectional(keras.layers.LSTM(2), merge_mode="sum", name="rnn"),
            "merge_mode",
        ),
        (lambda: keras.layers.Bidirectional(keras.layers.SimpleRNN(2), name="rnn"), "SimpleRNN"),
    ],
)
def test_what_hls4ml_would_convert_wrongly_in_silence_is_refused_by_name(layer, what, tmp_path):
    model = keras.Sequential([keras.Input((3, 2), name="x"), layer()])
    with pytest.raises(BuildError, match=f"(?s)(rnn.*{what}|{what}.*rnn)"):
        convert(model, configuration(model, {}), tmp_path / "project")
    assert not (tmp_path / "project").exists()


def test_broken_firmware_ends_in_one_sentence_with_the_compilers_error(tmp_path):
    model, config, _ = mlp()
    project = convert(model, config, tmp_path / "project").write()
    source = project.folder / "firmware" / "bitfront.cpp"
    source.write_text(source.read_text().replace("nnet::dense", "nnet::no_such_layer"))
    with pytest.raises(BuildError, match="no_such_layer") as caught:
        project.compile()
    assert "\n" not in str(caught.value)
    assert str(tmp_path) not in str(caught.value)


def test_the_emulation_needs_no_file_of_the_project_once_it_is_built(tmp_path):
    model, config, reference = mlp()
    project = convert(model, config, tmp_path / "project").compile()
    shutil.rmtree(project.folder)
    x = np.random.default_rng(3).normal(0, 2, (50, 5))
    assert np.array_equal(project.predict(x), reference(x))


def test_a_compiler_short_of_memory_is_an_error(tmp_path):
    model, config, _ = mlp()
    with pytest.raises(BuildError, match="g\\+\\+ failed"):
        convert(model, config, tmp_path / "project").compile(memory_gib=0.05)


def test_a_compiler_short_of_time_is_stopped_with_all_it_started(tmp_path):
    model, config, _ = mlp()
    project = convert(model, config, tmp_path / "project").write()
    start = time.monotonic()
    with pytest.raises(BuildError, match=r"longer than 0\.3 s"):
        project.compile(timeout_s=0.3)
    assert time.monotonic() - start < 5


def test_a_time_limit_ends_grandchildren_too(tmp_path):
    with pytest.raises(BuildError, match="longer"):
        run_limited(
            ["/bin/sh", "-c", "sleep 60 & echo $! > pid; wait"],
            cwd=tmp_path,
            timeout_s=1,
            memory_gib=1,
            what="a test",
        )
    pid = int((tmp_path / "pid").read_text())
    for _ in range(50):
        state = Path(f"/proc/{pid}/stat")
        if not state.exists() or state.read_text().split()[2] == "Z":
            return
        time.sleep(0.1)
    os.kill(pid, 9)
    pytest.fail("the grandchild outlived its group")


def test_without_a_compiler_the_tool_is_named(tmp_path, monkeypatch):
    model, config, _ = mlp()
    project = convert(model, config, tmp_path / "project")
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(ToolMissing, match=r"g\+\+"):
        project.compile()


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"project_name": "2fast"}, "2fast"),
        ({"io_type": "io_axi"}, "io_axi"),
        ({"backend": "Verilator"}, "Verilator"),
    ],
)
def test_an_argument_that_cannot_be_is_refused_by_name(change, what, tmp_path):
    model, config, _ = mlp()
    with pytest.raises(UserError, match=what):
        convert(model, config, tmp_path / "project", **change)


def test_a_folder_in_use_is_never_overwritten(tmp_path):
    model, config, _ = mlp()
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(UserError, match="not an empty folder"):
        convert(model, config, tmp_path)


def test_an_input_of_another_shape_is_refused_with_the_right_one(built):
    project, _, _ = built
    with pytest.raises(UserError, match=r"\(samples, 5\), not \(4, 6\)"):
        project.predict(np.zeros((4, 6)))
