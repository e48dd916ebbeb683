"""Corrections to files that hls4ml writes: checked, applied once, and recorded so that a bundle can state them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from .sandbox import BuildError


@dataclass(frozen=True)
class Patch:
    """Text replacements in one file of a written project.

    `edits` are (expected, wanted) pairs; each expected text must occur exactly once in a fresh file.
    """

    name: str
    file: str
    reason: str
    edits: tuple[tuple[str, str], ...]


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


_RECURRENT = "firmware/nnet_utils/nnet_recurrent.h"

PATCHES: tuple[Patch, ...] = (
    Patch(
        name="lstm-accum-type",
        file=_RECURRENT,
        reason=(
            "hls4ml 1.3's stateless nnet::lstm passes arrays of accum_t (and of the state's type) to nnet::dense "
            "instances declared for res_T (and data_T), so a project whose input, result and accumulator types "
            "differ does not compile; lstm_static and both GRU functions already use the types given here."
        ),
        edits=(
            (
                "    nnet::dense<data_T, res_T, typename CONFIG_T::mult_config1>(data, tmpres, param, param_b);\n"
                "    nnet::dense<data_T, res_T, typename CONFIG_T::mult_config2>"
                "(h_newstate, tmpres_state, param_r, param_br);\n",
                "    nnet::dense<data_T, typename CONFIG_T::accum_t, typename CONFIG_T::mult_config1>"
                "(data, tmpres, param, param_b);\n"
                "    nnet::dense<res_T, typename CONFIG_T::accum_t, typename CONFIG_T::mult_config2>"
                "(h_newstate, tmpres_state, param_r, param_br);\n",
            ),
        ),
    ),
    Patch(
        name="pooling-padding",
        file="firmware/nnet_utils/nnet_pooling.h",
        reason=(
            "hls4ml 1.3 pads a maximum pooling with the bit pattern of the smallest signed value, which is the middle of "
            "an unsigned type's range: with padding 'same' that value would win over smaller ones."
        ),
        edits=(
            (
                "        x[x.width - 1] = 1;\n        return x;\n",
                "        x[x.width - 1] = 1;\n        if (x > 0)\n            x = 0;\n        return x;\n",
            ),
        ),
    ),
)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def apply_patches(folder: Path, patches: Sequence[Patch] = PATCHES) -> tuple[AppliedPatch, ...]:
    """Apply `patches` to the project written in `folder`; a project that already has them is left alone.

    Files that the project lacks (another backend) are skipped. The record is the same whether a patch was
    applied now or before.

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
