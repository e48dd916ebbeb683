"""What the hardware would compute and cost."""

from .bit_true import BitTrue, BitTrueLayer, VariableFixedPoint
from .types import Calibration, Types, resolve

__all__ = [
    "BitTrue",
    "BitTrueLayer",
    "Calibration",
    "Types",
    "VariableFixedPoint",
    "resolve",
]
