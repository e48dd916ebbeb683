"""The emulation of a written hls4ml project, as a program of its own."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bitfront.spaces import ToolMissing

from .sandbox import BuildError, run_limited

# -O1 is enough (-O0 makes recurrent emulation 20 times slower); hls4ml's headers are C++11.
FAST_FLAGS = ("-O1", "-w", "-std=c++11")
# What hls4ml's own build_lib.sh uses; it prefers C++23, which only half and bfloat16 types need.
SHIPPED_FLAGS = ("-O3", "-w", "-std=c++11")

# One translation unit, so that the headers are read once. Samples come and go as raw doubles.
_MAIN = """\
#include "{firmware}/{name}.cpp"
#include "{bridge}"
#include <cstdio>
#include <vector>
int main(int argc, char **argv) {{
    if (argc != 3) return 64;
    FILE *in = std::fopen(argv[1], "rb"), *out = std::fopen(argv[2], "wb");
    if (!in || !out) return 66;
    std::vector<double> {buffers};
    while (std::fread(i0.data(), sizeof(double), i0.size(), in) == i0.size()) {{
{reads}        {name}_double({arguments});
{writes}    }}
    return std::fclose(out) == 0 ? 0 : 74;
}}
"""


def emulator_source(name: str, inputs: Sequence[int], outputs: Sequence[int], project: str) -> str:
    """Return a C++ program that runs the design of a written project on samples from a file.

    It is called with two file names, and reads and writes float64 values, sample by sample, inputs and
    outputs in the model's order.

    Args:
        name: project name.
        inputs: values per sample of each input.
        outputs: values per sample of each output.
        project: the project's folder, absolute or relative to the program's own.
    """
    reads = [f"i{k}" for k in range(len(inputs))]
    writes = [f"o{k}" for k in range(len(outputs))]
    sizes = zip(reads + writes, (*inputs, *outputs), strict=True)
    return _MAIN.format(
        firmware=f"{project}/firmware",
        bridge=f"{project}/{name}_bridge.cpp",
        name=name,
        buffers=", ".join(f"{n}({size})" for n, size in sizes),
        reads="".join(
            f"        if (std::fread({n}.data(), sizeof(double), {n}.size(), in) != {n}.size()) return 65;\n"
            for n in reads[1:]
        ),
        arguments=", ".join(f"{n}.data()" for n in reads + writes),
        writes="".join(
            f"        std::fwrite({n}.data(), sizeof(double), {n}.size(), out);\n" for n in writes
        ),
    )


@dataclass(eq=False)
class Emulator:
    """A written project compiled to a program of its own: it can crash or hang without harm to this process.

    `inputs` and `outputs` are the numbers of values a sample has. The program lives in a temporary folder
    that goes with this object; the project's weight files must stay where they were.
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
        compiler = shutil.which("g++")
        if compiler is None:
            raise ToolMissing(
                "g++ is not installed, which the emulation needs: install it (Debian: apt install g++)."
            )
        home = tempfile.TemporaryDirectory(prefix="bitfront-emulation-")
        firmware = project.absolute() / "firmware"
        source = emulator_source(name, inputs, outputs, str(project.absolute()))
        (Path(home.name) / "emulator.cpp").write_text(source)
        command = [compiler, *flags, f"-I{project.absolute()}", f"-I{firmware / 'ap_types'}"]
        command += [f'-DWEIGHTS_DIR="{firmware / "weights"}"', "emulator.cpp", "-o", "emulator"]
        what = f"compiling the emulation of {name!r}"
        done = run_limited(
            command, cwd=Path(home.name), timeout_s=timeout_s, memory_gib=memory_gib, what=what
        )
        if done.status != 0:
            log = done.output.replace(f"{project.absolute()}/", "")
            raise BuildError(f"g++ failed while {what}: {_first_error(log, done.status)}.", log[-20_000:])
        return cls(name, project.absolute(), inputs, outputs, done.seconds, memory_gib, home)

    def run(
        self, arrays: Sequence[NDArray[np.float64]], *, timeout_s: float = 600
    ) -> list[NDArray[np.float64]]:
        """Return one array of shape (samples, values) per output, for one such array per input.

        Raises:
            BuildError: when the program crashes, passes its limit, or reports an error of its own.
        """
        what = f"the emulation of {self.name!r}"
        samples = len(arrays[0])
        with tempfile.TemporaryDirectory(prefix="run-", dir=self._home.name) as place:
            folder = Path(place)
            np.ascontiguousarray(np.concatenate(arrays, axis=1), np.float64).tofile(folder / "in")
            done = run_limited(
                [str(Path(self._home.name) / "emulator"), "in", "out"],
                cwd=folder,
                timeout_s=timeout_s,
                memory_gib=self.memory_gib,
                what=what,
            )
            # hls4ml's headers report an unreadable weight file or a stream out of step by printing
            if done.status != 0 or re.search(r"ERROR|WARNING", done.output):
                log = done.output.replace(f"{self.project}/", "")
                raise BuildError(f"T{what[1:]} failed: {_first_error(log, done.status)}.", log[-20_000:])
            flat = np.fromfile(folder / "out", np.float64).reshape(samples, sum(self.outputs))
        return np.split(flat, np.cumsum(self.outputs)[:-1], axis=1)


def _first_error(log: str, status: int) -> str:
    """Return the line of a tool's output that says best what went wrong: later errors follow from the first."""
    lines = [line.strip().rstrip(".") for line in log.splitlines() if line.strip()]
    telling = [
        line
        for line in lines
        if re.search(r"error\b|undefined reference|WARNING|Assertion", line, re.IGNORECASE)
    ]
    asserted = re.search(r"\(.*\) && \"(?P<said>[^\"]+)\"' failed", telling[0]) if telling else None
    if asserted is not None:
        return f"hls4ml's firmware says: {asserted['said']}"
    return (telling or lines[-1:] or [f"it ended with status {status}"])[0]
