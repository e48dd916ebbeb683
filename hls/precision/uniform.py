"""One precision for a whole model, as hls4ml's `default_precision` gives it: what a first estimate is made
of.
"""

from __future__ import annotations

from bitfront.spaces import FixedPoint, Graph

from .resolve import Calibration, Types, resolve

__all__ = ["uniform_types"]


def uniform_types(graph: Graph, precision: FixedPoint) -> Types:
    """Return the types of a design whose weights, results and tables all have the width of `precision`.

    Weights are of that very type; results too, but for those that are never negative, which use the sign's
    bit for their fraction. Accumulators are lossless.

    Raises:
        UserError: when a lossless accumulator would be wider than 64 bits.
    """
    tensors = graph.all_tensors()
    largest = 2.0 ** (precision.integer - 1) - 2.0**-precision.fraction
    return resolve(
        graph,
        {tensor.key: 0 if tensor.role == "accum" else precision.width for tensor in tensors},
        Calibration({tensor.key: largest for tensor in tensors}),
        weight_types={f"{node}/{role}": precision for node, roles in graph.weights.items() for role in roles},
    )
