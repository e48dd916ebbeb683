"""QKeras's quantizers: the values that weights have in the model that came, and what its activations compute.

A model's own rounding is part of the function that it computes, so it is kept in the float graph: weights are
what their quantizer makes of them, and an activation's rounding and saturation stand in a node's `grid`,
(step, low, high). A candidate then rounds to a type of its own instead. Any other function of one variable
(`binary`, powers of two, a tanh of lines) is looked up.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .quantizer_tables import table_attributes
from .unsupported import Unsupported


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


def folded_weights(layer: Any, role: str) -> dict[str, NDArray[np.float32]]:
    """Return kernel and bias of a layer that QKeras folds its batch normalization into (`QConv2DBatchnorm`),
    as it computes with them: folded, then rounded.

    Raises:
        Unsupported: when a quantizer draws at random.
    """
    kernel, bias = layer.get_folded_weights()
    return {"weight": weight_values(layer, role, kernel), "bias": weight_values(layer, "bias", bias)}


def quantized_activation(quantizer: Any) -> tuple[str, dict[str, Any]]:
    """Return the operation of a QKeras quantizer that is used as an activation, and its attributes: with a
    `grid` where a fixed-point type after an operation can express it, else a table.

    Raises:
        Unsupported: for a quantizer that is no function of one variable.
    """
    name = type(quantizer).__name__
    if getattr(quantizer, "use_stochastic_rounding", False):
        raise Unsupported(f"QKeras' {name} with use_stochastic_rounding draws at random; leave it off")
    found = None
    if float(np.asarray(getattr(quantizer, "qnoise_factor", 1.0))) == 1.0:
        if name in {"quantized_bits", "quantized_linear"}:
            found = _quantized_bits(quantizer)
        elif name == "quantized_relu":
            found = _quantized_relu(quantizer)
        elif name in {"quantized_tanh", "quantized_sigmoid"}:
            found = _quantized_curve(quantizer, name)
    return ("quantizer", table_attributes(quantizer)) if found is None else found


def _quantized_bits(quantizer: Any) -> tuple[str, dict[str, Any]] | None:
    alpha, signed = quantizer.alpha, bool(quantizer.keep_negative)
    bits = int(quantizer.bits) - signed
    scaled = isinstance(alpha, str) or (alpha is not None and not np.all(np.asarray(alpha) == 1.0))
    if scaled or bits < 1:
        return None
    step = 2.0 ** (_integer(quantizer) - bits)
    low = signed * (-(2.0**bits) + float(bool(quantizer.symmetric))) * step
    return ("linear" if signed else "relu"), {"grid": (step, low, (2.0**bits - 1) * step)}


def _quantized_relu(quantizer: Any) -> tuple[str, dict[str, Any]] | None:
    if quantizer.use_sigmoid:
        return None
    slope = float(quantizer.negative_slope or 0.0)
    bits, span = int(quantizer.bits) - (slope != 0.0), 2.0 ** _integer(quantizer)
    step = span / 2.0**bits
    high = span - step
    bound = quantizer.relu_upper_bound
    if bound and not quantizer.is_quantized_clip and bound < high:
        if math.frexp(float(bound))[0] != 0.5:
            return None
        high = float(bound)
    if slope:
        return "leaky_relu", {"slope": slope, "grid": (step, -span * slope, high)}
    return "relu", {"grid": (step, 0.0, high)}


def _quantized_curve(quantizer: Any, name: str) -> tuple[str, dict[str, Any]] | None:
    curve = name.removeprefix("quantized_")
    if not getattr(quantizer, f"use_real_{curve}", False):  # lines, as far as the firmware's tables go
        return None
    step = 2.0 ** -(int(quantizer.bits) - (curve == "tanh"))
    low = (-1.0 if curve == "tanh" else 0.0) + float(bool(quantizer.symmetric)) * step
    return curve, {"grid": (step, low, 1.0 - step)}


def _integer(quantizer: Any) -> float:
    return float(np.asarray(quantizer.integer))
