"""The calls of layers of a model in the order of computation, those within called models among them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from ..errors import UserError
from .arguments import masking

Key = tuple[tuple[int, ...], int]
"""What stands for a tensor: the calls of models that it lies within, and its own identity."""


@dataclass(frozen=True)
class Call:
    """A call of a layer or bare operation: its Keras arguments, and the tensors that it reads and gives."""

    layer: Any
    arguments: Any
    sources: tuple[Key, ...]
    targets: tuple[Key, ...]
    outputs: tuple[Any, ...]
    """Keras's tensors of `targets`."""
    home: int
    """Identity of the model whose layer it is: another's may bear the same name."""
    fault: str | None = None


@dataclass(frozen=True)
class Same:
    """A tensor within a called model, or one that it gives, that is another."""

    key: Key
    of: Key


def functional_of(model: Any) -> Any:
    """Return the functional model in `model`, whose calls of layers are on record.

    Raises:
        UserError: when there is none.
    """
    import keras

    if not isinstance(model, keras.Model):
        raise UserError(f"A {type(model).__name__} isn't a keras.Model: build one from it.")
    functional = getattr(model, "_functional", None) or model
    if isinstance(functional, keras.Sequential):
        raise UserError(
            f"Model {model.name!r} has no known inputs or no layers: start it with keras.Input(shape), and "
            f"add a layer."
        )
    if not hasattr(functional, "_nodes_by_depth"):
        raise UserError(
            f"Model {model.name!r} is a subclassed keras.Model, whose layers can't be read: "
            "write it as a Sequential or functional model."
        )
    return functional


def calls(functional: Any, within: tuple[int, ...] = ()) -> Iterator[Call | Same]:
    """Yield the calls of a functional model; `within`: the calls of models that it lies in."""
    import keras

    skipped = masking(functional)
    for depth in sorted(functional._nodes_by_depth, reverse=True):
        for node in functional._nodes_by_depth[depth]:
            if node.is_input or id(node) in skipped:
                continue
            call = Call(
                node.operation,
                node.arguments,
                tuple((within, id(tensor)) for tensor in node.arguments.keras_tensors),
                tuple((within, id(tensor)) for tensor in node.outputs),
                tuple(node.outputs),
                id(functional),
            )
            if isinstance(node.operation, keras.Model):
                yield from _of_model(call, (*within, id(node)))
            else:
                yield call


def _of_model(call: Call, within: tuple[int, ...]) -> Iterator[Call | Same]:
    """Yield the calls within a model that is called as a layer; itself, with the reason, where it can't be
    read.
    """
    fault = None
    try:
        functional = functional_of(call.layer)
        given = _given(functional, call.arguments)
    except UserError as error:
        fault, given = str(error).rstrip("."), []
    if fault is None and call.arguments.kwargs.get("training"):
        fault = "is called with training=True, which the firmware isn't; leave the argument out"
    if fault is None and [t.shape[1:] for t in given] != [t.shape[1:] for t in functional.inputs]:
        fault = "is called on tensors of other shapes than its inputs'"
    if fault is not None:
        yield replace(call, fault=fault)
        return
    key_of = {key[1]: key for key in call.sources}
    for own, tensor in zip(functional.inputs, given, strict=True):
        yield Same((within, id(own)), key_of[id(tensor)])
    yield from calls(functional, within)
    for target, own in zip(call.targets, functional.outputs, strict=True):
        yield Same(target, (within, id(own)))


def _given(functional: Any, arguments: Any) -> list[Any]:
    """Return the tensors of a call in the order of the model's inputs.

    Raises:
        UserError: when they are given by names that aren't the inputs'.
    """
    import keras

    first = next(iter([*arguments.args, *arguments.kwargs.values()]))
    if isinstance(first, dict):
        names = [tensor._keras_history.operation.name for tensor in functional.inputs]
        if set(names) != set(first):
            raise UserError(f"Model {functional.name!r} is called with other names than its inputs'.")
        return [first[name] for name in names]
    found: list[Any] = keras.tree.flatten(first)
    if any(not hasattr(tensor, "_keras_history") for tensor in found) or len(found) != len(functional.inputs):
        raise UserError(f"Model {functional.name!r} is called with something else than a tensor an input.")
    return found
