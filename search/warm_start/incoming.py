"""The candidate that a quantized model already is: the widths that hold its weights and its roundings.

A model of QKeras, Brevitas or HGQ has values of few bits. Where fixed-point types of the space express them,
this candidate computes what the model computes, rounded and not trained; where they don't, it is the nearest.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from bitfront.spaces import Graph, Params, Space, integer_bits

_MOST_BITS = 12
"""Fraction bits of a kernel beyond which it counts as float: no quantizer in use has more."""


def incoming(graph: Graph, space: Space, peaks: Mapping[str, float]) -> Params | None:
    """Return the parameters of the model that came, None where it isn't quantized.

    Args:
        graph: of the float model, with its own roundings (`grid`).
        space: where the candidate lies; a width beyond it becomes the nearest.
        peaks: tensor key -> largest absolute value (`Calibration.peaks`).
    """
    needed = _needed(graph, peaks)
    kernels = {f"{node}/{role}" for node, own in graph.weights.items() for role in own if "weight" in role}
    if not kernels or not kernels <= needed.keys():
        return None
    params = dict(space.uniform(1 << 10, "ptq"))
    for dimension in space.dimensions:
        found = [needed[key] for key in dimension.targets if key in needed]
        if dimension.kind == "width" and len(found) == len(dimension.targets) and found:
            params[dimension.name] = min(max(*found, dimension.low), dimension.high)
    return params


def _needed(graph: Graph, peaks: Mapping[str, float]) -> dict[str, int]:
    """Return the bits that hold a tensor's values exactly, by tensor key, where few do."""
    found: dict[str, int] = {}
    for node in graph:
        for role, values in graph.weights.get(node.name, {}).items():
            fraction = fraction_bits(values)
            if fraction is not None:
                integer = integer_bits(float(np.abs(values).max(initial=0.0)))
                found[f"{node.name}/{role}"] = max(integer + fraction, 1)
        for tensor in graph.tensors(node):
            if tensor.role != "result" or "grid" not in node.attrs or tensor.key not in peaks:
                continue
            mantissa, exponent = math.frexp(float(np.min(node.attrs["grid"][0])))
            if mantissa == 0.5:
                integer = integer_bits(peaks[tensor.key], signed=tensor.signed)
                found[tensor.key] = max(integer + 1 - exponent, 1)
    return {key: bits for key, bits in found.items() if bits > 0}


def fraction_bits(values: NDArray[np.float32]) -> int | None:
    """Return the bits behind the point that hold all values exactly, None where more than twelve are
    needed.

    Negative where the values are multiples of 2, 4, ...
    """
    if not values.any():
        return 0
    for bits in range(-_MOST_BITS, _MOST_BITS + 1):
        scaled = values.astype(np.float64) * 2.0**bits
        if np.array_equal(scaled, np.round(scaled)):
            return bits
    return None
