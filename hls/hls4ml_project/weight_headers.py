"""The numbers of a written project, in one list an array, which synthesis and emulation both compile.

hls4ml writes each array twice: a header that only synthesis reads (`#ifdef __SYNTHESIS__`) and a text file
that only emulation and C simulation read, so that an emulation says nothing of what is built. The header's
list alone stays here. Outside synthesis it is an array of double that is copied once: g++ takes minutes for
thousands of `ap_fixed` with an initial value each (10,000 of them 80 s, copied 1 s; a million copied 4 s,
with -O1).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .patches import AppliedPatch
from .sandbox import BuildError

_TWO_BRANCHES = re.compile(
    r"#ifndef __SYNTHESIS__\n(?P<array>\w+ (?P<name>\w+)\[(?P<size>\d+)\]);\n"
    r"#else\n(?P=array) = (?P<list>\{[^{}]*\};)\n\n#endif\n"
)
"""What hls4ml 1.3 writes."""
_ONE_LIST = """\
#ifndef __SYNTHESIS__
{array};
static const double {name}_values[{size}] =
#else
{array} =
#endif
{list}
"""
_LOAD = re.compile(r'nnet::load_weights_from_txt<\w+, (?P<size>\d+)>\((?P<name>\w+), "(?P=name)\.txt"\);')
_COPY = r"for (unsigned i = 0; i < \g<size>; i++) \g<name>[i] = \g<name>_values[i];"


def use_headers(folder: Path, name: str) -> AppliedPatch:
    """Let the emulation of the project written in `folder` read its weights from the headers; text files go.

    `name` is the project's. Returns the record of what changed in `firmware/<name>.cpp`.

    Raises:
        BuildError: when a file isn't as hls4ml 1.3 writes it.
    """
    weights = folder / "firmware" / "weights"
    for path in sorted(weights.glob("*.h")):
        text, count = _TWO_BRANCHES.subn(
            lambda found: _ONE_LIST.format(**found.groupdict()), path.read_text()
        )
        if count != 1:
            raise _unknown(f"firmware/weights/{path.name}")
        path.write_text(text)
        path.with_suffix(".txt").unlink()
    top = folder / "firmware" / f"{name}.cpp"
    before = top.read_text()
    after, count = _LOAD.subn(_COPY, before)
    if count != len(list(weights.glob("*.h"))) or "_from_txt" in after:
        raise _unknown(f"firmware/{name}.cpp")
    top.write_text(after)
    reason = (
        "hls4ml lets synthesis read the numbers in weights/*.h and emulation those in weights/*.txt, so that "
        "an emulation proves nothing of what is built; both read the one list in weights/*.h here, and there "
        "are no text files."
    )
    return AppliedPatch(
        "weights-from-headers", f"firmware/{name}.cpp", reason, _digest(before), _digest(after)
    )


def _unknown(file: str) -> BuildError:
    return BuildError(
        f"{file} is not as the 1.3 series of hls4ml writes it, which bitfront supports: install "
        f"hls4ml>=1.3,<1.4."
    )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def constants(graph: Any) -> dict[str, NDArray[np.float64]]:
    """Return what each header of hls4ml's `graph` (a ModelGraph) must hold: float64 of shape (values,), by
    array.
    """
    found: dict[str, NDArray[np.float64]] = {}
    for layer in graph.get_layers():
        for one in layer.get_weights():
            found[one.name] = np.asarray(one.data, np.float64).ravel()
    return found


def constant_digests(arrays: Mapping[str, NDArray[np.float64]]) -> dict[str, str]:
    """Return the SHA-256 of each array as little-endian float64; equal numbers have equal digests, 0 and -0
    too.
    """
    return {
        name: hashlib.sha256((values + 0.0).astype("<f8").tobytes()).hexdigest()
        for name, values in arrays.items()
    }
