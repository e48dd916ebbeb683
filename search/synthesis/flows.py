"""What can be done with a trial's firmware: AMD's tools on its hls4ml project, or an open flow on its RTL."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import numpy as np

from bitfront.hls.rtl import RtlTools, prove, synthesise_rtl, trace_logic
from bitfront.hls.synthesis import Fidelity, Limits, SynthesisOutcome, Tool, synthesise

from ..bundle import write_project
from ..bundle.reload import candidate_artifacts, golden_inputs, reload_trial

__all__ = ["Flow", "RtlFlow", "Run", "VendorFlow"]

Run = Callable[[threading.Event], SynthesisOutcome]
"""Does the work, in any thread, until the event is set."""


class Flow(Protocol):
    """Follows one trial with some tool."""

    @property
    def tool_name(self) -> str:
        """The program that outcomes name."""

    @property
    def fidelity(self) -> Fidelity | Literal["rtl"]:
        """How far it goes."""

    def prepare(self, number: int, folder: Path) -> Run:
        """Write what the tool needs of trial `number` to `folder`, in the caller's thread, and return the
        rest.

        Raises:
            BuildError, UserError: the trial has no such form.
        """


@dataclass(frozen=True)
class VendorFlow:
    """AMD's tools on the hls4ml project, whose test bench has the golden data."""

    study_dir: Path
    tool: Tool
    fidelity: Fidelity
    limits: Limits

    @property
    def tool_name(self) -> str:
        """The program that outcomes name."""
        return self.tool.name

    def prepare(self, number: int, folder: Path) -> Run:
        """See `Flow`."""
        source = candidate_artifacts(self.study_dir, number)
        write_project(source, folder)
        return lambda stop: synthesise(
            folder, source.project_name, self.tool, self.fidelity, self.limits, part=source.part,
            clock_ns=source.clock_ns, stop=stop,
        )  # fmt: skip


@dataclass(frozen=True)
class RtlFlow:
    """The network unrolled by da4ml, whatever interface and strategy the study has."""

    study_dir: Path
    tools: RtlTools
    limits: Limits
    fidelity: Literal["rtl"] = "rtl"
    tool_name: str = "yosys"

    def prepare(self, number: int, folder: Path) -> Run:
        """See `Flow`."""
        trial = reload_trial(self.study_dir, number)
        logic = trace_logic(trial.graph, trial.types, trial.weights, table_size=trial.config.space.table_size)
        golden = golden_inputs(self.study_dir)
        outputs = _flat([np.asarray(y, np.float64) for y in trial.bit_true.predict(golden)])
        kinds = [trial.types[f"{name}/result"] for name in trial.graph.inputs]
        inputs = _flat([kind.quantize(x) for kind, x in zip(kinds, golden, strict=True)])
        prove(logic, inputs, outputs)
        device = trial.config.device
        return lambda stop: synthesise_rtl(
            logic, folder, self.tools, self.limits, part_name=device.part, clock_ns=device.clock_ns,
            inputs=inputs, outputs=outputs, stop=stop,
        )  # fmt: skip


def _flat(arrays: list[np.ndarray]) -> np.ndarray:
    return np.concatenate([array.reshape(len(array), -1) for array in arrays], axis=1)
