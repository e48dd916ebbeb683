"""Models of Keras 2, as objects of `tf_keras` and from what Keras 2 saved: the same layers and weights in
Keras 3, compared with `tf_keras` where that is installed and knows the layers.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from bitfront.spaces import UserError

from .comparison import alike, keras_outputs, probes
from .keras2_graph import built
from .keras2_weights import Arrays, Weights

if TYPE_CHECKING:
    import keras


def is_keras2(model: Any) -> bool:
    """Whether `model` is a `tf_keras` model, by its class's bases (the package may not be installed)."""
    return any(
        base.__module__.split(".")[0] == "tf_keras" and base.__name__ == "Model"
        for base in type(model).__mro__
    )


class _OfModel:
    """The arrays of a `tf_keras` model that is there."""

    def __init__(self, model: Any) -> None:
        self.model = model

    def of(self, layer: str, kind: str, position: int) -> Arrays:
        """Return the layer's own weights."""
        found: Arrays = self.model.get_layer(layer).get_weights()
        return found

    def within(self, layer: str, kind: str, position: int) -> Weights:
        """Return those of a model that is a layer."""
        return _OfModel(self.model.get_layer(layer))


def from_keras2(model: Any, source: str) -> keras.Model:
    """Return a Keras 3 model of the same layers and weights, checked by what both compute for random inputs.

    Raises:
        UserError: when Keras 3 can't read it, or computes something else.
    """
    way_out = "build it with `import keras` instead of `tf_keras`, and take the weights over with set_weights"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            saved = json.loads(model.to_json())
        converted = built(saved, _OfModel(model))
    except Exception as error:  # both raise whatever a layer's constructor does
        raise UserError(
            f"model: {source} returned a tf_keras (Keras 2) model that Keras 3 can't read "
            f"({_reason(error)}): {way_out}."
        ) from None
    inputs = probes(converted)
    try:
        old, new = (keras_outputs(one, inputs) for one in (model, converted))
    except Exception as error:  # both raise whatever a layer's call does
        raise UserError(
            f"model: {source} returned a tf_keras (Keras 2) model that can't be compared with Keras 3 "
            f"({_reason(error)}): {way_out}."
        ) from None
    if not all(alike(a, b) for a, b in zip(old, new, strict=True)):
        raise UserError(
            f"model: {source} returned a tf_keras (Keras 2) model that Keras 3 computes otherwise: {way_out}."
        )
    return converted


def from_saved(
    saved: Mapping[str, Any], weights: Weights | None, source: str, original: Callable[[Any], Any]
) -> keras.Model:
    """Return the Keras 3 model of a saved configuration and its arrays.

    Args:
        saved: what the file says of the model, with `class_name` and `config`.
        weights: its arrays, None where there are none.
        source: the file, for messages.
        original: from the module `tf_keras` to its own model of the file, which must compute the same; it may
            raise whatever it does where `tf_keras` doesn't know a layer.

    Raises:
        UserError: in one sentence: what can't be read, or is computed otherwise.
    """
    if '"Lambda"' in json.dumps(saved):
        raise UserError(
            f"model: {source} holds a Lambda layer, which runs code of whoever made the file: replace it "
            "by a Keras layer."
        )
    try:
        converted = built(saved, weights)
    except UserError as error:
        raise UserError(f"model: {source} can't be read: {error}.") from None
    except Exception as error:  # Keras raises whatever a layer's constructor does
        raise UserError(f"model: {source} can't be read: Keras 3 stops ({_reason(error)}).") from None
    if weights is None:
        return converted
    try:
        import tf_keras

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs = keras_outputs(original(tf_keras), inputs := probes(converted))
    except Exception:  # not installed, or a layer that it doesn't know: QKeras's, or hls4ml's binary ones
        return converted
    if not all(alike(a, b) for a, b in zip(theirs, keras_outputs(converted, inputs), strict=True)):
        raise UserError(
            f"model: {source} gives other outputs in Keras 3 than in Keras 2: build it with Keras 3, and "
            f"give the weights as model_weights."
        )
    return converted


def _reason(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".:")[:200]
