"""Every type of a design, made explicit: chosen widths, calibrated integer bits, lossless rest."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod

import numpy as np
from numpy.typing import NDArray

from bitfront.spaces import (
    LINEAR,
    MERGES,
    RECURRENT,
    FixedPoint,
    Graph,
    Node,
    Tensor,
    UserError,
    Weights,
    integer_bits,
)

from . import exact
from .attention import NormTypes, norm_mantissa_bits, product_sum, softmax_types

FLOAT64_MANTISSA = 53
"""Bits up to which a float64 holds every integer."""
Types = dict[str, FixedPoint]
"""Tensor key (`node/role`) -> type, for every tensor of the firmware."""

DEEPEST_CLIP = 4
"""Most integer bits that least squared error may save: a sixteenth of the range."""


@dataclass(frozen=True)
class Calibration:
    """Ranges seen in one float pass over calibration data.

    `peaks`: tensor key -> largest absolute value. `samples`: tensor key -> some values (for `mse`); `lstm/cell` those
    of a cell state, which shares the type of the result and which only a tanh reads.
    `rule`: `max` (nothing of the calibration data saturates) or `mse` (least squared rounding error).
    """

    peaks: Mapping[str, float]
    samples: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    rule: str = "max"
    _cache: dict[tuple[str, int, bool], int] = field(default_factory=dict, repr=False, compare=False)

    def integer(self, tensor: Tensor, width: int) -> int:
        """Return the integer bits (sign included) of a result `width` bits wide.

        Raises:
            UserError: when the tensor was never calibrated.
        """
        key = (tensor.key, width, tensor.signed)
        if key not in self._cache:
            if tensor.key not in self.peaks:
                raise UserError(f"Tensor {tensor.key!r} has no calibrated range: calibrate the model first.")
            most = integer_bits(self.peaks[tensor.key], signed=tensor.signed)
            values = self.samples.get(tensor.key)
            if self.rule == "mse" and values is not None:
                cell = self.samples.get(f"{tensor.node}/cell", np.zeros(0, np.float32))
                self._cache[key] = least_error(values, width, most, tensor.signed, cell)
            else:
                self._cache[key] = most
        return self._cache[key]


def least_error(
    values: NDArray[np.floating],
    width: int,
    most: int,
    signed: bool,
    through_tanh: NDArray[np.floating] | tuple[()] = (),
) -> int:
    """Return the integer bits, at most `most`, that round `values` to `width` bits with the least squared error.

    The error of `through_tanh` is measured after a tanh, which hides what saturates in it anyway.
    """
    squashed = np.tanh(through_tanh)

    def error(integer: int) -> float:
        kind = FixedPoint(width, integer, signed, "RND_CONV", "SAT")
        direct = np.square(kind.quantize(values) - values).sum()
        return float(direct + np.square(np.tanh(kind.quantize(through_tanh)) - squashed).sum())

    return min(range(most, most - DEEPEST_CLIP - 1, -1), key=error)


def weight_type(values: NDArray[np.floating], width: int, rule: str, shift: int = 0) -> FixedPoint:
    """Return the type of a weight array: signed, rounded half to even, saturating.

    `rule` chooses the integer bits as in `Calibration`; `shift` is added to them.
    """
    most = integer_bits(float(np.abs(values).max(initial=0.0)))
    integer = least_error(values, width, most, True) if rule == "mse" and values.size else most
    return FixedPoint(width, integer + shift, True, "RND_CONV", "SAT")


def resolve(
    graph: Graph,
    widths: Mapping[str, int],
    calibration: Calibration,
    *,
    shifts: Mapping[str, int] | None = None,
    weights: Weights | None = None,
    weight_types: Mapping[str, FixedPoint] | None = None,
) -> Types:
    """Return the type of every tensor of the firmware.

    `widths` gives the bits of the tensors of `graph.all_tensors()`; an accumulator without a width is lossless.
    `shifts` adds to calibrated integer bits. `weights` (default: the graph's float weights) decide how many
    integer bits weights and lossless accumulators need; `weight_types` keeps the weight types of an earlier call,
    after training say.

    Raises:
        UserError: when a width is missing or a lossless accumulator would be wider than 64 bits.
    """
    types: Types = {}
    resolver = _Resolver(
        graph, widths, calibration, shifts or {}, weights or graph.weights, weight_types or {}, types
    )
    for node in graph:
        resolver.node(node)
    return types


@dataclass(frozen=True)
class _Resolver:
    graph: Graph
    widths: Mapping[str, int]
    calibration: Calibration
    shifts: Mapping[str, int]
    weights: Weights
    weight_types: Mapping[str, FixedPoint]
    types: Types

    def node(self, node: Node) -> None:
        """Add the types of one node, whose inputs are known."""
        for role, values in self.weights.get(node.name, {}).items():
            key = f"{node.name}/{role}"
            known = self.weight_types.get(key)
            self.types[key] = known or weight_type(
                values, self._width(key), self.calibration.rule, self.shifts.get(key, 0)
            )
        x = [self.types[f"{i}/result"] for i in node.inputs]
        found = _RULES.get(node.op, _Resolver._quantized)(self, node, x)
        for role, kind in found.items():
            self.types[f"{node.name}/{role}"] = kind

    def _width(self, key: str) -> int:
        try:
            return self.widths[key]
        except KeyError:
            raise UserError(f"The candidate gives no width for tensor {key!r}.") from None

    def _result(
        self, node: Node, exact_type: FixedPoint | None = None, copied: Sequence[FixedPoint] = ()
    ) -> FixedPoint:
        """Return the type in which a node hands on its result.

        `copied` are types whose values the firmware assigns to it as they are. A step beyond such a type's whole range
        would round everything to zero, and the assignment reads a bit that isn't there (`ap_fixed_base.h`), which ends
        the emulation: the step stays within it.
        """
        if exact_type is not None and self.graph.fused(node):
            return exact_type
        tensor = Tensor(node.name, "result", signed=not self.graph.nonnegative(node.name))
        width = self._width(tensor.key)
        integer = self.calibration.integer(tensor, width) + self.shifts.get(tensor.key, 0)
        integer = min([integer, *(width + source.integer for source in copied)])
        return FixedPoint(width, integer, tensor.signed, "RND_CONV", "SAT")

    def _quantized_weights(self, node: Node, prefix: str = "") -> dict[str, NDArray[np.float64]]:
        return {
            role.removeprefix(prefix): self.types[f"{node.name}/{role}"].quantize(values)
            for role, values in self.weights[node.name].items()
            if role.startswith(prefix)
        }

    def _accumulator(self, node: Node, lossless: FixedPoint) -> FixedPoint:
        """Return the lossless accumulator, or the narrow one that the candidate asks for."""
        key = f"{node.name}/accum"
        width = self.widths.get(key, 0)
        if not width or width >= lossless.width:
            return lossless
        peak = self.calibration.peaks.get(key)
        integer = lossless.integer if peak is None else min(integer_bits(peak) + 1, lossless.integer)
        return FixedPoint(width, integer)

    def _quantized(self, node: Node, x: list[FixedPoint]) -> Types:
        return {"result": self._result(node, copied=x)}

    def _linear(self, node: Node, x: list[FixedPoint]) -> Types:
        quantized = self._quantized_weights(node)
        bias = self.types.get(f"{node.name}/bias")
        fraction = x[0].fraction + self.types[f"{node.name}/weight"].fraction
        bound = exact.sum_bound(
            quantized["weight"],
            quantized.get("bias"),
            exact.largest(x[0]),
            depthwise=node.op.startswith("depthwise"),
        )
        lossless = exact.holding(bound, max(fraction, bias.fraction) if bias else fraction)
        accum = self._accumulator(node, lossless)
        return {"accum": accum, "result": self._result(node, accum)}

    def _recurrent(self, node: Node, x: list[FixedPoint]) -> Types:
        result = self._result(node)
        table = FixedPoint(self._width(f"{node.name}/table"), 1)
        bound, fraction = 1.0, table.fraction
        for prefix in ("forward_", "backward_") if node.op == "bidirectional" else ("",):
            q = self._quantized_weights(node, prefix)
            kinds = {r: self.types[f"{node.name}/{prefix}{r}"] for r in q}
            input_part = exact.sum_bound(q["weight"], q["bias"], exact.largest(x[0]), depthwise=False)
            state_part = exact.sum_bound(
                q["recurrent_weight"], q.get("recurrent_bias"), exact.largest(result), depthwise=False
            )
            bound = max(bound, input_part + state_part)
            fraction = max(
                fraction,
                x[0].fraction + kinds["weight"].fraction,
                result.fraction + kinds["recurrent_weight"].fraction,
                *(kinds[r].fraction for r in kinds if r.endswith("bias")),
            )
        accum = self._accumulator(node, exact.holding(bound, fraction))
        return {"accum": accum, "table": table, "result": result}

    def _batchnorm(self, node: Node, x: list[FixedPoint]) -> Types:
        quantized = self._quantized_weights(node)
        scale, bias = self.types[f"{node.name}/scale"], self.types[f"{node.name}/bias"]
        bound = float(np.max(np.abs(quantized["scale"]) * exact.largest(x[0]) + np.abs(quantized["bias"])))
        lossless = exact.holding(bound, max(x[0].fraction + scale.fraction, bias.fraction))
        return {"result": self._result(node, lossless)}

    def _merge(self, node: Node, x: list[FixedPoint]) -> Types:
        a, b = x
        if node.op in {"add", "subtract", "average"}:
            whole = exact.added(a, b, difference=node.op == "subtract")
            if node.op == "average":
                whole = FixedPoint(whole.width, whole.integer - 1, whole.signed)
        else:
            whole = exact.multiplied(a, b) if node.op == "multiply" else exact.union(a, b)
        copied = x if node.op in {"maximum", "minimum"} else ()
        return {"result": self._result(node, whole, copied)}

    def _table(self, node: Node, x: list[FixedPoint]) -> Types:
        return {"table": FixedPoint(self._width(f"{node.name}/table"), 1), "result": self._result(node)}

    def _leaky(self, node: Node, x: list[FixedPoint]) -> Types:
        slope = weight_type(np.array([node.attrs["slope"]]), self._width(f"{node.name}/slope"), "max")
        return {"slope": slope, "result": self._result(node)}

    def _softmax(self, node: Node, x: list[FixedPoint]) -> Types:
        roles = ("inp_norm", "exp_table", "inv_table")
        inner = softmax_types(node.shape[-1], *(self._width(f"{node.name}/{role}") for role in roles))
        return inner | {"result": self._result(node)}

    def _einsum_dense(self, node: Node, x: list[FixedPoint]) -> Types:
        operands, output = node.attrs["equation"].split("->")
        letters = operands.split(",")[1]
        summed = tuple(i for i, c in enumerate(letters) if c not in output)
        quantized = self._quantized_weights(node)
        bound = float(np.abs(quantized["weight"]).sum(summed).max(initial=0.0)) * exact.largest(x[0])
        fraction = x[0].fraction + self.types[f"{node.name}/weight"].fraction
        if "bias" in quantized:
            bound += float(np.abs(quantized["bias"]).max(initial=0.0))
            fraction = max(fraction, self.types[f"{node.name}/bias"].fraction)
        accum = exact.holding(bound, fraction)
        return {"accum": accum, "result": self._result(node, accum)}

    def _einsum(self, node: Node, x: list[FixedPoint]) -> Types:
        return {
            "accum": product_sum(x[0], x[1], einsum_terms(self.graph, node)),
            "result": self._result(node),
        }

    def _inner(self, node: Node, role: str, *, signed: bool) -> tuple[int, int]:
        """Return width and integer bits of a calibrated tensor within a node."""
        tensor = Tensor(node.name, role, signed)
        width = self._width(tensor.key)
        return width, self.calibration.integer(tensor, width) + self.shifts.get(tensor.key, 0)

    def _layernorm(self, node: Node, x: list[FixedPoint]) -> Types:
        width, integer = self._inner(node, "normalized", signed=True)
        kinds = NormTypes(
            node.shape[-1],
            x[0],
            *self._inner(node, "mean", signed=x[0].signed),
            *self._inner(node, "variance", signed=False),
            FixedPoint(width, integer, True, "RND", "SAT"),
            self._width(f"{node.name}/table"),
        ).all()
        return kinds | {"result": self._result(node)}

    def _passing(self, node: Node, x: list[FixedPoint]) -> Types:
        kind = exact.union(*x)
        return {"result": kind, "accum": kind} if node.op.endswith("max_pool") else {"result": kind}

    def _average(self, node: Node, x: list[FixedPoint]) -> Types:
        window = (
            prod(node.attrs["pool_size"])
            if node.op == "avg_pool"
            else prod(self.graph[node.inputs[0]].shape[:-1])
        )
        return {"accum": exact.averaged(window, x[0]), "result": self._result(node)}


_RULES: dict[str, Callable[[_Resolver, Node, list[FixedPoint]], Types]] = {
    **dict.fromkeys(LINEAR, _Resolver._linear),
    **dict.fromkeys(RECURRENT, _Resolver._recurrent),
    **dict.fromkeys(MERGES, _Resolver._merge),
    "batchnorm": _Resolver._batchnorm,
    "tanh": _Resolver._table,
    "sigmoid": _Resolver._table,
    "softmax": _Resolver._softmax,
    "leaky_relu": _Resolver._leaky,
    "einsum_dense": _Resolver._einsum_dense,
    "einsum": _Resolver._einsum,
    "layernorm": _Resolver._layernorm,
    **dict.fromkeys(("avg_pool", "global_avg_pool"), _Resolver._average),
    **dict.fromkeys(
        ("max_pool", "global_max_pool", "reshape", "concatenate", "zero_padding", "dropout"),
        _Resolver._passing,
    ),
}


def einsum_terms(graph: Graph, node: Node) -> int:
    """Return how many products each output of an einsum of two variables sums."""
    operands, output = node.attrs["equation"].split("->")
    letters, shape = operands.split(",")[0], graph[node.inputs[0]].shape
    return prod(size for c, size in zip(letters[1:], shape, strict=True) if c not in output)


def mantissa_bits(graph: Graph, types: Types) -> int:
    """Return how many mantissa bits hold every intermediate value: up to 24, float32 computes exactly."""
    most = 0
    for node in graph:
        kinds = {r: t for r in ("accum", "result", "table") if (t := types.get(f"{node.name}/{r}"))}
        accum, result = kinds.get("accum"), kinds["result"]
        most = max(most, *(t.width - t.signed for t in kinds.values()))
        if node.op in LINEAR | {"einsum_dense"} and accum:
            x = types[f"{node.inputs[0]}/result"]
            w = types[f"{node.name}/weight"]
            lossless = accum.integer - accum.signed + max(accum.fraction, x.fraction + w.fraction)
            most = max(most, lossless)
        elif node.op in RECURRENT and accum:
            table = kinds["table"]
            # a state saturates, so sums beyond its range need no exactness
            gated = max(2 * table.fraction, result.fraction + table.fraction) + result.integer - result.signed
            x = types[f"{node.inputs[0]}/result"]
            for prefix in ("forward_", "backward_") if node.op == "bidirectional" else ("",):
                products = max(
                    x.fraction + types[f"{node.name}/{prefix}weight"].fraction,
                    result.fraction + types[f"{node.name}/{prefix}recurrent_weight"].fraction,
                    accum.fraction,
                )
                most = max(most, accum.integer - accum.signed + products)
            most = max(most, gated)
        elif node.op == "batchnorm":
            x, scale, bias = (
                types[f"{node.inputs[0]}/result"],
                *(types[f"{node.name}/{r}"] for r in ("scale", "bias")),
            )
            fraction = max(x.fraction + scale.fraction, bias.fraction)
            most = max(most, fraction + max(x.integer + scale.integer, bias.integer) + 1)
        elif node.op in MERGES:
            a, b = (types[f"{i}/result"] for i in node.inputs)
            most = max(
                most, exact.multiplied(a, b).width if node.op == "multiply" else exact.added(a, b).width + 1
            )
        elif node.op == "leaky_relu":
            most = max(most, types[f"{node.inputs[0]}/result"].width + types[f"{node.name}/slope"].width)
        elif node.op == "add_constant":
            a, b = types[f"{node.inputs[0]}/result"], types[f"{node.name}/bias"]
            most = max(most, exact.added(a, b).width)
        elif node.op == "layernorm":
            # computed in float64 whatever the rest is computed in
            norm = {k.rpartition("/")[2]: t for k, t in types.items() if k.startswith(f"{node.name}/")}
            inner = norm_mantissa_bits(norm)
            most = max(most, inner if inner > FLOAT64_MANTISSA else 0)
        elif node.op == "softmax":
            most = max(most, types[f"{node.name}/accum"].width + types[f"{node.name}/inv_table"].width)
    return most
