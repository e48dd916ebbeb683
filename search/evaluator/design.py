"""A study's candidate as the design that is built for it."""

from __future__ import annotations

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
    return describe(
        left.graph,
        left.types,
        left.weights,
        name=name,
        part=config.device.part,
        clock_ns=config.device.clock_ns,
        io_type=config.hls.io_type,
        backend=config.hls.backend,
        strategy=candidate.strategy,
        reuse_factor=candidate.reuse_factor,
        recurrent_reuse_factor=candidate.recurrent_reuse_factor,
        recurrent_mode=candidate.recurrent_mode,
        table_size=config.space.table_size,
    )
