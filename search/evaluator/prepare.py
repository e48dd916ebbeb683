"""What is made of a model and its study file before the first candidate: the graph, and what the bit-true
model needs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bitfront.hls import BitTrue, check_hardware
from bitfront.spaces import Graph, Space, lower

from ..quantities import METRICS
from ..trials.objectives import Metric

if TYPE_CHECKING:
    from ..config import StudyConfig
    from ..problem.load import Problem
    from ..problem.metrics import Ranking


def graph_of(problem: Problem) -> Graph:
    """Return what hls4ml builds of a study's model, with what its data says of the inputs' signs.

    Raises:
        UserError: naming the layers that can't be computed, or not be built as the study wants them.
    """
    config = problem.config
    graph = lower(problem.model, head=config.space.head)
    minima = {name: float(x.min()) for name, x in zip(graph.inputs, problem.data.x_train, strict=True)}
    graph = graph.with_data(minima)
    require_buildable(config, graph)
    return graph


def bit_true_model(config: StudyConfig, graph: Graph, space: Space) -> BitTrue:
    """Return the bit-true model of a graph, which holds the types of any candidate of the space.

    Raises:
        UserError: when a layer has none.
    """
    return BitTrue(
        graph,
        table_size=config.space.table_size,
        narrow_accumulators=narrow_nodes(space),
        rounding=config.space.rounding,
    )


def from_logits(graph: Graph) -> list[bool]:
    """Return whether each output of a graph gives logits, its sigmoid or softmax left off."""
    return [not graph[output].traits.probabilities for output in graph.outputs]


def narrow_nodes(space: Space) -> frozenset[str]:
    """Return the nodes whose accumulator may be narrower than lossless."""
    keys = [
        t for d in (*space.fixed, *space.dimensions) for t in d.targets if d.kind == "width" and d.high > 0
    ]
    return frozenset(key.rpartition("/")[0] for key in keys if key.endswith("/accum"))


def metric_of(ranking: Ranking) -> Metric:
    """Return a ranking's metric as reports and constraints know it."""
    built_in = METRICS.get(ranking.name)
    ties = next((one.ties for one in ranking.outputs if one is not None), "")
    decides = built_in is not None and built_in.decides
    return Metric(
        ranking.name, ranking.direction, built_in.perfect if built_in else None, ties if decides else ""
    )


def require_buildable(config: StudyConfig, graph: Graph) -> None:
    """Refuse a model that hls4ml can't build with the interface, strategies and reuse factors that may be
    chosen.

    Raises:
        UserError: naming every layer, and why.
    """
    layers = {node.layer for node in graph}
    check_hardware(
        graph,
        io_type=config.hls.io_type,
        backend=config.hls.backend,
        strategies={layer: config.hls.choices("strategy", layer)[0] for layer in layers},
        reuse_factors={f for layer in layers for f in config.hls.choices("reuse_factor", layer)[0]},
        narrow_accumulators=(one for one in layers if config.space.of_layer(one).narrow_accumulators),
    )
