"""A task's float model of HGQ2's layers, with its weights, and the EBOPs of what HGQ2 made of it by the
judge's rule.

Runs in HGQ2's environment. Layers that HGQ2 doesn't have are replaced as its own examples do: a layer
normalization by a batch normalization, the sigmoid and tanh of a GRU by their hard forms. It has no LSTM.
"""

from __future__ import annotations

from typing import Any

import numpy as np


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


def span(values: Any) -> np.ndarray[Any, Any]:
    """Return the bits of each value between its first and last one (0 for 0); 24 behind the point are
    enough.
    """
    import keras

    given = np.asarray(keras.ops.convert_to_numpy(values), np.float64)
    whole = np.abs(np.round(given * 2**24)).astype(np.int64)
    lowest = np.where(whole > 0, whole & -whole, 1)
    bits = np.floor(np.log2(np.maximum(whole // lowest, 1))) + 1
    return np.asarray(np.where(whole > 0, bits, 0.0), np.float32)


def judged_ebops(model: Any) -> float:
    """Return the EBOPs by the judge's rule: widths of both factors, of a constant between its first and last
    one.
    """
    import keras

    rules: dict[str, Any] = {
        "QDense": _dense,
        "QConv2D": _convolution,
        "QEinsumDense": _einsum,
        "QMultiHeadAttention": _attention,
        "QGRU": _gru,
        "QBatchNormalization": lambda layer: np.sum(_widths(layer.iq, _shape(layer)) * _scale(layer)),
    }
    counted = [layer for layer in model.layers if type(layer).__name__ in rules]
    return float(
        sum(float(keras.ops.convert_to_numpy(rules[type(layer).__name__](layer))) for layer in counted)
    )


def _shape(layer: Any) -> tuple[int, ...]:
    return (1, *layer.input.shape[1:])


def _widths(quantizer: Any, shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    import keras

    bits = np.asarray(keras.ops.convert_to_numpy(quantizer.bits_(shape)), np.float32)
    return np.broadcast_to(np.maximum(bits, 0), shape)


def _dense(layer: Any) -> Any:
    bits = span(layer.qkernel)
    return (_widths(layer.iq, _shape(layer)).reshape(-1, bits.shape[0]) @ bits).sum()


def _convolution(layer: Any) -> Any:
    import keras

    width = _widths(layer.iq, _shape(layer))
    return keras.ops.sum(
        keras.ops.conv(width, span(layer.qkernel), strides=layer.strides, padding=layer.padding)
    )


def _einsum(layer: Any, shape: tuple[int, ...] | None = None) -> Any:
    return np.einsum(layer.ebops_equation, _widths(layer.iq, shape or _shape(layer)), span(layer.qkernel))


def _attention(layer: Any) -> Any:
    """Projections, then scores and context, whose factors are both variables."""
    import keras

    source = (1, *layer._query_dense.full_output_shape[1:-2], layer._query_dense.kernel.shape[0])
    heads = (1, *layer._value_dense.full_output_shape[1:])
    projected = [_einsum(one, source) for one in (layer._query_dense, layer._key_dense, layer._value_dense)]
    products = float(keras.ops.convert_to_numpy(layer._compute_ebops(source)))
    return sum(projected) + _einsum(layer._output_dense, heads) + products


def _gru(layer: Any) -> Any:
    """One step's products with kernel and recurrent kernel, and the gates' three, times the steps."""
    cell, (_, steps, features) = layer.cell, _shape(layer)
    state, gates = (1, cell.units), (1, 2 * cell.units)
    update, reset = np.split(_widths(cell.praq, gates), 2, axis=-1)
    held, candidate = _widths(cell.sq, state), _widths(cell.paq, state)
    total = (_widths(cell.iq, (1, features)) @ span(cell.qkernel)).sum()
    total += (held @ span(cell.qrecurrent_kernel)).sum()
    total += (reset * _widths(cell.rhq, state) + update * (candidate + held)).sum()
    return steps * total


def _scale(layer: Any) -> np.ndarray[Any, Any]:
    return span(layer.qscaler_and_qoffset[0])
