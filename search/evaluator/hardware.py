"""How a study's layers are built: the nearest to what its file asks for, and what is said where that is
something else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bitfront.hls import DISTRIBUTED, built_strategy, legal_reuse_factor, node_reuse_factors
from bitfront.spaces import Graph, Hardware, Moved, Space, Value

if TYPE_CHECKING:
    from ..config import StudyConfig

_LISTED = 16
"""Legal factors that a notice lists."""


def nearest_built(config: StudyConfig, graph: Graph, key: Hardware, name: str, value: Value) -> Value:
    """Return what node `name` is built with where a study asks for `value`.

    A reuse factor is one that is right with every strategy that the node may get.
    """
    node = graph[name]
    if key == "strategy":
        # a product of two tensors has no constants to distribute: not worth a word
        latency = (
            not node.traits.multiplies_tensors and built_strategy(node, str(value)) != str(value).lower()
        )
        return "Latency" if latency else value
    if key == "recurrent_mode":
        return value
    strategies = config.hls.choices("strategy", node.layer)[0]
    recurrent = key == "recurrent_reuse_factor"
    return legal_reuse_factor(graph, name, int(value), strategies, config.hls.io_type, recurrent=recurrent)


def moved_hardware(config: StudyConfig, graph: Graph, space: Space) -> tuple[Moved, ...]:
    """Return what a study asks of the hardware and is built otherwise.

    Among it the factors of recurrent kernels for which nothing is asked, where the layer's own can't be
    theirs.
    """
    moved = list(space.moved)
    factors = [d for d in (*space.fixed, *space.dimensions) if d.kind == "reuse_factor"]
    for d in factors:
        for name in d.targets:
            node = graph[name]
            chosen = config.hls.choices("recurrent_reuse_factor", node.layer)[0]
            if "recurrent_reuse_factor" not in node.traits.hardware or chosen:
                continue
            for asked in dict.fromkeys(d.built(choice)[name] for choice in d.choices):
                built = nearest_built(config, graph, "recurrent_reuse_factor", name, asked)
                if built != asked:
                    moved.append(Moved(name, "recurrent_reuse_factor", asked, built))
    return tuple(moved)


def hardware_notices(config: StudyConfig, graph: Graph, space: Space) -> tuple[str, ...]:
    """Return a sentence for every node that can't be built as a study asks, and what it gets."""
    rows: dict[tuple[str, Hardware], list[Moved]] = {}
    for one in moved_hardware(config, graph, space):
        rows.setdefault((one.node, one.kind), []).append(one)
    return tuple(_sentence(config, graph, moved) for moved in rows.values())


def _sentence(config: StudyConfig, graph: Graph, moved: list[Moved]) -> str:
    node, kind = graph[moved[0].node], moved[0].kind
    asked, built = (
        ", ".join(map(str, values)) for values in zip(*((m.asked, m.built) for m in moved), strict=True)
    )
    who = f"the recurrent kernel of {node.name!r}" if kind == "recurrent_reuse_factor" else repr(node.name)
    head = f"hls.{kind}: {who} gets {built} instead of {asked}"
    if kind == "strategy":
        return f"{head}, which hls4ml doesn't have for {node.op}."
    strategies = config.hls.choices("strategy", node.layer)[0]
    if DISTRIBUTED in strategies and built_strategy(node, DISTRIBUTED) == DISTRIBUTED:
        return f"{head}: distributed arithmetic has no multipliers to share."
    recurrent = kind == "recurrent_reuse_factor"
    legal = node_reuse_factors(graph, node.name, "Resource", config.hls.io_type, recurrent=recurrent) or ()
    some = ", ".join(map(str, legal[:_LISTED])) + (f", ..., {legal[-1]}" if len(legal) > _LISTED else "")
    return f"{head}: with Resource and {config.hls.io_type} its firmware is right with {some}."
