"""What the hardware would compute and cost.

Names load on first use: TensorFlow takes seconds to import, and a parts catalogue doesn't need it.
"""

from typing import TYPE_CHECKING

from bitfront.spaces import lazy_door

if TYPE_CHECKING:
    from .bit_true import BitTrue, BitTrueLayer, Trainer, VariableFixedPoint, pruned, zero_share
    from .design import (
        DISTRIBUTED,
        DesignDescription,
        LayerDescription,
        WeightContent,
        built_reuse_factors,
        built_strategy,
        describe,
        legal_reuse_factor,
        legal_reuse_factors,
        node_reuse_factors,
    )
    from .estimate import Estimate
    from .export import hls_config, to_keras, to_qkeras
    from .hls4ml_project import BuildError, HlsProject, Notice, convert
    from .operation import Operation, operation, operations
    from .parts import Part, catalogue, part
    from .precision import Calibration, Types, resolve
    from .support import (
        LayerSupport,
        buildable_with,
        check_hardware,
        support_table,
    )
    from .target import Target
    from .witness import Difference, check_model, first_difference
    from .zeros import Removable, Shrunk, removable, removable_units, shrunk

__all__ = [
    "DISTRIBUTED",
    "BitTrue",
    "BitTrueLayer",
    "BuildError",
    "Calibration",
    "DesignDescription",
    "Difference",
    "Estimate",
    "HlsProject",
    "LayerDescription",
    "LayerSupport",
    "Notice",
    "Operation",
    "Part",
    "Removable",
    "Shrunk",
    "Target",
    "Trainer",
    "Types",
    "VariableFixedPoint",
    "WeightContent",
    "buildable_with",
    "built_reuse_factors",
    "built_strategy",
    "catalogue",
    "check_hardware",
    "check_model",
    "convert",
    "describe",
    "first_difference",
    "hls_config",
    "legal_reuse_factor",
    "legal_reuse_factors",
    "node_reuse_factors",
    "operation",
    "operations",
    "part",
    "pruned",
    "removable",
    "removable_units",
    "resolve",
    "shrunk",
    "support_table",
    "to_keras",
    "to_qkeras",
    "zero_share",
]

__getattr__ = lazy_door(
    __name__,
    {
        "bit_true": ("BitTrue", "BitTrueLayer", "Trainer", "VariableFixedPoint", "pruned", "zero_share"),
        "design": (
            "DISTRIBUTED",
            "DesignDescription",
            "LayerDescription",
            "WeightContent",
            "built_reuse_factors",
            "built_strategy",
            "describe",
            "legal_reuse_factor",
            "legal_reuse_factors",
            "node_reuse_factors",
        ),
        "estimate": ("Estimate",),
        "export": ("hls_config", "to_keras", "to_qkeras"),
        "hls4ml_project": ("BuildError", "HlsProject", "Notice", "convert"),
        "operation": ("Operation", "operation", "operations"),
        "parts": ("Part", "catalogue", "part"),
        "precision": ("Calibration", "Types", "resolve"),
        "support": (
            "LayerSupport",
            "buildable_with",
            "check_hardware",
            "support_table",
        ),
        "target": ("Target",),
        "witness": ("Difference", "check_model", "first_difference"),
        "zeros": ("Removable", "Shrunk", "removable", "removable_units", "shrunk"),
    },
)
