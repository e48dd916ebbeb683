"""Distributed arithmetic: a constant matrix as additions and shifts, as da4ml builds them for hls4ml.

hls4ml 1.3 hands the kernel of a layer with `strategy: distributed_arithmetic` to da4ml, whose solver shares
subexpressions (Sun et al., 2507.04535). Its cost (LUTs of all adders), depth (adder levels) and living bits
are the estimate of such a layer. Solving takes 0.05 to some seconds a kernel, and da4ml compiles itself for a
minute when it first runs on a machine; results are kept for kernels seen before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitfront.spaces import FixedPoint

__all__ = ["AdderGraph", "adder_graph"]

HARD_DC = 2
"""Adder levels allowed beyond the fewest: hls4ml's default (its environment variable DA_HARD_DC)."""


@dataclass(frozen=True)
class AdderGraph:
    """What da4ml makes of one kernel.

    Attributes:
        luts: its cost, LUTs of all adders.
        adders: how many there are.
        depth: adder levels from the first input to the last output.
        alive: bits that live at the end of each level and are read in a later one or are outputs: what a
            register there would hold.
    """

    luts: float
    adders: int
    depth: int
    alive: tuple[int, ...]

    def registers(self, levels: int) -> int:
        """Return the bits of registers where `levels` adders are chained between two of them; outputs'
        included.
        """
        cuts = range(max(1, levels), self.depth, max(1, levels))
        return sum(self.alive[level - 1] for level in cuts) + (self.alive[-1] if self.alive else 0)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {"luts": self.luts, "adders": self.adders, "depth": self.depth, "alive": list(self.alive)}

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> AdderGraph:
        """Read what `to_json` wrote."""
        alive = tuple(int(bits) for bits in plain["alive"])
        return cls(float(plain["luts"]), int(plain["adders"]), int(plain["depth"]), alive)


def adder_graph(
    kernel: NDArray[np.floating], data: FixedPoint, bias: NDArray[np.floating] | None = None
) -> AdderGraph:
    """Return the adders of `x @ kernel + bias` for inputs x of type `data`.

    Args:
        kernel: values of shape (inputs, outputs), already rounded to their type.
        data: type of the inputs; its elements, where it has any, are those of the kernel's rows.
        bias: values of shape (outputs,), rounded.
    """
    matrix = np.ascontiguousarray(kernel, np.float32)
    offset = None if bias is None else np.ascontiguousarray(bias, np.float32)
    return _solved(matrix.shape, matrix.tobytes(), data, None if offset is None else offset.tobytes())


@lru_cache(maxsize=4096)
def _solved(shape: tuple[int, int], kernel: bytes, data: FixedPoint, bias: bytes | None) -> AdderGraph:
    from da4ml.trace import FixedVariableArray, HWConfig, comb_trace

    matrix = np.frombuffer(kernel, np.float32).reshape(shape)
    whole = data.integer - data.signed
    kif = [np.full(shape[0], one) for one in (int(data.signed), whole, data.fraction)]
    if data.elements:
        bits = np.array(data.elements)
        kif[0] = np.where(bits > 0, kif[0], 0)
        kif[1] = bits - kif[0] - data.fraction
    options = {"hard_dc": HARD_DC, "search_all_decompose_dc": True}
    x = FixedVariableArray.from_kif(*kif, HWConfig(1, -1, -1), solver_options=options)
    y = x @ matrix
    if bias is not None:
        y = y + np.frombuffer(bias, np.float32)
    logic = comb_trace(x, y)
    return AdderGraph(float(logic.cost), _adders(logic), int(max(logic.latency)), _alive(logic))


def _adders(logic: Any) -> int:
    return sum(op.cost > 0 for op in logic.ops)


def _alive(logic: Any) -> tuple[int, ...]:
    """Count, for the end of each level, the bits that were made by then and are read later, or are
    outputs.
    """
    depth = int(max(logic.latency))
    last: dict[int, float] = {}
    for op in logic.ops:
        if op.opcode != -1:  # which reads an input of the whole
            for source in (one for one in (op.id0, op.id1) if one >= 0):
                last[source] = max(last.get(source, 0.0), op.latency)
    for index in logic.out_idxs:
        if index >= 0:
            last[index] = float(depth) + 1
    alive = [0] * depth
    for index, until in last.items():
        op = logic.ops[index]
        for level in range(max(1, int(op.latency)), depth + 1):
            if level < until:
                alive[level - 1] += _bits(op.qint)
    return tuple(alive)


def _bits(interval: Any) -> int:
    return int(sum(interval.precision))
