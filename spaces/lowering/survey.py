"""The walk over a model: a row for every layer, normalizations folded, the head decided."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import UserError
from ..graph import Graph, Node
from ..operations import registered
from .arguments import call_fault, is_own, kind_of
from .attention import positional
from .bare import BARE, SEVERAL
from .calls import Call, Key, Same, calls, functional_of
from .frozen import folded, trained_variables
from .layers import LAYERS
from .unsupported import Unsupported
from .work import Arrays, Handler, Lowering

if TYPE_CHECKING:
    import keras


def lower(model: keras.Model, *, head: str = "auto") -> Graph:
    """Return `model` as the firmware computes it.

    `head` says what happens to a last softmax or sigmoid: `keep` computes it in the firmware, `logits` leaves
    it off, and `auto` leaves off only a softmax, whose tables are the usual reason for wrong firmware
    (the class is the largest logit).

    Raises:
        UserError: naming every layer that can't be computed, and why.
    """
    return lower_with_tensors(model, head=head)[0]


def lower_with_tensors(model: keras.Model, *, head: str = "auto") -> tuple[Graph, Mapping[str, Any]]:
    """Return the graph of `lower`, and the Keras tensor that each node computes, by the node's name.

    Nodes within a layer (the scores of an attention) have none.

    Raises:
        UserError: naming every layer that can't be computed, and why.
    """
    rows, work = survey(model)
    faults = [f"{row.layer!r}: {row.fault}" for row in rows if row.fault]
    if faults:
        raise UserError("The firmware can't compute this model: " + "; ".join(faults) + ".")
    _fold_batchnorm(work)
    _merge_roundings(work)
    return _decide_head(work, head), work.tensors


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
    functional = functional_of(model)
    work = Lowering(trained_variables(model))
    work.home = id(functional)
    rows: list[Row] = []
    tensor_of: dict[Key, str] = {}
    for tensor in functional.inputs:
        layer = tensor._keras_history.operation
        shape = tuple(tensor.shape[1:])
        _check_input(layer.name, shape, str(tensor.dtype))
        tensor_of[(), id(tensor)] = work.add(layer, "input", (), shape)
        rows.append(Row(layer.name, "InputLayer", (tensor_of[(), id(tensor)],)))
    found = list(calls(functional))
    read: set[Key] = {((), id(tensor)) for tensor in functional.outputs}
    read |= {key for call in found for key in ((call.of,) if isinstance(call, Same) else call.sources)}
    for call in found:
        if isinstance(call, Same):
            if call.of in tensor_of:
                tensor_of[call.key] = tensor_of[call.of]
            continue
        made, work.arguments, work.home = len(work.nodes), call.arguments, call.home
        work.read = tuple(target in read for target in call.targets)
        fault = call.fault
        if fault is None and any(s not in tensor_of for s in call.sources):
            fault = "follows a layer that can't be computed"
        if fault is None:
            try:
                inputs = tuple(tensor_of[source] for source in call.sources)
                names = _lowered(work, call, inputs)
                for target, tensor, name in zip(call.targets, call.outputs, names, strict=True):
                    if name is None:
                        continue
                    tensor_of[target] = name
                    if not target[0]:  # what lies within a called model isn't computed by the outer one
                        work.tensors[name] = tensor
            except Unsupported as error:
                fault = str(error)
        nodes = tuple(n.name for n in work.nodes[made:])
        rows.append(Row(work.label(call.layer), kind_of(call.layer), nodes, fault))
    work.outputs = tuple(tensor_of.get(((), id(t)), "") for t in functional.outputs)
    for name in work.constants.keys() & set(work.outputs):
        place = next(i for i, row in enumerate(rows) if row.layer == work.givers[name].name)
        rows[place] = replace(
            rows[place], fault="is an output that is the same for every sample: leave it out"
        )
    return rows, work


def _check_input(name: str, shape: tuple[int | None, ...], kind: str) -> None:
    """Refuse an input that the firmware can't have."""
    if any(not d for d in shape):
        raise UserError(
            f"Input {name!r} has shape {shape}: firmware needs every axis but the batch fixed, and none "
            f"empty."
        )
    if kind not in {"float32", "float64", "bool"} and not kind.startswith(("int", "uint")):
        raise UserError(
            f"Input {name!r} is of type {kind}, which Keras rounds its values to (or can't compute with): "
            "build it as float32."
        )


def _lowered(work: Lowering, call: Call, inputs: tuple[str, ...]) -> Sequence[str | None]:
    """Lower one call of a layer and return the nodes that compute its outputs, None for one that isn't read.

    Raises:
        Unsupported: when the firmware can't compute it.
    """
    layer, shapes = call.layer, [tuple(tensor.shape[1:]) for tensor in call.outputs]
    kind = kind_of(layer)
    bare = not is_own(layer) and is_bare(layer)
    handler = None if is_own(layer) else BARE.get(kind) if bare else handler_of(kind)
    if bare and handler is None and kind not in SEVERAL:
        raise Unsupported(f"is the bare operation {kind}, which has no firmware; use a layer")
    if handler is None and kind not in SEVERAL and not is_own(layer):
        raise Unsupported(f"{kind} layers are not supported")
    if any(i in work.constants for i in inputs) and kind != "Add":
        raise Unsupported("reads a constant, which can only be added")
    fault = call_fault(layer, work.arguments)
    if fault:
        raise Unsupported(fault)
    if len(shapes) != 1:
        if is_own(layer) or kind not in SEVERAL:
            raise Unsupported(f"has {len(shapes)} outputs; only one can be converted")
        return SEVERAL[kind](work, layer, inputs, shapes)
    (shape,) = shapes
    name = handler(work, layer, inputs, shape) if handler else positional(work, layer, inputs, shape)
    if name is None:
        raise Unsupported(
            f"{kind} is a layer of your own, and only those that add the same to every sample are known; "
            "build it from Keras layers that `bitfront doctor` accepts"
        )
    return (name,)


def is_bare(layer: Any) -> bool:
    """Whether it is an operation of `keras.ops` rather than a layer."""
    return not hasattr(layer, "weights")


def handler_of(kind: str) -> Handler | None:
    """Return how a Keras layer is lowered, by its class name: as said here, or by an operation."""
    found = LAYERS.get(kind)
    if found is not None:
        return found
    return next((one.traits.layers[kind] for one in registered().values() if kind in one.traits.layers), None)


def _fold_batchnorm(work: Lowering) -> None:
    """Fold each batch normalization into the linear layer that it alone follows, as hls4ml does."""
    by_name = {n.name: n for n in work.nodes}
    readers = _readers(work)
    renamed: dict[str, str] = {}
    kept: list[Node] = []
    for node in work.nodes:
        inputs = tuple(renamed.get(i, i) for i in node.inputs)
        source = by_name[inputs[0]] if inputs else None
        if (
            node.traits.folds
            and source is not None
            and source.traits.family == "linear"
            and readers[source.name] == 1
        ):
            work.frozen = folded(
                source.name, node.name, work.frozen, bias="bias" in work.weights[source.name]
            )
            work.weights[source.name] = _scaled(
                source, work.weights[source.name], work.weights.pop(node.name)
            )
            renamed[node.name] = source.name
            readers[source.name] = readers[node.name]
        else:
            kept.append(replace(node, inputs=inputs))
    _rename(work, kept, renamed)


def _merge_roundings(work: Lowering) -> None:
    """Let a node whose result alone goes into a rounding of the model's own round itself.

    Not where a batch normalization reads the rounding: hls4ml would fuse it with what lies before.
    """
    by_name = {n.name: n for n in work.nodes}
    readers = _readers(work)
    normalized = {i for n in work.nodes if n.traits.folds for i in n.inputs}
    renamed: dict[str, str] = {}
    grids: dict[str, Any] = {}
    for node in work.nodes:
        if node.op != "linear" or "grid" not in node.attrs:
            continue
        source = by_name[node.inputs[0]]
        alone = readers[source.name] == 1 and "grid" not in source.attrs and node.name not in normalized
        if alone and source.name not in renamed and source.traits.takes_rounding:
            grids[source.name] = dict(node.attrs)
            renamed[node.name] = source.name
    kept = [
        replace(
            n,
            inputs=tuple(renamed.get(i, i) for i in n.inputs),
            attrs={**n.attrs, **grids.get(n.name, {})},
        )
        for n in work.nodes
        if n.name not in renamed
    ]
    _rename(work, kept, renamed)


def _readers(work: Lowering) -> Counter[str]:
    return Counter(i for n in work.nodes for i in n.inputs) + Counter(work.outputs)


def _rename(work: Lowering, kept: list[Node], renamed: Mapping[str, str]) -> None:
    """Take over the nodes that are left; what the others computed, the nodes that they went into do."""
    for gone, into in renamed.items():
        tensor = work.tensors.pop(gone, None)
        if tensor is not None:
            work.tensors[into] = tensor
    work.nodes = kept
    work.outputs = tuple(renamed.get(o, o) for o in work.outputs)


def _scaled(node: Node, own: Arrays, norm: Arrays) -> Arrays:
    """Return the weights of a linear node with a scale and a bias per output channel multiplied in."""
    scale, kernel = norm["scale"].astype(np.float64), own["weight"].astype(np.float64)
    factor = scale.reshape(kernel.shape[-node.traits.channel_axes :])
    bias = own.get("bias", np.zeros(scale.size, np.float32)).astype(np.float64)
    return {
        "weight": (kernel * factor).astype(np.float32),
        "bias": (bias * scale + norm["bias"]).astype(np.float32),
    }


def _decide_head(work: Lowering, head: str) -> Graph:
    """Leave the last activation off where `head` says so, unless another layer reads what it gives."""
    if head not in {"auto", "keep", "logits"}:
        raise UserError(f"head: {head!r} is unknown; use auto, keep or logits.")
    drop = {"auto": {"auto"}, "keep": set[str](), "logits": {"auto", "logits"}}[head]
    by_name = {n.name: n for n in work.nodes}
    read = {name for n in work.nodes for name in n.inputs}
    dropped = {
        o: by_name[o] for o in work.outputs if by_name[o].traits.probabilities in drop and o not in read
    }
    kinds = {n.op for n in dropped.values()}
    return Graph(
        nodes=tuple(n for n in work.nodes if n.name not in dropped),
        outputs=tuple(dropped[o].inputs[0] if o in dropped else o for o in work.outputs),
        weights=work.weights,
        frozen=frozenset(work.frozen),
        dropped_head=", ".join(sorted(kinds)) or None,
    )
