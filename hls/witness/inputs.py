"""What a model and its graph are compared on: the study's samples, and stressed ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitfront.spaces import UserError

Inputs = Sequence[NDArray[np.floating]]
Samples = NDArray[Any] | Sequence[Any] | Mapping[str, Any]
"""An array per input, samples first: in a list, by the inputs' names, or the one array of one input."""
SAMPLES = 64
"""Samples of the study's data that are compared."""


def fitting(model: Any, samples: Samples) -> list[NDArray[np.float32]]:
    """Return the samples as one array of float32 per input of the model.

    Raises:
        UserError: when they don't fit the inputs in number, shape or type.
    """
    inputs = {tensor._keras_history.operation.name: tensor for tensor in model.inputs}
    if isinstance(samples, Mapping):
        if set(samples) != set(inputs):
            raise UserError(
                f"The samples are named {', '.join(map(str, samples))}, the model's inputs "
                f"{', '.join(inputs)}."
            )
        samples = [samples[name] for name in inputs]
    elif hasattr(samples, "shape"):
        samples = [samples]
    if len(samples) != len(inputs):
        raise UserError(f"The samples are {len(samples)} arrays, the model has {len(inputs)} inputs.")
    found = []
    for (name, tensor), given in zip(inputs.items(), samples, strict=True):
        try:
            with np.errstate(over="ignore"):
                array = np.asarray(given).astype(np.float32)
        except (TypeError, ValueError):
            raise UserError(f"The samples of input {name!r} aren't an array of numbers.") from None
        if array.shape[1:] != tuple(tensor.shape[1:]) or not len(array):
            raise UserError(
                f"The samples of input {name!r} have shape {array.shape}: it takes (samples, "
                f"{', '.join(map(str, tensor.shape[1:]))}), one sample at least."
            )
        if not np.isfinite(array).all():
            raise UserError(f"The samples of input {name!r} hold NaN, infinity or numbers beyond float32.")
        kind = str(tensor.dtype)
        lost = array[_possible(array, kind) != array]
        if lost.size:
            raise UserError(
                f"Input {name!r} is of type {kind}, which can't hold {lost[0]:g} of its samples: "
                "build it as float32, or give values of that type."
            )
        found.append(array)
    if len({len(array) for array in found}) > 1:
        raise UserError(f"The inputs have {', '.join(str(len(a)) for a in found)} samples: give all as many.")
    return found


def _require_entries(model: Any, samples: Inputs, entries: Sequence[int]) -> None:
    """Refuse samples of an input that chooses entries which are no numbers of any.

    Raises:
        UserError: naming the input, the first such value and what it may be.
    """
    for tensor, array, count in zip(model.inputs, samples, entries, strict=True):
        wrong = array[(array != np.round(array)) | (array < 0) | (array >= count)] if count else array[:0]
        if wrong.size:
            raise UserError(
                f"Input {tensor._keras_history.operation.name!r} holds {wrong.flat[0]:g}: an Embedding with "
                f"{count} entries reads it, so give whole numbers from 0 to {count - 1}."
            )


def probes_of(
    model: Any, samples: Inputs | None, entries: Sequence[int]
) -> dict[str, list[NDArray[np.float32]]]:
    """Return the inputs to compare on, by what they are called; `entries`: how many each input chooses from,
    0 of others.
    """
    rng = np.random.default_rng(0)
    if samples is not None:
        _require_entries(model, samples, entries)
    shapes = [tuple(t.shape[1:]) for t in model.inputs]
    if samples is None:
        base: list[Any] = [rng.normal(size=(SAMPLES, *shape)).astype(np.float32) for shape in shapes]
    else:
        chosen = _chosen(samples, rng)
        base = [x[chosen] for x in samples]
    whole = base if samples is None else samples
    low, high = [x.min(0) for x in whole], [x.max(0) for x in whole]
    name = "random inputs" if samples is None else "the data"
    few = [x[: SAMPLES // 2] for x in base]
    mixed = [
        np.where(rng.random((8, *a.shape)) < 0.5, a, b).astype(np.float32)
        for a, b in zip(low, high, strict=True)
    ]
    probes = {
        name: base,
        f"{name} with its sign turned": [-x for x in few],
        f"{name} times 10": [10 * x for x in few],
        f"{name} times 100": [100 * x for x in few],
        "zeros": [np.zeros((1, *shape), np.float32) for shape in shapes],
        "the smallest and largest of each value": [
            np.concatenate([a[None], b[None], m]) for a, b, m in zip(low, high, mixed, strict=True)
        ],
        "normal random inputs": [
            rng.normal(size=(8, *shape)).astype(np.float32) * max(1.0, float(np.abs(x).max(initial=0.0)))
            for shape, x in zip(shapes, base, strict=True)
        ],
    }
    kinds = [str(t.dtype) for t in model.inputs]
    return {
        key: [_possible(x, kind, n) for x, kind, n in zip(xs, kinds, entries, strict=True)]
        for key, xs in probes.items()
    }


def _possible(x: NDArray[Any], kind: str, entries: int = 0) -> NDArray[np.float32]:
    """Return values that an input of this type can hold: whole ones in its range where it is an integer's or
    chooses entries.
    """
    if entries:
        return (np.round(np.abs(x)) % entries).astype(np.float32)
    if kind == "bool":
        return (x > 0).astype(np.float32)
    if "int" not in kind:
        return x.astype(np.float32)
    low, high = np.iinfo(kind).min, np.iinfo(kind).max
    return np.clip(np.round(x), max(low, -(2**23)), min(high, 2**23)).astype(np.float32)


def _chosen(samples: Inputs, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return the numbers of samples to compare: those with the extremes of some value, and others at
    random.
    """
    count = len(samples[0])
    extreme: set[int] = set()
    for x in samples:
        flat = np.asarray(x).reshape(count, -1)
        columns = rng.permutation(flat.shape[1])[:8]
        extreme |= {int(i) for i in flat[:, columns].argmax(0)} | {int(i) for i in flat[:, columns].argmin(0)}
    others = [int(i) for i in rng.permutation(count)[:SAMPLES] if i not in extreme]
    return np.array([*sorted(extreme), *others][: max(SAMPLES, len(extreme))], np.int64)
