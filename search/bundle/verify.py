"""Checks a bundle with the code that lies in it as verify.py, from bitfront's own place."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from bitfront.hls import BuildError
from bitfront.hls.hls4ml_project import Refusal, verify
from bitfront.spaces import BitfrontError, ToolMissing, UserError

from .script import SCRIPTS, TEXT_FILE_SCRIPTS, script_digest

_ERRORS: dict[int, type[BitfrontError]] = {1: BuildError, 2: UserError, 4: ToolMissing}
"""What a refusal's exit code becomes; each has the same code on the command line."""


@dataclass(frozen=True)
class VerifyResult:
    """Outcome of a comparison of firmware and golden outputs."""

    path: Path
    samples: int
    values: int
    """Outputs per sample."""
    mismatches: int
    """Samples of which any output differs."""
    max_difference: float
    seconds: float
    text: str
    """One line for a user."""

    @property
    def ok(self) -> bool:
        """Whether every bit is the same."""
        return self.mismatches == 0

    def __str__(self) -> str:
        """One line for a user."""
        return self.text


def verify_bundle(path: Path | str, *, timeout_s: float = 600, memory_gib: float = 8) -> VerifyResult:
    """Rebuild the emulation of the bundle at `path` in a temporary folder and compare; the bundle isn't
    changed.

    This compiles and runs the bundle's own C++, within the limits given but with the user's rights. Its
    verify.py is not run, but must be one that bitfront wrote.

    Args:
        path: the bundle's folder.
        timeout_s: wall-clock limit of the compilation, and of the run, in seconds.
        memory_gib: limit of address space in GiB.

    Raises:
        UserError: when a file is missing, changed, added, or points out of the bundle.
        BuildError: when the firmware can't be compiled, crashes, or holds other numbers than the model.
        ToolMissing: when g++ is not installed.
    """
    start = time.monotonic()
    bundle = Path(path).absolute()
    try:
        found = verify(
            bundle,
            # this version's own is known as long as it is not yet listed
            scripts=(TEXT_FILE_SCRIPTS, {*SCRIPTS, script_digest()}),
            timeout_s=timeout_s,
            memory_gib=memory_gib,
        )
    except Refusal as refusal:
        raise _ERRORS[refusal.code](str(refusal)) from None
    return VerifyResult(bundle, *found, seconds=time.monotonic() - start, text=str(found))
