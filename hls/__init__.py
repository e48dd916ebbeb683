"""What the hardware would compute and cost.

Names load on first use: TensorFlow takes seconds to import, and a parts catalogue doesn't need it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .bit_true import BitTrue, BitTrueLayer, Trainer, VariableFixedPoint, pruned, zero_share
    from .design.layers import DesignDescription, LayerDescription
    from .design.of_candidate import describe
    from .design.reuse import built_reuse_factors, legal_reuse_factor, legal_reuse_factors, node_reuse_factors
    from .estimate import Estimate
    from .export import hls_config, to_keras, to_qkeras
    from .hls4ml_project.project import HlsProject, Notice, convert
    from .hls4ml_project.sandbox import BuildError
    from .parts import Part, part
    from .precision.resolve import Calibration, Types, resolve
    from .support import (
        REFUSED,
        REFUSED_STRATEGIES,
        LayerSupport,
        buildable_with,
        check_hardware,
        support_table,
    )
    from .witness import Difference, check_model, first_difference
    from .zeros.shrink import Removable, Shrunk, removable, shrunk

__all__ = [
    "REFUSED",
    "REFUSED_STRATEGIES",
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
    "Part",
    "Removable",
    "Shrunk",
    "Trainer",
    "Types",
    "VariableFixedPoint",
    "buildable_with",
    "built_reuse_factors",
    "check_hardware",
    "check_model",
    "convert",
    "describe",
    "first_difference",
    "hls_config",
    "legal_reuse_factor",
    "legal_reuse_factors",
    "node_reuse_factors",
    "part",
    "pruned",
    "removable",
    "resolve",
    "shrunk",
    "support_table",
    "to_keras",
    "to_qkeras",
    "zero_share",
]

_HOMES = {
    "bit_true": ("BitTrue", "BitTrueLayer", "Trainer", "VariableFixedPoint", "pruned", "zero_share"),
    "design.of_candidate": ("describe",),
    "design.layers": ("DesignDescription", "LayerDescription"),
    "estimate": ("Estimate",),
    "export": ("hls_config", "to_keras", "to_qkeras"),
    "parts": ("Part", "part"),
    "hls4ml_project.project": ("HlsProject", "Notice", "convert"),
    "design.reuse": (
        "built_reuse_factors",
        "legal_reuse_factor",
        "legal_reuse_factors",
        "node_reuse_factors",
    ),
    "hls4ml_project.sandbox": ("BuildError",),
    "zeros.shrink": ("Removable", "Shrunk", "removable", "shrunk"),
    "support": (
        "REFUSED",
        "REFUSED_STRATEGIES",
        "LayerSupport",
        "buildable_with",
        "check_hardware",
        "support_table",
    ),
    "precision.resolve": ("Calibration", "Types", "resolve"),
    "witness": ("Difference", "check_model", "first_difference"),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{_HOME_OF[name]}", __name__), name)
    globals()[name] = value
    return value
