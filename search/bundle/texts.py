"""What a bundle says about itself: README, provenance and the table of layers."""

from __future__ import annotations

import importlib.metadata
import platform
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bitfront.hls.hls4ml_project import AppliedPatch

from ..quantities import QUANTITIES
from .score import score_lines
from .script import script_digest
from .source import BundleSource

_PACKAGES = ("bitfront", "hls4ml", "da4ml", "qkeras-v3", "keras", "tensorflow", "numpy", "optuna")

_LICENCES = {
    "bitfront (README.md, verify.py, build.sh, golden/emulate.cpp, project/*_test.cpp, nnet_simple_rnn.h, "
    "nnet_bit_true.h)": "Apache-2.0",
    "hls4ml (project/, without ap_types)": "Apache-2.0",
    "Xilinx ap_types (project/firmware/ap_types)": "Apache-2.0",
    "model, weights and golden samples": "as the model and the data that the study was given",
}


def provenance(source: BundleSource, patches: Sequence[AppliedPatch]) -> dict[str, Any]:
    """Return where the bundle comes from: study, candidate, versions, licences, corrections to hls4ml's
    files.
    """
    versions = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = "not installed"
    keys = ("number", "digest", "method", "kind", "params")
    return {
        "schema": 1,
        "name": source.name,
        "study": dict(source.study),
        "candidate": {key: source.evaluation.get(key) for key in keys},
        "versions": versions,
        "byte_order": sys.byteorder,
        "verify_sha256": script_digest(),
        "licences": _LICENCES,
        "patches": [patch.to_json() for patch in patches],
    }


def build_script(source: BundleSource) -> str:
    """Return `build.sh` with this design's name and estimate."""
    resources = source.evaluation.get("resources", {})
    text = (Path(__file__).parent / "files" / "build.sh").read_text()
    marks = {"NAME": source.project_name, "BACKEND": source.backend}
    keys = {"LATENCY": "latency_cycles", "II": "ii_cycles"}
    for mark in ("LUT", "FF", "DSP", "BRAM18", "LATENCY", "II"):
        value = resources.get(keys.get(mark, mark.lower()))
        marks[mark] = "-" if value is None else f"{value:.0f}"
    for mark, value in marks.items():
        text = text.replace(f"@{mark}@", value)
    return text


def readme(source: BundleSource, patches: Sequence[AppliedPatch]) -> str:
    """Return the README: what this is, its figures with their source and interval, how to verify and
    build.
    """
    evaluation = source.evaluation
    samples = len(source.golden_inputs[0])
    lines = [
        f"# {source.name}",
        "",
        f"A quantized network as firmware for {source.part} at {source.clock_ns:g} ns, made by bitfront and "
        f"hls4ml ({source.backend}, {source.io_type}). Its weights were found by "
        f"{'training at this precision (QAT)' if evaluation.get('method') == 'qat' else 'rounding the float weights (PTQ)'}.",
        "",
        "## Verify",
        "",
        "```",
        "python3 verify.py",
        "```",
        "",
        "checks the files and the numbers in the firmware, compiles it with g++ and compares it with "
        f"`golden/outputs*.npy` on {samples} {source.golden_origin} samples, bit for bit. Weights and tables "
        "come from `project/firmware/weights/*.h`, as in synthesis. It needs Python and g++, no package. It "
        "runs the C++ of this folder, so read it first where you don't trust its origin. `bitfront verify "
        ".` does the same, and notices a `verify.py` that is not bitfront's.",
        "",
        "## Build",
        "",
        "```",
        "./build.sh",
        "```",
        "",
        "runs C simulation, which compares with the golden outputs too, and C synthesis with AMD's tools in "
        "a copy (`build/`) and prints the result beside the estimate. Keep the folder's path free of spaces: "
        "AMD's tools don't accept them.",
        "",
        "## Figures",
        "",
        *figures(source),
        "",
        *score_lines(source),
        "## Files",
        "",
        "| file | what |",
        "|---|---|",
        "| `model_qkeras.keras` | Keras model that predicts what the firmware outputs, bit for bit |",
        "| `model.keras` | Keras model with rounded weights, whose results aren't rounded: what hls4ml "
        "converted |",
        "| `float_model.keras` | the float model |",
        "| `MODEL_CARD.md` | what the model is for, was made from and measured on; some of it is yours to "
        "fill in |",
        "| `precision.json` | type of every tensor: width, integer bits (sign included), signed, rounding, "
        "overflow |",
        "| `precision.schema.json` | its format as a JSON Schema |",
        "| `hls4ml_config.yaml` | complete hls4ml configuration; no precision is left to be inferred |",
        "| `project/` | hls4ml project, relative paths, no build products |",
        "| `golden/` | inputs, and outputs of the bit-true model; digests of weights and tables; "
        "`emulate.cpp` runs the firmware on them; labels and what the outputs score, where the study kept "
        "them |",
        "| `emulator/` | the emulation as a C library (`make`), where export was asked for it |",
        "| `layers.csv` | types and estimated cost of every layer |",
        "| `provenance.json` | study, trial, seeds, hash of the data, versions, licences |",
        "| `checksums.sha256` | `sha256sum -c checksums.sha256` |",
        "",
        "## Models",
        "",
        "```python",
        "import bitfront.hls.keras_layers  # lets Keras load all models of this folder",
        "import keras",
        "",
        'model = keras.models.load_model("model_qkeras.keras")',
        "```",
        "",
        f"`model_qkeras.keras` is exact: its predictions are the firmware's outputs. "
        f"{_layers(source.quantized_model)}",
        "",
        "## Corrections to hls4ml's files",
        "",
    ]
    lines += [f"- `{p.name}` in `project/{p.file}`: {p.reason}" for p in patches] or ["None."]
    return "\n".join(lines) + "\n"


def _layers(model: Any) -> str:
    """Return which of the layers are QKeras's."""
    own = [layer.name for layer in model.layers if type(layer).__name__ == "FirmwareLayer"]
    if not own:
        return "Its layers are QKeras's and Keras's own."
    computed = [layer for layer in model.layers if type(layer).__name__ != "InputLayer"]
    if len(own) == len(computed):
        return "All its layers are bitfront's (`FirmwareLayer`), in float64, since float32 doesn't hold every sum."
    names = ", ".join(f"`{name}`" for name in own[:8]) + (f" and {len(own) - 8} more" if len(own) > 8 else "")
    return f"Its layers are QKeras's and Keras's own, and bitfront's (`FirmwareLayer`) where theirs aren't exact: {names}."


def figures(source: BundleSource) -> list[str]:
    """Return the rows of a table: scores and resources of this design, each with its interval and its source.

    Scores stand beside the float model's on the same data: test data first, which chose nothing.
    """
    evaluation = source.evaluation
    metrics, resources = evaluation.get("metrics", {}), evaluation.get("resources", {})
    intervals, origin = evaluation.get("intervals", {}), evaluation.get("source", "estimate")
    rows = ["| figure | value | 80 % interval | source |", "|---|---|---|---|"]
    known = dict(source.study.get("float_scores", {}))
    for split, key, own in (("test", "test", "test"), ("validation", "score", "val")):
        chosen = ", which chose it" if split == "validation" else ""
        if key in metrics:
            rows.append(f"| {source.metric} | {metrics[key]:.6g} | | bit-true model, {split} data{chosen} |")
        if own in known:
            rows.append(f"| {source.metric} of the float model | {known[own]:.6g} | | Keras, {split} data |")
        if key in metrics and own in known:
            rows.append(
                f"| its difference to the float model | {metrics[key] - known[own]:+.6g} | | {split} data |"
            )
    for q in QUANTITIES.values():
        if q.key in resources:
            low, high = intervals.get(q.key, (None, None))
            interval = "" if low is None else f"{q.number(low)} to {q.number(high)}"
            made = "bit-true model, validation data with noise" if q.kind == "scored" else origin
            rows.append(f"| {q.label} | {q.text(resources[q.key])} | {interval} | {made} |")
    return rows
