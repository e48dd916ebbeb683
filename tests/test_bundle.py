"""A bundle proves itself to a stranger, comes out the same twice, and notices every change."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import numpy as np
import pytest
import yaml

from bitfront.hls.hls4ml_project.sandbox import BuildError
from bitfront.search.bundle import BundleSource, verify_bundle, write_bundle
from bitfront.search.bundle.texts import readme
from bitfront.spaces import FixedPoint, UserError

keras = pytest.importorskip("keras")

INPUT = FixedPoint(8, 3, True, "RND_CONV", "SAT")
WEIGHT = FixedPoint(5, 1)
OUTPUT = FixedPoint(9, 4, True, "RND_CONV", "SAT")
ACCUM = FixedPoint(32, 12)
EVALUATION = {
    "number": 12,
    "digest": "0123456789abcdef",
    "method": "qat",
    "kind": "search",
    "params": {"logits.weight": 5},
    "metrics": {"ptq": 0.7, "score": 0.75},
    "resources": {
        "lut": 1234.0,
        "ff": 600.0,
        "dsp": 0.0,
        "bram18": 0.0,
        "latency_cycles": 9.0,
        "ii_cycles": 1.0,
    },
    "intervals": {"lut": [1000.0, 1500.0]},
    "source": "estimate",
    "layers": ({"node": "logits", "op": "dense", "types": {"weight": str(WEIGHT)}, "lut": 1234.0},),
}


def source(**change) -> BundleSource:
    """A one-layer classifier: float, QKeras and rounded model, and its exact outputs on drawn samples."""
    import hls4ml
    from qkeras import QActivation, QDense, quantized_bits

    keras.utils.set_random_seed(8)
    given = keras.Sequential([keras.Input((6,), name="jets"), keras.layers.Dense(3, name="logits")])
    plain = keras.models.clone_model(given)
    plain.get_layer("logits").set_weights(
        [WEIGHT.quantize(w) for w in given.get_layer("logits").get_weights()]
    )
    bits, before, after = (
        quantized_bits(kind.width, kind.integer - 1, keep_negative=1, alpha=1)
        for kind in (WEIGHT, INPUT, OUTPUT)
    )
    quantized = keras.Sequential(
        [
            keras.Input((6,), name="jets"),
            QActivation(before, name="jets_result"),
            QDense(3, kernel_quantizer=bits, bias_quantizer=bits, name="logits"),
            QActivation(after, name="logits_result"),
        ]
    )
    quantized.get_layer("logits").set_weights(plain.get_layer("logits").get_weights())
    config = hls4ml.utils.config_from_keras_model(plain, granularity="name", backend="Vitis")
    precision = {
        "jets/result": INPUT,
        "logits/weight": WEIGHT,
        "logits/bias": WEIGHT,
        "logits/result": OUTPUT,
    }
    for name, layer in config["LayerName"].items():
        layer["Precision"] = {r: str(precision.get(f"{name}/{r}", ACCUM)) for r in layer["Precision"]}
    x = np.random.default_rng(9).normal(0, 1.5, (240, 6)).astype("float32")
    kernel, bias = (np.asarray(w, float) for w in plain.get_layer("logits").get_weights())
    return BundleSource(
        **{
            "name": "top_tagging-00012",
            "quantized_model": quantized,
            "model": plain,
            "float_model": given,
            "precision": precision,
            "hls_config": config,
            "part": "xcvu13p-flga2577-2-e",
            "clock_ns": 5.0,
            "golden_inputs": [x],
            "golden_outputs": [OUTPUT.quantize(INPUT.quantize(x) @ kernel + bias)],
            "evaluation": EVALUATION,
            "study": {
                "name": "top_tagging",
                "seed": 8,
                "data_sha256": "ab" * 32,
                "float_scores": {"val": 0.78},
            },
            "metric": "accuracy",
            **change,
        }
    )


def files(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def original(tmp_path_factory) -> Path:
    return write_bundle(source(), tmp_path_factory.mktemp("export") / "best")


@pytest.fixture
def bundle(original, tmp_path) -> Path:
    """A copy that a test may damage."""
    return Path(shutil.copytree(original, tmp_path / "best"))


def test_a_bundle_holds_all_that_a_stranger_needs_and_nothing_built(original):
    names = set(files(original))
    assert names >= {
        "README.md",
        "model_qkeras.keras",
        "model.keras",
        "float_model.keras",
        "precision.json",
        "hls4ml_config.yaml",
        "layers.csv",
        "provenance.json",
        "verify.py",
        "build.sh",
        "golden/inputs.npy",
        "golden/outputs.npy",
        "project/build_prj.tcl",
        "project/project.tcl",
        "project/firmware/bitfront.cpp",
        "project/tb_data/tb_input_features.dat",
        "MODEL_CARD.md",
        "precision.schema.json",
    }
    assert not [n for n in names if n.endswith((".so", ".o", ".a"))]
    assert os.access(original / "build.sh", os.X_OK)


def test_it_verifies_bit_for_bit(original):
    result = verify_bundle(original)
    assert result.ok
    assert (result.samples, result.values, result.max_difference) == (240, 3, 0.0)


def test_its_own_script_verifies_it_without_bitfront_and_leaves_it_unchanged(bundle):
    fresh = files(bundle)
    done = subprocess.run(
        [stranger(bundle.parent), "-I", str(bundle / "verify.py")],
        capture_output=True,
        text=True,
        cwd="/",
        env={"PATH": "/usr/bin:/bin"},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "PASS: 240 samples, 3 outputs each, identical bit for bit\n"
    assert files(bundle) == fresh


def stranger(folder) -> Path:
    """The Python of a fresh environment without any package: no NumPy, no bitfront, no checkout on its
    path.
    """
    venv.create(folder / "fresh", with_pip=False, symlinks=True)
    python = folder / "fresh" / "bin" / "python"
    for package in ("numpy", "bitfront", "hls4ml"):
        missing = subprocess.run([python, "-I", "-c", f"import {package}"], capture_output=True, cwd="/")
        assert missing.returncode != 0, package
    return python


@pytest.fixture(scope="module")
def streamed(tmp_path_factory) -> Path:
    return write_bundle(source(io_type="io_stream"), tmp_path_factory.mktemp("stream") / "best")


@pytest.mark.parametrize("kind", ["original", "streamed"])
def test_the_vendor_s_test_bench_passes_and_fails_on_its_own(kind, request, tmp_path):
    """Compiled as the vendor's C simulation does it, test bench and design; weights come from the headers."""
    bundle = request.getfixturevalue(kind)
    assert ("hls::stream" in (bundle / "project/firmware/bitfront.h").read_text()) == (kind == "streamed")
    project = tmp_path / "project"
    shutil.copytree(bundle / "project", project)
    command = ["g++", "-O1", "-w", "-std=c++0x", "-I.", "-Ifirmware/ap_types", "bitfront_test.cpp"]
    subprocess.run([*command, "firmware/bitfront.cpp", "-o", "csim"], cwd=project, check=True)
    done = subprocess.run(["./csim"], cwd=project, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "PASS: 240 samples, identical bit for bit\n")
    logged = np.loadtxt(project / "tb_data" / "csim_results.log")
    assert np.array_equal(logged, np.load(bundle / "golden" / "outputs.npy"))
    data = project / "tb_data" / "tb_output_predictions.dat"
    lines = data.read_text().splitlines()
    first, _, rest = lines[3].partition(" ")
    lines[3] = f"{float(first) + OUTPUT.step!r} {rest}"
    data.write_text("\n".join(lines) + "\n")
    done = subprocess.run(["./csim"], cwd=project, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "FAIL: 1 of 240 samples differ from the golden outputs\n")
    data.write_text("")
    assert subprocess.run(["./csim"], cwd=project, capture_output=True).returncode == 1


def test_a_streaming_bundle_verifies_bit_for_bit(streamed):
    assert verify_bundle(streamed).ok
    done = subprocess.run([sys.executable, str(streamed / "verify.py")], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_precision_keeps_the_format_that_its_schema_states(original):
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads((original / "precision.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    found = json.loads((original / "precision.json").read_text())
    jsonschema.validate(found, schema)
    found["tensors"]["logits/result"]["rounding"] = "SOMEHOW"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(found, schema)


def test_the_model_card_tells_what_is_known_and_marks_what_is_not(original):
    text = (original / "MODEL_CARD.md").read_text()
    for title in ("Model", "Intended use", "Data", "Measurements", "Precision", "Limits"):
        assert f"\n## {title}\n" in text
    assert f"Input `jets`: 6 values of `{INPUT}`" in text
    assert f"Output `logits`: 3 values of `{OUTPUT}`" in text
    assert "21 parameters; quantized by quantization-aware training" in text
    assert "ab" * 32 in text
    assert text.count("yours to say") == 3


def test_scores_name_the_data_that_they_were_measured_on(tmp_path):
    evaluation = {**EVALUATION, "metrics": {"score": 0.75, "test": 0.74}}
    text = readme(source(evaluation=evaluation), ())
    assert "| accuracy | 0.74 | | bit-true model, test data |" in text
    assert "| accuracy of the float model | 0.78 | | Keras, validation data |" in text


def test_exporting_twice_gives_identical_files(original, tmp_path):
    """Even from another process state: layers were made and models saved in between."""
    again = write_bundle(source(), tmp_path / "again", check=False)
    assert files(again) == files(original)


def test_no_file_names_this_machine(original):
    here = [str(original.parent)[1:], str(Path(__file__).parents[1])[1:], os.uname().nodename]
    for path in original.rglob("*"):
        if path.is_file() and "ap_types" not in path.parts:
            content = path.read_bytes()
            assert not any(re.search(rb"\b" + re.escape(name.encode()) + rb"\b", content) for name in here), (
                path
            )


def test_its_models_load_and_the_rounded_one_is_what_the_types_allow(original):
    import qkeras  # noqa: F401 - registers its layers with Keras

    plain = keras.models.load_model(original / "model.keras")
    for w in plain.get_weights():
        assert np.array_equal(WEIGHT.quantize(w), w)
    quantized = keras.models.load_model(original / "model_qkeras.keras")
    x, expected = (np.load(original / "golden" / name) for name in ("inputs.npy", "outputs.npy"))
    assert np.array_equal(quantized.predict(x, verbose=0), expected)


def test_precision_and_configuration_can_be_read_back(original):
    tensors = json.loads((original / "precision.json").read_text())["tensors"]
    assert FixedPoint.from_json(tensors["logits/result"]) == OUTPUT
    assert tensors["logits/result"]["type"] == str(OUTPUT)
    config = yaml.safe_load((original / "hls4ml_config.yaml").read_text())
    assert config["HLSConfig"]["LayerName"]["logits"]["Precision"]["weight"] == str(WEIGHT)
    assert (config["Part"], config["IOType"]) == ("xcvu13p-flga2577-2-e", "io_parallel")


def test_provenance_states_versions_licences_and_the_corrections_to_hls4ml(original):
    told = json.loads((original / "provenance.json").read_text())
    assert told["study"]["data_sha256"] == "ab" * 32
    assert told["candidate"]["number"] == 12
    assert told["versions"]["hls4ml"].startswith("1.3")
    assert "Apache-2.0" in told["licences"].values()
    assert [patch["name"] for patch in told["patches"]] == [
        "lstm-accum-type",
        "pooling-padding",
        "weights-from-headers",
        *["own-names"] * 6,
    ]
    for patch in told["patches"]:
        patched = (original / "project" / patch["file"]).read_bytes()
        assert patch["sha256_after"] == hashlib.sha256(patched).hexdigest() != patch["sha256_before"]


def test_the_readme_gives_figures_with_interval_and_source(original):
    text = (original / "README.md").read_text()
    assert "| C-synthesis LUT | 1,234 | 1,000 to 1,500 | estimate |" in text
    assert "| accuracy | 0.75 | | bit-true model, validation data, which chose it |" in text
    assert "| accuracy of the float model | 0.78 | | Keras, validation data |" in text
    assert "| its difference to the float model | -0.03 | | validation data |" in text
    assert "python3 verify.py" in text
    assert (original / "layers.csv").read_text().startswith("node,op,types,lut\nlogits,dense,")


def test_the_build_script_names_the_tool_it_lacks(bundle):
    done = subprocess.run(
        ["/bin/sh", str(bundle / "build.sh")], capture_output=True, text=True, env={"PATH": "/usr/bin:/bin"}
    )
    assert done.returncode == 4
    assert "Vitis" in done.stderr
    assert not (bundle / "build").exists()


def test_the_build_script_puts_synthesis_beside_the_estimate(bundle, tmp_path):
    """A stand-in for the vendor's program writes a report in its format: the real one can't be installed
    here.
    """
    tool = tmp_path / "bin" / "vitis-run"
    tool.parent.mkdir()
    tool.write_text(
        '#!/bin/sh\n[ "$*" = "--mode hls --tcl build_prj.tcl" ] && grep -q "cosim  *0" build_opt.tcl || exit '
        "9\n"
        "r=bitfront_prj/solution1/syn/report; mkdir -p $r; cat > $r/bitfront_csynth.xml <<E\n"
        "<profile><PerformanceEstimates><SummaryOfOverallLatency>\n<Worst-caseLatency>11</Worst-caseLatency>\n"
        "<Interval-max>1</Interval-max>\n</SummaryOfOverallLatency></PerformanceEstimates><AreaEstimates>\n"
        "<Resources>\n<DSP>2</DSP>\n<FF>700</FF>\n<LUT>1300</LUT>\n<BRAM_18K>0</BRAM_18K>\n</Resources>\n"
        "<AvailableResources>\n<LUT>1728000</LUT>\n</AvailableResources></AreaEstimates></profile>\nE\n"
    )
    tool.chmod(0o755)
    fresh = files(bundle / "project")
    done = subprocess.run(
        ["/bin/sh", str(bundle / "build.sh")],
        capture_output=True,
        text=True,
        env={"PATH": f"{tool.parent}:/usr/bin:/bin"},
    )
    assert done.returncode == 0, done.stderr
    rows = {line.split()[0]: line.split()[1:] for line in done.stdout.splitlines()[2:]}
    assert rows["LUT"] == ["1300", "1234"]
    assert rows["DSP"] == ["2", "0"]
    assert rows["latency/cycles"] == ["11", "9"]
    assert files(bundle / "project") == fresh
    assert verify_bundle(bundle).ok


def test_a_candidate_whose_firmware_differs_is_not_exported(tmp_path):
    good = source()
    off = [np.asarray(good.golden_outputs[0]) + OUTPUT.step]
    with pytest.raises(BuildError, match="240 of 240"):
        write_bundle(source(golden_outputs=off), tmp_path / "bad")
    assert list(tmp_path.iterdir()) == []


def test_a_candidate_whose_keras_model_differs_is_not_exported(tmp_path):
    good = source()
    with pytest.raises(
        BuildError, match=r"model_qkeras\.keras of 'top_tagging-00012' predicts something else"
    ):
        write_bundle(source(quantized_model=good.model), tmp_path / "bad")
    assert list(tmp_path.iterdir()) == []


def test_too_few_golden_samples_are_refused():
    good = source()
    with pytest.raises(UserError, match="at least 200"):
        source(golden_inputs=[good.golden_inputs[0][:50]], golden_outputs=[good.golden_outputs[0][:50]])


def test_a_folder_in_use_is_kept(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(UserError, match="in use"):
        write_bundle(source(), tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]


def test_what_is_no_bundle_is_refused(tmp_path):
    with pytest.raises(UserError, match="not a bundle"):
        verify_bundle(tmp_path / "nowhere")
