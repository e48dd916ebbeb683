"""QKeras's quantizers: the values that weights have in the model that came, and what its activations compute.

A model's own rounding is part of the function that it computes, so it is kept in the float graph: weights are
what their quantizer makes of them, and an activation's rounding and saturation stand in a node's `grid`,
(step, low, high). A candidate then rounds to a type of its own instead.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .unsupported import Unsupported

_INSTEAD = (
    "use quantized_bits, quantized_linear or quantized_relu with alpha=1, or quantized_tanh and "
    "quantized_sigmoid with use_real_tanh=True and use_real_sigmoid=True"
)


def weight_values(layer: Any, role: str, variable: Any) -> NDArray[np.float32]:
    """Return the values that `variable` has where its layer computes: what its QKeras quantizer makes of it.

    `role` is the quantizer's name without its ending: `kernel`, `bias`, `depthwise`, ...

    Raises:
        Unsupported: when the quantizer draws at random.
    """
    values = np.asarray(variable, np.float32)
    quantizer = getattr(layer, f"{role}_quantizer_internal", None)
    if quantizer is None:
        return values
    found, again = (np.asarray(quantizer(variable), np.float32) for _ in range(2))
    if not np.array_equal(found, again):
        raise Unsupported(
            f"its {role} quantizer {type(quantizer).__name__} draws at random; use one that gives the same "
            f"weights each time"
        )
    return np.broadcast_to(found, values.shape).copy()


def quantized_activation(quantizer: Any) -> tuple[str, dict[str, Any]]:
    """Return the operation, and its attributes with the `grid`, of a QKeras quantizer that is used as an
    activation.

    Raises:
        Unsupported: for a quantizer, or an option of one, that no fixed-point type after an operation can
            express.
    """
    name = type(quantizer).__name__
    if getattr(quantizer, "use_stochastic_rounding", False):
        raise Unsupported(f"QKeras' {name} with use_stochastic_rounding draws at random; leave it off")
    if float(np.asarray(getattr(quantizer, "qnoise_factor", 1.0))) != 1.0:
        raise Unsupported(f"QKeras' {name} with qnoise_factor below 1 rounds in part only; set it to 1")
    if name in {"quantized_bits", "quantized_linear"}:
        return _quantized_bits(quantizer, name)
    if name == "quantized_relu":
        return _quantized_relu(quantizer)
    if name in {"quantized_tanh", "quantized_sigmoid"}:
        return _quantized_curve(quantizer, name)
    raise Unsupported(f"QKeras' {name} as an activation has no bit-true model; {_INSTEAD}")


def _quantized_bits(quantizer: Any, name: str) -> tuple[str, dict[str, Any]]:
    alpha, signed = quantizer.alpha, bool(quantizer.keep_negative)
    if isinstance(alpha, str) or (alpha is not None and not np.all(np.asarray(alpha) == 1.0)):
        raise Unsupported(
            f"QKeras' {name} with alpha={alpha!r} as an activation scales its values; use alpha=1"
        )
    bits = int(quantizer.bits) - signed
    if bits < 1:
        raise Unsupported(f"QKeras' {name} with one bit gives only -1 and 1 (or 0 and 1); {_INSTEAD}")
    step = 2.0 ** (_integer(quantizer) - bits)
    low = signed * (-(2.0**bits) + float(bool(quantizer.symmetric))) * step
    return ("linear" if signed else "relu"), {"grid": (step, low, (2.0**bits - 1) * step)}


def _quantized_relu(quantizer: Any) -> tuple[str, dict[str, Any]]:
    if quantizer.use_sigmoid:
        raise Unsupported("QKeras' quantized_relu with use_sigmoid is a curve; leave use_sigmoid off")
    slope = float(quantizer.negative_slope or 0.0)
    bits, span = int(quantizer.bits) - (slope != 0.0), 2.0 ** _integer(quantizer)
    step = span / 2.0**bits
    high = span - step
    bound = quantizer.relu_upper_bound
    if bound and not quantizer.is_quantized_clip and bound < high:
        if math.frexp(float(bound))[0] != 0.5:
            raise Unsupported(
                f"QKeras' quantized_relu with relu_upper_bound={bound:g} saturates where no fixed-point type "
                "does; use a power of two, or leave it out"
            )
        high = float(bound)
    if slope:
        return "leaky_relu", {"slope": slope, "grid": (step, -span * slope, high)}
    return "relu", {"grid": (step, 0.0, high)}


def _quantized_curve(quantizer: Any, name: str) -> tuple[str, dict[str, Any]]:
    curve = name.removeprefix("quantized_")
    if not getattr(quantizer, f"use_real_{curve}", False):
        raise Unsupported(
            f"QKeras' {name} approximates the curve by a line, which hls4ml does not; set "
            f"use_real_{curve}=True"
        )
    step = 2.0 ** -(int(quantizer.bits) - (curve == "tanh"))
    low = (-1.0 if curve == "tanh" else 0.0) + float(bool(quantizer.symmetric)) * step
    return curve, {"grid": (step, low, 1.0 - step)}


def _integer(quantizer: Any) -> float:
    return float(np.asarray(quantizer.integer))
