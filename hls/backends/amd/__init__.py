"""Vitis HLS and Vivado HLS: one family, since hls4ml's `vitis` takes what it hasn't itself from its
`vivado`.
"""

from .patches import PATCHES
from .pragmas import PRAGMAS, Directive, Pragma, read_pragma
from .refused import REFUSED, RESERVED, STANDARDS, WIDEST, Refused
from .tools import VITIS, VIVADO

__all__ = [
    "PATCHES",
    "PRAGMAS",
    "REFUSED",
    "RESERVED",
    "STANDARDS",
    "VITIS",
    "VIVADO",
    "WIDEST",
    "Directive",
    "Pragma",
    "Refused",
    "read_pragma",
]
