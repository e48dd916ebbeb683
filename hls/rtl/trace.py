"""A graph as additions, shifts, comparisons and look-ups: the whole network unrolled into da4ml's logic.

Every value is computed as the bit-true model computes it, so the RTL's outputs must be its outputs. Constant
products are solved by da4ml as hls4ml's distributed arithmetic has them. Recurrent layers, softmax and
products of two tensors other than an element-wise one are not offered.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bitfront.hls.design.adder_graph import HARD_DC
from bitfront.hls.operation import operation
from bitfront.hls.precision.resolve import Types
from bitfront.spaces import FixedPoint, Graph, UserError, Weights

__all__ = ["trace_logic"]

Array = Any
"""da4ml's `FixedVariableArray`, without a batch axis."""


def trace_logic(graph: Graph, types: Types, weights: Weights) -> Any:
    """Return da4ml's `CombLogic` of a graph: all inputs in, in order and flat, all outputs out.

    Raises:
        UserError: a layer has no such form.
    """
    from da4ml.trace import FixedVariableArray, HWConfig, comb_trace

    lacking = [
        f"{node.name!r} ({node.op}): {reason}"
        for node in graph
        if node.inputs and (reason := operation(node.op).rtl_refusal)
    ]
    if lacking:
        raise UserError(f"The RTL flow can't build {'; '.join(lacking)}.")
    values: dict[str, Array] = {}
    given: list[Array] = []
    options = {"hard_dc": HARD_DC, "search_all_decompose_dc": False}
    for node in graph:
        result = types[f"{node.name}/result"]
        if not node.inputs:
            kif = (np.full(node.shape, one) for one in _kif(result))
            x = FixedVariableArray.from_kif(*kif, HWConfig(1, -1, -1), solver_options=options)
            given.append(x.reshape(-1))
            values[node.name] = _rounded(x, result) if result.elements else x
            continue
        own = {k.rpartition("/")[2]: t for k, t in types.items() if k.startswith(f"{node.name}/")}
        arrays = {role: own[role].quantize(v) for role, v in weights.get(node.name, {}).items()}
        made = operation(node.op).trace(node, [values[i] for i in node.inputs], arrays, own)
        narrows = operation(node.op).narrows_elements
        values[node.name] = _rounded(made, result if narrows else result.container)
    outputs = [values[name].reshape(-1) for name in graph.outputs]
    return comb_trace(_joined(given), _joined(outputs))


def _joined(arrays: Sequence[Array]) -> Array:
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)


def _kif(kind: FixedPoint) -> tuple[int, int, int]:
    """Return da4ml's three numbers: sign, integer bits without it, fraction bits."""
    return int(kind.signed), kind.integer - kind.signed, kind.fraction


def _rounded(x: Array, kind: FixedPoint) -> Array:
    """Return `x` as an assignment to `kind` leaves it.

    da4ml rounds halves up only; half to even (`RND_CONV`) is that half, less one step of `x`, plus one step
    where the lowest bit that stays is set. An element of fewer bits saturates at its own.
    """
    from da4ml.trace import FixedVariableArray

    signed, whole, fraction = _kif(kind)
    overflow = kind.overflow
    if kind.rounding == "TRN" and not kind.elements:
        return x.quantize(signed, whole, fraction, overflow, "TRN")
    if kind.rounding not in ("RND", "RND_CONV") or overflow not in ("WRAP", "SAT"):
        raise UserError(f"The RTL flow rounds as TRN, RND and RND_CONV with WRAP or SAT, not as {kind}.")
    step = kind.step
    found = []
    for one, bits in zip(x._vars.ravel(), kind.spread(x.shape).ravel(), strict=True):
        fine = float(one.step)
        if bits and fine < step:
            if kind.rounding == "RND_CONV":
                odd = one.quantize(0, 1 - fraction, fraction, "WRAP", "TRN")
                one = one + (step / 2 - fine) + odd * (fine / step)
            else:
                one = one + step / 2
        sign = signed if bits else 0
        found.append(one.quantize(sign, int(bits) - sign - fraction, fraction, overflow, "TRN"))
    return FixedVariableArray(np.array(found).reshape(x.shape), x.solver_options)
