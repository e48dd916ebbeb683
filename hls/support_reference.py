"""Writes docs/support.md from the code's own verdicts: `python -m bitfront.hls.support_reference >
docs/support.md`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from bitfront.spaces.lowering import supported_activations

from .backends import STRATEGIES
from .support import LayerSupport, support_table

_HEAD = """\
# Supported layers

Written by `python -m bitfront.hls.support_reference` from the verdicts that `bitfront doctor --model` gives; a test
compares it with the code. A layer that can be searched can be computed bit for bit and built by hls4ml 1.3 with AMD's
back ends. Your own model's table: `bitfront doctor --model model.py:build`.

"""
_VECTOR, _SEQUENCE, _IMAGE = (8,), (6, 4), (8, 8, 2)
Case = tuple[str, tuple[int, ...], Callable[[Any, Any], Any]]
"""How the layer is written, the input's shape, and what makes its output from `keras.layers` and the
input.
"""


def _cases() -> list[Case]:
    def two(kind: str) -> Callable[[Any, Any], Any]:
        return lambda L, x: getattr(L, kind)(name="it")([L.Dense(4)(x), L.Dense(4)(x)])

    def of(kind: str, **options: Any) -> Callable[[Any, Any], Any]:
        return lambda L, x: getattr(L, kind)(**options, name="it")(x)

    recurrent = [
        (f"{kind}, {what}", _SEQUENCE, of(kind, units=3, return_sequences=sequences))
        for kind in ("LSTM", "GRU", "SimpleRNN")
        for what, sequences in (("last output", False), ("all outputs", True))
    ]
    return [
        ("Dense", _VECTOR, of("Dense", units=4)),
        ("Dense on a sequence", _SEQUENCE, of("Dense", units=4)),
        (
            "TimeDistributed(Dense)",
            _SEQUENCE,
            lambda L, x: L.TimeDistributed(L.Dense(4, name="it"), name="it")(x),
        ),
        ("Conv1D", _SEQUENCE, of("Conv1D", filters=3, kernel_size=2)),
        ("Conv1D, causal", _SEQUENCE, of("Conv1D", filters=3, kernel_size=2, padding="causal")),
        ("Conv2D", _IMAGE, of("Conv2D", filters=3, kernel_size=2)),
        ("Conv2D, dilated", _IMAGE, of("Conv2D", filters=3, kernel_size=2, dilation_rate=2)),
        ("Conv2D, grouped", _IMAGE, of("Conv2D", filters=4, kernel_size=2, groups=2)),
        ("DepthwiseConv1D", _SEQUENCE, of("DepthwiseConv1D", kernel_size=2)),
        ("DepthwiseConv2D", _IMAGE, of("DepthwiseConv2D", kernel_size=2)),
        ("SeparableConv1D", _SEQUENCE, of("SeparableConv1D", filters=3, kernel_size=2)),
        ("SeparableConv2D", _IMAGE, of("SeparableConv2D", filters=3, kernel_size=2)),
        *recurrent,
        (
            "LSTM, recurrent_activation='hard_sigmoid'",
            _SEQUENCE,
            of("LSTM", units=3, recurrent_activation="hard_sigmoid"),
        ),
        (
            "LSTM, initial_state",
            _SEQUENCE,
            lambda L, x: L.LSTM(4, name="it")(x, initial_state=[x[:, 0], x[:, 1]]),
        ),
        (
            "DepthwiseConv2D, depth_multiplier=2",
            _IMAGE,
            of("DepthwiseConv2D", kernel_size=2, depth_multiplier=2),
        ),
        ("GRU, reset_after=False", _SEQUENCE, of("GRU", units=3, reset_after=False)),
        ("LSTM, go_backwards=True", _SEQUENCE, of("LSTM", units=3, go_backwards=True)),
        (
            "Bidirectional(LSTM)",
            _SEQUENCE,
            lambda L, x: L.Bidirectional(L.LSTM(3), name="it")(x),
        ),
        ("Bidirectional(GRU)", _SEQUENCE, lambda L, x: L.Bidirectional(L.GRU(3), name="it")(x)),
        (
            "Bidirectional(LSTM), merge_mode='sum'",
            _SEQUENCE,
            lambda L, x: L.Bidirectional(L.LSTM(3), merge_mode="sum", name="it")(x),
        ),
        ("MultiHeadAttention", _SEQUENCE, lambda L, x: L.MultiHeadAttention(2, 3, name="it")(x, x)),
        ("LayerNormalization", _SEQUENCE, of("LayerNormalization")),
        ("BatchNormalization", _VECTOR, lambda L, x: L.BatchNormalization(name="it")(L.Dense(4)(x))),
        ("MaxPooling1D", _SEQUENCE, of("MaxPooling1D", pool_size=2)),
        ("MaxPooling2D", _IMAGE, of("MaxPooling2D", pool_size=2)),
        ("AveragePooling1D", _SEQUENCE, of("AveragePooling1D", pool_size=2)),
        ("AveragePooling2D", _IMAGE, of("AveragePooling2D", pool_size=2)),
        ("MaxPooling1D, padding='same'", _SEQUENCE, of("MaxPooling1D", pool_size=4, padding="same")),
        ("AveragePooling2D, padding='same'", _IMAGE, of("AveragePooling2D", pool_size=3, padding="same")),
        ("MaxPooling2D, overlapping", _IMAGE, of("MaxPooling2D", pool_size=3, strides=1)),
        ("GlobalMaxPooling1D", _SEQUENCE, of("GlobalMaxPooling1D")),
        ("GlobalAveragePooling1D", _SEQUENCE, of("GlobalAveragePooling1D")),
        ("GlobalMaxPooling2D", _IMAGE, of("GlobalMaxPooling2D")),
        ("GlobalAveragePooling2D", _IMAGE, of("GlobalAveragePooling2D")),
        ("Flatten", _IMAGE, of("Flatten")),
        ("Reshape", _VECTOR, of("Reshape", target_shape=(4, 2))),
        ("ZeroPadding1D", _SEQUENCE, of("ZeroPadding1D")),
        ("ZeroPadding2D", _IMAGE, of("ZeroPadding2D")),
        *(
            (kind, _VECTOR, two(kind))
            for kind in ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum")
        ),
        ("Add, which broadcasts", _SEQUENCE, lambda L, x: L.Add(name="it")([x, L.Dense(1)(x)])),
        ("Multiply of a tensor by itself", _VECTOR, lambda L, x: L.Multiply(name="it")([x, x])),
        ("Concatenate", _VECTOR, two("Concatenate")),
        ("Permute", _SEQUENCE, of("Permute", dims=(2, 1))),
        ("RepeatVector", _VECTOR, of("RepeatVector", n=3)),
        ("Cropping1D", _SEQUENCE, of("Cropping1D", cropping=1)),
        ("Cropping2D", _IMAGE, of("Cropping2D", cropping=1)),
        ("UpSampling1D", _SEQUENCE, of("UpSampling1D")),
        ("UpSampling2D", _IMAGE, of("UpSampling2D")),
        ("UpSampling2D, bilinear", _IMAGE, of("UpSampling2D", interpolation="bilinear")),
        ("`x[:, ::2, :3]`", _SEQUENCE, lambda L, x: x[:, ::2, :3]),
        ("`x * 0.5`", _VECTOR, lambda L, x: x * 0.5),
        ("`x + 1`", _VECTOR, lambda L, x: x + 1),
        ("Rescaling", _VECTOR, of("Rescaling", scale=0.5, offset=1.0)),
        ("Normalization", _VECTOR, of("Normalization", mean=0.5, variance=2.0)),
        ("Dot", _VECTOR, lambda L, x: L.Dot(axes=1, name="it")([L.Dense(4)(x), L.Dense(4)(x)])),
        ("ReLU", _VECTOR, of("ReLU")),
        ("ReLU, max_value=6", _VECTOR, of("ReLU", max_value=6)),
        ("LeakyReLU", _VECTOR, of("LeakyReLU")),
        ("PReLU", _VECTOR, of("PReLU")),
        ("Softmax, axis=1", _SEQUENCE, of("Softmax", axis=1)),
        ("ELU", _VECTOR, of("ELU")),
        *(
            (f"Activation({name!r})", _VECTOR, of("Activation", activation=name))
            for name in sorted(supported_activations())
        ),
        *_quantized(),
        ("Dropout", _VECTOR, of("Dropout", rate=0.1)),
        ("Embedding", _VECTOR, of("Embedding", input_dim=5, output_dim=3)),
    ]


def _quantized() -> list[Case]:
    """Return what QKeras has beside the layers that it quantizes."""
    import qkeras

    bits = qkeras.quantized_bits(4, 1, alpha=1)

    def active(quantizer: Any) -> Callable[[Any, Any], Any]:
        return lambda L, x: qkeras.QActivation(quantizer, name="it")(x)

    return [
        ("QConv2DBatchnorm", _IMAGE, lambda L, x: qkeras.QConv2DBatchnorm(3, 2, name="it")(x)),
        (
            "QAveragePooling2D, average_quantizer",
            _IMAGE,
            lambda L, x: qkeras.QAveragePooling2D(average_quantizer=bits, name="it")(x),
        ),
        ("QScaleShift", _VECTOR, lambda L, x: qkeras.QScaleShift(bits, bits, name="it")(x)),
        ("QGRU, state_quantizer", _SEQUENCE, lambda L, x: qkeras.QGRU(3, state_quantizer=bits, name="it")(x)),
        ("QActivation(quantized_bits)", _VECTOR, active(bits)),
        ("QActivation(binary)", _VECTOR, active(qkeras.binary(alpha=1))),
        ("QActivation(quantized_relu_po2)", _VECTOR, active(qkeras.quantized_relu_po2(4))),
        ("QActivation(bernoulli)", _VECTOR, active(qkeras.bernoulli())),
    ]


def markdown() -> str:
    """Return the page: a row a layer, with what it can be built with and why not where it can't."""
    rows = "\n".join(_row(label, _verdict(shape, make)) for label, shape, make in _cases())
    head = "| layer | io_parallel | io_stream | " + " | ".join(STRATEGIES) + " | why not |"
    return f"{_HEAD}{head}\n{'|---' * (4 + len(STRATEGIES))}|\n{rows}\n"


def _verdict(shape: tuple[int, ...], make: Callable[[Any, Any], Any]) -> LayerSupport:
    """Return the verdict on the layer whose output is made, in the middle of a model."""
    import keras

    given = keras.Input(shape, name="given")
    made = make(keras.layers, given)
    name = made._keras_history.operation.name
    flat = made if len(made.shape) == 2 else keras.layers.Flatten()(made)
    model = keras.Model(given, keras.layers.Dense(2, name="last")(flat))
    return next(row for row in support_table(model) if row.layer == name)


def _row(label: str, verdict: LayerSupport) -> str:
    where = ["yes" if io in verdict.io_types else "no" for io in ("io_parallel", "io_stream")]
    how = ["yes" if strategy in verdict.strategies else "no" for strategy in STRATEGIES]
    return "| " + " | ".join([label, *where, *how, verdict.reason or ""]) + " |"


if __name__ == "__main__":
    sys.stdout.write(markdown())
