"""The compiled half: many designs in one g++ build, and the firmware equal to the bit-true model in every
bit.
"""

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
    Shrunk,
    Target,
    Types,
    convert,
    hls_config,
    shrunk,
    to_keras,
    to_qkeras,
)
from bitfront.hls.precision import elements_of
from bitfront.search import BundleSource, verify_bundle, write_bundle
from bitfront.search.bundle import EXACT_MODEL
from bitfront.spaces import BitfrontError, Graph, UserError

from .designs import Design, bit_true, side_by_side, types_of
from .inputs import SETS

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
    """Designs side by side, as they are built: without what their zeros leave without effect."""

    designs: list[Shrunk]
    graph: Graph
    """All of them."""
    types: Types
    inputs: list[Arrays]
    """Of each design."""
    outputs: list[Arrays]
    """What the bit-true model computes, of each design."""
    plain: Any
    config: dict[str, Any]
    narrow: frozenset[str]
    """Nodes whose accumulators are searched."""


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
    graph, bit_true_model, calibration = bit_true(designs, build.table_size)
    for number, one in enumerate(designs):
        try:
            kinds[number] = types_of(one, calibration)
            sound[number] = one
        except UserError as error:
            found.refused[number] = str(error)
    if len(sound) == len(designs):
        normal = [x[: len(x) // len(SETS)] for one in designs for x in one.inputs]
        bit_true_model.assign({key: kind for types in kinds.values() for key, kind in types.items()})
        ranges = bit_true_model.ranges(normal)
        for number in list(sound)[1::2]:  # others keep one width a tensor
            elements = elements_of(sound[number].graph, kinds[number], ranges, build.io_type)
            kinds[number] = types_of(sound[number], calibration, elements)
    if sound:
        made = (graph, bit_true_model) if len(sound) == len(designs) else None
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
    firmware = _firmware(group, [kinds[n] for n in designs], build, made)
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
        if bundle:
            _bundle(firmware, build, Path(place) / "bundle")
    faults: dict[int, tuple[str, str]] = {}
    for at, number in enumerate(designs):
        wanted = firmware.outputs[at]
        fault = _apart(wanted, [found.pop(0) for _ in wanted])
        if fault:
            faults[number] = ("the firmware differs", fault)
            continue
        fault = _apart(wanted, _exported(firmware, at, build))
        if fault:
            faults[number] = ("the exported model differs", fault)
    return faults


def _firmware(group: Sequence[Design], kinds: Sequence[Types], build: Build, made: _Made | None) -> _Firmware:
    _, bit_true_model = made or bit_true(group, build.table_size)[:2]
    types = {key: kind for own in kinds for key, kind in own.items()}
    bit_true_model.assign(types)
    inputs: list[Arrays] = [[np.asarray(x, np.float64) for x in one.inputs] for one in group]
    flat = bit_true_model.predict([x for own in inputs for x in own])
    outputs = [[flat.pop(0) for _ in one.graph.outputs] for one in group]
    left = [shrunk(one.graph, one.graph.weights, own) for one, own in zip(group, kinds, strict=True)]
    graph = side_by_side([one.graph for one in left])
    weights = {name: roles for one in left for name, roles in one.weights.items()}
    kept = {key: kind for one in left for key, kind in one.types.items()}
    plain = to_keras(graph, weights, kept)
    hardware = {name: chosen for one in group for name, chosen in one.candidate.hardware.items()}
    target = Target(backend=build.backend, io_type=build.io_type, table_size=build.table_size)
    config = hls_config(graph, kept, plain, hardware, target)
    return _Firmware(left, graph, kept, inputs, outputs, plain, config, bit_true_model.narrow_accumulators)


def _predicted(project: HlsProject, inputs: list[Arrays]) -> Arrays:
    flat = [x for own in inputs for x in own]
    found = project.predict(flat if len(flat) > 1 else flat[0])
    return found if isinstance(found, list) else [found]


def _quantized(designs: Sequence[Shrunk], firmware: _Firmware, build: Build) -> Any:
    graph = side_by_side([one.graph for one in designs])
    weights = {name: roles for one in designs for name, roles in one.weights.items()}
    return to_qkeras(
        graph,
        weights,
        {key: kind for one in designs for key, kind in one.types.items()},
        table_size=build.table_size,
        narrow_accumulators=firmware.narrow,
    )


def _exported(firmware: _Firmware, place: int, build: Build) -> Arrays:
    """Return what the exported QKeras model of one design predicts."""
    return _called(_quantized([firmware.designs[place]], firmware, build), firmware.inputs[place])


def _called(model: Any, inputs: Arrays) -> Arrays:
    given = [x.astype(str(tensor.dtype)) for x, tensor in zip(inputs, model.inputs, strict=True)]
    found = model(given if len(given) > 1 else given[0], training=False)
    return [np.asarray(y, np.float64) for y in (found if isinstance(found, list | tuple) else [found])]


def _bundle(firmware: _Firmware, build: Build, folder: Path) -> None:
    """Write the designs as one bundle, verify it, and load its exact Keras model.

    Raises:
        BuildError: when its verification finds a difference, or the model that is loaded gives other outputs.
    """
    inputs = [x for own in firmware.inputs for x in own]
    outputs = [y for own in firmware.outputs for y in own]
    source = BundleSource(
        name="judge",
        quantized_model=_quantized(firmware.designs, firmware, build),
        model=firmware.plain,
        float_model=firmware.plain,
        precision=firmware.types,
        hls_config=firmware.config,
        part=PART,
        clock_ns=5,
        golden_inputs=inputs,
        golden_outputs=outputs,
        evaluation={},
        backend=build.backend,
        io_type=build.io_type,
    )
    result = verify_bundle(write_bundle(source, folder, check=False))
    if not result.ok:
        raise BuildError(f"The bundle's verification says {result}.")
    fault = _apart(outputs, _called(_loaded(folder / EXACT_MODEL), inputs))
    if fault:
        raise BuildError(f"The bundle's Keras model, loaded, differs: {fault}.")


def _loaded(file: Path) -> Any:
    import keras

    import bitfront.hls.keras_layers  # noqa: F401 - so that Keras can load it

    return keras.models.load_model(file, compile=False)


def _apart(wanted: Arrays, found: Arrays) -> str | None:
    """Return how outputs differ, or None: every bit is the same."""
    for position, (a, b) in enumerate(zip(wanted, found, strict=True)):
        b = b.reshape(a.shape)
        wrong = (a != b) & ~(np.isnan(a) & np.isnan(b))
        if wrong.any():
            worst = np.unravel_index(int(np.argmax(np.where(wrong, np.abs(a - b), -1))), a.shape)
            return (
                f"output {position}: bit-true {a[worst]:.10g}, found {b[worst]:.10g} at "
                f"{tuple(map(int, worst))} ({np.mean(wrong):.1%} of the values differ)"
            )
    return None
