"""The numbers in a written project's headers of weights."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_ANY_LIST = re.compile(r"(?P<name>\w+)(?:_values)?\[\d+\] =\s*(?:#else[^{]*)?\{(?P<list>[^{}]*)\};")


def read_header(path: Path) -> NDArray[np.float64]:
    """Return the numbers in a header of weights, hls4ml's own or as `use_headers` leaves it: shape (values,).

    Raises:
        ValueError: when it holds no list of numbers.
    """
    found = _ANY_LIST.search(path.read_text(encoding="utf-8", errors="replace"))
    if found is None:
        raise ValueError(f"{path.name} holds no list of numbers")
    return np.array([float(one) for one in found["list"].split(",")], np.float64)
