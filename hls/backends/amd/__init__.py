"""Vitis HLS and Vivado HLS: one family, since hls4ml's `vitis` takes what it hasn't itself from its
`vivado`.
"""

from .patches import PATCHES
from .tools import VITIS, VIVADO

__all__ = ["PATCHES", "VITIS", "VIVADO"]
