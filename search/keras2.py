"""Models of Keras 2 (`tf_keras`), which a function may still build: the same layers and weights in Keras 3."""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bitfront.spaces.errors import UserError

if TYPE_CHECKING:
    import keras


def is_keras2(model: Any) -> bool:
    """Whether `model` is a `tf_keras` model, by its class's bases (the package may not be installed)."""
    return any(
        base.__module__.split(".")[0] == "tf_keras" and base.__name__ == "Model"
        for base in type(model).__mro__
    )


def from_keras2(model: Any, source: str) -> keras.Model:
    """Return a Keras 3 model of the same layers and weights, checked by what both compute for random inputs.

    Raises:
        UserError: when Keras 3 can't read it, or computes something else.
    """
    import keras

    way_out = "build it with `import keras` instead of `tf_keras`, and take the weights over with set_weights"
    with tempfile.TemporaryDirectory(prefix="bitfront-keras2-") as folder:
        path = Path(folder) / "model.h5"
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # each says that the other's format is old
                model.save(path, save_format="h5", include_optimizer=False)
                converted = keras.models.load_model(path, compile=False)
        except Exception as error:  # both raise whatever a layer's constructor does
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
            raise UserError(
                f"model: {source} returned a tf_keras (Keras 2) model that Keras 3 can't read ({reason[:200]}): {way_out}."
            ) from None
    draw = np.random.default_rng(0)
    inputs = [draw.normal(size=(8, *tensor.shape[1:])).astype(np.float32) for tensor in converted.inputs]
    given = inputs if len(inputs) > 1 else inputs[0]
    old, new = (_listed(one(given, training=False)) for one in (model, converted))
    if not all(np.allclose(a, b, rtol=1e-4, atol=1e-5) for a, b in zip(old, new, strict=True)):
        raise UserError(
            f"model: {source} returned a tf_keras (Keras 2) model that Keras 3 computes otherwise: {way_out}."
        )
    return converted


def _listed(outputs: Any) -> list[Any]:
    values = outputs if isinstance(outputs, list | tuple) else [outputs]
    return [np.asarray(value) for value in values]
