"""What may be chosen: precisions, the tensors of a model that carry them, and the space of candidates."""

from typing import TYPE_CHECKING

from .doors import lazy_door

if TYPE_CHECKING:
    from .candidate import Candidate, LayerHardware, hardware_of, layer_hardware
    from .errors import BitfrontError, NothingFeasible, ToolMissing, UserError
    from .graph import Graph, Node, Tensor, Weights
    from .lowering import (
        Row,
        Unsupported,
        is_own,
        lower,
        lower_with_tensors,
        quantizer_of,
        survey,
        trained_variables,
        untrained_layers,
    )
    from .operations import Hardware, Traits, offered, register, registered, traits, unregister
    from .precision import FixedPoint, Overflow, Rounding, integer_bits
    from .space import INNER, Dimension, LayerRule, Moved, Params, Space, Value, build_space, dimension_kind

__all__ = [
    "INNER",
    "BitfrontError",
    "Candidate",
    "Dimension",
    "FixedPoint",
    "Graph",
    "Hardware",
    "LayerHardware",
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
    "Traits",
    "Unsupported",
    "UserError",
    "Value",
    "Weights",
    "build_space",
    "dimension_kind",
    "hardware_of",
    "integer_bits",
    "is_own",
    "layer_hardware",
    "lazy_door",
    "lower",
    "lower_with_tensors",
    "offered",
    "quantizer_of",
    "register",
    "registered",
    "survey",
    "trained_variables",
    "traits",
    "unregister",
    "untrained_layers",
]

__getattr__ = lazy_door(
    __name__,
    {
        "candidate": ("Candidate", "LayerHardware", "hardware_of", "layer_hardware"),
        "errors": ("BitfrontError", "NothingFeasible", "ToolMissing", "UserError"),
        "graph": (
            "Graph",
            "Node",
            "Tensor",
            "Weights",
        ),
        "lowering": (
            "Row",
            "Unsupported",
            "is_own",
            "lower",
            "lower_with_tensors",
            "quantizer_of",
            "survey",
            "trained_variables",
            "untrained_layers",
        ),
        "operations": ("Hardware", "Traits", "offered", "register", "registered", "traits", "unregister"),
        "precision": ("FixedPoint", "Overflow", "Rounding", "integer_bits"),
        "space": (
            "INNER",
            "Dimension",
            "LayerRule",
            "Moved",
            "Params",
            "Space",
            "Value",
            "build_space",
            "dimension_kind",
        ),
    },
)
