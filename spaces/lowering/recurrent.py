"""How recurrent layers become nodes of the firmware."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .activations import activation_kind
from .quantizers import weight_values
from .unrolled import unrolled
from .unsupported import Unsupported
from .views import add_view, numbered, view
from .work import Arrays, Lowering

Shape = tuple[int, ...]
Names = tuple[str, ...]


def _cell_weights(layer: Any) -> Arrays:
    cell = layer.cell
    two = type(cell).__name__.endswith("GRUCell") and cell.reset_after
    arrays: Arrays = {
        "weight": weight_values(cell, "kernel", cell.kernel),
        "recurrent_weight": weight_values(cell, "recurrent", cell.recurrent_kernel),
    }
    if not cell.use_bias:
        arrays["bias"] = np.zeros(arrays["weight"].shape[1], np.float32)
        if two:
            arrays["recurrent_bias"] = np.zeros_like(arrays["bias"])
        return arrays
    bias = weight_values(cell, "bias", cell.bias)
    if two:
        arrays["bias"], arrays["recurrent_bias"] = bias
    else:
        arrays["bias"] = bias
    return arrays


def _kind(layer: Any) -> str:
    """Return the operation of a recurrent layer.

    Raises:
        Unsupported: when it has options that no firmware has.
    """
    kind = {"LSTM": "lstm", "GRU": "gru", "SimpleRNN": "simple_rnn"}.get(
        type(layer).__name__.removeprefix("Q")
    )
    if kind is None or not type(layer).__module__.startswith(("keras.", "qkeras.")):
        raise Unsupported(f"{type(layer).__name__} is not a recurrent layer that hls4ml knows")
    if layer.stateful:
        raise Unsupported("stateful is not available in the firmware, which begins each sample anew")
    return kind


def _native(layer: Any, kind: str) -> bool:
    """Whether hls4ml builds the cell: tanh, sigmoid, a reset gate after the product, no rounded states.

    A GRU with `reset_after=False` it builds, and silently computes another.
    """
    cell = layer.cell
    if getattr(cell, "state_quantizer_internal", None) is not None:
        return False
    if (kind == "gru" and not layer.reset_after) or activation_kind(cell.activation) != ("tanh", {}):
        return False
    return kind == "simple_rnn" or activation_kind(cell.recurrent_activation) == ("sigmoid", {})


def recurrent(work: Lowering, layer: Any, inputs: Names, shape: Shape) -> str:
    """Lower `LSTM`, `GRU` and `SimpleRNN`."""
    return _built(work, layer, inputs, shape, cell_state=False)[0]


def _built(
    work: Lowering, layer: Any, inputs: Names, shape: Shape, *, cell_state: bool
) -> tuple[str, tuple[str | None, ...]]:
    """Append a recurrent layer; return the node of its output, and those of its last states, as far as there
    are any.

    What hls4ml has no layer for is unrolled; one that goes backwards reads a view of the reversed sequence.
    """
    kind, weights, source = _kind(layer), _cell_weights(layer), work.shape(inputs[0])
    states = _given_states(work, layer, inputs)
    if states or cell_state or not _native(layer, kind):
        return unrolled(work, layer, kind, inputs[0], states, weights, source[0])
    if layer.go_backwards:
        reverse = view(numbered(source)[::-1])
        assert reverse is not None
        inputs = (add_view(work, layer, inputs[0], source, reverse, name=f"{layer.name}_reversed"),)
    output = work.add(
        layer,
        kind,
        inputs[:1],
        shape,
        weights=weights,
        units=layer.units,
        return_sequences=layer.return_sequences,
    )
    return output, (None if layer.return_sequences else output,)


def _given_states(work: Lowering, layer: Any, inputs: Names) -> Names:
    """Return the nodes of the states that a call is given.

    Raises:
        Unsupported: when one is an array.
    """
    call = work.arguments
    given = call.kwargs.get("initial_state", call.args[1] if len(call.args) > 1 else None)
    if given is None:
        return ()
    node_of = {id(tensor): name for tensor, name in zip(call.keras_tensors, inputs, strict=True)}
    found = [node_of.get(id(one)) for one in (given if isinstance(given, list | tuple) else [given])]
    if None in found:
        raise Unsupported("its initial_state is an array: give tensors, or leave it out")
    return tuple(str(name) for name in found)


def with_states(work: Lowering, layer: Any, inputs: Names, shapes: Sequence[Shape]) -> Sequence[str | None]:
    """Lower a recurrent layer with `return_state=True`: its output, and its last states as far as they are
    read.
    """
    output, states = _built(work, layer, inputs, shapes[0], cell_state=len(shapes) > 2 and work.read[2])
    hidden = states[0]
    if hidden is None and work.read[1]:
        last = view(numbered(shapes[0])[-1])
        assert last is not None
        hidden = add_view(work, layer, output, shapes[1], last, name=f"{layer.name}_state")
    return [output, hidden, *states[1:], None][: len(shapes)]


def bidirectional(work: Lowering, layer: Any, inputs: Names, shape: Shape) -> str:
    """Lower `Bidirectional`: hls4ml's own of two LSTMs or two GRUs, else two layers and what joins them."""
    forward, backward = layer.forward_layer, layer.backward_layer
    if layer.return_state:
        raise Unsupported("return_state of both directions is not available; use two layers")
    kinds = [_kind(forward), _kind(backward)]
    if forward.go_backwards or not backward.go_backwards:
        raise Unsupported("the first layer must run forward and the second backward")
    if layer.merge_mode not in _MERGES:
        raise Unsupported(f"merge_mode={layer.merge_mode!r} is not available; use {', '.join(_MERGES)}")
    same = kinds[0] == kinds[1] != "simple_rnn" and forward.units == backward.units
    if not same or layer.merge_mode != "concat" or not all(map(_native, (forward, backward), kinds)):
        return _two_directions(work, layer, inputs, shape)
    weights = {f"forward_{k}": v for k, v in _cell_weights(forward).items()}
    weights |= {f"backward_{k}": v for k, v in _cell_weights(backward).items()}
    return work.add(
        layer,
        "bidirectional",
        inputs,
        shape,
        weights=weights,
        cell=kinds[0],
        units=forward.units,
        return_sequences=layer.return_sequences,
    )


_MERGES = {"concat": "concatenate", "sum": "add", "mul": "multiply", "ave": "average"}
"""How the directions are joined -> the operation that does it."""


def _two_directions(work: Lowering, layer: Any, inputs: Names, shape: Shape) -> str:
    """Append both directions as layers of their own, the second's sequence turned round again."""
    found = []
    for one in (layer.forward_layer, layer.backward_layer):
        own = (*shape[:-1], one.units)
        output, _ = _built(work, one, inputs, own, cell_state=False)
        if one.go_backwards and layer.return_sequences:
            reverse = view(numbered(own)[::-1])
            assert reverse is not None
            output = add_view(work, one, output, own, reverse, name=f"{one.name}_forward")
        found.append(output)
    options: dict[str, Any] = {"axis": -1} if layer.merge_mode == "concat" else {}
    return work.add(layer, _MERGES[layer.merge_mode], tuple(found), shape, **options)
