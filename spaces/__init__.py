"""What may be chosen: precisions, the tensors of a model that carry them, and the space of candidates."""

from .errors import BitfrontError, NothingFeasible, ToolMissing, UserError
from .graph import Graph, Node, Tensor, Weights
from .lowering import lower
from .precision import FixedPoint, Overflow, Rounding, integer_bits

__all__ = [
    "BitfrontError",
    "FixedPoint",
    "Graph",
    "Node",
    "NothingFeasible",
    "Overflow",
    "Rounding",
    "Tensor",
    "ToolMissing",
    "UserError",
    "Weights",
    "integer_bits",
    "lower",
]
