"""Corrections to files that hls4ml writes: checked, applied once, and recorded so that a bundle can state
them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from ..backends import Patch
from .sandbox import BuildError


@dataclass(frozen=True)
class AppliedPatch:
    """Record of a patch in a project: which file, why, and its SHA-256 before and after."""

    name: str
    file: str
    reason: str
    sha256_before: str
    sha256_after: str

    def to_json(self) -> dict[str, str]:
        """Return the record as plain values."""
        return asdict(self)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def apply_patches(folder: Path, patches: Sequence[Patch]) -> tuple[AppliedPatch, ...]:
    """Apply `patches` to the project written in `folder`; a project that already has them is left alone.

    Files that the project lacks are skipped. The record is the same whether a patch was applied now or
    before.

    Raises:
        BuildError: when a file holds neither the expected text nor the corrected one, as after a change
            in hls4ml.
    """
    applied = []
    for patch in patches:
        path = folder / patch.file
        if not path.is_file():
            continue
        text = path.read_text()
        before, after = text, text
        for expected, wanted in patch.edits:
            counts = (text.count(expected), text.count(wanted))
            if counts == (1, 0):
                after = after.replace(expected, wanted)
            elif counts == (0, 1):
                before = before.replace(wanted, expected)
            else:
                raise BuildError(
                    f"The patch {patch.name!r} does not fit {patch.file}: the installed hls4ml differs from "
                    "the 1.3 series that bitfront supports, so install hls4ml>=1.3,<1.4."
                )
        if after != text:
            path.write_text(after)
        applied.append(AppliedPatch(patch.name, patch.file, patch.reason, _sha256(before), _sha256(after)))
    return tuple(applied)
