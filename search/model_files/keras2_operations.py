"""TensorFlow's functions that a Keras 2 model was written with (`x * 0.5`, `tf.concat`), as Keras 3's."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bitfront.spaces import UserError

_TWO = {
    "add": "add", "subtract": "subtract", "multiply": "multiply", "truediv": "true_divide",
    "divide": "true_divide", "maximum": "maximum", "minimum": "minimum", "matmul": "matmul",
}  # fmt: skip
_ONE = {
    "relu": "relu", "relu6": "relu6", "sigmoid": "sigmoid", "tanh": "tanh", "softplus": "softplus",
    "softsign": "softsign", "elu": "elu", "selu": "selu", "exp": "exp", "square": "square",
    "negative": "negative", "abs": "absolute", "swish": "silu", "silu": "silu",
}  # fmt: skip
_REDUCED = {"reduce_mean": "mean", "reduce_sum": "sum", "reduce_max": "max"}
_SWAPPED = {"__radd__": "add", "__rsub__": "subtract", "__rmul__": "multiply", "__rtruediv__": "true_divide"}


def operation(config: Mapping[str, Any], arguments: Sequence[Any], options: Mapping[str, Any]) -> Any:
    """Return what TensorFlow's function of a `TFOpLambda` or `SlicingOpLambda` gives.

    Raises:
        UserError: for a function that has no equal here.
    """
    import keras

    function = str(config.get("function"))
    name = function.rsplit(".", 1)[-1]
    given = {key: value for key, value in options.items() if key not in {"name", "data_format"}}
    ops = keras.ops
    swapped = _SWAPPED.get(name)
    name = _DUNDER.get(name, name)
    if swapped or name in _TWO:
        pair = [*arguments, *(given[key] for key in ("x", "y", "a", "b") if key in given)]
        if len(pair) == 2 and not any(given.get(key) for key in ("transpose_a", "transpose_b")):
            left, right = reversed(pair) if swapped else pair
            return getattr(ops, swapped or _TWO[name])(left, right)
    elif name in _ONE:
        return getattr(ops, _ONE[name])(*_first(arguments, given, "features", "x"))
    elif name in _REDUCED:
        (x,) = _first(arguments, given, "input_tensor")
        return getattr(ops, _REDUCED[name])(x, axis=given.get("axis"), keepdims=bool(given.get("keepdims")))
    elif name in _OTHERS:
        return _OTHERS[name](ops, list(arguments), given)
    raise UserError(
        f"it calls tf.{function.removeprefix('tf.')}, which isn't read from Keras 2 files: build it "
        "with Keras 3"
    )


_DUNDER = {"__add__": "add", "__sub__": "subtract", "__mul__": "multiply", "__truediv__": "truediv"}


def _first(arguments: Sequence[Any], options: Mapping[str, Any], *names: str) -> list[Any]:
    return [*arguments, *(options[name] for name in names if name in options)][:1]


def _slices(ops: Any, arguments: list[Any], options: Mapping[str, Any]) -> Any:
    (x,) = _first(arguments, options, "tensor")
    spec = options.get("slice_spec")
    parts: list[Any] = []
    for one in spec if isinstance(spec, list) else [spec]:
        if isinstance(one, Mapping) and {"start", "stop", "step"} & one.keys():
            parts.append(slice(one.get("start"), one.get("stop"), one.get("step")))
        elif isinstance(one, Mapping):
            parts.append(
                Ellipsis if one.get("value") == "Ellipsis" or "ellipsis" in str(one).lower() else None
            )
        else:
            parts.append(one)
    return x[tuple(parts)]


def _joined(ops: Any, arguments: list[Any], options: Mapping[str, Any]) -> Any:
    values = arguments if len(arguments) > 1 else options.get("values", arguments)
    return ops.concatenate(values, axis=int(options.get("axis", 0)))


def _stacked(ops: Any, arguments: list[Any], options: Mapping[str, Any]) -> Any:
    values = arguments if len(arguments) > 1 else options.get("values", arguments)
    return ops.stack(values, axis=int(options.get("axis", 0)))


def _reshaped(ops: Any, arguments: list[Any], options: Mapping[str, Any]) -> Any:
    (x,) = _first(arguments, options, "tensor")
    return ops.reshape(x, tuple(options["shape"]))


def _transposed(ops: Any, arguments: list[Any], options: Mapping[str, Any]) -> Any:
    (x,) = _first(arguments, options, "a")
    return ops.transpose(x, options.get("perm"))


def _widened(ops: Any, arguments: list[Any], options: Mapping[str, Any]) -> Any:
    (x,) = _first(arguments, options, "input")
    return ops.expand_dims(x, int(options["axis"]))


def _squeezed(ops: Any, arguments: list[Any], options: Mapping[str, Any]) -> Any:
    (x,) = _first(arguments, options, "input")
    axis = options.get("axis")
    return ops.squeeze(x, axis=tuple(axis) if isinstance(axis, list) else axis)


def _softmax(ops: Any, arguments: list[Any], options: Mapping[str, Any]) -> Any:
    (x,) = _first(arguments, options, "logits")
    axis = options.get("axis")
    return ops.softmax(x, axis=-1 if axis is None else int(axis))


def _leaky(ops: Any, arguments: list[Any], options: Mapping[str, Any]) -> Any:
    (x,) = _first(arguments, options, "features")
    return ops.leaky_relu(x, negative_slope=float(options.get("alpha", 0.2)))


def _split(ops: Any, arguments: list[Any], options: Mapping[str, Any]) -> Any:
    (x,) = _first(arguments, options, "value")
    count = options["num_or_size_splits"]
    if isinstance(count, list):
        count = [sum(count[: i + 1]) for i in range(len(count) - 1)]
    return ops.split(x, count, axis=int(options.get("axis", 0)))


def _unchanged(ops: Any, arguments: list[Any], options: Mapping[str, Any]) -> Any:
    return _first(arguments, options, "input", "x")[0]


_OTHERS: Mapping[str, Callable[[Any, list[Any], Mapping[str, Any]], Any]] = {
    "getitem": _slices,
    "concat": _joined,
    "stack": _stacked,
    "reshape": _reshaped,
    "transpose": _transposed,
    "expand_dims": _widened,
    "squeeze": _squeezed,
    "softmax": _softmax,
    "leaky_relu": _leaky,
    "split": _split,
    "identity": _unchanged,
    "stop_gradient": _unchanged,
}
"""Last part of a function's name -> how it is called."""
