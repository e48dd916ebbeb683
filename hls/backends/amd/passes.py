"""Where layers and passes of bitfront go in hls4ml: its `vivado` holds those of both back-ends of AMD.

Importing hls4ml takes seconds, so that each function does it for itself.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

_SHARED = "vivado"
"""hls4ml's name of the back-end whose passes and templates all of the family use."""
_FAMILY = ("vivado", "vitis")


def shared_backend() -> Any:
    """Return hls4ml's back-end that passes and templates are registered with."""
    from hls4ml.backends import get_backend

    return get_backend(_SHARED)


def flow(name: str) -> str:
    """Return the full name of one of its flows: `init_layers`, `specific_types`, ..."""
    return f"{_SHARED}:{name}"


def replace_pass(name: str, optimizer: Any) -> None:
    """Put an optimizer pass in the place of hls4ml's own of that name."""
    from hls4ml.model.optimizer.optimizer import optimizer_map

    assert flow(name) in optimizer_map, name
    optimizer_map[flow(name)] = optimizer


def replace_common_pass(name: str, optimizer: Any) -> None:
    """Put an optimizer pass in the place of one that hls4ml runs whatever the back-end is."""
    from hls4ml.model.optimizer.optimizer import optimizer_map

    assert name in optimizer_map, name
    optimizer_map[name] = optimizer


def add_header(path: Path) -> None:
    """Have a C++ header copied into every project of the family."""
    from hls4ml.backends import get_backend

    for name in _FAMILY:
        get_backend(name).register_source(path)
