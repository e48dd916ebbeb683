"""A candidate as a plain Keras model whose weights are rounded already.

hls4ml converts raw weights with truncation and wrapping, so they must be values of their type before it sees them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bitfront.spaces import LOOKUPS, Graph, Node, Weights

if TYPE_CHECKING:
    import keras

    from ..precision.resolve import Types

Rounded = Mapping[str, NDArray[np.float64]]
Factory = Callable[[Node, Rounded], "keras.Layer"]


def rounded_weights(
    graph: Graph, weights: Weights, types: Types
) -> dict[str, dict[str, NDArray[np.float64]]]:
    """Return every weight as the value of its type that the firmware holds."""
    return {
        name: {role: types[f"{name}/{role}"].quantize(values) for role, values in roles.items()}
        for name, roles in weights.items()
    }


def to_keras(graph: Graph, weights: Weights, types: Types) -> keras.Model:
    """Return the candidate as a functional Keras model: one layer a node, named after it, weights rounded.

    A reshape at the very end is left out: hls4ml's outputs are flat, and it can't build one there.
    """
    values: dict[str, Any] = rounded_weights(graph, weights, types)
    looked_up = [n for n in graph if n.op in LOOKUPS]
    for node in looked_up:
        values[node.name] = {"table": _table(node, types)}

    def factory(node: Node, own: Rounded) -> keras.Layer:
        if node in looked_up:
            return _lookup_layer(node, types)
        return make_layer(node, own)

    return build(_without_last_reshape(graph), values, factory)


def _table(node: Node, types: Types) -> NDArray[np.float64]:
    from ..bit_true.lookup import table

    return table(node.op, types[f"{node.inputs[0]}/result"], types[f"{node.name}/result"])


def _lookup_layer(node: Node, types: Types) -> keras.Layer:
    kind = types[f"{node.inputs[0]}/result"]
    return own_layers().Lookup(node.op, kind.width, kind.integer, kind.signed, name=node.name)


def _without_last_reshape(graph: Graph) -> Graph:
    last = {
        o: graph[o].inputs[0]
        for o in graph.outputs
        if graph[o].op == "reshape" and graph[o].inputs[0] not in graph.outputs and not graph.consumers(o)
    }
    return replace(
        graph,
        nodes=tuple(n for n in graph if n.name not in last),
        outputs=tuple(last.get(o, o) for o in graph.outputs),
    )


def build(
    graph: Graph,
    values: Mapping[str, Rounded],
    factory: Factory,
    *,
    name: str = "bitfront",
    input_factory: Callable[[Node, Any], Any] | None = None,
    dtype: str = "float32",
) -> keras.Model:
    """Return a functional model made of the layers that `factory` gives for the nodes, with `values` as weights.

    `input_factory` is applied to every input's tensor, of `dtype`.
    """
    import keras

    tensors: dict[str, Any] = {}
    inputs = []
    for node in graph:
        if node.op == "input":
            inputs.append(keras.Input(node.shape, name=node.name, dtype=dtype))
            tensors[node.name] = input_factory(node, inputs[-1]) if input_factory else inputs[-1]
            continue
        sources = [tensors[i] for i in node.inputs]
        if node.op == "dropout":
            tensors[node.name] = sources[0]
            continue
        layer = factory(node, values.get(node.name, {}))
        made = layer(sources if len(sources) > 1 else sources[0])
        tensors[node.name] = made
        if node.name in values:
            set_weights(layer, node, values[node.name])
    outputs = [tensors[o] for o in graph.outputs]
    return keras.Model(inputs, outputs if len(outputs) > 1 else outputs[0], name=name)


def set_weights(layer: Any, node: Node, values: Rounded) -> None:
    """Give a layer the weights of its node, in Keras's order."""
    if hasattr(layer, "hold"):
        layer.hold(values)
    elif node.op == "batchnorm":
        ones = np.ones_like(values["scale"])
        layer.set_weights([values["scale"], values["bias"], np.zeros_like(ones), ones])
    elif node.op == "bidirectional":
        halves = [_cell_arrays(node.attrs["cell"], values, prefix) for prefix in ("forward_", "backward_")]
        layer.set_weights([a for half in halves for a in half])
    elif node.op in {"lstm", "gru", "simple_rnn"}:
        layer.set_weights(_cell_arrays(node.op, values, ""))
    else:
        layer.set_weights([values[r] for r in ("weight", "scale", "bias", "table") if r in values])


def _cell_arrays(cell: str, values: Rounded, prefix: str) -> list[NDArray[np.float64]]:
    bias = values[f"{prefix}bias"]
    if cell == "gru":
        bias = np.stack([bias, values[f"{prefix}recurrent_bias"]])
    return [values[f"{prefix}weight"], values[f"{prefix}recurrent_weight"], bias]


def own_layers() -> Any:
    """Return our Keras layers' module, which takes seconds to import."""
    from . import layers

    return layers


def make_layer(node: Node, values: Rounded) -> keras.Layer:
    """Return the plain Keras layer that computes `node`."""
    import keras

    layers, attrs, name = keras.layers, node.attrs, node.name
    match node.op:
        case "dense":
            return layers.Dense(attrs["units"], use_bias="bias" in values, name=name)
        case "conv1d" | "conv2d" | "depthwise_conv1d" | "depthwise_conv2d":
            kind = getattr(layers, {"c": "Conv", "d": "DepthwiseConv"}[node.op[0]] + node.op[-2:].upper())
            filters = [attrs["filters"]] if node.op.startswith("conv") else []
            return kind(
                *filters,
                attrs["kernel_size"],
                strides=attrs["strides"],
                padding=attrs["padding"],
                use_bias="bias" in values,
                name=name,
            )
        case "lstm" | "gru" | "simple_rnn":
            kind = {"lstm": layers.LSTM, "gru": layers.GRU, "simple_rnn": layers.SimpleRNN}[node.op]
            return kind(attrs["units"], return_sequences=attrs["return_sequences"], name=name)
        case "bidirectional":
            kind = {"lstm": layers.LSTM, "gru": layers.GRU}[attrs["cell"]]
            inner = kind(attrs["units"], return_sequences=attrs["return_sequences"])
            return layers.Bidirectional(inner, name=name)
        case "batchnorm":
            # variance 1 and epsilon 0: hls4ml divides by sqrt(1 + 0), so the scale stays the rounded one
            return layers.BatchNormalization(epsilon=0.0, name=name)
        case "relu" | "tanh" | "sigmoid" | "linear":
            return layers.Activation(node.op, name=name)
        case "leaky_relu":
            return layers.LeakyReLU(negative_slope=attrs["slope"], name=name)
        case "softmax":
            return layers.Softmax(name=name)
        case "max_pool" | "avg_pool":
            kind = getattr(
                layers, f"{'Max' if node.op == 'max_pool' else 'Average'}Pooling{len(attrs['pool_size'])}D"
            )
            return kind(attrs["pool_size"], strides=attrs["strides"], padding=attrs["padding"], name=name)
        case "global_max_pool" | "global_avg_pool":
            # one or two spatial axes: known only from the input, which Keras gives when the layer is called
            return _GlobalPool(node)
        case "reshape":
            return (
                layers.Flatten(name=name) if len(node.shape) == 1 else layers.Reshape(node.shape, name=name)
            )
        case "zero_padding":
            pads = attrs["padding"]
            return (
                layers.ZeroPadding1D(pads[0], name=name)
                if len(pads) == 1
                else layers.ZeroPadding2D(pads, name=name)
            )
        case "einsum_dense":
            return layers.EinsumDense(
                attrs["equation"],
                node.shape,
                bias_axes=attrs["bias_axes"] if "bias" in values else None,
                name=name,
            )
        case "einsum":
            return own_layers().Einsum(attrs["equation"], name=name)
        case "layernorm":
            return layers.LayerNormalization(epsilon=attrs["epsilon"], name=name)
        case "add_constant":
            return own_layers().AddConstant(name=name)
        case "gelu" | "silu":
            return layers.Activation(node.op, name=name)
        case "concatenate":
            return layers.Concatenate(axis=attrs["axis"], name=name)
        case _:
            return getattr(layers, node.op.capitalize())(name=name)


class _GlobalPool:
    """Chooses the global pooling layer by the rank of what it is called on."""

    def __init__(self, node: Node) -> None:
        self.node = node

    def __call__(self, x: Any) -> Any:
        import keras

        kind = "Max" if self.node.op == "global_max_pool" else "Average"
        return getattr(keras.layers, f"Global{kind}Pooling{len(x.shape) - 2}D")(name=self.node.name)(x)
