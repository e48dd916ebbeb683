"""Models of Keras 2 (`tf_keras`), which a function may still build: the same layers and weights in Keras
3.
"""

from __future__ import annotations

import inspect
import json
import sys
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bitfront.spaces import UserError

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
                _leave_out_defaults(path)
                converted = keras.models.load_model(path, compile=False)
        except Exception as error:  # both raise whatever a layer's constructor does
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
            raise UserError(
                f"model: {source} returned a tf_keras (Keras 2) model that Keras 3 can't read "
                f"({reason[:200]}): {way_out}."
            ) from None
    try:
        old, new = (_outputs(one, _probes(converted)) for one in (model, converted))
    except Exception as error:  # both raise whatever a layer's call does
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".:")
        raise UserError(
            f"model: {source} returned a tf_keras (Keras 2) model that can't be compared with Keras 3 "
            f"({reason[:200]}): {way_out}."
        ) from None
    if not all(_alike(a, b) for a, b in zip(old, new, strict=True)):
        raise UserError(
            f"model: {source} returned a tf_keras (Keras 2) model that Keras 3 computes otherwise: {way_out}."
        )
    return converted


def _leave_out_defaults(path: Path) -> None:
    """Take out of a saved model the arguments that Keras 3's layers no longer have, where they say what it
    does anyway.

    An LSTM's `time_major=False` is one: Keras 3 stops at the name. Any other value stays, and stops it.
    """
    import h5py

    with h5py.File(path, "r+") as file:
        config = json.loads(file.attrs["model_config"])
        _without_defaults(config)
        file.attrs["model_config"] = json.dumps(config)


def _without_defaults(config: Any) -> None:
    """Do so in the configuration of a layer and of all within it, in place."""
    if isinstance(config, list):
        for one in config:
            _without_defaults(one)
    elif isinstance(config, dict):
        for one in config.values():
            _without_defaults(one)
        own = config.get("config")
        if isinstance(own, dict) and isinstance(config.get("class_name"), str):
            for key in _outdated(config["class_name"], own):
                del own[key]


def _outdated(kind: str, config: dict[str, Any]) -> list[str]:
    """Return the keys of a layer's configuration that Keras 3 has no argument for and that hold Keras 2's
    default.

    Initializers are among them whatever they are: the weights are read from the file.
    """
    import keras

    new, old = (getattr(module.layers, kind, None) for module in (keras, sys.modules["tf_keras"]))
    if new is None or old is None:
        return []
    known, defaults = _arguments(new), _arguments(old)
    return [
        key
        for key, value in config.items()
        if key not in known and (defaults.get(key, _NONE) == value or key.endswith("_initializer"))
    ]


_NONE = object()
"""The default of an argument that isn't there or has none."""


def _arguments(kind: type) -> dict[str, Any]:
    """Return the named arguments of a class's constructor and of those that it passes more to, with their
    defaults.
    """
    found: dict[str, Any] = {}
    for base in reversed(kind.__mro__):
        if "__init__" not in vars(base) or base is object:
            continue
        parameters = inspect.signature(vars(base)["__init__"]).parameters.values()
        named = {p.name: p.default for p in parameters if p.kind in {p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY}}
        if not any(p.kind is p.VAR_KEYWORD for p in parameters):
            found = {}  # it passes on only what it names itself
        found |= named
    return found


def _probes(model: keras.Model) -> list[NDArray[np.float32]]:
    """Return inputs, small and large, since a function of the user's may bear a known name and saturate far
    out.
    """
    draw = np.random.default_rng(0)
    shapes = [tuple(size or 4 for size in tensor.shape[1:]) for tensor in model.inputs]
    scales = np.repeat(np.array([0.1, 1, 10, 100, 1e3]), 8)
    found = []
    for tensor, shape in zip(model.inputs, shapes, strict=True):
        values = draw.normal(size=(len(scales), *shape)) * scales.reshape(-1, *[1] * len(shape))
        whole = "int" in str(tensor.dtype) or str(tensor.dtype) == "bool"
        found.append((np.abs(np.round(values)) % 100 if whole else values).astype(np.float32))
    return found


def _outputs(model: Any, inputs: list[NDArray[np.float32]]) -> list[NDArray[np.float64]]:
    """Return what a model of either Keras gives, outputs by name in the order of their names."""
    import tensorflow as tf

    # a Sequential of Keras 3 has no `input` before it is called
    structure = model.inputs[0] if type(model).__name__ == "Sequential" else model.input
    given = tf.nest.pack_sequence_as(structure, [tf.constant(x) for x in inputs])
    outputs = model(given, training=False)
    return [np.asarray(value, np.float64) for value in tf.nest.flatten(outputs)]


def _alike(old: NDArray[np.float64], new: NDArray[np.float64]) -> bool:
    """Whether every sample's outputs are the same, to what float32 keeps of the largest."""
    if old.shape != new.shape:
        return False
    size = np.abs(old).reshape(len(old), -1).max(1, initial=1e-1).reshape(-1, *[1] * (old.ndim - 1))
    return bool((np.abs(old - new) <= 1e-4 * size).all())
