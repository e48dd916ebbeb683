"""What a layer is, and what its call brings besides its input."""

from __future__ import annotations

import inspect
from typing import Any

_SEVERAL = frozenset({
    "Add", "Subtract", "Multiply", "Maximum", "Minimum", "Average", "Concatenate", "Dot", "Einsum",
    "MultiHeadAttention",
})  # fmt: skip
"""Layers that read several tensors."""
_HOMES = ("keras.", "qkeras.", "bitfront.")
_REASONS = {
    "initial_state": "the firmware starts both directions at zero: give states to LSTM, GRU or SimpleRNN",
    "mask": "the firmware has no masks, so cut or pad the sequences in the data",
}


def kind_of(layer: Any) -> str:
    """Return the class name of a layer, a QKeras layer as the Keras layer that it quantizes."""
    name = type(layer).__name__
    return name[1:] if type(layer).__module__.startswith("qkeras.") and name.startswith("Q") else name


def is_own(layer: Any) -> bool:
    """Whether a layer is of the user's own making, whatever its class is called."""
    return not type(layer).__module__.startswith(_HOMES)


def call_fault(layer: Any, arguments: Any) -> str | None:
    """Return what is wrong with the arguments of a call, and with options that every layer shares; None if
    nothing is.
    """
    if getattr(layer, "data_format", "channels_last") != "channels_last" and len(_shape(arguments)) > 2:
        return "data_format must be channels_last"
    policy = getattr(layer, "compute_dtype", None)
    if policy in {"float16", "bfloat16"}:
        return (
            f"it computes in {policy}: build the model with dtype float32, its weights can stay as they are"
        )
    if getattr(layer, "quantization_mode", None):
        return (
            f"its weights are quantized by Keras ({layer.quantization_mode}): take the model from before "
            f"quantize()"
        )
    if not hasattr(layer, "weights"):
        return None
    given = _given(layer, arguments)
    if given.get("training"):
        return "is called with training=True, which the firmware isn't; leave the argument out"
    tensors = {id(t) for t in arguments.keras_tensors}
    extra = [name for name, value in list(given.items())[2:] if _holds(value, tensors)]
    if kind_of(layer) == "MultiHeadAttention":
        return None
    first = next(iter(list(given.values())[1:]), None)
    if isinstance(first, list | tuple) and any(id(one) not in tensors for one in first):
        return "reads an array beside its tensors: a constant can only be added, as in `x + array`"
    recurrent = kind_of(layer) in {"LSTM", "GRU", "SimpleRNN"}
    if recurrent and extra == ["initial_state"]:
        return None
    if extra:
        return (
            f"is called with {extra[0]}: {_REASONS.get(extra[0], 'only its first argument can be a tensor')}"
        )
    if kind_of(layer) not in _SEVERAL and len(arguments.keras_tensors) != 1:
        return f"reads {len(arguments.keras_tensors)} tensors; only one can be converted"
    return None


def _shape(arguments: Any) -> tuple[int | None, ...]:
    return tuple(arguments.keras_tensors[0].shape) if arguments.keras_tensors else ()


def _given(layer: Any, arguments: Any) -> dict[str, Any]:
    """Return the call's arguments by the names that the layer's `call` has for them."""
    try:
        return dict(
            inspect.signature(type(layer).call).bind(layer, *arguments.args, **arguments.kwargs).arguments
        )
    except (TypeError, ValueError):
        return {}


def _holds(value: Any, tensors: set[int]) -> bool:
    if isinstance(value, list | tuple):
        return any(_holds(one, tensors) for one in value)
    return id(value) in tensors


def masking(functional: Any) -> frozenset[int]:
    """Return the identities of calls that only compute a mask, for a layer that is refused by its own
    name.
    """
    nodes = [node for same in functional._nodes_by_depth.values() for node in same]
    if not any(type(node.operation).__name__ in {"Masking", "Embedding"} for node in nodes):
        return frozenset()
    return frozenset(
        id(node)
        for node in nodes
        if not node.is_input
        and not hasattr(node.operation, "weights")
        and type(node.operation).__name__ in {"NotEqual", "Any"}
    )
