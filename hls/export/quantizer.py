"""QKeras quantizers for fixed-point types."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bitfront.spaces import FixedPoint


def quantizer_of(kind: FixedPoint) -> Any:
    """Return a QKeras quantizer that rounds to `kind` (round to nearest, saturate), with alpha = 1.

    `quantized_bits` and `quantized_relu`, which round half to even, where they can express the type, else our
    own, as a constant.
    """
    import qkeras

    from ..bit_true import VariableFixedPoint

    if kind.rounding == "RND" or kind.elements:
        return VariableFixedPoint(
            kind.width,
            kind.integer,
            signed=kind.signed,
            rounding=kind.rounding,
            elements=kind.elements,
        )
    if kind.signed and kind.width >= 2 and 1 <= kind.integer <= kind.width:
        return qkeras.quantized_bits(kind.width, kind.integer - 1, symmetric=0, keep_negative=True, alpha=1.0)
    if not kind.signed and 0 <= kind.integer <= kind.width:
        return qkeras.quantized_relu(kind.width, kind.integer)
    return VariableFixedPoint(kind.width, kind.integer, signed=kind.signed)


def kernel_quantizers(
    own: Mapping[str, FixedPoint], values: Mapping[str, Any], *, kernel: str = "kernel"
) -> dict[str, Any]:
    """Return the quantizer arguments of a QKeras layer with a kernel, and a bias where `values` has one.

    `own`: types by role; `kernel`: what QKeras calls it, `depthwise` say.
    """
    has_bias = "bias" in values
    return {
        f"{kernel}_quantizer": quantizer_of(own["weight"]),
        "use_bias": has_bias,
        "bias_quantizer": quantizer_of(own["bias"]) if has_bias else None,
    }
