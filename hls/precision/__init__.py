"""The types of a design's tensors: what is chosen, what calibration gives and what is exact."""

from .attention import SOFTMAX_ADDRESS_BITS
from .elements import Elements, Ranges, elements_of, has_elements, narrowable, without_empty
from .resolve import FLOAT64_MANTISSA, Calibration, Types, mantissa_bits, resolve
from .tables import TABLE_SPANS, inside_table
from .uniform import uniform_types

__all__ = [
    "FLOAT64_MANTISSA",
    "SOFTMAX_ADDRESS_BITS",
    "TABLE_SPANS",
    "Calibration",
    "Elements",
    "Ranges",
    "Types",
    "elements_of",
    "has_elements",
    "inside_table",
    "mantissa_bits",
    "narrowable",
    "resolve",
    "uniform_types",
    "without_empty",
]
