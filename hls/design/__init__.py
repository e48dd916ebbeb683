"""What an architecture is made of, as the estimate and the reports know it: from a candidate, a record or a
project.
"""

from .adder_graph import AdderGraph
from .layers import DesignDescription, LayerDescription
from .of_candidate import describe
from .of_project import is_project, project_design
from .of_record import from_record
from .reuse import (
    DISTRIBUTED,
    built_reuse_factors,
    built_strategy,
    closest_reuse_factor,
    legal_reuse_factor,
    legal_reuse_factors,
    node_reuse_factors,
    settle_reuse_factors,
)
from .weights import DesignError, WeightContent

__all__ = [
    "DISTRIBUTED",
    "AdderGraph",
    "DesignDescription",
    "DesignError",
    "LayerDescription",
    "WeightContent",
    "built_reuse_factors",
    "built_strategy",
    "closest_reuse_factor",
    "describe",
    "from_record",
    "is_project",
    "legal_reuse_factor",
    "legal_reuse_factors",
    "node_reuse_factors",
    "project_design",
    "settle_reuse_factors",
]
