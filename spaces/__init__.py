"""What may be chosen: precisions, the tensors of a model that carry them, and the space of candidates."""

from .candidate import Candidate
from .errors import BitfrontError, NothingFeasible, ToolMissing, UserError
from .graph import Graph, Node, Tensor, Weights
from .lowering import Row, is_own, lower, lower_with_tensors, survey, trained_variables, untrained_layers
from .precision import FixedPoint, Overflow, Rounding, integer_bits
from .space import Dimension, LayerRule, Moved, Params, Space, build_space

__all__ = [
    "BitfrontError",
    "Candidate",
    "Dimension",
    "FixedPoint",
    "Graph",
    "LayerRule",
    "Moved",
    "Node",
    "NothingFeasible",
    "Overflow",
    "Params",
    "Rounding",
    "Row",
    "Space",
    "Tensor",
    "ToolMissing",
    "UserError",
    "Weights",
    "build_space",
    "integer_bits",
    "is_own",
    "lower",
    "lower_with_tensors",
    "survey",
    "trained_variables",
    "untrained_layers",
]
