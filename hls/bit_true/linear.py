"""Dense, convolution and batch normalization: products with constant weights.

The dense and convolution layers are QKeras layers carrying our quantizer. Accumulators are lossless by
default, so nothing is rounded before the result; where their width is searched, `accumulate` rounds every
product, as the C++ does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import qkeras
import tensorflow as tf

from bitfront.spaces import FixedPoint, Graph, Node

from .accumulate import Accumulator
from .base import Layer
from .quantizer import Mode

Kind = Callable[[Node, Any, Any, dict[str, Any]], keras.Layer]
"""What makes a layer of a node: (node, quantizer of its kernel, of its bias, Keras's own arguments)."""


def dense(node: Node, kernel: Any, bias: Any, common: dict[str, Any]) -> keras.Layer:
    """Return a QKeras dense layer."""
    return qkeras.QDense(node.attrs["units"], kernel_quantizer=kernel, bias_quantizer=bias, **common)


def convolution(axes: int, *, depthwise: bool) -> Kind:
    """Return what makes QKeras convolutions over one or two axes; a causal one is padded before it is
    called.
    """

    def made(node: Node, kernel: Any, bias: Any, common: dict[str, Any]) -> keras.Layer:
        size, padding = node.attrs["kernel_size"], node.attrs["padding"]
        options = {
            **common,
            "strides": node.attrs["strides"],
            "padding": "valid" if padding == "causal" else padding,
        }
        if depthwise and axes == 1:
            return _DepthwiseConv1D(size, quantizers=(kernel, bias), **options)
        options["bias_quantizer"] = bias
        if depthwise:
            return qkeras.QDepthwiseConv2D(size, depthwise_quantizer=kernel, **options)
        kind = qkeras.QConv1D if axes == 1 else qkeras.QConv2D
        return kind(node.attrs["filters"], size, kernel_quantizer=kernel, **options)

    return made


class Linear(Layer):
    """A QKeras layer with its quantizers, or the same sum with a narrow accumulator."""

    def __init__(self, graph: Graph, node: Node, mode: Mode, kind: Kind, *, narrow: bool = False) -> None:
        super().__init__(graph, node, mode)
        weights = graph.weights[node.name]
        self.inner = self._build(graph, weights, kind)
        self.variables["weight"] = self._kernel(self.inner).value
        if "bias" in weights:
            self.variables["bias"] = self.inner.bias.value
        for role, variable in self.variables.items():
            variable.assign(weights[role])
        self.accumulator = Accumulator(node, mode) if narrow else None

    def _build(self, graph: Graph, weights: Mapping[str, Any], kind: Kind) -> keras.Layer:
        node = self.node
        common: dict[str, Any] = {"use_bias": "bias" in weights, "name": node.name, "dtype": "float32"}
        layer = kind(node, self.quantizers["weight"], self.quantizers.get("bias"), common)
        shape = graph[node.inputs[0]].shape
        if node.attrs.get("padding") == "causal":  # padded before it is called
            shape = (shape[0] + node.attrs["kernel_size"][0] - 1, *shape[1:])
        layer.build((None, *shape))
        return layer

    @staticmethod
    def _kernel(layer: Any) -> Any:
        return layer.depthwise_kernel if hasattr(layer, "depthwise_kernel") else layer.kernel

    def assign(self, types: Mapping[str, FixedPoint]) -> None:
        """Give the accumulator its type, where it is narrow."""
        if self.accumulator:
            self.accumulator.assign(types["accum"])

    def __call__(self, inputs: Sequence[Any]) -> Any:
        """Return the layer's output."""
        (x,) = inputs
        if self.node.attrs.get("padding") == "causal":
            x = tf.pad(x, [[0, 0], [self.node.attrs["kernel_size"][0] - 1, 0], [0, 0]])
        if self.accumulator:
            bias = self.weight("bias") if "bias" in self.variables else None
            return self.result(self.accumulator.linear(x, self.weight("weight"), bias))
        return self.result(self.inner.call(x))


class _DepthwiseConv1D(keras.layers.DepthwiseConv1D):
    """QKeras has no one-dimensional depthwise convolution; this is Keras's with our quantizers."""

    def __init__(self, kernel_size: Any, *, quantizers: tuple[Any, Any], **kwargs: Any) -> None:
        super().__init__(kernel_size, **kwargs)
        self._fixed_point = quantizers

    def call(self, inputs: Any) -> Any:
        """Return the convolution with quantized weights."""
        kernel, bias = self._fixed_point
        result = keras.ops.depthwise_conv(inputs, kernel(self.kernel), self.strides, self.padding)
        return result + bias(self.bias) if self.use_bias else result


class BatchNorm(Layer):
    """hls4ml's `normalize`: scale times input plus bias, both quantized."""

    def __init__(self, graph: Graph, node: Node, mode: Mode) -> None:
        super().__init__(graph, node, mode)
        for role, value in graph.weights[node.name].items():
            self.make(role, value)

    def __call__(self, inputs: Sequence[Any]) -> Any:
        """Return the normalized input."""
        return self.result(inputs[0] * self.weight("scale") + self.weight("bias"))
