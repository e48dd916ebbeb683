"""Random designs: an accepted network with a random candidate of its space, and many designs as one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from bitfront.hls import BitTrue, Calibration, Types, check_hardware, resolve
from bitfront.hls.precision import FLOAT64_MANTISSA, Elements, mantissa_bits
from bitfront.spaces import Candidate, Graph, Hardware, LayerRule, UserError, build_space

from .inputs import SETS, input_sets
from .kinds import Draw
from .networks import Network

DRAWS = 4
"""Times that each set of inputs is drawn: a bundle wants 200 samples at least."""


@dataclass(frozen=True)
class Setting:
    """What a study file says of one network, and which candidate of its space is taken."""

    low: int
    """Narrowest width."""
    high: int
    """Widest width."""
    seed: int
    """Of the candidate's choices."""
    accumulators: tuple[int, int]
    """(0, 0): lossless."""
    search_integers: bool
    parts: bool
    nonnegative: bool
    """Whether the data never go below zero, so that the inputs' types are unsigned."""
    strategy: str
    reuse_factor: int
    recurrent_reuse_factor: int | None
    recurrent_mode: str | None

    def hardware(self, key: Hardware, _: str) -> tuple[tuple[Any, ...], bool]:
        """Return the one choice of a key, none where hls4ml's default is meant."""
        value = getattr(self, key)
        return (() if value is None else (value,)), False


@st.composite
def settings_of_designs(draw: Draw) -> Setting:
    """Draw a setting; it shrinks to 8 bits, Latency, reuse factor 1."""
    low = draw(st.sampled_from((8, 4, 2, 3, 6, 1)))
    strategy = draw(st.sampled_from(("Latency", "Latency", "Resource", "distributed_arithmetic")))
    return Setting(
        low=low,
        high=draw(st.sampled_from((8, 12, 16))),
        seed=draw(st.integers(0, 99)),
        accumulators=draw(st.sampled_from(((0, 0), (0, 0), (8, 16), (4, 20)))),
        search_integers=draw(st.booleans()),
        parts=draw(st.booleans()),
        nonnegative=draw(st.booleans()),
        strategy=strategy,
        reuse_factor=1
        if strategy == "distributed_arithmetic"
        else draw(st.sampled_from((1, 2, 4, 3, 6, 16, 64, 1000))),
        recurrent_reuse_factor=draw(st.sampled_from((None, 1, 3, 8))),
        recurrent_mode=draw(st.sampled_from((None, "static", "non_static"))),
    )


@dataclass(frozen=True, eq=False)
class Design:
    """An accepted network, its nodes named apart from those of others, with a candidate."""

    network: Network
    setting: Setting
    graph: Graph
    candidate: Candidate
    inputs: list[NDArray[np.float32]]
    """One array an input: every set of inputs, `DRAWS` times."""


def design(network: Network, graph: Graph, setting: Setting, io_type: str, prefix: str) -> Design:
    """Return a network's design.

    Raises:
        UserError: when it can't be built for the interface, as a study would say before it begins.
    """
    draws = [input_sets(network.model, seed) for seed in range(DRAWS)]
    # by set, so that the calibration data are one piece at the beginning
    inputs = [
        np.concatenate([sets[name][position] for name in SETS for sets in draws])
        for position in range(len(network.model.inputs))
    ]
    if setting.nonnegative:
        inputs = [np.abs(x) for x in inputs]
    graph = graph.with_data({name: float(x.min()) for name, x in zip(graph.inputs, inputs, strict=True)})
    check_hardware(
        graph,
        io_type=io_type,
        strategies=(setting.strategy,),
        reuse_factors=(setting.reuse_factor,),
        narrow_accumulators={node.layer for node in graph} if setting.accumulators != (0, 0) else (),
    )
    graph = renamed(graph, prefix)
    return Design(network, setting, graph, _candidate(graph, setting), inputs)


def _candidate(graph: Graph, setting: Setting) -> Candidate:
    widths = (setting.low, max(setting.low, setting.high))
    inner = (max(6, setting.low), max(12, setting.low))
    rule = LayerRule(
        weights=widths,
        biases=widths,
        activations=widths,
        accumulators=setting.accumulators,
        tables=(6, 18),
        statistics=inner,
        softmax_inputs=(6, 10),
    )
    space = build_space(
        graph,
        lambda _: rule,
        methods=("ptq",),
        inputs=widths,
        search_integers=setting.search_integers,
        parts=setting.parts,
        hardware=setting.hardware,
    )
    rng = np.random.default_rng(setting.seed)
    params: dict[str, int | str] = {}
    for one in space.dimensions:
        at = int(rng.integers(0, one.size))
        params[one.name] = one.choices[at] if one.choices else one.low + at
    return space.candidate(params)


def renamed(graph: Graph, prefix: str) -> Graph:
    """Return a graph whose nodes and layers have `prefix` before their names."""
    nodes = tuple(
        replace(n, name=prefix + n.name, layer=prefix + n.layer, inputs=tuple(prefix + i for i in n.inputs))
        for n in graph
    )
    return Graph(
        nodes=nodes,
        outputs=tuple(prefix + o for o in graph.outputs),
        weights={prefix + name: roles for name, roles in graph.weights.items()},
        dropped_head=graph.dropped_head,
        nonnegative_inputs=frozenset(prefix + name for name in graph.nonnegative_inputs),
    )


def side_by_side(graphs: Sequence[Graph]) -> Graph:
    """Return graphs as one with all their inputs and outputs."""
    weights: dict[str, Mapping[str, NDArray[np.float32]]] = {}
    for graph in graphs:
        weights |= graph.weights
    return Graph(
        nodes=tuple(node for graph in graphs for node in graph),
        outputs=tuple(name for graph in graphs for name in graph.outputs),
        weights=weights,
        nonnegative_inputs=frozenset(name for graph in graphs for name in graph.nonnegative_inputs),
    )


def bit_true(designs: Sequence[Design], table_size: int) -> tuple[Graph, BitTrue, Calibration]:
    """Return designs side by side as one bit-true model, calibrated on the normal inputs: the others
    saturate.
    """
    graph = side_by_side([one.graph for one in designs])
    narrow = frozenset(
        key.rpartition("/")[0]
        for one in designs
        for key, width in one.candidate.widths.items()
        if key.endswith("/accum") and width
    )
    bit_true_model = BitTrue(graph, table_size=table_size, narrow_accumulators=narrow)
    inputs = [x for one in designs for x in one.inputs]
    calibration = bit_true_model.calibrate([x[: len(x) // len(SETS)] for x in inputs], rule="mse")
    return graph, bit_true_model, calibration


def types_of(one: Design, calibration: Calibration, elements: Elements | None = None) -> Types:
    """Return the types of a design, with widths of single elements where these are given.

    Raises:
        UserError: when its sums are too wide to be computed exactly, as its trial would say.
    """
    widths, shifts = one.candidate.widths, one.candidate.shifts
    types = resolve(one.graph, widths, calibration, shifts=shifts, elements=elements)
    if (bits := mantissa_bits(one.graph, types)) > FLOAT64_MANTISSA:
        raise UserError(f"This candidate needs {bits} mantissa bits.")
    return types
