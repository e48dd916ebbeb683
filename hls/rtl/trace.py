"""A graph as additions, shifts, comparisons and look-ups: the whole network unrolled into da4ml's logic.

Every value is computed as the bit-true model computes it, so the RTL's outputs must be its outputs. Constant
products are solved by da4ml as hls4ml's distributed arithmetic has them. A function of one variable is a
table. What has no such form says why (`Operation.rtl_refusal`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitfront.hls.design.adder_graph import HARD_DC
from bitfront.hls.operation import Settings, operation
from bitfront.hls.precision.resolve import Types
from bitfront.spaces import Graph, UserError, Weights

from .rounding import kif, rounded

__all__ = ["prove", "trace_logic"]

MOST_FRACTION = 31
"""Fraction bits of a constant."""

Array = Any
"""da4ml's `FixedVariableArray`, without a batch axis."""


def trace_logic(graph: Graph, types: Types, weights: Weights, *, table_size: int = 1024) -> Any:
    """Return da4ml's `CombLogic` of a graph: all inputs in, in order and flat, all outputs out.

    `table_size`: entries of sigmoid and tanh tables.

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
    _refuse_fine(types, weights)
    values: dict[str, Array] = {}
    given: list[Array] = []
    options = {"hard_dc": HARD_DC, "search_all_decompose_dc": False}
    for node in graph:
        result = types[f"{node.name}/result"]
        if not node.inputs:
            bits = (np.full(node.shape, one) for one in kif(result))
            x = FixedVariableArray.from_kif(*bits, HWConfig(1, -1, -1), solver_options=options)
            given.append(x.reshape(-1))
            values[node.name] = rounded(x, result) if result.elements else x
            continue
        own = {k.rpartition("/")[2]: t for k, t in types.items() if k.startswith(f"{node.name}/")}
        arrays = {role: own[role].quantize(v) for role, v in weights.get(node.name, {}).items()}
        made = operation(node.op).trace(
            node, [values[i] for i in node.inputs], arrays, own, Settings(table_size)
        )
        narrows = operation(node.op).narrows_elements
        values[node.name] = rounded(made, result if narrows else result.container)
    outputs = [values[name].reshape(-1) for name in graph.outputs]
    return comb_trace(_joined(given), _joined(outputs))


def _refuse_fine(types: Types, weights: Weights) -> None:
    """Refuse constants that da4ml would narrow without a word: it looks for their last bit down to 2^-32.

    It holds kernels as float32, which Keras's weights are.

    Raises:
        UserError: naming the first of them.
    """
    for name, arrays in weights.items():
        for role, array in arrays.items():
            kind = types[f"{name}/{role}"]
            if np.mod(kind.quantize(array) * 2.0**MOST_FRACTION, 1).any():
                raise UserError(
                    f"The RTL flow holds constants down to 2^-{MOST_FRACTION}; {name}/{role} is {kind}."
                )


def prove(logic: Any, inputs: NDArray[np.floating], outputs: NDArray[np.floating]) -> None:
    """Compute the logic in da4ml's interpreter, which takes milliseconds, and compare it bit for bit.

    Args:
        logic: what `trace_logic` returned.
        inputs: values of the inputs' types, of shape (samples, inputs).
        outputs: what the bit-true model gives for them, of shape (samples, outputs).

    Raises:
        BuildError: an output differs.
    """
    from bitfront.hls.hls4ml_project import BuildError

    wrong = int((logic.predict(np.ascontiguousarray(inputs, np.float64)) != outputs).any(axis=1).sum())
    if wrong:
        raise BuildError(
            f"The RTL's logic differs from the bit-true model in {wrong} of {len(outputs)} samples. "
            "Accumulators narrower than lossless have no RTL yet; where none is, please report this."
        )


def _joined(arrays: Sequence[Array]) -> Array:
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)
