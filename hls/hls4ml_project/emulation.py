"""Compile and run the C++ emulation of a written project, within limits of time and memory.

Plain Python 3.9 without packages: export puts this module and `verification` into each bundle as its verify.py.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

# -O1 is enough (-O0 makes recurrent emulation 20 times slower); hls4ml's headers are C++11.
FAST_FLAGS = ("-O1", "-w", "-std=c++11")
# `ulimit -v` rather than preexec_fn: a fork hook may deadlock once TensorFlow's threads run. Where the
# shell can't limit memory (macOS), the time limit still holds.
_LIMITED = 'ulimit -v "$1" 2>/dev/null; shift; exec "$@"'

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


class Refusal(Exception):
    """One sentence for the user and the exit code of verify.py; `log` holds a tool's last lines."""

    def __init__(self, code: int, message: str, log: str = "") -> None:
        super().__init__(message)
        self.code, self.log = code, log


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
    sizes = dict(zip(reads + writes, [*inputs, *outputs]))  # noqa: B905 - Python 3.9
    return _MAIN.format(
        firmware=f"{project}/firmware",
        bridge=f"{project}/{name}_bridge.cpp",
        name=name,
        buffers=", ".join(f"{n}({size})" for n, size in sizes.items()),
        reads="".join(
            f"        if (std::fread({n}.data(), sizeof(double), {n}.size(), in) != {n}.size()) return 65;\n"
            for n in reads[1:]
        ),
        arguments=", ".join(f"{n}.data()" for n in reads + writes),
        writes="".join(
            f"        std::fwrite({n}.data(), sizeof(double), {n}.size(), out);\n" for n in writes
        ),
    )


def build_emulation(
    source: Path,
    project: Path,
    program: Path,
    *,
    timeout_s: float,
    memory_gib: float,
    flags: Sequence[str] = FAST_FLAGS,
) -> float:
    """Compile `source` (see `emulator_source`) to the file `program` and return the seconds it took.

    Args:
        source: the C++ program.
        project: the written project's folder.
        program: what to write.
        timeout_s: wall-clock limit in seconds.
        memory_gib: limit of the compiler's address space in GiB.
        flags: what g++ is given besides folders and files.

    Raises:
        Refusal: exit code 4 where g++ is not installed, 1 where it fails or passes the time limit.
    """
    compiler = shutil.which("g++")
    if compiler is None:
        raise Refusal(
            4, "g++ is not installed, which the emulation needs: install it (Debian: apt install g++)."
        )
    command = [compiler, *flags, f"-I{project}", f"-I{project / 'firmware' / 'ap_types'}"]
    command += [str(source), "-o", str(program)]
    what = "compiling the emulation"
    plain = {**os.environ, "LC_ALL": "C"}  # whose messages `_first_error` reads
    status, log, seconds = run_limited(
        command, cwd=program.parent, timeout_s=timeout_s, memory_gib=memory_gib, what=what, env=plain
    )
    if status != 0 or not program.is_file():
        log = log.replace(f"{project}/", "")
        raise Refusal(1, f"g++ failed while {what}: {_first_error(log, status)}.", log[-20_000:])
    return seconds


def run_emulation(
    program: Path, data: bytes, expected: int, *, place: Path, cwd: Path, timeout_s: float, memory_gib: float
) -> bytes:
    """Return what a compiled emulation answers to `data`, float64 both: `expected` bytes.

    Args:
        program: what `build_emulation` made.
        data: the inputs, sample by sample.
        expected: bytes of the outputs.
        place: folder for two files of its own.
        cwd: folder to run in; a project with text files of weights finds them in `weights` there.
        timeout_s: wall-clock limit in seconds.
        memory_gib: limit of address space in GiB.

    Raises:
        Refusal: exit code 1 where it crashes, says that something is wrong, passes the time limit, or answers less or more.
    """
    given, answer = place / "in", place / "out"
    given.write_bytes(data)
    status, log, _ = run_limited(
        [str(program), str(given), str(answer)],
        cwd=cwd,
        timeout_s=timeout_s,
        memory_gib=memory_gib,
        what="the emulation",
    )
    # hls4ml's headers report an unreadable weight file or a stream out of step by printing
    if status != 0 or re.search(r"ERROR|WARNING", log):
        raise Refusal(1, f"The emulation failed: {_first_error(log, status)}.", log[-20_000:])
    size = answer.stat().st_size if answer.is_file() else 0
    if size != expected:
        raise Refusal(1, f"The emulation gave {size // 8} values, not {expected // 8}.", log[-20_000:])
    return answer.read_bytes()


def run_limited(
    command: Sequence[str],
    *,
    cwd: Path,
    timeout_s: float,
    memory_gib: float,
    what: str,
    env: Mapping[str, str] | None = None,
) -> tuple[int, str, float]:
    """Run `command` and wait; return exit status, what it printed (both streams, in order) and wall seconds.

    Every process it started is gone when this returns. It is never passed through a shell.

    Args:
        command: program and arguments.
        cwd: folder to run in.
        timeout_s: wall-clock limit in seconds.
        memory_gib: limit of address space, per process, in GiB.
        what: names the work in messages, `compiling lstm` say.
        env: environment; this process's own where None.

    Raises:
        Refusal: exit code 1 where the time limit is passed.
    """
    limit_kib = max(int(memory_gib * 2**20), 1)
    start = time.monotonic()
    process = subprocess.Popen(
        ["/bin/sh", "-c", _LIMITED, "sh", str(limit_kib), *command],
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        env=None if env is None else dict(env),
    )
    try:
        raw, _ = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        raise Refusal(
            1,
            f"{what[:1].upper()}{what[1:]} took longer than {timeout_s:g} s and was stopped: "
            "raise the time limit or make the model smaller.",
        ) from None
    finally:  # on success a stray grandchild, on an error or Ctrl-C the whole tree
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
    return process.returncode, raw.decode(errors="replace"), time.monotonic() - start


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
