"""Dense, convolution and batch normalization: products with constant weights.

The dense and convolution layers are QKeras layers carrying our quantizer. Accumulators are lossless by default,
so nothing is rounded before the result; where their width is searched, `accumulate` rounds every product,
as the C++ does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import qkeras
import tensorflow as tf

from bitfront.spaces import FixedPoint, Graph, Node

from .accumulate import Accumulator
from .base import Layer
from .quantizer import Mode


class Linear(Layer):
    """A QKeras layer with its quantizers, or the same sum with a narrow accumulator."""

    def __init__(self, graph: Graph, node: Node, mode: Mode, *, narrow: bool = False) -> None:
        super().__init__(graph, node, mode)
        weights = graph.weights[node.name]
        self.inner = self._build(graph, weights)
        self.variables["weight"] = self._kernel(self.inner).value
        if "bias" in weights:
            self.variables["bias"] = self.inner.bias.value
        for role, variable in self.variables.items():
            variable.assign(weights[role])
        self.accumulator = Accumulator(node, mode) if narrow else None

    def _build(self, graph: Graph, weights: Mapping[str, Any]) -> keras.Layer:
        node, op = self.node, self.node.op
        common: dict[str, Any] = {
            "use_bias": "bias" in weights,
            "bias_quantizer": self.quantizers.get("bias"),
            "name": node.name,
            "dtype": "float32",
        }
        if op == "dense":
            layer = qkeras.QDense(node.attrs["units"], kernel_quantizer=self.quantizers["weight"], **common)
        else:
            common |= {"strides": node.attrs["strides"], "padding": node.attrs["padding"]}
            if common["padding"] == "causal":
                common["padding"] = "valid"
            if op == "depthwise_conv2d":
                layer = qkeras.QDepthwiseConv2D(
                    node.attrs["kernel_size"], depthwise_quantizer=self.quantizers["weight"], **common
                )
            elif op == "depthwise_conv1d":
                layer = _DepthwiseConv1D(
                    node.attrs["kernel_size"],
                    quantizers=(self.quantizers["weight"], common.pop("bias_quantizer")),
                    **common,
                )
            else:
                kind = qkeras.QConv1D if op == "conv1d" else qkeras.QConv2D
                layer = kind(
                    node.attrs["filters"],
                    node.attrs["kernel_size"],
                    kernel_quantizer=self.quantizers["weight"],
                    **common,
                )
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
