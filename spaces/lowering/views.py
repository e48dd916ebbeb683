"""Layers and bare operations that put a tensor's values elsewhere: permuted, cut, repeated, reversed.

Each is a strided view, as NumPy has them: value `i` of the result, counted along axes of `sizes`, is value
`offset + sum(strides * coordinates)` of the input, both in C order. What a layer does is found by NumPy doing
it to the numbers of the values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .unsupported import Unsupported
from .work import Lowering

Shape = tuple[int, ...]
Names = tuple[str, ...]
Numbers = NDArray[np.int64]
"""The numbers of a tensor's values, or of those that a result has in their places."""


@dataclass(frozen=True)
class View:
    """Which value of its input each value of a result is; `sizes` has as many values as the result."""

    sizes: Shape
    strides: Shape
    offset: int

    def numbers(self) -> Numbers:
        """Return the numbers of the input's values, shape (values of the result,)."""
        found = np.full(self.sizes, self.offset, np.int64)
        for axis, (size, stride) in enumerate(zip(self.sizes, self.strides, strict=True)):
            steps = np.arange(size) * stride
            found += steps.reshape((-1,) + (1,) * (len(self.sizes) - axis - 1))
        return found.ravel()


def view(numbers: Numbers) -> View | None:
    """Return the view that has these numbers, without axes of length 1; None where strides don't give
    them.
    """
    numbers = numbers.reshape([size for size in numbers.shape if size != 1])
    first = numbers[(0,) * numbers.ndim]
    ends = [tuple(int(axis == at) for at in range(numbers.ndim)) for axis in range(numbers.ndim)]
    found = View(numbers.shape, tuple(int(numbers[end] - first) for end in ends), int(first))
    return found if np.array_equal(found.numbers(), numbers.ravel()) else None


def numbered(shape: Shape) -> Numbers:
    """Return the numbers of a tensor's values, in its shape (without the batch axis)."""
    return np.arange(prod(shape), dtype=np.int64).reshape(shape)


def _permuted(layer: Any, x: Numbers) -> Numbers:
    return x.transpose([dim - 1 for dim in layer.dims])


def _repeated_vector(layer: Any, x: Numbers) -> Numbers:
    return np.broadcast_to(x, (layer.n, *x.shape))


def _cropped(layer: Any, x: Numbers) -> Numbers:
    cuts = layer.cropping if x.ndim == 3 else (layer.cropping,)
    return x[tuple(slice(low, size - high) for (low, high), size in zip(cuts, x.shape, strict=False))]


def _upsampled(layer: Any, x: Numbers) -> Numbers:
    if getattr(layer, "interpolation", "nearest") != "nearest":
        raise Unsupported(
            f"interpolation={layer.interpolation!r} needs weights between the pixels; use 'nearest' or "
            "'bilinear'"
        )
    factors = (layer.size,) if x.ndim == 2 else layer.size
    for axis, factor in reversed(list(enumerate(factors))):
        x = repeated(x, factor, axis)
    return x


def repeated(x: Numbers, factor: int, axis: int) -> Numbers:
    """Return each entry of an axis `factor` times, along an axis of its own behind it."""
    wide = np.expand_dims(x, axis + 1)
    return np.broadcast_to(wide, (*x.shape[: axis + 1], factor, *x.shape[axis + 1 :]))


def _restored(layer: Any, x: Numbers) -> Numbers:
    found: Numbers = x.ravel()[View(layer.sizes, layer.strides, layer.offset).numbers()].reshape(layer.sizes)
    return found


LAYERS: Mapping[str, tuple[Callable[[Any, Numbers], Numbers], tuple[str, ...]]] = {
    "Permute": (_permuted, ("dims",)),
    "RepeatVector": (_repeated_vector, ("n",)),
    "Cropping1D": (_cropped, ("cropping",)),
    "Cropping2D": (_cropped, ("cropping",)),
    "UpSampling1D": (_upsampled, ("size",)),
    "UpSampling2D": (_upsampled, ("size",)),
    "View": (_restored, ("sizes", "strides", "offset", "shape")),
}
"""Keras layer, bitfront's own among them -> what it does to numbers without a batch axis, and its
arguments.
"""


def view_of(layer: Any, shape: Shape) -> View:
    """Return what one of `LAYERS` does to an input of `shape`, without the batch axis.

    Raises:
        Unsupported: when values of the result are no values of the input.
    """
    found = view(LAYERS[type(layer).__name__][0](layer, numbered(shape)))
    assert found is not None, layer
    return found


def moved(work: Lowering, layer: Any, inputs: Names, shape: Shape) -> str:
    """Lower one of `LAYERS`.

    Raises:
        Unsupported: when nothing is left, or values of the result are no values of the input.
    """
    _check(shape)
    source = work.shape(inputs[0])
    kind = type(layer).__name__
    arguments = {name: _plain(getattr(layer, name)) for name in LAYERS[kind][1]}
    return add_view(work, layer, inputs[0], shape, view_of(layer, source), keras=kind, arguments=arguments)


def add_view(
    work: Lowering,
    layer: Any,
    source: str,
    shape: Shape,
    found: View,
    *,
    name: str | None = None,
    keras: str = "View",
    arguments: Mapping[str, Any] | None = None,
) -> str:
    """Append a view of node `source` with the result's `shape`; `keras` and its `arguments` are exported.

    The source itself where the view leaves every value where it is and the shape too.
    """
    size = prod(work.shape(source))
    if name is None and np.array_equal(found.numbers(), np.arange(size)):
        return source if work.shape(source) == shape else work.add(layer, "reshape", (source,), shape)
    own: dict[str, Any] = {"sizes": found.sizes, "strides": found.strides, "offset": found.offset}
    given = arguments if arguments is not None else {**own, "shape": tuple(shape)}
    return work.add(layer, "view", (source,), shape, name=name, **own, keras=keras, arguments=dict(given))


def broadcast(work: Lowering, layer: Any, source: str, shape: Shape, *, name: str) -> str:
    """Append a view of node `source` that repeats it to `shape`, as NumPy broadcasts; always a node."""
    found = view(np.broadcast_to(numbered(work.shape(source)), shape))
    assert found is not None, shape
    return add_view(work, layer, source, shape, found, name=name)


def _plain(value: Any) -> Any:
    return tuple(_plain(one) for one in value) if isinstance(value, list | tuple) else value


# -- bare operations -----------------------------------------------------------------------------------------


def _item(op: Any, x: Numbers, rest: tuple[Any, ...]) -> Numbers:
    # a saved model has a list for the tuple
    found: Numbers = x[tuple(rest[0]) if isinstance(rest[0], list | tuple) else (rest[0],)]
    return found


def _repeat(op: Any, x: Numbers, rest: tuple[Any, ...]) -> Numbers:
    if op.axis is None or not isinstance(op.repeats, int):
        raise Unsupported("it repeats other than each entry of one axis as often: use RepeatVector")
    return repeated(x, op.repeats, op.axis % x.ndim)


def _tiled(op: Any, x: Numbers, rest: tuple[Any, ...]) -> Numbers:
    times = (1,) * (x.ndim - len(op.repeats)) + tuple(op.repeats)
    if len(times) != x.ndim:
        raise Unsupported("it adds axes before the batch's")
    for axis, count in reversed(list(enumerate(times))):
        if count != 1:
            wide = np.expand_dims(x, axis)
            x = np.broadcast_to(wide, (*x.shape[:axis], count, *x.shape[axis:]))
    return x


BARE: Mapping[str, Callable[[Any, Numbers, tuple[Any, ...]], Numbers]] = {
    "GetItem": _item,
    "Transpose": lambda op, x, rest: x.transpose(op.axes),
    "Swapaxes": lambda op, x, rest: x.swapaxes(op.axis1, op.axis2),
    "Moveaxis": lambda op, x, rest: np.moveaxis(x, op.source, op.destination),
    "Flip": lambda op, x, rest: np.flip(x, op.axis),
    "Take": lambda op, x, rest: np.take(x, np.asarray(rest[0]), op.axis),
    "Repeat": _repeat,
    "Tile": _tiled,
    "ExpandDims": lambda op, x, rest: np.expand_dims(x, op.axis),
    "Squeeze": lambda op, x, rest: np.squeeze(x, op.axis),
}
"""Keras's bare operation -> what it does to numbers with a batch axis."""


def moved_bare(work: Lowering, layer: Any, inputs: Names, shape: Shape) -> str:
    """Lower a bare operation of `BARE`, `x[:, :4]` say.

    Raises:
        Unsupported: when it mixes samples, or picks values in no regular order.
    """
    given = work.arguments
    rest = (*given.args[1:], *given.kwargs.values())

    def done(x: Numbers) -> Numbers:
        return BARE[type(layer).__name__](layer, x, rest)

    return _followed(work, layer, inputs[0], shape, done)


def split(work: Lowering, layer: Any, inputs: Names, shapes: Sequence[Shape]) -> list[str]:
    """Lower `keras.ops.split` or `unstack`: a view for each part.

    Raises:
        Unsupported: when it splits the batch.
    """

    def part(x: Numbers, i: int) -> Numbers:
        if type(layer).__name__ == "Unstack":
            return np.take(x, i, layer.axis)
        return np.split(x, layer.indices_or_sections, layer.axis)[i]

    return [
        _followed(work, layer, inputs[0], shape, partial(part, i=i), name=f"{layer.name}_part{i}")
        for i, shape in enumerate(shapes)
    ]


def _followed(
    work: Lowering,
    layer: Any,
    source: str,
    shape: Shape,
    done: Callable[[Numbers], Numbers],
    name: str | None = None,
) -> str:
    """Append the view that `done` makes of node `source`."""
    _check(shape)
    numbers = numbered(work.shape(source))
    # two samples: the second must come out as the first, its numbers higher by those of one sample
    try:
        found = done(np.stack([numbers, numbers + numbers.size]))
    except (IndexError, ValueError, TypeError) as error:
        raise Unsupported(f"it can't be followed ({error}); use slices and whole numbers") from None
    if found.shape[:1] != (2,) or not np.array_equal(found[0] + numbers.size, found[1]):
        raise Unsupported("it mixes samples: leave the batch axis as it is, as in `x[:, ...]`")
    if found[0].size != prod(shape):
        raise Unsupported(f"its result's shape {shape} isn't the one that NumPy gives")
    strided = view(found[0])
    if strided is None:
        raise Unsupported("it picks values in no regular order; use slices, and join their results")
    return add_view(work, layer, source, shape, strided, name=name)


def _check(shape: Shape) -> None:
    if None in shape:
        raise Unsupported("it mixes samples, or leaves an axis without a length")
    if not shape:
        raise Unsupported("it leaves one number without an axis: keep an axis of 1, as `x[:, :1]` does")
    if not prod(shape):
        raise Unsupported("it leaves no value")
