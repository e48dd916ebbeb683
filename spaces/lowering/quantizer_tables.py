"""QKeras's quantizers as functions of one variable: those that no fixed-point type after an operation can
express are looked up, value by value.

A quantizer counts as such a function where it gives each value the same whatever stands beside it, twice;
what draws at random, or scales values by their own size (`alpha="auto"`), does not. It is kept as text, its
class and its options, from which the same quantizer is built again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from inspect import signature
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .unsupported import Unsupported

_PROBE = np.concatenate([np.linspace(-9, 9, 145), [-300.0, -40.0, -1e-3, 1e-3, 40.0, 300.0]]).astype(
    np.float32
)
"""Where quantizers are compared: around zero in steps of an eighth, near it, and far out."""


def table_attributes(quantizer: Any) -> dict[str, Any]:
    """Return the attributes of a `quantizer` node for a QKeras quantizer.

    Raises:
        Unsupported: when it is no function of one variable, or its options don't say what it computes.
    """
    name = _name(quantizer)
    alone = _values(quantizer, _PROBE[:, None])
    for order in (np.arange(len(_PROBE))[::-1], np.arange(40, 100)):
        for shape in ((-1, 1), (1, -1)):
            again = _values(quantizer, _PROBE[order].reshape(shape)).ravel()
            if not np.array_equal(again, alone.ravel()[order]):
                raise Unsupported(
                    f"QKeras' {name} as an activation draws at random, or scales values by what stands "
                    "beside them; give it a fixed alpha and threshold"
                )
    text = _text(quantizer)
    if text is None or not np.array_equal(_values(quantizer_of(text), _PROBE[:, None]), alone):
        raise Unsupported(
            f"QKeras' {name} doesn't say all of its options (get_config); use another quantizer"
        )
    return {"quantizer": text}


def _values(quantizer: Any, values: NDArray[np.float32]) -> NDArray[np.float32]:
    import keras

    return np.asarray(quantizer(keras.ops.convert_to_tensor(values)), np.float32)


def _text(quantizer: Any) -> str | None:
    """Return class and options as JSON, None where they can't be written so."""

    def plain(value: Any) -> Any:
        found = np.asarray(value)
        if found.dtype.kind not in "fiub":
            raise TypeError(type(value).__name__)
        return found.ravel()[0].item() if found.size == 1 else found.tolist()

    if not hasattr(quantizer, "get_config"):  # a function of QKeras's
        return json.dumps([_name(quantizer), None])
    options = dict(quantizer.get_config())
    for name in signature(type(quantizer).__init__).parameters:  # get_config leaves some out
        if hasattr(quantizer, name):
            options[name] = getattr(quantizer, name)
    try:
        return json.dumps([_name(quantizer), options], default=plain, sort_keys=True)
    except (TypeError, ValueError):
        return None


def _name(quantizer: Any) -> str:
    return str(getattr(quantizer, "__name__", type(quantizer).__name__))


@cache
def quantizer_of(text: str) -> Any:
    """Return the QKeras quantizer that `table_attributes` wrote as text."""
    import qkeras.quantizers

    name, options = json.loads(text)
    found = getattr(qkeras.quantizers, name)
    if options is None:
        return found
    known: Mapping[str, Any] = signature(found.__init__).parameters
    return found(**{key: value for key, value in options.items() if key in known})
