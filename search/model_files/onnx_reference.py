"""What an ONNX file computes, by the reference evaluator of the package `onnx`, with QONNX's operations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitfront.spaces import UserError

QONNX = ("qonnx.custom_op.general", "onnx.brevitas", "finn.custom_op.general")
"""Domains of QONNX's operations, as qonnx, Brevitas and FINN write them."""
LAST = "qonnx.custom_op.channels_last"
"""Domain of convolutions and poolings whose tensors have channels last."""


def quantized(
    x: Any, scale: Any, zero: Any, bits: Any, *, signed: bool, narrow: bool, rounding: str
) -> NDArray[np.float32]:
    """Return what QONNX's `Quant` gives (its definition: docs/qonnx-custom-ops/quant_op.md of qonnx).

    Raises:
        UserError: for a rounding that isn't known.
    """
    known: dict[str, Callable[[Any], Any]] = {
        "ROUND": np.round,
        "FLOOR": np.floor,
        "CEIL": np.ceil,
        "ROUND_TO_ZERO": np.trunc,
    }
    if rounding.upper() not in known:
        raise UserError(f"Quant has the rounding mode {rounding}, which isn't known")
    low, high = bounds(float(np.ravel(bits)[0]), signed=signed, narrow=narrow)
    value = np.clip(known[rounding.upper()](np.asarray(x) / scale + zero), low, high)
    return np.asarray((value - zero) * scale, np.float32)


def bounds(bits: float, *, signed: bool, narrow: bool) -> tuple[float, float]:
    """Return the lowest and highest whole number of QONNX's integers."""
    if signed:
        return -(2 ** (bits - 1)) + narrow, 2 ** (bits - 1) - 1
    return 0, 2**bits - 1 - narrow


def signs(x: Any, scale: Any) -> NDArray[np.float32]:
    """Return what QONNX's `BipolarQuant` gives: 1 from zero on, else -1, times the scale."""
    return np.asarray(np.where(np.asarray(x) >= 0, 1.0, -1.0) * scale, np.float32)


def reference_outputs(model: Any, inputs: Sequence[NDArray[np.float32]]) -> list[NDArray[np.float64]]:
    """Return what a loaded ONNX model gives for each sample of its inputs, which has the batch axis first."""
    from onnx.reference import ReferenceEvaluator

    evaluator = ReferenceEvaluator(_channels_first(model), new_ops=_operations())
    known = {one.name for one in model.graph.initializer}
    names = [one.name for one in model.graph.input if one.name not in known]
    rows: list[Any] = []
    for place in range(len(inputs[0])):
        given = {name: x[place : place + 1] for name, x in zip(names, inputs, strict=True)}
        rows.append(evaluator.run(None, given))
    return [np.concatenate([np.asarray(row[i], np.float64) for row in rows]) for i in range(len(rows[0]))]


def _operations() -> list[Any]:
    """Return QONNX's operations in the form that the evaluator takes."""
    from onnx.reference.op_run import OpRun

    def quant(self: Any, x: Any, scale: Any, zero: Any, bits: Any, **options: Any) -> tuple[Any]:
        signed, narrow = bool(options.get("signed", 1)), bool(options.get("narrow", 0))
        rounding = str(options.get("rounding_mode", "ROUND"))
        return (quantized(x, scale, zero, bits, signed=signed, narrow=narrow, rounding=rounding),)

    def bipolar(self: Any, x: Any, scale: Any, **_: Any) -> tuple[Any]:
        return (signs(x, scale),)

    return [
        type(name, (OpRun,), {"op_domain": domain, "_run": run})
        for domain in QONNX
        for name, run in (("Quant", quant), ("BipolarQuant", bipolar))
    ]


def _channels_first(model: Any) -> Any:
    """Return a copy whose operations on channels last are ONNX's own between two transposes."""
    from onnx import helper

    copy = type(model)()
    copy.CopyFrom(model)
    nodes = []
    for node in model.graph.node:
        if node.domain != LAST:
            nodes.append(node)
            continue
        rank = len(helper.get_node_attr_value(node, "kernel_shape")) + 2
        inner = type(node)()
        inner.CopyFrom(node)
        inner.domain = ""
        for place, name in enumerate(node.input[:2]):
            inner.input[place] = f"{node.output[0]}/first{place}"
            axes = [0, rank - 1, *range(1, rank - 1)]
            nodes.append(helper.make_node("Transpose", [name], [inner.input[place]], perm=axes))
        inner.output[0] = f"{node.output[0]}/first"
        nodes.append(inner)
        back = [0, *range(2, rank), 1]
        nodes.append(helper.make_node("Transpose", [inner.output[0]], [node.output[0]], perm=back))
    del copy.graph.node[:]
    copy.graph.node.extend(nodes)
    return copy
