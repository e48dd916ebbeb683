"""How attention, einsum layers, layer normalization and positional encodings become nodes of the firmware."""

from __future__ import annotations

import inspect
import string
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .quantizers import weight_values
from .unsupported import Unsupported
from .work import Arrays, Lowering

Shape = tuple[int, ...]
Names = tuple[str, ...]


def explicit(equation: str, rank: int) -> str:
    """Return an einsum equation with `...` in its first operand written as letters; `rank` counts the batch
    axis.

    Raises:
        Unsupported: when the kernel has an ellipsis too.
    """
    operands, result = equation.replace(" ", "").split("->")
    data, other = operands.split(",")
    if "..." in other:
        raise Unsupported(f"equation {equation!r} broadcasts its kernel: name every axis")
    free = [c for c in string.ascii_lowercase if c not in equation]
    letters = "".join(free[: rank - len(data.replace("...", ""))])
    return f"{data.replace('...', letters)},{other}->{result.replace('...', letters)}"


def result_shape(equation: str, *shapes: Shape) -> Shape:
    """Return the output's shape, without the batch axis, for operands of `shapes` (data without the batch
    axis).
    """
    operands, result = equation.split("->")
    sizes: dict[str, int] = {}
    for letters, shape in zip(operands.split(","), shapes, strict=True):
        sizes |= dict(zip(letters[len(letters) - len(shape) :], shape, strict=True))
    return tuple(sizes[c] for c in result[1:])


def check_equation(equation: str) -> None:
    """Refuse axes that are only summed, and a batch axis that is not the first: hls4ml builds neither."""
    operands, result = equation.split("->")
    data, other = operands.split(",")
    if data[0] != result[0] or data[0] in other:
        raise Unsupported(f"equation {equation!r} must leave the batch axis first, and out of the kernel")
    if len(result) < 2:
        raise Unsupported(
            f"equation {equation!r} leaves one number without an axis: give the result an axis of 1"
        )
    alone = (set(data) ^ set(other)) - set(result)
    if alone:
        raise Unsupported(
            f"equation {equation!r} sums axis {', '.join(sorted(alone))} of one operand alone: sum it before"
        )


def _projection(
    work: Lowering, layer: Any, inner: Any, source: str, shape: Shape, *, scale: float = 1.0, **attrs: Any
) -> str:
    """Append an EinsumDense of `inner`'s weights times `scale` that reads node `source` of `shape`."""
    equation = explicit(inner.equation, len(shape) + 1)
    check_equation(equation)
    weights: Arrays = {"weight": weight_values(inner, "kernel", inner.kernel) * np.float32(scale)}
    if inner.bias is not None:
        weights["bias"] = weight_values(inner, "bias", inner.bias) * np.float32(scale)
    target = result_shape(equation, shape, weights["weight"].shape)
    bias_axes = inner.bias_axes
    if "bias" in weights and not np.array_equal(
        _added(target, weights["bias"]), np.broadcast_to(weights["bias"], target)
    ):
        weights["bias"], bias_axes = _added(target, weights["bias"]), equation.split("->")[1][1:]
    name = attrs.pop("name", None)
    return work.add(
        layer,
        "einsum_dense",
        (source,),
        target,
        name=name,
        weights=weights,
        equation=equation,
        bias_axes=bias_axes,
        **attrs,
    )


def _added(target: Shape, bias: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return what Keras adds for a bias: on TensorFlow, one of shape (n, 1) goes along a last axis of length
    n.
    """
    import keras

    return np.asarray(keras.ops.add(np.zeros((1, *target), np.float32), bias), np.float32)[0]


def einsum_dense(work: Lowering, layer: Any, inputs: Names, shape: Shape) -> str:
    """Lower `EinsumDense`, whose bias may be a learned positional encoding (`bias_axes` with the
    sequence).
    """
    name = _projection(work, layer, layer, inputs[0], work.shape(inputs[0]))
    return work.activation(layer, layer.activation, name, shape)


def multi_head_attention(work: Lowering, layer: Any, inputs: Names, shape: Shape) -> str:
    """Lower `MultiHeadAttention`: projections, scores, softmax, context, output projection.

    The scale 1 / sqrt(key size) is folded into the query's projection.
    """
    if getattr(layer, "_use_gate", False):
        raise Unsupported("use_gate=True is not supported")
    query, value, key = _attention_inputs(work, layer, inputs)
    scale = 1.0 / float(np.sqrt(layer.key_dim))

    def project(part: str, source: str, factor: float = 1.0) -> str:
        inner = getattr(layer, f"{part}_dense")
        return _projection(
            work,
            layer,
            inner,
            source,
            work.shape(source),
            scale=factor,
            name=f"{layer.name}_{part}",
            part=part,
        )

    def product(part: str, equation: str, a: str, b: str) -> str:
        target = result_shape(equation, work.shape(a), work.shape(b))
        name = f"{layer.name}_{part}"
        return work.add(layer, "einsum", (a, b), target, name=name, equation=equation, part=part)

    q, k, v = project("query", query, scale), project("key", key), project("value", value)
    scores = product("scores", layer._dot_product_equation, k, q)
    if tuple(layer._attention_axes) != tuple(range(1, len(work.shape(query)))):
        raise Unsupported("attention_axes must be all axes between batch and features")
    if len(work.shape(scores)) != 3:
        raise Unsupported("it must attend over one axis: give it inputs of shape (sequence, features)")
    weights = work.add(
        layer, "softmax", (scores,), work.shape(scores), name=f"{layer.name}_softmax", part="softmax"
    )
    if layer.dropout > 0:
        weights = work.add(
            layer,
            "dropout",
            (weights,),
            work.shape(weights),
            name=f"{layer.name}_dropout",
            rate=float(layer.dropout),
            part="softmax",
        )
    context = product("context", layer._combine_equation, weights, v)
    return project("output", context)


def _attention_inputs(work: Lowering, layer: Any, inputs: Names) -> Names:
    """Return the nodes of query, value and key of the call that is being lowered."""
    call = work.arguments
    bound = inspect.signature(type(layer).call).bind(layer, *call.args, **call.kwargs)
    given = bound.arguments
    masks = [
        name
        for name, value in given.items()
        if name.endswith("mask") and value is not None and value is not False
    ]
    if masks:
        raise Unsupported(f"{' and '.join(masks)} is not available in the firmware: pad in the data instead")
    node_of = {id(t): n for t, n in zip(call.keras_tensors, inputs, strict=True)}
    query, value, key = given["query"], given["value"], given.get("key")
    return node_of[id(query)], node_of[id(value)], node_of[id(value if key is None else key)]


def layer_normalization(work: Lowering, layer: Any, inputs: Names, shape: Shape) -> str:
    """Lower `LayerNormalization` over the last axis."""
    axes = layer.axis if isinstance(layer.axis, list | tuple) else [layer.axis]
    if list(axes) not in ([-1], [len(shape)]):
        raise Unsupported("LayerNormalization must run over the last axis")
    if getattr(layer, "rms_scaling", False):
        raise Unsupported("rms_scaling=True is not supported")
    scale = np.asarray(layer.gamma if layer.scale else np.ones(shape[-1]), np.float32)
    bias = np.asarray(layer.beta if layer.center else np.zeros(shape[-1]), np.float32)
    return work.add(
        layer,
        "layernorm",
        inputs,
        shape,
        weights={"scale": scale, "bias": bias},
        epsilon=float(layer.epsilon),
    )


def add_constant(work: Lowering, layer: Any, source: str, constant: Any, shape: Shape) -> str:
    """Append the sum of a node and a constant that broadcasts to it: a positional encoding, say."""
    try:
        with np.errstate(over="ignore"):
            value = np.broadcast_to(np.asarray(constant, np.float32), (1, *shape))[0]
    except ValueError:
        raise Unsupported(
            f"a constant of shape {np.shape(constant)} can't be added to a tensor of shape {shape}"
        ) from None
    if not np.isfinite(value).all():
        raise Unsupported("it adds a constant that is NaN, infinite or beyond float32")
    return work.add(layer, "add_constant", (source,), shape, weights={"bias": value})


def positional(work: Lowering, layer: Any, inputs: Names, shape: Shape) -> str | None:
    """Lower a layer of the user's that adds the same to every sample, or gives the same for every sample.

    Found by calling it on values small and large, of both signs, with its weights as they are and with others
    that training may find. None where it does something else.
    """
    if len(inputs) != 1 or work.shape(inputs[0]) != shape:
        return None
    before = [(variable, np.array(variable)) for variable in layer.variables]
    try:
        found = _probed(layer, shape)
        draw = np.random.default_rng(1)
        for variable in layer.trainable_variables:
            value = np.array(variable)
            variable.assign(value + draw.normal(0, 0.5 + np.abs(value).max(initial=0.0), value.shape))
        trained = _probed(layer, shape)
    except Exception:  # the layer is the user's: whatever it raises, it can't be lowered
        return None
    finally:  # a call may change what a layer counts or draws from, too
        for variable, value in before:
            variable.assign(value)
    if found is None or trained is None or found[0] != trained[0]:
        return None
    adds, constant = found
    if adds:
        return add_constant(work, layer, inputs[0], constant, shape)
    return work.constant(layer, constant)


def _probed(layer: Any, shape: Shape) -> tuple[bool, NDArray[np.float32]] | None:
    """Return whether a layer adds to its input (or ignores it), and what; None where it does neither."""
    rng = np.random.default_rng(0)
    probes = [rng.normal(size=(2, *shape)) * scale for scale in (1.0, 30.0, 1e3, 1e6)]
    source = np.concatenate([*probes, np.zeros((1, *shape))]).astype(np.float32)
    found = np.broadcast_to(np.asarray(layer(source), np.float32), source.shape)
    at_zero = found[-1]
    if not np.isfinite(at_zero).all():
        return None
    if np.allclose(found, source + at_zero, rtol=1e-5, atol=1e-5):
        return True, at_zero
    if (found == at_zero).all():
        return False, at_zero
    return None


def exported(work: Lowering, layer: Any, inputs: Names, shape: Shape) -> str:
    """Lower a layer that bitfront's own export is made of (`hls/export/layers.py`)."""
    kind = type(layer).__name__
    if not type(layer).__module__.startswith("bitfront."):
        raise Unsupported(f"{kind} layers are not supported")
    if kind == "Einsum":
        return work.add(layer, "einsum", inputs, shape, equation=layer.equation)
    if kind == "AddConstant":
        return add_constant(work, layer, inputs[0], layer.constant, shape)
    return work.add(layer, layer.function, inputs, shape, **layer.attributes)
