"""The emulation of a written hls4ml project, as a program of its own."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bitfront.spaces import ToolMissing

from .emulation import FAST_FLAGS, Refusal, build_emulation, emulator_source, run_emulation
from .sandbox import BuildError

# What hls4ml's own build_lib.sh uses; it prefers C++23, which only half and bfloat16 types need.
SHIPPED_FLAGS = ("-O3", "-w", "-std=c++11")


@dataclass(eq=False)
class Emulator:
    """A written project compiled to a program of its own: it can crash or hang without harm to this process.

    `inputs` and `outputs` are the numbers of values a sample has. The program lives in a temporary folder
    that goes with this object; it holds the weights, and reads none of the project's files.
    """

    name: str
    project: Path
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    seconds: float
    memory_gib: float
    _home: tempfile.TemporaryDirectory[str] = field(repr=False)

    @classmethod
    def build(
        cls,
        project: Path,
        name: str,
        *,
        inputs: tuple[int, ...],
        outputs: tuple[int, ...],
        timeout_s: float = 600,
        memory_gib: float = 8,
        flags: Sequence[str] = FAST_FLAGS,
    ) -> Emulator:
        """Compile the project written in `project` (needs nothing of hls4ml but the written files).

        Raises:
            ToolMissing: when g++ is not installed.
            BuildError: when g++ fails or passes a limit; its last error line is in the message.
        """
        home = tempfile.TemporaryDirectory(prefix="bitfront-emulation-")
        source = Path(home.name) / "emulator.cpp"
        source.write_text(emulator_source(name, inputs, outputs, str(project.absolute())))
        try:
            seconds = build_emulation(
                source,
                project.absolute(),
                source.with_suffix(""),
                timeout_s=timeout_s,
                memory_gib=memory_gib,
                flags=flags,
            )
        except Refusal as refusal:
            raise _error(refusal) from None
        return cls(name, project.absolute(), inputs, outputs, seconds, memory_gib, home)

    def run(
        self, arrays: Sequence[NDArray[np.float64]], *, timeout_s: float = 600
    ) -> list[NDArray[np.float64]]:
        """Return one array of shape (samples, values) per output, for one such array per input.

        Raises:
            BuildError: when the program crashes, passes its limit, or reports an error of its own.
        """
        samples = len(arrays[0])
        given = np.ascontiguousarray(np.concatenate(arrays, axis=1), np.float64)
        with tempfile.TemporaryDirectory(prefix="run-", dir=self._home.name) as place:
            try:
                answer = run_emulation(
                    Path(self._home.name) / "emulator",
                    given.tobytes(),
                    8 * samples * sum(self.outputs),
                    place=Path(place),
                    cwd=Path(place),
                    timeout_s=timeout_s,
                    memory_gib=self.memory_gib,
                )
            except Refusal as refusal:
                raise _error(refusal) from None
        flat = np.frombuffer(bytearray(answer), np.float64).reshape(samples, sum(self.outputs))
        return np.split(flat, np.cumsum(self.outputs)[:-1], axis=1)


def _error(refusal: Refusal) -> BuildError | ToolMissing:
    message = str(refusal)
    return ToolMissing(message) if refusal.code == 4 else BuildError(message, refusal.log)
