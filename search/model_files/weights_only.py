"""Files that hold weights alone, for a model that a function builds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bitfront.spaces import UserError

from .keras2_weights import Listed, from_h5
from .reading import opened_h5, reason

if TYPE_CHECKING:
    import keras


def given_weights(model: keras.Model, path: Path, most_bytes: int) -> None:
    """Give a built model the weights of a file, in place.

    `.weights.h5` and `.keras` of Keras 3 are Keras's own to load. An `.h5` with a group a layer goes by the
    layers' names; where these differ, by their order, as Keras does.

    Raises:
        UserError: in one sentence: it isn't sound, or has other layers or shapes.
    """
    if path.suffix.lower() == ".keras":
        return _by_keras(model, path)
    with opened_h5(path, "model_weights", most_bytes) as file:
        try:
            found = from_h5(file)
        except UserError as error:
            raise UserError(f"model_weights: {path}: {error}.") from None
        except (KeyError, OSError, ValueError) as error:
            raise UserError(f"model_weights: {path} isn't sound ({reason(error)}).") from None
        if isinstance(found, Listed):
            return _by_layer(model, found, path)
    return _by_keras(model, path)


def _by_keras(model: keras.Model, path: Path) -> None:
    try:
        model.load_weights(path)
    except Exception as error:  # Keras raises whatever doesn't fit
        raise UserError(f"model_weights: {path} doesn't fit the model ({reason(error)}).") from None


def _by_layer(model: keras.Model, found: Listed, path: Path) -> None:
    layers = [layer for layer in model.layers if layer.weights]
    saved = {name: arrays for name, arrays in found.arrays.items() if arrays}
    if {layer.name for layer in layers} != set(saved):
        if len(layers) != len(saved):
            raise UserError(
                f"model_weights: {path} has weights of {len(saved)} layers ({', '.join(saved)}), the model "
                f"{len(layers)} ({', '.join(layer.name for layer in layers)})."
            )
        saved = dict(zip([layer.name for layer in layers], saved.values(), strict=True))
    for layer in layers:
        for variable, array in _pairs(layer, [array for _, array in saved[layer.name]], path):
            variable.assign(array)


def _pairs(layer: Any, arrays: list[Any], path: Path) -> Iterator[tuple[Any, Any]]:
    """Yield each variable of a layer with its array."""
    known = [*layer.trainable_weights, *layer.non_trainable_weights]
    if len(known) != len(arrays):
        raise UserError(
            f"model_weights: {path} has {len(arrays)} arrays for layer {layer.name!r}, which has "
            f"{len(known)}."
        )
    for variable, array in zip(known, arrays, strict=True):
        if tuple(variable.shape) != tuple(array.shape):
            raise UserError(
                f"model_weights: {path} has weights of shape {tuple(array.shape)} for layer {layer.name!r}, "
                f"which has {tuple(variable.shape)}."
            )
        yield variable, array
