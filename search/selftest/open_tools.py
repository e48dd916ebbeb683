"""The small designs through the tools that anyone has: g++, and Verilator with Yosys."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bitfront.hls import BitTrue, BuildError
from bitfront.hls.rtl import RtlTools, synthesise_rtl, trace_logic
from bitfront.hls.synthesis import Limits, check_firmware
from bitfront.spaces import UserError

from .designs import PROJECT, BuiltDesign

__all__ = ["Shown", "gpp_test", "rtl_test"]

_SAMPLES = 100
_SEED = 21


@dataclass(frozen=True)
class Shown:
    """What a test showed, in a sentence; `ok` None where there was nothing to test."""

    ok: bool | None
    said: str


def _inputs(built: BuiltDesign) -> list[np.ndarray]:
    """Return samples that reach the ends of the inputs' types."""
    rng = np.random.default_rng(_SEED)
    arrays = [rng.normal(size=(_SAMPLES, *built.graph[name].shape)) * 2 for name in built.graph.inputs]
    return [
        built.types[f"{name}/result"].quantize(array)
        for name, array in zip(built.graph.inputs, arrays, strict=True)
    ]


def _expected(built: BuiltDesign, inputs: list[np.ndarray]) -> list[np.ndarray]:
    bit_true = BitTrue(built.graph)
    bit_true.assign(built.types)
    return [np.asarray(y, np.float64) for y in bit_true.predict([x.astype(np.float32) for x in inputs])]


def gpp_test(built: BuiltDesign, folder: Path) -> Shown:
    """Compile the exported firmware, compare it with the bit-true model, and look for what Vitis refuses.

    Raises:
        ToolMissing: no g++ on PATH.
    """
    inputs = _inputs(built)
    try:
        found = built.write(folder).compile().predict(inputs if len(inputs) > 1 else inputs[0])
    except BuildError as error:
        return Shown(False, str(error))
    outputs = found if isinstance(found, list) else [found]
    for expected, got in zip(_expected(built, inputs), outputs, strict=True):
        if not np.array_equal(expected.reshape(got.shape), got):
            return Shown(False, "The firmware differs from the bit-true model: please report it.")
    checked = check_firmware(folder, PROJECT)
    if checked.refused:
        return Shown(False, f"Vitis would refuse it: {checked.refused[0]}")
    return Shown(
        True,
        f"the firmware gives the bit-true model's outputs on {_SAMPLES} samples, and nothing in its "
        f"{checked.functions} functions and {checked.pragmas} pragmas is known to be refused by Vitis",
    )


def rtl_test(built: BuiltDesign, folder: Path, tools: RtlTools, limits: Limits) -> Shown:
    """Write the design's RTL by da4ml, simulate it with Verilator and count it with Yosys."""
    try:
        logic = trace_logic(built.graph, built.types, built.graph.weights)
    except UserError as error:
        return Shown(None, str(error))
    inputs = _inputs(built)
    flat = [np.concatenate([a.reshape(len(a), -1) for a in arrays], axis=1) for arrays in (
        inputs, _expected(built, inputs),
    )]  # fmt: skip
    outcome = synthesise_rtl(
        logic, folder, tools, limits, part_name=built.target.part, clock_ns=built.target.clock_ns,
        inputs=flat[0], outputs=flat[1],
    )  # fmt: skip
    if not outcome.ok:
        return Shown(False, f"{outcome.cause}: {outcome.line} {outcome.advice}".strip())
    figures = outcome.measured["rtl"]
    return Shown(
        True,
        f"its RTL gives the bit-true model's outputs on {_SAMPLES} samples; Yosys counts "
        f"{figures['lut']:,.0f} LUTs",
    )
