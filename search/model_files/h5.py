"""Whole models in `.h5` files, of Keras 2 and 3, and Keras 2's `.json` with an `.h5` of weights beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bitfront.spaces import UserError

from .archive import loaded
from .keras2 import from_saved
from .keras2_weights import from_h5
from .reading import MOST_CONFIG_BYTES, Reading, opened_h5, reason, refuse_lambda

if TYPE_CHECKING:
    import keras

_BESIDE = ("_weights.h5", ".weights.h5", ".h5", "_weights.hdf5", ".hdf5")
"""How a `.json`'s weights may be called, after its own name without `.json`."""


def own_weights(path: Path) -> Path | None:
    """Return the file of weights beside a `.json` that is called as it, None where there's none."""
    stem = path.with_suffix("")
    beside = (stem.with_name(stem.name + end) for end in _BESIDE)
    return next((one for one in beside if one.is_file()), None)


class WholeH5:
    """One HDF5 file of a configuration and weights, as `model.save("net.h5")` writes."""

    suffixes: tuple[str, ...] = (".h5", ".hdf5")

    def takes(self, path: Path) -> bool:
        """Whether it is called so."""
        return path.name.lower().endswith(self.suffixes)

    def read(self, path: Path, reading: Reading) -> keras.Model:
        """Return the model.

        Raises:
            UserError: when it holds weights alone, is damaged, or what Keras 3 can't compute.
        """
        with opened_h5(path, "model", reading.most_bytes) as file:
            text = file.attrs.get("model_config")
            if text is None:
                raise UserError(
                    f"model: {path} holds weights alone: name the function that builds the model, and the "
                    f"file as model_weights."
                )
            text = text.decode() if isinstance(text, bytes) else str(text)
            refuse_lambda(text, path, trust=reading.trust)
            if not str(file.attrs.get("keras_version", "2")).startswith("3"):
                return from_saved(
                    _parsed(text, path),
                    _weights(file, path),
                    str(path),
                    lambda keras2: keras2.models.load_model(path, compile=False),
                )
        return loaded(path, text, trust=reading.trust)


class Json:
    """A configuration as text, as `model.to_json()` gives, and its weights in a file of their own."""

    suffixes: tuple[str, ...] = (".json",)

    def takes(self, path: Path) -> bool:
        """Whether it is called so."""
        return path.name.lower().endswith(self.suffixes)

    def read(self, path: Path, reading: Reading) -> keras.Model:
        """Return the model with the weights of `model_weights`, or of the `.h5` beside it.

        Raises:
            UserError: when it is damaged, has no weights, or what Keras 3 can't compute.
        """
        if path.stat().st_size > MOST_CONFIG_BYTES:
            raise UserError(f"model: {path} is a description of {path.stat().st_size:,} bytes.")
        try:
            text = path.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"model: {path} can't be read ({reason(error)}).") from None
        refuse_lambda(text.replace('"class_name":"', '"class_name": "'), path, trust=reading.trust)
        saved = _parsed(text, path)
        found = reading.weights or own_weights(path)
        if found is not None and not found.is_file():
            found = None
        if found is None:
            raise UserError(
                f"model: {path} has no weights beside it: name their .h5 file as model_weights."
                if reading.weights is None
                else f"model_weights: there's no file {reading.weights}: correct the path."
            )
        if str(saved.get("keras_version", "2")).startswith("3"):
            return _of_keras3(text, path, found, reading)

        def original(keras2: Any) -> Any:
            model = keras2.models.model_from_json(text)
            model.load_weights(found)
            return model

        with opened_h5(found, "model_weights", reading.most_bytes) as file:
            return from_saved(saved, _weights(file, found), str(path), original)


def _of_keras3(text: str, path: Path, weights: Path, reading: Reading) -> keras.Model:
    import keras

    from .weights_only import given_weights

    try:
        model = keras.models.model_from_json(text)
    except Exception as error:  # Keras raises whatever a layer's constructor does
        raise UserError(f"model: Keras can't load {path} ({reason(error)}).") from None
    given_weights(model, weights, reading.most_bytes)
    return model


def _parsed(text: str, path: Path) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise UserError(f"model: {path} isn't sound JSON ({reason(error)}): save it again.") from None
    if not isinstance(found, dict) or "config" not in found:
        raise UserError(f"model: {path} isn't the description of a Keras model.")
    return found


def _weights(file: Any, path: Path) -> Any:
    try:
        return from_h5(file)
    except UserError as error:
        raise UserError(f"model: {path}: {error}.") from None
    except (KeyError, OSError, ValueError) as error:
        raise UserError(f"model: {path} isn't sound ({reason(error)}): save it again.") from None
