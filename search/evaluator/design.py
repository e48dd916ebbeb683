"""A study's candidate as the design that is built for it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bitfront.hls import DesignDescription, Types, describe, shrunk
from bitfront.spaces import Candidate, Graph, Weights

if TYPE_CHECKING:
    from ..config import StudyConfig


def candidate_design(
    config: StudyConfig, graph: Graph, candidate: Candidate, types: Types, weights: Weights, *, name: str
) -> DesignDescription:
    """Describe a candidate on the study's device, without what its zeros leave without effect."""
    left = shrunk(graph, weights, types)
    design = describe(left.graph, left.types, left.weights, candidate.hardware, config.target)
    return replace(design, name=name)
