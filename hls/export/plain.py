"""A candidate as a plain Keras model whose weights are rounded already.

hls4ml converts raw weights with truncation and wrapping, so they must be values of their type before it sees
them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bitfront.spaces import Graph, Node, Weights

from ..operation import operation

if TYPE_CHECKING:
    import keras

    from ..precision.resolve import Types

Rounded = Mapping[str, NDArray[np.float64]]
Factory = Callable[[Node, Rounded], Any]
"""A Keras layer, or what is called like one."""


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

    Behind it stands one more where the elements of its result are rounded each to a width of its own.

    A reshape at the very end is left out: hls4ml's outputs are flat, and it can't build one there.
    """
    values: dict[str, Any] = rounded_weights(graph, weights, types)
    for node in graph:
        own = operation(node.op).keras_values(node, types)
        if own:
            values[node.name] = {**values.get(node.name, {}), **own}

    def factory(node: Node, own: Rounded) -> Any:
        layer = operation(node.op).keras_layer(node, own, types)
        if not operation(node.op).narrows_elements:
            return layer
        return lambda x: narrowed(node, layer(x))

    def narrowed(node: Node, x: Any) -> Any:
        """Return a node's output, rounded behind it where its elements have widths of their own."""
        kind = types[f"{node.name}/result"]
        if not kind.elements:
            return x
        from .layers import ElementWidths

        return ElementWidths(str(kind), name=elements_name(node.name))(x)

    return build(_without_last_reshape(graph), values, factory, input_factory=narrowed)


def elements_name(node: str) -> str:
    """Return the name of the layer that rounds the elements of a node's result."""
    return f"{node}_elements"


def _without_last_reshape(graph: Graph) -> Graph:
    last = {
        o: graph[o].inputs[0]
        for o in graph.outputs
        if operation(graph[o].op).left_out_last
        and graph[o].inputs[0] not in graph.outputs
        and not graph.consumers(o)
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
    """Return a functional model made of the layers that `factory` gives for the nodes, with `values` as
    weights.

    `input_factory` is applied to every input's tensor, of `dtype`.
    """
    import keras

    tensors: dict[str, Any] = {}
    inputs = []
    for node in graph:
        if not node.inputs:
            inputs.append(keras.Input(node.shape, name=node.name, dtype=dtype))
            tensors[node.name] = input_factory(node, inputs[-1]) if input_factory else inputs[-1]
            continue
        sources = [tensors[i] for i in node.inputs]
        if not node.traits.built:
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
    else:
        layer.set_weights(operation(node.op).keras_weights(node, values))
