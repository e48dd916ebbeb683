"""A graph as additions, shifts, comparisons and look-ups: the whole network unrolled into da4ml's logic.

Every value is computed as the bit-true model computes it, so the RTL's outputs must be its outputs. Constant products
are solved by da4ml as hls4ml's distributed arithmetic has them. Recurrent layers, softmax and products of two tensors
other than an element-wise one are not offered.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitfront.hls.design.adder_graph import HARD_DC
from bitfront.hls.precision.resolve import Types
from bitfront.spaces import LINEAR, FixedPoint, Graph, Node, UserError, Weights

__all__ = ["trace_logic"]

Array = Any
"""da4ml's `FixedVariableArray`, without a batch axis."""


def trace_logic(graph: Graph, types: Types, weights: Weights) -> Any:
    """Return da4ml's `CombLogic` of a graph: all inputs in, in order and flat, all outputs out.

    Raises:
        UserError: a layer has no such form.
    """
    from da4ml.trace import FixedVariableArray, HWConfig, comb_trace

    lacking = [f"{n.name!r} ({n.op})" for n in graph if n.op not in _RULES and n.op not in LINEAR | {"input"}]
    if lacking:
        raise UserError(
            f"The RTL flow has no {', '.join(lacking)}: it unrolls dense, convolution and merging layers."
        )
    values: dict[str, Array] = {}
    options = {"hard_dc": HARD_DC, "search_all_decompose_dc": False}
    for node in graph:
        result = types[f"{node.name}/result"]
        if node.op == "input":
            kif = (np.full(node.shape, one) for one in _kif(result))
            values[node.name] = FixedVariableArray.from_kif(*kif, HWConfig(1, -1, -1), solver_options=options)
            continue
        own = {k.rpartition("/")[2]: t for k, t in types.items() if k.startswith(f"{node.name}/")}
        arrays = {role: own[role].quantize(v) for role, v in weights.get(node.name, {}).items()}
        rule = _linear if node.op in LINEAR else _RULES[node.op]
        values[node.name] = _rounded(rule(node, [values[i] for i in node.inputs], arrays, own), result)
    flat = [values[name].reshape(-1) for name in graph.inputs]
    outputs = [values[name].reshape(-1) for name in graph.outputs]
    return comb_trace(_joined(flat), _joined(outputs))


def _joined(arrays: Sequence[Array]) -> Array:
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)


def _kif(kind: FixedPoint) -> tuple[int, int, int]:
    """Return da4ml's three numbers: sign, integer bits without it, fraction bits."""
    return int(kind.signed), kind.integer - kind.signed, kind.fraction


def _rounded(x: Array, kind: FixedPoint) -> Array:
    """Return `x` as an assignment to `kind` leaves it.

    da4ml rounds halves up only; half to even (`RND_CONV`) is that half, less one step of `x`, plus one step where the
    lowest bit that stays is set.
    """
    from da4ml.trace import FixedVariableArray

    signed, whole, fraction = _kif(kind)
    overflow = kind.overflow
    if kind.rounding == "TRN":
        return x.quantize(signed, whole, fraction, overflow, "TRN")
    if kind.rounding not in ("RND", "RND_CONV") or overflow not in ("WRAP", "SAT"):
        raise UserError(f"The RTL flow rounds as TRN, RND and RND_CONV with WRAP or SAT, not as {kind}.")
    step = kind.step
    found = []
    for one in x._vars.ravel():
        fine = float(one.step)
        if fine < step:
            if kind.rounding == "RND_CONV":
                odd = one.quantize(0, 1 - fraction, fraction, "WRAP", "TRN")
                one = one + (step / 2 - fine) + odd * (fine / step)
            else:
                one = one + step / 2
        found.append(one.quantize(signed, whole, fraction, overflow, "TRN"))
    return FixedVariableArray(np.array(found).reshape(x.shape), x.solver_options)


def _linear(node: Node, inputs: list[Array], arrays: Mapping[str, NDArray[Any]], own: Types) -> Array:
    (x,) = inputs
    kernel, bias = arrays["weight"], arrays.get("bias")
    if node.op == "dense":
        rows = x.reshape(-1, x.shape[-1])
        sums = [rows[i] @ kernel for i in range(rows.shape[0])]
    else:
        sums = [_window_sum(node, window, kernel) for window in _windows(node, x, kernel.shape)]
    out = np.stack(sums)
    out = out if bias is None else out + bias
    return out.reshape(node.shape)


def _window_sum(node: Node, window: Array, kernel: NDArray[Any]) -> Array:
    if not node.op.startswith("depthwise"):
        return window.reshape(-1) @ kernel.reshape(-1, kernel.shape[-1])
    flat = kernel.reshape(-1, window.shape[-1])  # kernels of one multiplier: (cells, channels)
    cells = window.reshape(-1, window.shape[-1])
    sums = [cells[:, c] @ flat[:, c : c + 1] for c in range(flat.shape[1])]
    return np.concatenate(sums)


def _windows(node: Node, x: Array, kernel: tuple[int, ...]) -> list[Array]:
    """Return the inputs of each output position, zeros where the padding is."""
    sizes, strides = tuple(node.attrs["kernel_size"]), tuple(node.attrs["strides"])
    spans = node.shape[:-1]
    padding = []
    for length, out, size, stride in zip(x.shape[:-1], spans, sizes, strides, strict=True):
        total = max((out - 1) * stride + size - length, 0) if node.attrs["padding"] != "valid" else 0
        before = total if node.attrs["padding"] == "causal" else total // 2
        padding.append((before, total - before))
    padded = _padded(x, padding)
    return [
        padded[tuple(slice(i * s, i * s + size) for i, s, size in zip(at, strides, sizes, strict=True))]
        for at in product(*map(range, spans))
    ]


def _padded(x: Array, padding: Sequence[tuple[int, int]]) -> Array:
    from da4ml.trace import FixedVariableArray
    from da4ml.trace.fixed_variable import FixedVariable

    shape = tuple(n + low + high for n, (low, high) in zip(x.shape[:-1], padding, strict=True))
    cells = np.empty((*shape, x.shape[-1]), dtype=object)
    zero = FixedVariable.from_const(0.0, hwconf=x._vars.ravel()[0].hwconf, _factor=1)
    cells[...] = zero
    cells[tuple(slice(low, low + n) for n, (low, _) in zip(x.shape[:-1], padding, strict=True))] = x._vars
    return FixedVariableArray(cells, x.solver_options)


def _pooled(node: Node, inputs: list[Array], arrays: Mapping[str, NDArray[Any]], own: Types) -> Array:
    (x,) = inputs
    if node.op == "global_max_pool":
        return np.amax(x.reshape(-1, x.shape[-1]), axis=0)
    sizes, strides = tuple(node.attrs["pool_size"]), tuple(node.attrs["strides"])
    windows = [
        x[tuple(slice(i * s, i * s + size) for i, s, size in zip(at, strides, sizes, strict=True))]
        for at in product(*map(range, node.shape[:-1]))
    ]
    return np.stack([np.amax(w.reshape(-1, w.shape[-1]), axis=0) for w in windows]).reshape(node.shape)


def _leaky(node: Node, inputs: list[Array], arrays: Mapping[str, NDArray[Any]], own: Types) -> Array:
    (x,) = inputs
    slope = float(own["slope"].quantize(np.array(node.attrs["slope"])))
    # max(x, s x) is x above zero and s x below it, for slopes of at most one.
    return np.maximum(x, x * slope) if slope <= 1 else np.minimum(x, x * slope)


def _merged(node: Node, inputs: list[Array], arrays: Mapping[str, NDArray[Any]], own: Types) -> Array:
    a, b = inputs
    merge: dict[str, Callable[[], Array]] = {
        "add": lambda: a + b,
        "subtract": lambda: a - b,
        "multiply": lambda: a * b,
        "average": lambda: (a + b) * 0.5,
        "maximum": lambda: np.maximum(a, b),
        "minimum": lambda: np.minimum(a, b),
    }
    return merge[node.op]()


Rule = Callable[[Node, list[Array], Mapping[str, NDArray[Any]], Types], Array]
_RULES: dict[str, Rule] = {
    "relu": lambda node, x, arrays, own: x[0].relu(),
    "linear": lambda node, x, arrays, own: x[0],
    "dropout": lambda node, x, arrays, own: x[0],
    "leaky_relu": _leaky,
    "batchnorm": lambda node, x, arrays, own: x[0] * arrays["scale"] + arrays["bias"],
    "reshape": lambda node, x, arrays, own: x[0].reshape(node.shape),
    "zero_padding": lambda node, x, arrays, own: _padded(x[0], node.attrs["padding"]),
    "concatenate": lambda node, x, arrays, own: np.concatenate(
        x, axis=node.attrs["axis"] if node.attrs["axis"] < 0 else node.attrs["axis"] - 1
    ),
    **dict.fromkeys(("max_pool", "global_max_pool"), _pooled),
    **dict.fromkeys(("add", "subtract", "multiply", "average", "maximum", "minimum"), _merged),
}
