"""Layers of Keras 2 as layers of Keras 3: what each one's configuration says, in Keras 3's words.

What only training reads (initializers, regularizers, constraints) is left out: the weights come from the
file. Options that Keras 3 lacks are left out where they say what it does anyway, and refused otherwise.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bitfront.spaces import UserError

if TYPE_CHECKING:
    import keras

Arrays = Sequence[NDArray[Any]]
Config = Mapping[str, Any]


@dataclass(frozen=True)
class Translated:
    """A layer of Keras 2: the Keras 3 layers that compute it, one after another."""

    layers: tuple[keras.Layer, ...]
    adapt: Callable[[Arrays], Arrays] = tuple
    """From the file's arrays to those of the first layer."""
    described: Callable[[Arrays], keras.Layer] | None = None
    """Makes the layer of its arrays, where these say what it is."""


_TRAINING_ONLY = ("_initializer", "_regularizer", "_constraint", "_lr_multiplier", "_range")
"""Endings of the keys that say how weights begin or learn (those of QKeras and of binary layers too)."""
_IGNORED = frozenset({
    "batch_input_shape", "batch_shape", "build_config", "sparse", "ragged", "optional", "implementation",
    "fused", "gamma_init", "input_dtype", "input_length", "H", "noise_shape", "seed", "momentum",
})  # fmt: skip
"""Keys that change nothing of what a trained layer computes."""
_DEFAULTS: Config = {
    "time_major": False, "renorm": False, "virtual_batch_size": None, "adjustment": None, "mode": 0,
    "unroll": False, "groups": 1, "zero_output_for_mask": False, "dynamic": False,
    "experimental_autocast": True,
    "renorm_clipping": None, "renorm_momentum": 0.99, "data_format": "channels_last",
    "interpolation": "nearest", "sparse": False, "dim_ordering": "tf",
}  # fmt: skip
"""Key -> the value at which Keras 2 computes what Keras 3, which lacks the key, always does."""
_RENAMED = {"LeakyReLU": {"alpha": "negative_slope"}}
_KINDS = {
    "SyncBatchNormalization": "BatchNormalization",
    "BatchNormalizationV1": "BatchNormalization",
    "ThresholdedReLU": "ReLU",
    "BinaryDense": "Dense",
    "TernaryDense": "Dense",
}
"""Class of Keras 2, or of hls4ml's examples in it -> Keras 3's."""
_NAMED = {"swish": "silu", "softmax_v2": "softmax"}
_GATES = {"LSTM": (0, 1, 3), "GRU": (0, 1)}
"""Which of a cell's gates, in their order along the columns, pass the recurrent activation."""
_STRETCH = 1.2
"""Keras 2's hard_sigmoid clips 0.2 x + 0.5, Keras 3's x / 6 + 0.5: the same of 1.2 x."""


def translated(kind: str, config: Config) -> Translated:
    """Return a layer of class `kind` with the configuration that Keras 2 saved.

    Raises:
        UserError: in one sentence: a class or an option that has no equal in Keras 3.
    """
    config = dict(config)
    name = str(config.get("name", kind))
    if kind == "Lambda":
        raise UserError(
            f"layer {name!r} is a Lambda layer, which runs code of whoever made the file: replace it by a "
            f"Keras layer"
        )
    if kind in {"TimeDistributed", "Bidirectional"}:
        return _wrapped(kind, name, config)
    if kind.startswith("Q"):
        return _quantized(kind, name, config)
    if kind == "FixedPointQuantizer":
        return _fixed_point(name, config)
    if kind == "Activation":
        return Translated(_activations(config.get("activation"), name))
    if kind == "ThresholdedReLU":
        config["threshold"] = config.pop("theta")
    known = _KINDS.get(kind, kind)
    found = _class(known, name)
    after: tuple[keras.Layer, ...] = ()
    adapt: Callable[[Arrays], Arrays] = tuple
    gates = _GATES.get(kind)
    if gates and _name_of(config.get("recurrent_activation")) == "hard_sigmoid":
        config["recurrent_activation"] = "hard_sigmoid"
        adapt = _stretched(gates)
    if gates or kind == "SimpleRNN":
        config["activation"] = _plain(config.get("activation"), name)
        if gates:
            config["recurrent_activation"] = _plain(config["recurrent_activation"], name, scaled=True)
    elif "activation" in config:
        after = _activations(config["activation"], f"{name}_{_name_of(config['activation'])}")
        config["activation"] = None
        if len(after) == 1 and type(after[0]).__name__ == "Activation":
            config["activation"], after = after[0].activation, ()
    if kind in {"BinaryDense", "TernaryDense"}:
        adapt = _binarized if kind == "BinaryDense" else ternarized
    if kind == "BatchNormalization" and isinstance(config.get("axis"), list) and len(config["axis"]) == 1:
        (config["axis"],) = config["axis"]
    return Translated((found(**_options(found, kind, name, config)), *after), adapt)


def _class(kind: str, name: str) -> Any:
    import keras

    found = getattr(keras.layers, kind, None)
    if found is None or not inspect.isclass(found):
        raise UserError(
            f"layer {name!r} is a {kind}, which Keras 3 doesn't have: write the model with Keras's layers"
        )
    return found


def _options(found: type, kind: str, name: str, config: Config) -> dict[str, Any]:
    """Return the arguments of Keras 3's class; refuse what it can't be told."""
    known = named_arguments(found) | named_arguments(_class("Layer", name))
    options: dict[str, Any] = {"name": name}
    for raw, value in config.items():
        key = _RENAMED.get(kind, {}).get(raw, raw)
        if key == "dtype":
            policy = _dtype(value)
            if policy not in {None, "float32", "float64"}:
                options["dtype"] = policy
        elif key in _IGNORED or key.endswith(_TRAINING_ONLY) or key in {"name", "trainable"}:
            continue
        elif key in known:
            options[key] = tuple(value) if isinstance(value, list) else value
        elif value is not None and _DEFAULTS.get(key, value) != value:
            raise UserError(f"layer {name!r} has {key}={value!r}, which Keras 3's {kind} can't do")
        elif value is not None and key not in _DEFAULTS:
            raise UserError(f"layer {name!r} has the option {key}={value!r}, which Keras 3's {kind} hasn't")
    return options


def _dtype(value: Any) -> str | None:
    """Return the name of a type or policy, as a string or as Keras saves the object."""
    if isinstance(value, Mapping):
        return str(value.get("config", {}).get("name"))
    return None if value is None else str(value)


def named_arguments(kind: type) -> dict[str, Any]:
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
    found.pop("self", None)
    return found


def _name_of(activation: Any) -> str:
    """Return the name of a saved activation: a string, or a function or object with its class."""
    if activation is None:
        return "linear"
    if isinstance(activation, Mapping):
        inner = activation.get("config")
        return inner if isinstance(inner, str) else str(activation.get("class_name"))
    return str(activation)


def _plain(activation: Any, name: str, *, scaled: bool = False) -> str:
    """Return the name of a cell's activation in Keras 3.

    Raises:
        UserError: for one that a cell of Keras 3 doesn't have.
    """
    found = _NAMED.get(_name_of(activation), _name_of(activation))
    if found == "hard_sigmoid" and not scaled:
        raise UserError(f"layer {name!r} has the activation hard_sigmoid of Keras 2, which Keras 3 hasn't")
    if not _is_keras(found):
        raise UserError(f"layer {name!r} has the activation {found!r}, which Keras 3 hasn't")
    return found


def _is_keras(name: str) -> bool:
    import keras

    return hasattr(keras.activations, name)


def _activations(activation: Any, name: str) -> tuple[keras.Layer, ...]:
    """Return the layers of a saved activation: one of Keras's, QKeras's, or of hls4ml's binary examples."""
    from keras import layers

    found = _NAMED.get(_name_of(activation), _name_of(activation))
    if found == "hard_sigmoid":
        return (
            layers.Rescaling(_STRETCH, name=f"{name}_stretched"),
            layers.Activation("hard_sigmoid", name=name),
        )
    if found == "relu1":
        return (layers.ReLU(max_value=1.0, name=name),)
    if found in {"binary_tanh", "ternary_tanh"}:
        import qkeras

        # as hls4ml builds them: -1 below zero, else 1; and the nearest of -1, 0 and 1
        quantizer = (
            qkeras.binary(alpha=1) if found == "binary_tanh" else qkeras.quantized_bits(2, 1, 1, alpha=1)
        )
        return (qkeras.QActivation(quantizer, name=name),)
    if _is_keras(found):
        return (layers.Activation(found, name=name),)
    import qkeras

    return (qkeras.QActivation(_quantizer(activation, name), name=name),)


def _quantizer(saved: Any, name: str) -> Any:
    """Return a QKeras quantizer, saved as text (`quantized_relu(2)`) or with its class.

    Raises:
        UserError: for a class or an option that QKeras doesn't have.
    """
    import qkeras

    if saved is None:
        return None
    try:
        if isinstance(saved, str):
            return qkeras.get_quantizer(saved)
        found = getattr(qkeras, str(saved["class_name"]))
        options = dict(saved.get("config") or {})
        known = named_arguments(found)
        for key in [one for one in options if one not in known]:
            if options.pop(key) not in (None, False):
                raise UserError(f"layer {name!r}: QKeras' {saved['class_name']} has no option {key}")
        alpha = options.get("alpha")
        if isinstance(alpha, list):
            options["alpha"] = np.asarray(alpha, np.float32)
        return found(**options)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UserError(f"layer {name!r} has {saved!r}, which QKeras can't build ({error})") from None


def _quantized(kind: str, name: str, config: dict[str, Any]) -> Translated:
    """Return a layer of QKeras with its quantizers."""
    import qkeras

    found = getattr(qkeras, kind, None)
    if found is None:
        raise UserError(f"layer {name!r} is a {kind}, which QKeras doesn't have")
    if kind == "QActivation":
        return Translated(_activations(config.get("activation"), name))
    for key, value in config.items():
        if key.endswith("_quantizer"):
            config[key] = _quantizer(value, name)
        elif key in {"activation", "recurrent_activation"} and value is not None:
            known = _name_of(value)
            config[key] = known if _is_keras(known) else _quantizer(value, name)
    if kind == "QBatchNormalization" and isinstance(config.get("axis"), list) and len(config["axis"]) == 1:
        (config["axis"],) = config["axis"]
    quantizers = {key: value for key, value in config.items() if key.endswith("_quantizer")}
    plain = {key: value for key, value in config.items() if key not in quantizers}
    options = _options(found, kind, name, plain) | quantizers
    # QKeras's own defaults name initializers that read the quantizer
    for key in [one for one in named_arguments(found) if one.endswith(("_constraint", "_regularizer"))]:
        options[key] = None
    try:
        return Translated((found(**options),))
    except (TypeError, ValueError) as error:
        raise UserError(f"layer {name!r} can't be built by QKeras' {kind} ({error})") from None


def _fixed_point(name: str, config: Config) -> Translated:
    """Return a rounding of HGQ's, whose arrays say the type of each value."""

    def described(arrays: Arrays) -> keras.Layer:
        from bitfront.hls.keras_layers import FixedPointQuantizer

        if len(arrays) != 3:
            raise UserError(f"layer {name!r} has no keep_negative, bits and integers in the file")
        signed, bits, integers = (np.asarray(one, np.int64) for one in arrays)
        shape = config.get("shape") or [1]
        if len(shape) > 1 and shape[0] == 1:  # of the batch
            signed, bits, integers = (one[0] for one in (signed, bits, integers))
        modes = {"rounding": str(config.get("RND")), "overflow": str(config.get("SAT"))}
        return FixedPointQuantizer(bits, integers, signed, name=name, **modes)

    return Translated((), described=described)


def _wrapped(kind: str, name: str, config: dict[str, Any]) -> Translated:
    """Return TimeDistributed or Bidirectional around the layer that it holds."""
    inner = translated(config["layer"]["class_name"], config["layer"]["config"])
    found = _class(kind, name)
    if kind == "TimeDistributed":
        return Translated((found(inner.layers[0], name=name), *inner.layers[1:]), inner.adapt)
    options = {"merge_mode": config.get("merge_mode", "concat"), "name": name}
    if config.get("backward_layer"):
        back = config["backward_layer"]
        options["backward_layer"] = translated(back["class_name"], back["config"]).layers[0]

    def adapt(arrays: Arrays) -> Arrays:
        half = len(arrays) // 2
        return [*inner.adapt(arrays[:half]), *inner.adapt(arrays[half:])]

    return Translated((found(inner.layers[0], **options),), adapt)


def _stretched(gates: tuple[int, ...]) -> Callable[[Arrays], Arrays]:
    """Return how a cell's weights are scaled where Keras 2's hard_sigmoid reads them."""

    def adapt(arrays: Arrays) -> Arrays:
        found = []
        for array in arrays:
            units = arrays[1].shape[0]
            scaled = np.array(array, np.float64)
            for gate in gates:
                scaled[..., gate * units : (gate + 1) * units] *= _STRETCH
            found.append(scaled.astype(np.float32))
        return found

    return adapt


def _binarized(arrays: Arrays) -> Arrays:
    """Return the kernel's signs, as a BinaryDense computes with (+1 at zero, as hls4ml has it)."""
    return [np.where(arrays[0] >= 0, 1.0, -1.0).astype(np.float32), *arrays[1:]]


def ternarized(arrays: Arrays) -> Arrays:
    """Return -1, 0 and 1 for the first array: 1 above half, -1 from minus half on, as hls4ml has it."""
    kernel = np.asarray(arrays[0], np.float32)
    return [np.where(kernel > 0.5, 1.0, np.where(kernel <= -0.5, -1.0, 0.0)).astype(np.float32), *arrays[1:]]
