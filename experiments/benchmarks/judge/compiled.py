"""The compiled half: many designs in one g++ build, and the firmware equal to the bit-true model in every bit."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitfront.hls import (
    BitTrue,
    BuildError,
    HlsProject,
    Types,
    convert,
    hls_config,
    shrunk,
    to_keras,
    to_qkeras,
)
from bitfront.search.bundle.source import BundleSource
from bitfront.search.bundle.verify import verify_bundle
from bitfront.search.bundle.write import write_bundle
from bitfront.spaces import BitfrontError, Graph, UserError, Weights

from .designs import Design, bit_true, types_of

PART = "xcvu13p-flga2577-2-e"
Arrays = list[NDArray[np.float64]]


@dataclass(frozen=True)
class Build:
    """What is one for all designs of a g++ build."""

    io_type: str = "io_parallel"
    backend: str = "Vitis"
    table_size: int = 1024


@dataclass(frozen=True, eq=False)
class _Firmware:
    """Designs side by side, as they are built."""

    graph: Graph
    types: Types
    weights: Weights
    inputs: Arrays
    outputs: Arrays
    """What the bit-true model computes."""
    plain: Any
    config: dict[str, Any]


@dataclass
class Judgement:
    """What became of designs, by their number in the group."""

    refused: dict[int, str] = field(default_factory=dict)
    faults: dict[int, tuple[str, str]] = field(default_factory=dict)
    """Kind of the fault, and what it says."""
    passed: list[int] = field(default_factory=list)


def judge_compiled(designs: Sequence[Design], build: Build, *, bundle: bool = True) -> Judgement:
    """Judge designs that share a build; a build that fails is halved until it is known whose fault it is.

    With `bundle`, the designs together are written as a bundle and verified as well.
    """
    found = Judgement()
    sound: dict[int, Design] = {}
    kinds: dict[int, Types] = {}
    graph, twin, calibration = bit_true(designs, build.table_size)
    for number, one in enumerate(designs):
        try:
            kinds[number] = types_of(one, calibration)
            sound[number] = one
        except UserError as error:
            found.refused[number] = str(error)
    if sound:
        made = (graph, twin) if len(sound) == len(designs) else None
        _halve(sound, kinds, build, found, bundle, made)
    return found


_Made = tuple[Graph, BitTrue]
"""The bit-true model of a group, where it is there already."""


def _halve(
    designs: dict[int, Design],
    kinds: dict[int, Types],
    build: Build,
    found: Judgement,
    bundle: bool,
    made: _Made | None = None,
) -> None:
    try:
        faults = _differences(designs, kinds, build, bundle, made)
    except BitfrontError as error:
        fault = ("can't be built", str(error))
    except Exception as error:  # what is judged: a user would see a traceback
        fault = (f"raises {type(error).__name__}", str(error)[:500])
    else:
        found.faults |= faults
        found.passed += [number for number in designs if number not in faults]
        return
    if len(designs) == 1:
        found.faults[next(iter(designs))] = fault
        return
    numbers = list(designs)
    for half in (numbers[: len(numbers) // 2], numbers[len(numbers) // 2 :]):
        _halve({n: designs[n] for n in half}, kinds, build, found, bundle)


def _differences(
    designs: dict[int, Design], kinds: dict[int, Types], build: Build, bundle: bool, made: _Made | None
) -> dict[int, tuple[str, str]]:
    """Return the faults of designs that can be built together.

    Raises:
        BuildError: when they can't.
    """
    group = list(designs.values())
    firmware = _firmware(group, {key: kind for n in designs for key, kind in kinds[n].items()}, build, made)
    with tempfile.TemporaryDirectory(prefix="bitfront-judge-") as place:
        project = convert(
            firmware.plain,
            firmware.config,
            Path(place) / "project",
            io_type=build.io_type,
            backend=build.backend,
            part=PART,
            clock_ns=5,
        )
        found = _predicted(project.compile(), firmware.inputs)
        exported = _exported(firmware)
        if bundle:
            _bundle(firmware, build, Path(place) / "bundle")
    faults: dict[int, tuple[str, str]] = {}
    at = 0
    for number, one in designs.items():
        outputs = slice(at, at + len(one.graph.outputs))
        at = outputs.stop
        for kind, other in (("the firmware differs", found), ("the exported model differs", exported)):
            fault = _apart(firmware.outputs[outputs], other[outputs])
            if fault and number not in faults:
                faults[number] = (kind, fault)
    return faults


def _firmware(group: Sequence[Design], types: Types, build: Build, made: _Made | None) -> _Firmware:
    graph, twin = made or bit_true(group, build.table_size)[:2]
    inputs: Arrays = [np.asarray(x, np.float64) for one in group for x in one.inputs]
    twin.assign(types)
    outputs = twin.predict(inputs)
    left = shrunk(graph, twin.weights(), types)
    plain = to_keras(left.graph, left.weights, left.types)
    chosen: Any = {
        key: {name: value for one in group for name, value in getattr(one.candidate, key).items()}
        for key in ("strategy", "reuse_factor", "recurrent_reuse_factor", "recurrent_mode")
    }
    config = hls_config(
        left.graph, left.types, plain, backend=build.backend, table_size=build.table_size, **chosen
    )
    return _Firmware(left.graph, left.types, left.weights, inputs, outputs, plain, config)


def _predicted(project: HlsProject, inputs: Arrays) -> Arrays:
    found = project.predict(inputs if len(inputs) > 1 else inputs[0])
    return found if isinstance(found, list) else [found]


def _exported(firmware: _Firmware) -> Arrays:
    """Return what the exported QKeras model predicts."""
    model = to_qkeras(firmware.graph, firmware.weights, firmware.types)
    given = [x.astype(np.float32) for x in firmware.inputs]
    found = model(given if len(given) > 1 else given[0], training=False)
    return [np.asarray(y, np.float64) for y in (found if isinstance(found, list | tuple) else [found])]


def _bundle(firmware: _Firmware, build: Build, folder: Path) -> None:
    """Write the designs as one bundle and verify it.

    Raises:
        BuildError: when its verification finds a difference.
    """
    source = BundleSource(
        name="judge",
        quantized_model=to_qkeras(firmware.graph, firmware.weights, firmware.types),
        model=firmware.plain,
        float_model=firmware.plain,
        precision=firmware.types,
        hls_config=firmware.config,
        part=PART,
        clock_ns=5,
        golden_inputs=firmware.inputs,
        golden_outputs=firmware.outputs,
        evaluation={},
        backend=build.backend,
        io_type=build.io_type,
    )
    result = verify_bundle(write_bundle(source, folder, check=False))
    if not result.ok:
        raise BuildError(f"The bundle's verification says {result}.")


def _apart(wanted: Arrays, found: Arrays) -> str | None:
    """Return how outputs differ, or None: every bit is the same."""
    for position, (a, b) in enumerate(zip(wanted, found, strict=True)):
        b = b.reshape(a.shape)
        wrong = (a != b) & ~(np.isnan(a) & np.isnan(b))
        if wrong.any():
            worst = np.unravel_index(int(np.argmax(np.where(wrong, np.abs(a - b), -1))), a.shape)
            return (
                f"output {position}: bit-true {a[worst]:.10g}, found {b[worst]:.10g} at {tuple(map(int, worst))} "
                f"({np.mean(wrong):.1%} of the values differ)"
            )
    return None
