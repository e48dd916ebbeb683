"""Which operation an activation function is: known by its name, and proven by what it computes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..operations import registered
from .quantizers import quantized_activation
from .unsupported import Unsupported

_PROBE = np.concatenate([np.linspace(-12, 12, 97), [-1e4, -300.0, -40.0, 40.0, 300.0, 1e4]])
"""Where functions of one name are compared: around zero, and far out, where a clip shows."""


def activation_kind(function: Any) -> tuple[str, dict[str, Any]]:
    """Return the operation and attributes of a Keras activation function or a QKeras activation quantizer.

    A function counts as the Keras activation whose name it bears only where it computes the same.

    Raises:
        Unsupported: for anything that has no operation, with what to use instead.
    """
    if function is None:
        return "linear", {}
    if str(getattr(function, "__module__", "")).startswith("qkeras"):
        return quantized_activation(function)
    name = getattr(function, "__name__", None) or type(function).__name__
    if type(function).__module__.startswith("keras.") and name in {"ReLU", "LeakyReLU"}:
        return rectifier(function)
    known = supported_activations()
    if name not in known:
        raise Unsupported(f"activation {name!r} has no bit-true model; use one of {', '.join(sorted(known))}")
    if not _computes(function, name):
        raise Unsupported(
            f"its activation is called {name!r} but computes something else than Keras's {name}; "
            "use Keras's function, or build it from Keras layers"
        )
    op, attributes = known[name]
    return op, dict(attributes)


def supported_activations() -> Mapping[str, tuple[str, Mapping[str, Any]]]:
    """Return the Keras activations that the firmware computes: name -> operation, and its attributes by
    default.
    """
    return {
        name: (op, attributes)
        for op, one in registered().items()
        for name, attributes in one.traits.activations.items()
    }


def rectifier(layer: Any) -> tuple[str, dict[str, Any]]:
    """Return the operation and attributes of a `ReLU` or `LeakyReLU` layer."""
    slope = float(layer.negative_slope)
    most, threshold = getattr(layer, "max_value", None), float(getattr(layer, "threshold", None) or 0.0)
    if most is not None or threshold:
        bounds = {"negative_slope": slope, "max_value": most, "threshold": threshold}
        return "clipped_relu", bounds
    return ("leaky_relu", {"slope": slope}) if slope else ("relu", {})


def _computes(function: Any, name: str) -> bool:
    """Whether `function` is Keras's activation `name`, or gives the same on probe values."""
    import keras

    known = keras.activations.get(name)
    if function is known:
        return True
    rows = np.stack([_PROBE, _PROBE[::-1], np.roll(_PROBE, 7)]).astype(np.float32)
    try:
        found = np.asarray(function(keras.ops.convert_to_tensor(rows)), np.float64)
    except Exception:  # the function is the user's: whatever it raises, it isn't Keras's
        return False
    wanted = np.asarray(known(keras.ops.convert_to_tensor(rows)), np.float64)
    return found.shape == wanted.shape and bool(np.allclose(found, wanted, rtol=1e-5, atol=1e-6))
