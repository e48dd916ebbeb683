"""A task's float model of HGQ2's layers, with its weights, and the EBOPs of what HGQ2 made of it by the
judge's rule.

Runs in HGQ2's environment. Layers that HGQ2 doesn't have are replaced as its own examples do: a layer
normalization by a batch normalization, the sigmoid and tanh of a GRU by their hard forms. It has no LSTM.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from element_widths import Array, attention, convolution, dense, einsum, gru, pooling, span, width


def build(facts: dict[str, Any], arrays: dict[str, Any]) -> Any:
    """Return the task's model, eight bits to begin with, holding the float weights.

    Raises:
        ValueError: when HGQ2 has no layer for one of the model's.
    """
    import keras
    from hgq.config import QuantizerConfigScope

    source = keras.models.model_from_json(facts["model"])
    source.set_weights([arrays[f"w{i}"] for i in range(len(source.get_weights()))])
    with (
        QuantizerConfigScope(place="all", default_q_type="kbi", overflow_mode="SAT_SYM", b0=7, i0=1),
        QuantizerConfigScope(place="datalane", default_q_type="kif", overflow_mode="WRAP", f0=6, i0=3),
    ):
        called = {} if isinstance(source, keras.Sequential) else {"call_function": _called}
        model = keras.models.clone_model(source, clone_function=_quantized, **called)
    for layer in source.layers:
        _load(layer, model.get_layer(layer.name))
    return model


def _called(layer: Any, *inputs: Any, **options: Any) -> Any:
    options.pop("mask", None)  # Keras's pooling takes one, HGQ2's doesn't
    return layer(*inputs, **options)


def _quantized(layer: Any) -> Any:
    import hgq.layers as hgq

    kind, config, name = type(layer).__name__, layer.get_config(), layer.name
    if kind == "Dense":
        return hgq.QDense(config["units"], name=name, activation=_inner(config))
    if kind == "Conv2D":
        shape = {key: config[key] for key in ("kernel_size", "strides", "padding")}
        return hgq.QConv2D(config["filters"], name=name, activation=_inner(config), **shape)
    if kind == "EinsumDense":
        shape = {key: config[key] for key in ("equation", "output_shape", "bias_axes")}
        return hgq.QEinsumDense(name=name, activation=_inner(config), **shape)
    if kind == "MultiHeadAttention":
        return hgq.QMultiHeadAttention(config["num_heads"], config["key_dim"], name=name)
    if kind == "GRU":
        return hgq.QGRU(config["units"], name=name)
    stand_ins = {
        "LayerNormalization": hgq.QBatchNormalization,
        "BatchNormalization": hgq.QBatchNormalization,
        "Add": hgq.QAdd,
        "GlobalAveragePooling1D": hgq.QGlobalAveragePooling1D,
    }
    if kind in stand_ins:
        return stand_ins[kind](name=name)
    if layer.weights:
        raise ValueError(f"{name}: HGQ2 has no layer for a {kind}.")
    return type(layer).from_config(config)


def _inner(config: dict[str, Any]) -> str | None:
    """Return an activation that the hardware computes; a last sigmoid or softmax goes into the loss."""
    return config["activation"] if config["activation"] == "relu" else None


def _load(source: Any, built: Any) -> None:
    """Give a layer the weights of the float one; those that HGQ2's lacks are left out."""
    kind = type(source).__name__
    if kind in {"Dense", "Conv2D", "EinsumDense"}:
        pairs = [(source, built)]
    elif kind == "MultiHeadAttention":
        names = ("_query_dense", "_key_dense", "_value_dense", "_output_dense")
        pairs = [(getattr(source, part), getattr(built, part)) for part in names]
    elif kind == "BatchNormalization":
        for weight in ("gamma", "beta", "moving_mean", "moving_variance"):
            own = weight if weight.startswith("moving") else f"bn_{weight}"
            getattr(built, own).assign(getattr(source, weight))
        return
    elif kind == "GRU":
        for weight in ("kernel", "recurrent_kernel", "bias"):
            getattr(built.cell, weight).assign(getattr(source.cell, weight))
        return
    else:
        return
    for old, new in pairs:
        new._kernel.assign(old.kernel)
        if new.bias is not None:
            new.bias.assign(old.bias)


def judged_ebops(model: Any) -> float:
    """Return the EBOPs by the judge's rule (see `element_widths`): signs counted, without what no output
    depends on.
    """
    whole = getattr(model, "_functional", None) or model
    used = {id(tensor): np.ones(tensor.shape[1:], bool) for tensor in whole.outputs}
    total = 0.0
    for depth in sorted(whole._nodes_by_depth):  # outputs first
        for node in whole._nodes_by_depth[depth]:
            tensors = node.arguments.keras_tensors
            if not tensors:
                continue
            reads = used.get(id(node.outputs[0]), np.zeros(node.outputs[0].shape[1:], bool))
            ebops, needs = _rule(node.operation, reads, [tuple(t.shape[1:]) for t in tensors])
            total += ebops
            for tensor, needed in zip(tensors, needs, strict=True):
                used[id(tensor)] = used.get(id(tensor), False) | needed
    return total


def _rule(layer: Any, used: Array, shapes: list[tuple[int, ...]]) -> tuple[float, list[Array]]:
    """Return a layer's EBOPs, and which entries of its inputs are needed, of `shapes`, without the batch."""
    kind, shape = type(layer).__name__, shapes[0]
    if kind == "QMultiHeadAttention":
        ebops, needed = _attention(layer, used, shape)
        return ebops, [needed] * len(shapes)
    if kind in COUNTED:
        ebops, needed = COUNTED[kind](layer, used, _widths(layer.iq, shape) if kind != "QGRU" else shape)
        return ebops, [needed]
    if kind in {"MaxPooling2D", "AveragePooling2D"}:
        return 0.0, [pooling(shape, used, layer.pool_size, layer.strides, layer.padding)]
    if used.size == np.prod(shape):  # activations, reshaping, and sums of equal shapes
        return 0.0, [used.reshape(one) for one in shapes]
    if kind.endswith("GlobalAveragePooling1D"):
        return 0.0, [np.broadcast_to(used, shape)]
    return 0.0, [np.ones(one, bool) for one in shapes]


def _numbers(tensor: Any) -> Array:
    import keras

    return np.asarray(keras.ops.convert_to_numpy(tensor), np.float64)


def _widths(quantizer: Any, shape: tuple[int, ...]) -> Array:
    """Return a quantizer's widths for values of this shape, without the batch; the sign counts."""
    inner, batch = quantizer.quantizer, (1, *shape)
    parts = [_numbers(inner.bw_mapper.bw_to_x(part, batch)) for part in inner.kif]
    return np.broadcast_to(width(*parts), batch)[0]


def _dense(layer: Any, used: Array, widths: Array) -> tuple[float, Array]:
    return dense(widths, span(_numbers(layer.qkernel)), used)


def _convolution(layer: Any, used: Array, widths: Array) -> tuple[float, Array]:
    return convolution(widths, span(_numbers(layer.qkernel)), used, layer.strides, layer.padding)


def _einsum(layer: Any, used: Array, widths: Array) -> tuple[float, Array]:
    ebops, needed = einsum(layer.equation, widths[None], span(_numbers(layer.qkernel)), used[None])
    return ebops, needed[0]


def _scaled(layer: Any, used: Array, widths: Array) -> tuple[float, Array]:
    bits = span(_numbers(layer.qscaler_and_qoffset[0]))
    return float((widths * bits * used).sum()), used & (bits > 0) & (widths > 0)


def _attention(layer: Any, used: Array, shape: tuple[int, ...]) -> tuple[float, Array]:
    """Projections, then scores and context, whose factors are both variables."""
    projections = (layer._query_dense, layer._key_dense, layer._value_dense)
    query, key, value = (_widths(one.oq, tuple(one.full_output_shape[1:])) for one in projections)
    end = layer._output_dense
    ebops, context = _einsum(end, used, _widths(end.iq, value.shape))
    positions, heads = query.shape[:2]
    shares = _widths(layer._softmax.oq, (heads, positions, positions))
    products, parts = attention(query, key, value, shares, context)
    ebops += products
    needed = np.zeros(shape, bool)
    for one, read in zip(projections, parts, strict=True):
        counted, needs = _einsum(one, read, _widths(one.iq, shape))
        ebops, needed = ebops + counted, needed | needs
    return ebops, needed


def _gru(layer: Any, used: Array, shape: tuple[int, ...]) -> tuple[float, Array]:
    cell, (steps, features) = layer.cell, shape
    units = (cell.units,)
    update, reset = np.split(_widths(cell.praq, (2 * cell.units,)), 2)
    gates = {"update": update, "reset": reset}
    gates |= {"candidate": _widths(cell.paq, units), "recurrent": _widths(cell.rhq, units)}
    inputs = np.broadcast_to(_widths(cell.iq, (features,)), (steps, features))
    bits = [span(_numbers(kernel)) for kernel in (cell.qkernel, cell.qrecurrent_kernel)]
    reads = used.any(0) if used.ndim > 1 else used
    return gru(inputs, bits[0], _widths(cell.sq, units), bits[1], gates, reads)


COUNTED = {
    "QDense": _dense,
    "QConv2D": _convolution,
    "QEinsumDense": _einsum,
    "QBatchNormalization": _scaled,
    "QGRU": _gru,
}
"""Layers that multiply with constants, by the rules of `element_widths`."""
