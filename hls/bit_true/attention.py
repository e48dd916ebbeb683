"""Attention's products: einsums of a tensor with constant weights, and of two tensors.

hls4ml sums both exactly in lossless accumulators (`nnet_einsum_dense.h`, `nnet_einsum.h`), so only results
are rounded.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from bitfront.spaces import Graph, Node

from .base import Layer
from .quantizer import Mode


class EinsumDense(Layer):
    """An einsum of the input and quantized weights, plus a bias that broadcasts."""

    def __init__(self, graph: Graph, node: Node, mode: Mode) -> None:
        super().__init__(graph, node, mode)
        for role, value in graph.weights[node.name].items():
            self.make(role, value)

    def __call__(self, inputs: Sequence[Any]) -> Any:
        """Return the product, rounded unless an activation takes it."""
        product = tf.einsum(self.node.attrs["equation"], inputs[0], self.weight("weight"))
        return self.result(product + self.weight("bias") if "bias" in self.variables else product)


class Einsum(Layer):
    """An einsum of two tensors: scores, or context."""

    def __call__(self, inputs: Sequence[Any]) -> Any:
        """Return the product, rounded."""
        return self.result(tf.einsum(self.node.attrs["equation"], *inputs))


class AddConstant(Layer):
    """The input plus quantized weights of its own shape: a positional encoding."""

    def __init__(self, graph: Graph, node: Node, mode: Mode) -> None:
        super().__init__(graph, node, mode)
        self.make("bias", graph.weights[node.name]["bias"])

    def __call__(self, inputs: Sequence[Any]) -> Any:
        """Return the sum, rounded."""
        return self.result(inputs[0] + self.weight("bias"))
