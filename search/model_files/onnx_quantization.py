"""Roundings of ONNX and QONNX: constants are rounded here, tensors by layers that round as they do."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitfront.spaces import UserError

from .channels_first import Held
from .onnx_nodes import Node, Value, Whole, Work
from .onnx_reference import quantized, signs


def _quant(work: Work, node: Node) -> Held | NDArray[np.float32]:
    """Round a constant here, a tensor by a layer: to a fixed-point type where the scale is a power of two,
    else between two products.
    """
    get = node.attributes.get
    scale, zero, bits = (np.asarray(node.constant(place), np.float32) for place in (1, 2, 3))
    signed, narrow = bool(get("signed", 1)), bool(get("narrow", 0))
    rounding = str(get("rounding_mode", "ROUND"))
    source = node.inputs[0]
    if not isinstance(source, Held):
        return quantized(source, scale, zero, bits, signed=signed, narrow=narrow, rounding=rounding)
    if np.any(zero) or scale.size != 1 or bits.size != 1 or rounding.upper() not in {"ROUND", "FLOOR"}:
        raise UserError(
            f"{node.name!r} rounds activations with a zero point, a scale for each channel or {rounding}; "
            "one scale, no zero point, ROUND or FLOOR are built"
        )
    if narrow and not signed:
        raise UserError(f"{node.name!r} is a narrow Quant without sign, which no fixed-point type is")
    return _fixed(
        work, source, node, float(scale.ravel()[0]), float(bits.ravel()[0]), signed, narrow, rounding
    )


def _fixed(
    work: Work, x: Held, node: Node, scale: float, bits: float, signed: bool, narrow: bool, rounding: str
) -> Held:
    from keras import layers

    from bitfront.hls.keras_layers import FixedPointQuantizer

    mantissa, exponent = math.frexp(scale)
    power = mantissa == 0.5
    mode = "RND_CONV" if rounding.upper() == "ROUND" else "TRN"
    overflow = "SAT_SYM" if narrow else "SAT"
    if bits == 1 and signed:
        raise UserError(f"{node.name!r} is a signed Quant of one bit; use BipolarQuant")
    name = work.build.name(node.name)
    integers = int(bits) + (exponent - 1 if power else 0)
    quantizer = FixedPointQuantizer(int(bits), integers, int(signed), mode, overflow, name=name)
    if power:
        return work.build.each(x, quantizer)
    small = work.build.each(x, layers.Rescaling(1 / scale, name=work.build.name(f"{name}_scaled")))
    return work.build.each(
        work.build.each(small, quantizer), layers.Rescaling(scale, name=work.build.name(f"{name}_back"))
    )


def _bipolar(work: Work, node: Node) -> Held | NDArray[np.float32]:
    import qkeras

    scale = np.asarray(node.constant(1), np.float32)
    if not isinstance(node.inputs[0], Held):
        return signs(node.inputs[0], scale)
    if scale.size != 1:
        raise UserError(f"{node.name!r} has a scale for each channel; one is built")
    quantizer = qkeras.binary(alpha=float(scale.ravel()[0]))
    return work.build.each(node.held, qkeras.QActivation(quantizer, name=work.build.name(node.name)))


def _quantize(work: Work, node: Node) -> Whole | NDArray[Any]:
    """Mark a tensor that becomes whole numbers of 8 bits; its DequantizeLinear rounds it."""
    scale, zero = np.asarray(node.constant(1), np.float32), node.constant(2)
    if isinstance(node.inputs[0], np.ndarray):
        raise UserError(f"{node.name!r} rounds a constant: fold it before")
    return Whole(node.held, scale, np.asarray(0) if zero is None else zero)


def _dequantize(work: Work, node: Node) -> Held | NDArray[np.float32]:
    """Return what a pair of QuantizeLinear and DequantizeLinear gives, or a constant's values."""
    source = node.inputs[0]
    scale, zero = np.asarray(node.constant(1), np.float32), node.constant(2)
    if isinstance(source, np.ndarray):
        axis = int(node.attributes.get("axis", 1))
        shape = [-1 if scale.ndim and i == axis % max(source.ndim, 1) else 1 for i in range(source.ndim)]
        wide = scale.reshape(shape) if scale.ndim else scale
        low = 0.0 if zero is None else (zero.astype(np.float32).reshape(shape) if zero.ndim else float(zero))
        return np.asarray((source.astype(np.float32) - low) * wide, np.float32)
    if not isinstance(source, Whole):
        raise UserError(f"{node.name!r} reads whole numbers that no QuantizeLinear gave")
    same = np.array_equal(source.scale, scale) and np.array_equal(source.zero, 0 if zero is None else zero)
    if not same or np.any(source.zero) or scale.size != 1:
        raise UserError(f"{node.name!r} has a zero point, or a scale for each channel, which isn't built")
    signed = np.asarray(0 if zero is None else zero).dtype.kind == "i" and zero is not None
    bits = 8.0 * np.asarray(0 if zero is None else zero).dtype.itemsize if zero is not None else 8.0
    return _fixed(work, source.held, node, float(scale.ravel()[0]), bits, signed, False, "ROUND")


QUANTIZATION: Mapping[str, Callable[[Work, Node], Value]] = {
    "Quant": _quant,
    "BipolarQuant": _bipolar,
    "QuantizeLinear": _quantize,
    "DequantizeLinear": _dequantize,
}
"""Class of an operation -> how it is built."""
