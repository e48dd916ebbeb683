"""Writes a candidate as a bundle: everything a stranger needs to check it and to build it."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import yaml
from numpy.typing import NDArray

from bitfront.hls import BuildError, HlsProject, convert
from bitfront.hls.hls4ml_project import (
    CHECKSUMS,
    GOLDEN,
    PROGRAM,
    SCRIPT,
    Refusal,
    constant_digests,
    constants,
    emulator_source,
    verify,
)
from bitfront.spaces import ToolMissing, UserError

from ..trials import layer_table
from .archive import save_model
from .c_emulator import write_c_emulator
from .card import model_card
from .score import write_score
from .script import verify_script
from .source import BundleSource
from .texts import build_script, provenance, readme

EXACT_MODEL = "model_qkeras.keras"
Emulator = Literal["c"]
"""What `emulator/` of a bundle may hold."""
FILES = Path(__file__).parent / "files"


def write_bundle(
    source: BundleSource, out: Path | str, *, check: bool = True, emulator: Emulator | None = None
) -> Path:
    """Write `source` as a bundle to `out`, which must be absent or empty; equal sources give equal files.

    The bundle appears at `out` only when it is complete and, with `check`, when its firmware was compiled and
    gives the golden outputs bit for bit, and its Keras model does too. `emulator` "c" adds the sources of a C
    library in `emulator/`.

    Raises:
        UserError: when `out` is in use.
        BuildError: when hls4ml or g++ fails, or the firmware differs from the bit-true model.
        ToolMissing: when g++ is not installed and `check` is set.
    """
    target = Path(out).absolute()
    require_free(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as place:
        bundle = Path(place) / "bundle"
        bundle.mkdir()
        project = write_project(source, bundle / "project")
        _write_golden(bundle, source, project)
        _write_files(bundle, source, project)
        if emulator == "c":
            write_c_emulator(bundle, source.project_name, *_sizes(project))
        _write_checksums(bundle)
        if check:
            _require_identical(source.name, bundle)
            _require_exact(source, bundle / EXACT_MODEL)
        if target.exists():
            target.rmdir()
        bundle.rename(target)
    return target


def write_project(source: BundleSource, folder: Path) -> HlsProject:
    """Write the hls4ml project alone to `folder`, with a test bench that compares with the golden outputs.

    Raises:
        UserError: when `folder` is in use.
        BuildError: when hls4ml fails.
    """
    project = convert(
        source.model,
        source.hls_config,
        folder,
        backend=source.backend,
        io_type=source.io_type,
        part=source.part,
        clock_ns=source.clock_ns,
        project_name=source.project_name,
    ).write()
    _write_bench(source, project)
    return project


def require_free(out: Path) -> None:
    """Refuse a folder that holds something.

    Raises:
        UserError: when `out` exists and is not an empty folder.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(f"{str(out)!r} is in use: give --out a folder that is empty or not there yet.")


def _require_identical(name: str, bundle: Path) -> None:
    """Verify the bundle as whoever gets it does."""
    try:
        found = verify(bundle)
    except Refusal as refusal:
        kind = ToolMissing if refusal.code == 4 else BuildError
        raise kind(f"No bundle of {name!r} was written: {refusal}") from None
    if found.mismatches:
        raise BuildError(
            f"The firmware of {name!r} differs from the bit-true model on {found.mismatches} of "
            f"{found.samples} samples, by up to {found.max_difference:g}, so no bundle was written: please "
            "report this."
        )


def _require_exact(source: BundleSource, path: Path) -> None:
    """Load the Keras model as whoever gets the bundle does, and compare its predictions."""
    import keras

    import bitfront.hls.keras_layers  # noqa: F401 - so that Keras can load it

    found = keras.models.load_model(path, compile=False).predict(list(source.golden_inputs), verbose=0)
    pairs = zip(found if isinstance(found, list) else [found], source.golden_outputs, strict=True)
    wrong = sum(not np.array_equal(y, np.asarray(expected)) for y, expected in pairs)
    if wrong:
        raise BuildError(
            f"{path.name} of {source.name!r} predicts something else than the firmware at {wrong} of "
            f"{len(source.golden_outputs)} outputs, so no bundle was written: please report this."
        )


def _write_files(bundle: Path, source: BundleSource, project: HlsProject) -> None:
    save_model(source.quantized_model, bundle / EXACT_MODEL)
    save_model(source.model, bundle / "model.keras")
    save_model(source.float_model, bundle / "float_model.keras")
    precision = {key: {"type": str(t), **t.to_json()} for key, t in source.precision.items()}
    _json(bundle / "precision.json", {"schema": 1, "tensors": precision})
    _json(bundle / "provenance.json", provenance(source, project.patches))
    config = {
        "Backend": source.backend,
        "ClockPeriod": source.clock_ns,
        "IOType": source.io_type,
        "KerasModel": "model.keras",
        "Part": project.part,
        "ProjectName": source.project_name,
        "HLSConfig": json.loads(json.dumps(source.hls_config)),
    }
    (bundle / "hls4ml_config.yaml").write_text(yaml.safe_dump(config))
    (bundle / layer_table.FILE).write_text(layer_table.layers_csv(source.evaluation.get("layers", ())))
    (bundle / "README.md").write_text(readme(source, project.patches))
    (bundle / "MODEL_CARD.md").write_text(model_card(source))
    shutil.copyfile(FILES / "precision.schema.json", bundle / "precision.schema.json")
    (bundle / SCRIPT).write_bytes(verify_script())
    (bundle / "build.sh").write_text(build_script(source))
    for script in (SCRIPT, "build.sh"):
        (bundle / script).chmod(0o755)


def _write_golden(bundle: Path, source: BundleSource, project: HlsProject) -> None:
    """Write the golden arrays, and the program that runs the firmware on them."""
    golden = bundle / "golden"
    golden.mkdir()
    listed: dict[str, Any] = {
        "schema": 1,
        "project": source.project_name,
        "samples": len(source.golden_inputs[0]),
        "origin": source.golden_origin,
    }
    for role, arrays in (("inputs", source.golden_inputs), ("outputs", source.golden_outputs)):
        entries = []
        for index, array in enumerate(arrays):
            file = f"{role}.npy" if len(arrays) == 1 else f"{role}_{index}.npy"
            np.save(golden / file, np.ascontiguousarray(array, "<f8"))
            entries.append({"file": file, "shape": list(np.shape(array)[1:])})
        listed[role] = entries
    write_score(golden, source)
    # what the model holds, not what was written: whoever verifies compares the headers with it
    listed["constants"] = constant_digests(constants(project.graph))
    _json(bundle / GOLDEN, listed)
    inputs, outputs = _sizes(project)
    (bundle / PROGRAM).write_text(emulator_source(source.project_name, inputs, outputs, "../project"))


def _write_bench(source: BundleSource, project: HlsProject) -> None:
    """Write the vendor tools' test bench, which compares with the golden outputs, and its data.

    It calls the design through hls4ml's bridge, which feeds arrays and streams alike.
    """
    inputs, outputs = _sizes(project)
    arguments = []
    for name, sizes in (("x", inputs), ("y", outputs)):
        arguments += [f"{name}.data() + {sum(sizes[:i])}" for i in range(len(sizes))]
    text = (FILES / "test_bench.cpp").read_text()
    marks = {"NAME": source.project_name, "INPUTS": sum(inputs), "OUTPUTS": sum(outputs)}
    for mark, value in {**marks, "ARGUMENTS": ", ".join(arguments)}.items():
        text = text.replace(f"@{mark}@", str(value))
    (project.folder / f"{source.project_name}_test.cpp").write_text(text)
    data = project.folder / "tb_data"
    data.mkdir(exist_ok=True)
    _write_dat(data / "tb_input_features.dat", source.golden_inputs)
    _write_dat(data / "tb_output_predictions.dat", source.golden_outputs)


def _sizes(project: HlsProject) -> tuple[list[int], list[int]]:
    """Return how many values a sample has of each input and of each output."""
    inputs, outputs = (
        [int(np.prod(shape)) for shape in shapes] for shapes in (project.input_shapes, project.output_shapes)
    )
    return inputs, outputs


def _write_dat(path: Path, arrays: Sequence[NDArray[Any]]) -> None:
    """Write one line a sample, as hls4ml's test bench reads it."""
    flat = np.concatenate([np.asarray(a, np.float64).reshape(len(a), -1) for a in arrays], axis=1)
    path.write_text("".join(" ".join(repr(float(v)) for v in row) + "\n" for row in flat))


def _write_checksums(bundle: Path) -> None:
    paths = sorted(p.relative_to(bundle).as_posix() for p in bundle.rglob("*") if p.is_file())
    lines = [f"{hashlib.sha256((bundle / p).read_bytes()).hexdigest()}  {p}\n" for p in paths]
    (bundle / CHECKSUMS).write_text("".join(lines))


def _json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n")
