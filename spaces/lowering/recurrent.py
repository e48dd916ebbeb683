"""How recurrent layers become nodes of the firmware."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .activations import activation_kind
from .quantizers import weight_values
from .unsupported import Unsupported
from .views import add_view, numbered, view
from .work import Arrays, Lowering

Shape = tuple[int, ...]
Names = tuple[str, ...]


def _cell_weights(layer: Any) -> Arrays:
    cell = layer.cell
    gru = type(cell).__name__.endswith("GRUCell")
    arrays: Arrays = {
        "weight": weight_values(cell, "kernel", cell.kernel),
        "recurrent_weight": weight_values(cell, "recurrent", cell.recurrent_kernel),
    }
    if not cell.use_bias:
        arrays["bias"] = np.zeros(arrays["weight"].shape[1], np.float32)
        if gru:
            arrays["recurrent_bias"] = np.zeros_like(arrays["bias"])
        return arrays
    bias = weight_values(cell, "bias", cell.bias)
    if gru:
        arrays["bias"], arrays["recurrent_bias"] = bias
    else:
        arrays["bias"] = bias
    return arrays


def _check(layer: Any) -> str:
    """Return the operation of a recurrent layer whose options the firmware has."""
    kind = {"LSTM": "lstm", "GRU": "gru", "SimpleRNN": "simple_rnn"}.get(
        type(layer).__name__.removeprefix("Q")
    )
    if kind is None or not type(layer).__module__.startswith(("keras.", "qkeras.")):
        raise Unsupported(f"{type(layer).__name__} is not a recurrent layer that hls4ml knows")
    if layer.stateful:
        raise Unsupported("stateful is not available in the firmware, which begins each sample anew")
    if kind == "gru" and not layer.reset_after:
        raise Unsupported(
            "GRU(reset_after=False) is silently wrong in hls4ml; build it with reset_after=True"
        )
    if activation_kind(layer.cell.activation) != ("tanh", {}):
        raise Unsupported("its activation must be tanh (a rounded one isn't available)")
    if kind != "simple_rnn" and activation_kind(layer.cell.recurrent_activation) != ("sigmoid", {}):
        raise Unsupported("its recurrent activation must be sigmoid (a rounded one isn't available)")
    if getattr(layer.cell, "state_quantizer_internal", None) is not None:
        raise Unsupported(
            "its state_quantizer rounds the state where it is read, which the firmware doesn't; leave it "
            "out: the search chooses the state's precision"
        )
    return kind


def recurrent(work: Lowering, layer: Any, inputs: Names, shape: Shape) -> str:
    """Lower `LSTM`, `GRU` and `SimpleRNN`; one that goes backwards reads a view of the reversed sequence."""
    kind = _check(layer)
    if layer.go_backwards:
        source = work.shape(inputs[0])
        reverse = view(numbered(source)[::-1])
        assert reverse is not None
        inputs = (add_view(work, layer, inputs[0], source, reverse, name=f"{layer.name}_reversed"),)
    return work.add(
        layer,
        kind,
        inputs,
        shape,
        weights=_cell_weights(layer),
        units=layer.units,
        return_sequences=layer.return_sequences,
    )


def with_states(
    work: Lowering, layer: Any, inputs: Names, shapes: Sequence[Shape]
) -> Sequence[str | Unsupported]:
    """Lower a recurrent layer with `return_state=True`: its output, and its last hidden state."""
    output = recurrent(work, layer, inputs, shapes[0])
    state = output
    if layer.return_sequences:
        last = view(numbered(shapes[0])[-1])
        assert last is not None
        state = add_view(work, layer, output, shapes[1], last, name=f"{layer.name}_state")
    cell = Unsupported(f"reads the cell state of {layer.name!r}, which hls4ml's LSTM doesn't give")
    return (output, state, cell)[: len(shapes)]


def bidirectional(work: Lowering, layer: Any, inputs: Names, shape: Shape) -> str:
    """Lower `Bidirectional` of two LSTMs or two GRUs."""
    forward, backward = layer.forward_layer, layer.backward_layer
    if layer.return_state:
        raise Unsupported("return_state of both directions is not available; use two layers")
    kinds = {_check(forward), _check(backward)}
    if layer.merge_mode != "concat":
        raise Unsupported(
            f"merge_mode={layer.merge_mode!r} is silently turned into 'concat' by hls4ml; use concat"
        )
    if len(kinds) != 1 or kinds == {"simple_rnn"}:
        raise Unsupported("both directions must be LSTM or both GRU")
    if forward.units != backward.units:
        raise Unsupported("both directions must have the same number of units")
    if forward.go_backwards or not backward.go_backwards:
        raise Unsupported("the first layer must run forward and the second backward")
    weights = {f"forward_{k}": v for k, v in _cell_weights(forward).items()}
    weights |= {f"backward_{k}": v for k, v in _cell_weights(backward).items()}
    return work.add(
        layer,
        "bidirectional",
        inputs,
        shape,
        weights=weights,
        cell=kinds.pop(),
        units=forward.units,
        return_sequences=layer.return_sequences,
    )
