"""What may be chosen: precisions, the tensors of a model that carry them, and the space of candidates."""

from .errors import BitfrontError, NothingFeasible, ToolMissing, UserError
from .precision import FixedPoint, Overflow, Rounding, integer_bits

__all__ = [
    "BitfrontError",
    "FixedPoint",
    "NothingFeasible",
    "Overflow",
    "Rounding",
    "ToolMissing",
    "UserError",
    "integer_bits",
]
