"""Every type of a design, made explicit: chosen widths, calibrated integer bits, lossless rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from bitfront.spaces import (
    FixedPoint,
    Graph,
    Node,
    Rounding,
    Tensor,
    UserError,
    Weights,
    integer_bits,
)

from ..operation import operation
from .elements import Elements, carried

FLOAT64_MANTISSA = 53
"""Bits up to which a float64 holds every integer."""
Types = dict[str, FixedPoint]
"""Tensor key (`node/role`) -> type, for every tensor of the firmware."""

DEEPEST_CLIP = 4
"""Most integer bits that least squared error may save: a sixteenth of the range."""


@dataclass(frozen=True)
class Calibration:
    """Ranges seen in one float pass over calibration data.

    `peaks`: tensor key -> largest absolute value. `samples`: tensor key -> some values (for `mse`);
    `lstm/cell` those of a cell state, which shares the type of the result and which only a tanh reads.
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
    """Return the integer bits, at most `most`, that round `values` to `width` bits with the least squared
    error.

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


def result_rounding(node: Node, rounding: Rounding) -> Rounding:
    """Return how a node's result is rounded where the design's results have `rounding`.

    What enters the firmware is rounded before it, where half to even costs nothing.
    """
    return rounding if node.inputs else "RND_CONV"


def resolve(
    graph: Graph,
    widths: Mapping[str, int],
    calibration: Calibration,
    *,
    shifts: Mapping[str, int] | None = None,
    weights: Weights | None = None,
    weight_types: Mapping[str, FixedPoint] | None = None,
    rounding: Rounding = "RND_CONV",
    elements: Elements | None = None,
) -> Types:
    """Return the type of every tensor of the firmware.

    `widths` gives the bits of the tensors of `graph.all_tensors()`; an accumulator without a width is
    lossless. `shifts` adds to calibrated integer bits. `weights` (default: the graph's float weights) decide
    how many integer bits weights and lossless accumulators need; `weight_types` keeps the weight types of an
    earlier call, after training say. `rounding` is that of results (`result_rounding`). `elements`: bits of
    the elements of results, which those that move them share.

    Raises:
        UserError: when a width is missing or a lossless accumulator would be wider than 64 bits.
    """
    types: Types = {}
    resolver = Resolver(
        graph,
        widths,
        calibration,
        shifts or {},
        weights or graph.weights,
        weight_types or {},
        types,
        rounding,
        elements or {},
    )
    for node in graph:
        resolver.node(node)
    return types


@dataclass(frozen=True)
class Resolver:
    """Makes the types of a graph, node by node; operations ask it for what is chosen and calibrated."""

    graph: Graph
    widths: Mapping[str, int]
    calibration: Calibration
    shifts: Mapping[str, int]
    weights: Weights
    weight_types: Mapping[str, FixedPoint]
    types: Types
    rounding: Rounding = "RND_CONV"
    elements: Elements = field(default_factory=dict)

    def node(self, node: Node) -> None:
        """Add the types of one node, whose inputs are known."""
        for role, values in self.weights.get(node.name, {}).items():
            key = f"{node.name}/{role}"
            known = self.weight_types.get(key)
            self.types[key] = known or weight_type(
                values, self.width(key), self.calibration.rule, self.shifts.get(key, 0)
            )
        x = [self.types[f"{i}/result"] for i in node.inputs]
        for role, kind in operation(node.op).types(self, node, x).items():
            self.types[f"{node.name}/{role}"] = kind
        if x and x[0].elements:
            key = f"{node.name}/result"
            self.types[key] = carried(node, x[0], self.graph[node.inputs[0]].shape, self.types[key])

    def width(self, key: str) -> int:
        """Return the bits that the candidate chooses for a tensor.

        Raises:
            UserError: when it chooses none.
        """
        try:
            return self.widths[key]
        except KeyError:
            raise UserError(f"The candidate gives no width for tensor {key!r}.") from None

    def result(
        self, node: Node, exact_type: FixedPoint | None = None, copied: Sequence[FixedPoint] = ()
    ) -> FixedPoint:
        """Return the type in which a node hands on its result.

        `copied` are types whose values the firmware assigns to it as they are. A step beyond such a type's
        whole range would round everything to zero, and the assignment reads a bit that isn't there
        (`ap_fixed_base.h`), which ends the emulation: the step stays within it.
        """
        if exact_type is not None and self.graph.fused(node):
            return exact_type
        tensor = Tensor(node.name, "result", signed=not self.graph.nonnegative(node.name))
        width = self.width(tensor.key)
        integer = self.calibration.integer(tensor, width) + self.shifts.get(tensor.key, 0)
        integer = min([integer, *(width + source.integer for source in copied)])
        kind = FixedPoint(width, integer, tensor.signed, result_rounding(node, self.rounding), "SAT")
        return replace(kind, elements=tuple(self.elements.get(tensor.key, ())))

    def quantized_weights(self, node: Node, prefix: str = "") -> dict[str, NDArray[np.float64]]:
        """Return a node's weights as values of their types, by role; of those with a prefix, without it."""
        return {
            role.removeprefix(prefix): self.types[f"{node.name}/{role}"].quantize(values)
            for role, values in self.weights[node.name].items()
            if role.startswith(prefix)
        }

    def accumulator(self, node: Node, lossless: FixedPoint) -> FixedPoint:
        """Return the lossless accumulator, or the narrow one that the candidate asks for."""
        key = f"{node.name}/accum"
        width = self.widths.get(key, 0)
        if not width or width >= lossless.width:
            return lossless
        peak = self.calibration.peaks.get(key)
        integer = lossless.integer if peak is None else min(integer_bits(peak) + 1, lossless.integer)
        return FixedPoint(width, integer)

    def calibrated(self, node: Node, role: str, *, signed: bool) -> tuple[int, int]:
        """Return width and integer bits of a calibrated tensor within a node.

        Raises:
            UserError: when the candidate gives no width, or it was never calibrated.
        """
        tensor = Tensor(node.name, role, signed)
        width = self.width(tensor.key)
        return width, self.calibration.integer(tensor, width) + self.shifts.get(tensor.key, 0)


def mantissa_bits(graph: Graph, types: Mapping[str, FixedPoint]) -> int:
    """Return how many mantissa bits hold every intermediate value: up to 24, float32 computes exactly."""
    own: dict[str, dict[str, FixedPoint]] = {}
    for key, kind in types.items():
        name, _, role = key.rpartition("/")
        own.setdefault(name, {})[role] = kind
    most = 0
    for node in graph:
        kinds = own[node.name]
        stated = (kinds[role] for role in ("accum", "result", "table") if role in kinds)
        most = max(most, *(kind.width - kind.signed for kind in stated))
        x = [own[name]["result"] for name in node.inputs]
        most = max(most, operation(node.op).mantissa_bits(node, kinds, x))
    return most
