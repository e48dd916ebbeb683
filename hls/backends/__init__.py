"""hls4ml's back-ends that bitfront builds for, a folder for each maker of FPGAs: AMD's alone, all others are
refused here.
"""

from collections.abc import Mapping

from bitfront.spaces import UserError

from .amd import VITIS, VIVADO
from .record import IO_TYPES, STRATEGIES, Backend, Patch

__all__ = ["BACKENDS", "IO_TYPES", "STRATEGIES", "Backend", "Patch", "backend_named"]

BACKENDS: Mapping[str, Backend] = {backend.name: backend for backend in (VITIS, VIVADO)}
"""By name, the default first."""


def backend_named(name: str) -> Backend:
    """Return a back-end by its name.

    Raises:
        UserError: for any other, also one that hls4ml has: layers, estimates and reports are AMD's.
    """
    if name not in BACKENDS:
        raise UserError(
            f"bitfront builds nothing for hls4ml's backend {name!r}: use {' or '.join(BACKENDS)}."
        )
    return BACKENDS[name]
