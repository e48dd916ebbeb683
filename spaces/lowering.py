"""From a Keras 3 model to a `Graph`: activations split off, batch normalization folded, the head decided."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .errors import UserError
from .graph import LINEAR, Graph, Node

if TYPE_CHECKING:
    import keras

Arrays = dict[str, NDArray[np.float32]]
SUPPORTED_ACTIVATIONS = {"linear", "relu", "leaky_relu", "tanh", "sigmoid", "softmax", "gelu", "silu"}
OPERATIONS = frozenset({"Add", "Subtract", "Multiply", "Maximum", "Minimum"})
"""Bare operations of Keras (`x + y`) that are lowered as the layer of that name."""


class Unsupported(Exception):
    """A layer, or a setting of it, that the firmware can't compute; the message says why and what to do."""


class Lowering:
    """Collects nodes and weights while it walks the model in the order of computation."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.weights: dict[str, Arrays] = {}
        self.outputs: tuple[str, ...] = ()
        self.arguments: Any = None
        """Keras's `SymbolicArguments` of the call that is being lowered."""
        self.constants: dict[str, NDArray[np.float32]] = {}
        """Name -> what a layer gives whatever its input: no node, but the operand of a sum."""
        self._names: set[str] = set()

    def name(self, wanted: str) -> str:
        """Return `wanted` as a C identifier that is not taken yet."""
        base = re.sub(r"\W", "_", wanted)
        base = f"n_{base}" if base[:1].isdigit() or base in {"input", "main"} else base
        name, i = base, 1
        while name in self._names:
            i += 1
            name = f"{base}_{i}"
        self._names.add(name)
        return name

    def shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of node `name`, without the batch axis."""
        return next(n.shape for n in self.nodes if n.name == name)

    def add(
        self,
        layer: keras.Layer,
        op: str,
        inputs: tuple[str, ...],
        shape: tuple[int, ...],
        *,
        name: str | None = None,
        weights: Arrays | None = None,
        **attrs: Any,
    ) -> str:
        """Append a node and return its name."""
        unique = self.name(name or layer.name)
        self.nodes.append(
            Node(name=unique, op=op, inputs=inputs, shape=tuple(shape), layer=layer.name, attrs=attrs)
        )
        if weights:
            self.weights[unique] = {k: np.asarray(v, np.float32) for k, v in weights.items()}
        return unique

    def activation(self, layer: keras.Layer, function: Any, source: str, shape: tuple[int, ...]) -> str:
        """Append the activation `function` (a Keras function or quantizer) after node `source`."""
        kind, attrs = activation_kind(function)
        if kind == "linear":
            return source
        return self.add(layer, kind, (source,), shape, name=f"{layer.name}_{kind}", **attrs)


def activation_kind(function: Any) -> tuple[str, dict[str, Any]]:
    """Return the operation and attributes of a Keras activation function or a QKeras activation quantizer.

    Raises:
        Unsupported: for anything but linear, ReLU, leaky ReLU, tanh, sigmoid and softmax.
    """
    if function is None:
        return "linear", {}
    name = getattr(function, "__name__", None) or type(function).__name__
    if name == "quantized_relu":
        slope = float(getattr(function, "negative_slope", 0.0) or 0.0)
        return ("leaky_relu", {"slope": slope}) if slope else ("relu", {})
    if name in {"quantized_tanh", "quantized_sigmoid"}:
        real = getattr(function, f"use_real_{name.removeprefix('quantized_')}", False)
        if not real:
            raise Unsupported(
                f"QKeras' {name} approximates the curve by a line, which hls4ml does not; "
                f"set use_real_{name.removeprefix('quantized_')}=True"
            )
        return name.removeprefix("quantized_"), {}
    if name in {"quantized_bits", "quantized_linear", "linear"}:
        return "linear", {}
    if name == "leaky_relu":
        return "leaky_relu", {"slope": 0.2}
    if name in SUPPORTED_ACTIVATIONS:
        return name, {}
    raise Unsupported(
        f"activation {name!r} has no bit-true model; use one of {', '.join(sorted(SUPPORTED_ACTIVATIONS))}"
    )


def lower(model: keras.Model, *, head: str = "auto") -> Graph:
    """Return `model` as the firmware computes it.

    `head` says what happens to a last softmax or sigmoid: `keep` computes it in the firmware, `logits` leaves it
    off, and `auto` leaves off only a softmax, whose tables are the usual reason for wrong firmware
    (the class is the largest logit).

    Raises:
        UserError: naming every layer that can't be computed, and why.
    """
    rows, lowered = survey(model)
    faults = [f"{row.layer!r}: {row.fault}" for row in rows if row.fault]
    if faults:
        raise UserError("The firmware can't compute this model: " + "; ".join(faults) + ".")
    nodes, weights, outputs = _fold_batchnorm(lowered.nodes, lowered.weights, lowered.outputs)
    return _decide_head(nodes, weights, outputs, head)


@dataclass(frozen=True)
class Row:
    """What became of one Keras layer: the operations it turned into, or why it can't be computed."""

    layer: str
    kind: str
    nodes: tuple[str, ...] = ()
    fault: str | None = None


def survey(model: keras.Model) -> tuple[list[Row], Lowering]:
    """Return a row for every layer of `model`, and the nodes as far as they could be made.

    Raises:
        UserError: when the model's layers can't be read at all.
    """
    from .attention import positional
    from .layers import LAYERS

    work = Lowering()
    rows: list[Row] = []
    tensor_of: dict[int, str] = {}
    functional = getattr(model, "_functional", None) or model
    if not hasattr(functional, "_nodes_by_depth"):
        raise UserError(
            f"Model {model.name!r} is a subclassed keras.Model, whose layers can't be read: "
            "write it as a Sequential or functional model."
        )
    for tensor in functional.inputs:
        layer = tensor._keras_history.operation
        shape = tuple(tensor.shape[1:])
        if any(d is None for d in shape):
            raise UserError(
                f"Input {layer.name!r} has shape {shape}: firmware needs every axis but the batch fixed."
            )
        tensor_of[id(tensor)] = work.add(layer, "input", (), shape)
        rows.append(Row(layer.name, "InputLayer", (tensor_of[id(tensor)],)))
    for layer, arguments, target, fault in _calls(functional):
        sources, work.arguments = list(arguments.keras_tensors), arguments
        if fault is None and any(id(s) not in tensor_of for s in sources):
            fault = "follows a layer that can't be computed"
        made = len(work.nodes)
        if fault is None:
            try:
                handler = LAYERS.get(_kind(layer))
                inputs, shape = tuple(tensor_of[id(s)] for s in sources), tuple(target.shape[1:])
                if any(i in work.constants for i in inputs) and not _kind(layer) == "Add":
                    raise Unsupported("reads a constant, which can only be added")
                made_name = (
                    handler(work, layer, inputs, shape) if handler else positional(work, layer, inputs, shape)
                )
                if made_name is None:
                    raise Unsupported(f"{_kind(layer)} layers are not supported")
                tensor_of[id(target)] = made_name
            except Unsupported as error:
                fault = str(error)
        rows.append(Row(layer.name, _kind(layer), tuple(n.name for n in work.nodes[made:]), fault))
    work.outputs = tuple(tensor_of.get(id(t), "") for t in functional.outputs)
    return rows, work


def _kind(layer: Any) -> str:
    """Return the class name of a layer, a QKeras layer as the Keras layer that it quantizes."""
    name = type(layer).__name__
    if type(layer).__module__.startswith("qkeras") and name.startswith("Q"):
        return name[1:]
    return name


def _calls(functional: Any) -> Iterator[tuple[Any, Any, Any, str | None]]:
    """Yield (layer, arguments, output tensor, fault) in the order of computation."""
    seen: set[int] = set()
    for depth in sorted(functional._nodes_by_depth, reverse=True):
        for node in functional._nodes_by_depth[depth]:
            layer, fault = node.operation, None
            if node.is_input:
                continue
            if id(layer) in seen:
                fault = "is called more than once; give each call a layer of its own"
            elif len(node.outputs) != 1:
                fault = f"has {len(node.outputs)} outputs; only one can be converted"
            elif not hasattr(layer, "weights") and type(layer).__name__ not in OPERATIONS:
                fault = "is a bare operation; use the Keras layer for it (Add, Reshape, ...)"
            seen.add(id(layer))
            yield layer, node.arguments, node.outputs[0], fault


def _fold_batchnorm(
    nodes: list[Node], weights: dict[str, Arrays], outputs: tuple[str, ...]
) -> tuple[list[Node], dict[str, Arrays], tuple[str, ...]]:
    """Fold each batch normalization into the linear layer that it alone follows, as hls4ml does."""
    by_name = {n.name: n for n in nodes}
    readers = Counter(i for n in nodes for i in n.inputs) + Counter(outputs)
    renamed: dict[str, str] = {}
    kept: list[Node] = []
    for node in nodes:
        inputs = tuple(renamed.get(i, i) for i in node.inputs)
        source = by_name[inputs[0]] if inputs else None
        if (
            node.op == "batchnorm"
            and source is not None
            and source.op in LINEAR
            and readers[source.name] == 1
        ):
            weights[source.name] = _scaled(source, weights[source.name], weights.pop(node.name))
            renamed[node.name] = source.name
            readers[source.name] = readers[node.name]
        else:
            kept.append(replace(node, inputs=inputs))
    return kept, weights, tuple(renamed.get(o, o) for o in outputs)


def _scaled(node: Node, own: Arrays, norm: Arrays) -> Arrays:
    """Return the weights of a linear node with a scale and a bias per output channel multiplied in."""
    scale, kernel = norm["scale"].astype(np.float64), own["weight"].astype(np.float64)
    factor = scale.reshape(kernel.shape[-2:]) if node.op.startswith("depthwise") else scale
    bias = own.get("bias", np.zeros(scale.size, np.float32)).astype(np.float64)
    return {
        "weight": (kernel * factor).astype(np.float32),
        "bias": (bias * scale + norm["bias"]).astype(np.float32),
    }


def _decide_head(nodes: list[Node], weights: dict[str, Arrays], outputs: tuple[str, ...], head: str) -> Graph:
    """Leave the last activation off where `head` says so."""
    if head not in {"auto", "keep", "logits"}:
        raise UserError(f"head: {head!r} is unknown; use auto, keep or logits.")
    drop = {"auto": {"softmax"}, "keep": set(), "logits": {"softmax", "sigmoid"}}[head]
    by_name = {n.name: n for n in nodes}
    dropped = {o: by_name[o] for o in outputs if by_name[o].op in drop}
    kept = [n for n in nodes if n.name not in dropped]
    names = tuple(dropped[o].inputs[0] if o in dropped else o for o in outputs)
    kinds = {n.op for n in dropped.values()}
    return Graph(
        nodes=tuple(kept), outputs=names, weights=weights, dropped_head=", ".join(sorted(kinds)) or None
    )


Handler = Callable[[Lowering, Any, tuple[str, ...], tuple[int, ...]], str]
