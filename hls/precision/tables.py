"""What hls4ml's look-up tables span (`nnet_activation.h`, hls4ml 1.3)."""

from __future__ import annotations

from bitfront.spaces import FixedPoint

TABLE_SPANS = {"sigmoid": 8.0, "tanh": 4.0}
"""Half the input range of a table: [-8, 8) and [-4, 4)."""


def inside_table(function: str, data: FixedPoint) -> bool:
    """Whether no value of type `data` lies outside of `function`'s table; one without a span has an entry for
    each value.
    """
    half = TABLE_SPANS.get(function)
    return half is None or 2.0 ** (data.integer - data.signed) <= half
