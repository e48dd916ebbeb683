"""A Keras 2 model's configuration as a Keras 3 model: the same calls of the same layers, with the weights
that were saved.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bitfront.spaces import UserError

from .garnet import garnet
from .keras2_layers import Translated, translated
from .keras2_operations import operation
from .keras2_weights import Weights

if TYPE_CHECKING:
    import keras

_MODELS = frozenset({"Model", "Functional", "Sequential"})
_GARNETS = frozenset({"GarNet", "GarNetStack"})
Config = Mapping[str, Any]


def built(saved: Config, weights: Weights | None) -> keras.Model:
    """Return the model that `saved` describes, a mapping with `class_name` and `config`.

    Args:
        saved: what Keras 2 writes as a model's JSON.
        weights: the arrays of its layers; None leaves those that Keras 3 begins with.

    Raises:
        UserError: in one sentence: what Keras 3 lacks, or what doesn't fit.
    """
    kind, config = str(saved.get("class_name")), _plain(saved.get("config"))
    if kind not in _MODELS:
        raise UserError(f"it describes a {kind}, not a functional or Sequential model")
    if kind == "Sequential" or isinstance(config, list):
        return _sequential(config, weights)
    return _functional(config, weights)


def _plain(value: Any) -> Any:
    """Return a configuration in which tuples are lists, as JSON has them (SavedModels mark them)."""
    if isinstance(value, Mapping):
        if value.get("class_name") == "__tuple__":
            return [_plain(one) for one in value["items"]]
        if value.get("class_name") == "TensorShape":
            return [_plain(one) for one in value["items"]]
        return {key: _plain(one) for key, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list) else value


class _Layer:
    """A saved layer: called any number of times, with the weights of the file from the first call on."""

    def __init__(self, saved: Config, weights: Weights | None, position: int) -> None:
        self.kind, self.config = str(saved["class_name"]), saved["config"]
        self.name = str(saved.get("name") or self.config.get("name") or f"{self.kind.lower()}_{position}")
        self.weights, self.position = weights, position
        self.model: keras.Model | None = None
        self.translated: Translated | None = None
        self.loaded = False
        if self.kind in _MODELS:
            inner = weights.within(self.name, self.kind, position) if weights else None
            self.model = built({"class_name": self.kind, "config": self.config}, inner)
            if isinstance(self.config, Mapping):
                self.model.trainable = bool(self.config.get("trainable", True))
        elif self.kind not in {"TFOpLambda", "SlicingOpLambda", "InputLayer", *_GARNETS}:
            self.translated = translated(self.kind, {**self.config, "name": self.name})

    def __call__(self, arguments: Sequence[Any], options: Mapping[str, Any]) -> Any:
        """Return what it gives for the tensors of a call."""
        if self.kind in {"TFOpLambda", "SlicingOpLambda"}:
            return operation(self.config, arguments, options)
        if self.kind in _GARNETS:
            arrays = self.weights.of(self.name, self.kind, self.position) if self.weights else ()
            return garnet(self.name, self.config, arrays, arguments)
        value = arguments[0] if len(arguments) == 1 else list(arguments)
        if self.model is not None:
            return self.model(value)
        assert self.translated is not None
        options = {key: one for key, one in options.items() if one is not None and one is not False}
        if "mask" in options:
            raise UserError(f"layer {self.name!r} is called with a mask, which the firmware doesn't have")
        if self.translated.described is not None:
            arrays = self.weights.of(self.name, self.kind, self.position) if self.weights else []
            self.translated = Translated((self.translated.described(arrays),))
            self.loaded = True
        first, *after = self.translated.layers
        if not self.loaded:
            self._load(first, value)
        value = first(value, **options)
        for layer in after:
            value = layer(value)
        return value

    def _load(self, layer: Any, value: Any) -> None:
        """Build the layer and give it the saved arrays."""
        self.loaded = True
        if self.weights is None:
            return
        arrays = list(self.weights.of(self.name, self.kind, self.position))
        if self.kind == "Normalization":
            _normalize(layer, value, arrays)
            return
        if not layer.built:
            layer(value)
        if not arrays and not layer.weights:
            return
        known = layer.weights
        if len(arrays) != len(known):
            raise UserError(
                f"layer {self.name!r} has {len(known)} arrays of weights, the file {len(arrays)} of that name"
            )
        assert self.translated is not None
        for variable, array in zip(known, self.translated.adapt(arrays), strict=True):
            if tuple(variable.shape) != np.shape(array):
                raise UserError(
                    f"layer {self.name!r} has weights of shape {tuple(variable.shape)}, the file of shape "
                    f"{np.shape(array)}"
                )
            variable.assign(array)
        layer.trainable = bool(self.config.get("trainable", True))


def _normalize(layer: Any, value: Any, arrays: Sequence[Any]) -> None:
    """Give a Normalization its mean and variance; Keras 2 saves a count beside them."""
    layer.build(value.shape)
    if len(arrays) >= 2:
        for variable, array in zip((layer.adapt_mean, layer.adapt_variance), arrays, strict=False):
            variable.assign(np.reshape(array, variable.shape))
        layer.finalize_state()


def _sequential(config: Any, weights: Weights | None) -> keras.Model:
    import keras

    layers = config if isinstance(config, list) else config["layers"]
    name = None if isinstance(config, list) else config.get("name")
    shape = None if isinstance(config, list) else config.get("build_input_shape")
    first = layers[0]["config"] if layers else {}
    if isinstance(first, Mapping):
        shape = first.get("batch_input_shape") or first.get("batch_shape") or shape
    if shape is None:
        raise UserError("its Sequential model has no input shape: give the first layer an input_shape")
    own_input = layers[0]["class_name"] == "InputLayer"
    dtype = first.get("dtype") if own_input else None
    inputs = keras.Input(
        tuple(shape[1:]), dtype=_input_type(dtype), name=first.get("name") if own_input else None
    )
    value = inputs
    own = [saved for saved in layers if saved["class_name"] != "InputLayer"]  # which alone it counts
    for position, saved in enumerate(own):
        value = _Layer(saved, weights, position)([value], {})
    return keras.Model(inputs, value, name=name)


def _input_type(dtype: Any) -> str | None:
    return str(dtype) if dtype and not str(dtype).startswith("float") else None


def _functional(config: Config, weights: Weights | None) -> keras.Model:
    import keras

    layers = {}
    for position, saved in enumerate(config["layers"]):
        layer = _Layer(saved, weights, position)
        layers[layer.name] = (layer, saved.get("inbound_nodes") or [])
    values: dict[tuple[str, int], Any] = {}
    for name, (layer, _) in layers.items():
        if layer.kind == "InputLayer":
            shape = layer.config.get("batch_input_shape") or layer.config["batch_shape"]
            dtype = _input_type(layer.config.get("dtype"))
            values[name, 0] = [keras.Input(tuple(shape[1:]), dtype=dtype, name=name)]
    first = _first_calls(config, [name for name, (layer, _) in layers.items() if layer.model is not None])
    waiting = [
        (name, index + first.get(name, 0), node)
        for name, (layer, nodes) in layers.items()
        if layer.kind != "InputLayer"
        for index, node in enumerate(nodes)
    ]
    while waiting:
        left = []
        for name, index, node in waiting:
            call = _call(node, values, set(layers))
            if call is None:
                left.append((name, index, node))
            else:
                found = layers[name][0](*call)
                values[name, index] = list(found) if isinstance(found, list | tuple) else [found]
        if len(left) == len(waiting):
            raise UserError(f"layer {left[0][0]!r} reads a tensor that no layer gives")
        waiting = left
    return keras.Model(
        _structure(config["input_layers"], values),
        _structure(config["output_layers"], values),
        name=config.get("name"),
    )


def _first_calls(config: Config, models: Sequence[str]) -> dict[str, int]:
    """Return the number of the first call of each model within the model: one where its own making counts."""
    found: dict[str, int] = {}

    def look(value: Any) -> None:
        if isinstance(value, Mapping):
            for one in value.values():
                look(one)
        elif isinstance(value, list):
            if len(value) >= 3 and value[0] in models and isinstance(value[1], int):
                found[value[0]] = min(value[1], found.get(value[0], value[1]))
            for one in value:
                look(one)

    look([saved.get("inbound_nodes") for saved in config["layers"]])
    look(config["output_layers"])
    return found


_MISSING = object()


def _call(node: Any, values: Mapping[tuple[str, int], Any], names: set[str]) -> tuple[list[Any], Any] | None:
    """Return the tensors and options of a call; None while one of them isn't computed yet."""
    if isinstance(node, Mapping):
        raise UserError("a layer of it is called with tensors by name, which isn't read")
    if node and isinstance(node[0], str):  # one reference instead of a list of them
        node = [node]
    arguments, options = [], {}
    for entry in node:
        if entry[0] == "_CONSTANT_VALUE":
            arguments.append(entry[2])
        else:
            arguments.append(_tensor(entry, values))
        if len(entry) > 3:
            options.update({key: _resolved(one, values, names) for key, one in entry[3].items()})
    if any(one is _MISSING for one in [*arguments, *_leaves(options)]):
        return None
    return arguments, options


def _leaves(value: Any) -> list[Any]:
    if isinstance(value, Mapping):
        return [leaf for one in value.values() for leaf in _leaves(one)]
    return [leaf for one in value for leaf in _leaves(one)] if isinstance(value, list) else [value]


def _tensor(entry: Sequence[Any], values: Mapping[tuple[str, int], Any]) -> Any:
    found = values.get((entry[0], entry[1]))
    return _MISSING if found is None else found[entry[2]]


def _resolved(value: Any, values: Mapping[tuple[str, int], Any], names: set[str]) -> Any:
    """Return an option of a call with the tensors that it names (`["dense", 0, 0]`)."""
    if isinstance(value, list):
        reference = len(value) == 3 and isinstance(value[0], str) and value[0] in names
        if reference and all(isinstance(one, int) for one in value[1:]):
            return _tensor(value, values)
        return [_resolved(one, values, names) for one in value]
    if isinstance(value, Mapping):
        return {key: _resolved(one, values, names) for key, one in value.items()}
    return value


def _structure(saved: Any, values: Mapping[tuple[str, int], Any]) -> Any:
    """Return tensors in the saved structure: one, a list of them, or by name."""
    if isinstance(saved, Mapping):
        return {key: _structure(one, values) for key, one in saved.items()}
    if saved and isinstance(saved[0], str):
        return values[saved[0], saved[1]][saved[2]]
    found = [_structure(one, values) for one in saved]
    return found[0] if len(found) == 1 else found
