"""Arrays as users give them: one or several by name, checked to be finite numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitfront.spaces import UserError


def parts(value: Any, names: Sequence[str], where: str, what: str) -> list[Any]:
    """Return one value for each of the model's `names`, from a dict by name, a list in their order, or the
    only one.

    Raises:
        UserError: when they are not named alike, or one is given for several; `what` is `input` or `output`.
    """
    if isinstance(value, Mapping):
        if set(value) != set(names):
            raise UserError(
                f"{where} has {what}s {', '.join(map(str, value))}, the model {', '.join(names)}: name them "
                f"alike."
            )
        return [value[name] for name in names]
    if len(names) == 1:
        return [value]
    if isinstance(value, list | tuple) and len(value) == len(names):
        return list(value)
    given = f"{len(value)} arrays" if isinstance(value, list | tuple) else "one array"
    raise UserError(
        f"{where} is {given}, the model has {what}s {', '.join(names)}: give a dict by name, or a list in "
        f"their order."
    )


def numbers(value: Any, where: str) -> NDArray[np.float32]:
    """Return the value as a float32 array with at least one sample.

    Raises:
        UserError: when it is no array, ragged, empty, or holds something but finite numbers.
    """
    if not hasattr(value, "__array__") and not isinstance(value, list | tuple):
        raise UserError(f"{where} is a {type(value).__name__}: give a NumPy array.")
    try:
        array = np.asarray(value)
    except ValueError:
        raise UserError(f"{where} is ragged, its samples differ in shape: pad them to one.") from None
    if array.dtype.kind not in "fiub":
        raise UserError(f"{where} has dtype {array.dtype}: give numbers.")
    if array.ndim == 0 or array.size == 0:
        raise UserError(f"{where} is empty: give at least one sample.")
    with np.errstate(over="ignore"):
        array = np.ascontiguousarray(array, dtype=np.float32)
    finite = np.isfinite(array)
    if not finite.all():
        bad = np.argwhere(~finite)[0]
        count = np.size(finite) - np.count_nonzero(finite)
        values = "a value that is" if count == 1 else f"{count} values that are"
        raise UserError(
            f"{where} holds {values} NaN, infinite or beyond float32, {'' if count == 1 else 'the first '}"
            f"at {tuple(int(i) for i in bad)}: clean the data."
        )
    return array
