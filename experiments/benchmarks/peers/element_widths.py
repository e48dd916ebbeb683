"""EBOPs of layers whose factors have a width each: the judge's rule where the bit-true model's types don't
reach.

A product counts the bits of its constant between the first and the last one times the width of its other
factor, the sign's bit included, as everywhere in bitfront. It counts only where an output of the network
depends on it: `used` says which of a layer's outputs do, and each rule returns what follows for the inputs.
An input without bits is zero, and so is what it is multiplied with. NumPy alone, since peers have other
environments.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
FRACTION = 24
"""Bits behind the point that a constant is looked at with; float32 has no more of values below 1."""


def span(values: Any) -> Array:
    """Return the bits of each value between its first and last one (0 for 0)."""
    whole = np.abs(np.round(np.asarray(values, np.float64) * 2**FRACTION)).astype(np.int64)
    lowest = np.where(whole > 0, whole & -whole, 1)
    bits = np.floor(np.log2(np.maximum(whole // lowest, 1))) + 1
    return np.asarray(np.where(whole > 0, bits, 0.0))


def width(sign: Any, integer: Any, fraction: Any) -> Array:
    """Return the bits of values with these, integer bits without the sign's: none where they come to less
    than one.
    """
    return np.maximum(np.asarray(sign, np.float64) + np.asarray(integer) + np.asarray(fraction), 0.0)


def einsum(equation: str, widths: Array, spans: Array, used: Array) -> tuple[float, Array]:
    """Return the EBOPs of constants that are multiplied and summed as in `equation`, and the inputs needed.

    Args:
        equation: Einstein's notation of inputs, constants and outputs, such as `abc,cd->abd`.
        widths: of the inputs, in their shape.
        spans: of the constants, in their shape.
        used: which outputs are used, in their shape.
    """
    inputs, _, rest = equation.partition(",")
    constants, _, outputs = rest.partition("->")
    counted = np.einsum(f"{inputs},{constants},{outputs}->", widths, spans, used.astype(float), optimize=True)
    needs = np.einsum(f"{outputs},{constants}->{inputs}", used.astype(float), (spans > 0).astype(float))
    return float(counted), (needs > 0) & (widths > 0)


def dense(widths: Array, spans: Array, used: Array) -> tuple[float, Array]:
    """Return the EBOPs and the needed inputs of a product along the last axis; `spans`: (inputs, outputs)."""
    flat, ends = widths.reshape(-1, widths.shape[-1]), used.reshape(-1, used.shape[-1])
    ebops, needs = einsum("ab,bc->ac", flat, spans, ends)
    return ebops, needs.reshape(widths.shape)


def convolution(
    widths: Array, spans: Array, used: Array, strides: tuple[int, int], padding: str
) -> tuple[float, Array]:
    """Return the EBOPs and the needed inputs of a 2D convolution.

    Args:
        widths: (height, width, channels).
        spans: (kernel height, kernel width, channels, filters).
        used: (height, width, filters) of the outputs.
        strides: steps along height and width.
        padding: `same` or `valid`, as Keras has them.
    """
    size = (spans.shape[0], spans.shape[1])
    before, after = _padding(widths.shape, used.shape, size, strides, padding)
    padded = np.pad(widths, [*zip(before, after, strict=True), (0, 0)])
    needs, ebops = np.zeros(padded.shape, bool), 0.0
    for row, column in np.ndindex(*size):
        place = _seen((row, column), used.shape, strides)
        counted, needed = dense(padded[place], spans[row, column], used)
        ebops += counted
        needs[place] |= needed
    height, across = widths.shape[:2]
    return ebops, needs[before[0] : before[0] + height, before[1] : before[1] + across]


def pooling(
    shape: tuple[int, ...], used: Array, size: tuple[int, int], strides: tuple[int, int], padding: str
) -> Array:
    """Return the needed inputs, of shape (height, width, channels), of a 2D pooling."""
    before, after = _padding(shape, used.shape, size, strides, padding)
    needs = np.zeros([n + b + a for n, b, a in zip(shape, (*before, 0), (*after, 0), strict=True)], bool)
    for row, column in np.ndindex(*size):
        needs[_seen((row, column), used.shape, strides)] |= used
    return needs[before[0] : before[0] + shape[0], before[1] : before[1] + shape[1]]


def _padding(
    shape: tuple[int, ...],
    outputs: tuple[int, ...],
    size: tuple[int, int],
    strides: tuple[int, int],
    padding: str,
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return the rows and columns of zeros before and after an image."""
    if padding != "same":
        return (0, 0), (0, 0)
    down, across = (max((outputs[axis] - 1) * strides[axis] + size[axis] - shape[axis], 0) for axis in (0, 1))
    return (down // 2, across // 2), (down - down // 2, across - across // 2)


def _seen(start: tuple[int, int], outputs: tuple[int, ...], strides: tuple[int, int]) -> tuple[slice, ...]:
    """Return the inputs that one entry of a window sees, over all its positions."""
    ends = [
        first + (count - 1) * step + 1 for first, count, step in zip(start, outputs, strides, strict=False)
    ]
    return tuple(slice(first, end, step) for first, end, step in zip(start, ends, strides, strict=True))


def attention(
    query: Array, key: Array, value: Array, shares: Array, used: Array
) -> tuple[float, tuple[Array, Array, Array]]:
    """Return the EBOPs of scores and context, products of variables, and the needed queries, keys and values.

    Args:
        query: widths, (positions, heads, size), as `key` and `value`.
        key: widths.
        value: widths.
        shares: widths of the softmax's results, (heads, positions, positions looked at).
        used: which entries of the context are used, (positions, heads, size).
    """
    context, read = used.astype(float), (shares > 0).astype(float)
    ebops = np.einsum("hts,shv,thv->", shares, value, context, optimize=True)
    # a share depends on all scores of its row
    rows = np.einsum("shv,thv->ht", (value > 0).astype(float), context) > 0
    ebops += np.einsum("thd,shd,ht->", query, key, rows.astype(float), optimize=True)
    row = rows.astype(float)
    queries = (np.einsum("ht,shd->thd", row, (key > 0).astype(float)) > 0) & (query > 0)
    keys = (np.einsum("ht,thd->hd", row, (query > 0).astype(float)) > 0) & (key > 0)
    values = (np.einsum("hts,thv->shv", read, context) > 0) & (value > 0)
    return float(ebops), (queries, keys, values)


def units_used(recurrent: Array, states: Array, used: Array) -> Array:
    """Return which units of a recurrent layer are used: those read behind it, and those that these read.

    Args:
        recurrent: bits of the recurrent kernel, (units, gates * units), gate by gate.
        states: widths of the units' states.
        used: which units are read behind the layer.
    """
    reads = (recurrent.reshape(len(used), -1, len(used)) > 0).any(1) & (states > 0)[:, None]
    found = used.copy()
    while (more := found | reads[:, found].any(1)).sum() > found.sum():
        found = more
    return found


def gru(
    inputs: Array, kernel: Array, states: Array, recurrent: Array, gates: dict[str, Array], used: Array
) -> tuple[float, Array]:
    """Return the EBOPs of all steps of a GRU (Keras's `reset_after`), and the needed inputs.

    Args:
        inputs: widths, (steps, features).
        kernel: bits of the kernel, (features, 3 * units): update, reset, candidate.
        states: widths of the states, (units,).
        recurrent: bits of the recurrent kernel, (units, 3 * units).
        gates: widths of `update`, `reset`, `candidate` and `recurrent` (the candidate's recurrent sum), each
            (units,).
        used: which units are read behind the layer.
    """
    units = units_used(recurrent, states, used)
    columns = np.tile(units, 3)
    products = (gates["reset"] * gates["recurrent"] + gates["update"] * (gates["candidate"] + states))[units]
    a_step = float((states @ recurrent[:, columns]).sum() + products.sum())
    reads = (kernel[:, columns] > 0).any(1) & (inputs > 0)
    return float((inputs @ kernel[:, columns]).sum()) + len(inputs) * a_step, reads
