"""The types of a design's tensors: what is chosen, what calibration gives and what is exact."""

from .attention import SOFTMAX_ADDRESS_BITS
from .resolve import FLOAT64_MANTISSA, Calibration, Types, mantissa_bits, resolve
from .tables import TABLE_SPANS, inside_table
from .uniform import uniform_types

__all__ = [
    "FLOAT64_MANTISSA",
    "SOFTMAX_ADDRESS_BITS",
    "TABLE_SPANS",
    "Calibration",
    "Types",
    "inside_table",
    "mantissa_bits",
    "resolve",
    "uniform_types",
]
