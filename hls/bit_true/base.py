"""What a bit-true layer offers, and the parts that layers share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import tensorflow as tf

from bitfront.spaces import FixedPoint, Graph, Node

from ..precision.resolve import result_rounding
from .quantizer import Mode, VariableFixedPoint


@runtime_checkable
class BitTrueLayer(Protocol):
    """Computes one node exactly as the C++ that hls4ml emits for it.

    Lifecycle: built once from a node and its float weights; then, per candidate, `assign` gives the types and
    calling it computes. `__call__` is traced: what differs between candidates lives in variables.
    """

    @property
    def variables(self) -> Mapping[str, Any]:
        """Role -> trainable variable, float."""
        ...

    @property
    def quantizers(self) -> Mapping[str, VariableFixedPoint]:
        """Role -> quantizer of weights and of the result."""
        ...

    def assign(self, types: Mapping[str, FixedPoint]) -> None:
        """Take over what is not held by `quantizers`: accumulator and table types (role -> type)."""
        ...

    def __call__(self, inputs: Sequence[Any]) -> Any:
        """Return the node's output (batch first) from those of its inputs."""
        ...


class Layer:
    """Base of the layers: the result is rounded unless the node hands it on exactly."""

    def __init__(self, graph: Graph, node: Node, mode: Mode) -> None:
        self.node, self.mode = node, mode
        self.variables: dict[str, Any] = {}
        self.quantizers: dict[str, VariableFixedPoint] = {}
        for tensor in graph.tensors(node):
            if tensor.role == "result":
                self.quantizers["result"] = VariableFixedPoint(
                    signed=tensor.signed,
                    clip_gradient=True,
                    rounding=result_rounding(node, mode.rounding),
                    mode=mode,
                )
            elif tensor.role in graph.weights.get(node.name, {}):
                self.quantizers[tensor.role] = VariableFixedPoint(mode=mode)

    def assign(self, types: Mapping[str, FixedPoint]) -> None:
        """Nothing beyond the quantizers by default."""

    def result(self, x: Any) -> Any:
        """Return `x` as it leaves the node; unrounded, as the model that came rounds it itself (`grid`)."""
        if not self.mode.exact:
            return self.model_rounding(x)
        quantizer = self.quantizers.get("result")
        return quantizer(x) if quantizer else x

    def model_rounding(self, x: Any) -> Any:
        """Return `x` rounded and saturated as the model that came does after this operation."""
        if "grid" not in self.node.attrs:
            return x
        attributes = self.node.attrs
        step, low, high = (tf.constant(one, x.dtype) for one in attributes["grid"])
        rounding = attributes.get("rounding", "RND_CONV")
        scaled = x / step
        nearest = tf.round(scaled) if rounding == "RND_CONV" else tf.floor(scaled + 0.5 * (rounding == "RND"))
        rounded = nearest * step
        if attributes.get("wraps"):
            span = high - low + step
            rounded -= tf.math.floordiv(rounded - low, span) * span
        else:
            rounded = tf.clip_by_value(rounded, low, high)
        return x + tf.stop_gradient(rounded - x)

    def weight(self, role: str) -> Any:
        """Return the quantized weights of `role`."""
        return self.quantizers[role](self.variables[role])

    def make(self, role: str, value: Any) -> Any:
        """Hold `value` as a trainable float variable."""
        self.variables[role] = tf.Variable(value, dtype=tf.float32, name=f"{self.node.name}/{role}")
        return self.variables[role]
