"""A Keras layer that is one node of the firmware, computed by the layer that scored it in the search.

A model of such layers predicts what the firmware outputs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from bitfront.spaces import FixedPoint, Graph, Node

from ..bit_true.model import build_layer
from ..bit_true.quantizer import Mode


@keras.saving.register_keras_serializable(package="bitfront")
class FirmwareLayer(keras.layers.Layer):
    """One node of the firmware, bit for bit: a recurrent layer with its tables, a softmax, a normalization.

    It takes and gives values of the types of its neighbours, as float32 or, where that isn't exact, float64
    (`dtype`). Its weights are those of the firmware already; it can't be trained.

    Args:
        op: the node's operation, `lstm` say.
        attrs: what the operation needs besides its weights, as `Node.attrs`.
        output_size: shape of the output without the batch axis.
        types: type by role, `{"result": "fixed<8,3,RND_CONV,SAT>"}`; a node without `result` hands on what it
            computed.
        weight_shapes: shape by role, in the order of the weights.
        table_size: entries of sigmoid and tanh tables.
        narrow: whether the accumulator may be narrower than lossless.
        **kwargs: Keras's own.
    """

    def __init__(
        self,
        op: str,
        attrs: Mapping[str, Any],
        output_size: Sequence[int],
        types: Mapping[str, str],
        weight_shapes: Mapping[str, Sequence[int]],
        table_size: int = 1024,
        narrow: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.supports_jit = False  # XLA may round what is exact in TensorFlow
        self.op = op
        self._settings = {
            "op": op,
            "attrs": {key: _plain(value) for key, value in attrs.items()},
            "output_size": list(output_size),
            "types": dict(types),
            "weight_shapes": {role: list(shape) for role, shape in weight_shapes.items()},
            "table_size": table_size,
            "narrow": narrow,
        }

    def build(self, input_shape: Any) -> None:
        """Make the weights, zero at first, and the layer of the search that computes the node."""
        settings: Mapping[str, Any] = self._settings
        shapes = input_shape if isinstance(input_shape[0], list | tuple) else [input_shape]
        sources = [f"input_{i}" for i in range(len(shapes))]
        node = Node(
            name=self.name,
            op=self.op,
            inputs=tuple(sources),
            shape=tuple(settings["output_size"]),
            layer=self.name,
            attrs={key: _tuples(value) for key, value in settings["attrs"].items()},
        )
        given = (
            Node(name=name, op="input", inputs=(), shape=tuple(shape[1:]), layer=name)
            for name, shape in zip(sources, shapes, strict=True)
        )
        zeros = {role: np.zeros(shape, np.float32) for role, shape in settings["weight_shapes"].items()}
        graph = Graph(nodes=(*given, node), outputs=(node.name,), weights={node.name: zeros} if zeros else {})
        types = {role: FixedPoint.parse(text) for role, text in settings["types"].items()}
        # QKeras's initializers, whose values are replaced, ask the quantizers for float32
        up = "result" in types and types["result"].rounding == "RND"
        elements = "result" in types and bool(types["result"].elements)
        mode = Mode(dtype=tf.float32, rounding="RND" if up else "RND_CONV", elements=elements)
        with tf.init_scope():
            computes: Any = build_layer(graph, node, mode, settings["table_size"], settings["narrow"])
            mode.dtype = tf.as_dtype(self.compute_dtype)
            for role in list(computes.quantizers):
                if role in types:
                    computes.quantizers[role].assign(types[role])
                else:  # an activation takes the value as it is
                    del computes.quantizers[role]
            computes.assign({role: kind for role, kind in types.items() if role not in computes.quantizers})
        inner = getattr(computes, "inner", None)
        if isinstance(inner, keras.layers.Layer) and inner.weights:
            self.inner = inner  # so that Keras saves its weights
            self._held = {
                "weight": inner.weights[0],
                **({"bias": inner.weights[1]} if "bias" in zeros else {}),
            }
        else:
            self._held = {
                role: self.add_weight(shape=value.shape, initializer="zeros", trainable=False, name=role)
                for role, value in zeros.items()
            }
            computes.variables.update(self._held)
        self._computes = computes

    def hold(self, values: Mapping[str, Any]) -> None:
        """Set the weights by role; they must be values of their types."""
        for role, variable in self._held.items():
            variable.assign(values[role])

    def call(self, inputs: Any) -> Any:
        """Return the node's output for a tensor or a list of them."""
        return self._computes(inputs if isinstance(inputs, list | tuple) else [inputs])

    def get_config(self) -> dict[str, Any]:
        """Return the node, its types and Keras's own settings."""
        return {**super().get_config(), **self._settings}


def _plain(value: Any) -> Any:
    """Return a node's attribute as JSON holds it."""
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value.item() if isinstance(value, np.generic) else value


def _tuples(value: Any) -> Any:
    """Return what `_plain` took apart."""
    return tuple(_tuples(one) for one in value) if isinstance(value, list | tuple) else value
