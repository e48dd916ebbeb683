"""Inputs, activations, merges and what moves values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import qkeras
import tensorflow as tf

from bitfront.spaces import FixedPoint, Graph, Node

from .base import Layer
from .quantizer import Mode, VariableFixedPoint
from .tables import Table


class Input(Layer):
    """Rounds what enters the firmware."""

    def __call__(self, inputs: Sequence[Any]) -> Any:
        """Return the input rounded to its type."""
        return self.result(inputs[0])


class Entries(Layer):
    """Numbers of entries, as they are: whole, and none beyond the last."""

    def __call__(self, inputs: Sequence[Any]) -> Any:
        """Return the input."""
        return inputs[0]


class Rounding(Layer):
    """ReLU (`clips`) and linear: a QKeras activation carrying our quantizer (unsigned after ReLU, so it clips
    at zero).
    """

    def __init__(self, graph: Graph, node: Node, mode: Mode, *, clips: bool) -> None:
        super().__init__(graph, node, mode)
        self.clips = clips
        self.inner = qkeras.QActivation(self.quantizers["result"], name=node.name, dtype="float32")

    def __call__(self, inputs: Sequence[Any]) -> Any:
        """Return the activation of the one input."""
        (x,) = inputs
        x = tf.nn.relu(x) if self.clips else x
        return self.inner.call(x) if self.mode.exact else self.model_rounding(x)


class LeakyReLU(Layer):
    """hls4ml's `leaky_relu`: negative values times a constant of type `param_t`."""

    def __init__(self, graph: Graph, node: Node, mode: Mode) -> None:
        super().__init__(graph, node, mode)
        self.quantizers["slope"] = VariableFixedPoint(mode=mode)

    def __call__(self, inputs: Sequence[Any]) -> Any:
        """Return the activation of the one input."""
        (x,) = inputs
        slope = self.quantizers["slope"](tf.constant(self.node.attrs["slope"], tf.float32))
        return self.result(tf.where(x > 0, x, slope * x))


class PReLU(Layer):
    """hls4ml's `prelu`: negative values times quantized weights, which broadcast."""

    def __init__(self, graph: Graph, node: Node, mode: Mode) -> None:
        super().__init__(graph, node, mode)
        self.make("slope", graph.weights[node.name]["slope"])

    def __call__(self, inputs: Sequence[Any]) -> Any:
        """Return the activation of the one input."""
        (x,) = inputs
        slope = tf.reshape(self.weight("slope"), self.node.attrs["slopes"])
        return self.result(tf.where(x > 0, x, slope * x))


class TableActivation(Layer):
    """`tanh` or `sigmoid` through hls4ml's lookup table."""

    def __init__(self, graph: Graph, node: Node, mode: Mode, *, table_size: int = 1024) -> None:
        super().__init__(graph, node, mode)
        self.table = Table(node.op, table_size, mode)

    def assign(self, types: Mapping[str, FixedPoint]) -> None:
        """Give the table its entry type."""
        self.table.assign(types["table"])

    def __call__(self, inputs: Sequence[Any]) -> Any:
        """Return the activation of the one input."""
        return self.result(self.table(inputs[0]))


class Merge(Layer):
    """Two tensors of one shape, element by element, as `merge` says."""

    def __init__(self, graph: Graph, node: Node, mode: Mode, merge: Callable[[Any, Any], Any]) -> None:
        super().__init__(graph, node, mode)
        self.merge = merge

    def __call__(self, inputs: Sequence[Any]) -> Any:
        """Return the merged tensor, rounded."""
        return self.result(self.merge(*inputs))


class Moving(Layer):
    """Values move as `move` says, or vanish while training."""

    def __init__(self, graph: Graph, node: Node, mode: Mode, move: Callable[[Sequence[Any]], Any]) -> None:
        super().__init__(graph, node, mode)
        self.move = move

    def __call__(self, inputs: Sequence[Any]) -> Any:
        """Return the moved values."""
        return self.move(inputs)
