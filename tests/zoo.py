"""Models that hold every layer kind, several times over with other precisions, in one firmware.

Each branch gets its own random precision, so that one g++ build proves many layers and precisions at once.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import qkeras
from keras import ops

from bitfront.hls import BitTrue, convert, hls_config, legal_reuse_factor, operations, resolve, to_keras
from bitfront.hls.ops.lookup import KerasFunction
from bitfront.spaces import FixedPoint, Graph, LayerHardware, Rounding, lower

needs_compiler = pytest.mark.skipif(shutil.which("g++") is None, reason="the emulation is compiled with g++")

L = keras.layers
SAMPLES = 200
PART = "xcvu13p-flga2577-2-e"
REUSE_FACTOR = 4
"""Wanted with the Resource strategy, whose code differs by it; the nearest that a layer can be built with is
taken.
"""
Branch = Callable[[Any], Any]


def vector_branches(_: int) -> dict[str, Branch]:
    """Branches on a vector of 12 features."""

    return {
        "mlp": lambda x: L.Dense(5)(L.Dense(10, activation="relu")(L.Dense(16, activation="relu")(x))),
        "norm": lambda x: L.Dense(4)(
            L.BatchNormalization()(L.Activation("relu")(L.BatchNormalization()(L.Dense(8)(x))))
        ),
        "curves": lambda x: L.Dense(3, activation="sigmoid")(
            L.Dense(6, activation="tanh", use_bias=False)(L.LeakyReLU(negative_slope=0.3)(L.Dense(7)(x)))
        ),
        "softmax": lambda x: L.Softmax()(L.Dense(5)(x)),
    }


def merge_branches(_: int) -> dict[str, Branch]:
    """Branches that split and meet again, on a vector of 12 features; no tensor is read more than seven
    times.
    """

    def arithmetic(x: Any) -> Any:
        h = L.Dense(6, activation="relu")(x)
        sums = L.Subtract()([L.Add()([h, L.Dense(6)(x)]), L.Dense(6, activation="sigmoid")(h)])
        means = L.Average()([L.Multiply()([h, sums]), L.Dense(6)(h)])
        return L.Maximum()([means, L.Dense(6)(x)])

    def joins(x: Any) -> Any:
        h = L.Dense(6, activation="relu")(x)
        return L.Concatenate()([L.Minimum()([L.Dense(6)(h), h]), L.Dense(3, activation="relu")(x)])

    return {"arithmetic": arithmetic, "joins": joins}


def sequence_branches(_: int) -> dict[str, Branch]:
    """Branches on a sequence of 12 steps of 4 features."""
    return {
        "conv1d": lambda x: L.Dense(3)(
            L.Flatten()(L.MaxPooling1D(2)(L.Conv1D(5, 3, padding="same", activation="relu")(x)))
        ),
        "causal": lambda x: L.GlobalMaxPooling1D()(
            L.Conv1D(4, 3, strides=2, activation="tanh")(L.Conv1D(5, 2, padding="causal")(x))
        ),
        "depthwise1d": lambda x: L.GlobalAveragePooling1D()(L.DepthwiseConv1D(3, padding="same")(x)),
        "separable1d": lambda x: L.Flatten()(
            L.AveragePooling1D(3)(L.SeparableConv1D(4, 3, padding="same")(x))
        ),
        "pointwise": lambda x: L.Flatten()(
            L.Dense(2)(L.BatchNormalization()(L.ZeroPadding1D((1, 2))(L.Dense(5, activation="relu")(x))))
        ),
        "reshape": lambda x: L.Dense(3)(L.Reshape((48,))(L.Reshape((6, 8))(x))),
    }


def recurrent_branches(_: int) -> dict[str, Branch]:
    """Branches on a sequence of 7 steps of 4 features."""
    return {
        "lstm": lambda x: L.LSTM(5)(L.LSTM(6, return_sequences=True)(x)),
        "gru": lambda x: L.GRU(5)(L.GRU(6, return_sequences=True)(x)),
        "simple": lambda x: L.SimpleRNN(5)(L.SimpleRNN(4, return_sequences=True)(x)),
        "conv_lstm": lambda x: L.Dense(2)(L.LSTM(4, use_bias=False)(L.Conv1D(4, 2, activation="relu")(x))),
    }


def bidirectional_branches(_: int) -> dict[str, Branch]:
    """Branches on a sequence of 7 steps of 4 features; hls4ml offers them in io_parallel only."""
    return {
        "bi_lstm": lambda x: L.Bidirectional(L.LSTM(4))(L.Bidirectional(L.LSTM(3, return_sequences=True))(x)),
        "bi_gru": lambda x: L.Bidirectional(L.GRU(4))(L.Bidirectional(L.GRU(3, return_sequences=True))(x)),
    }


def image_branches(_: int) -> dict[str, Branch]:
    """Branches on an image of 8 x 8 pixels of 2 channels."""
    return {
        "conv2d": lambda x: L.Dense(3)(
            L.Flatten()(
                L.MaxPooling2D(2)(
                    L.BatchNormalization()(L.Conv2D(4, 3, padding="same", activation="relu")(x))
                )
            )
        ),
        "depthwise2d": lambda x: L.GlobalAveragePooling2D()(
            L.Conv2D(3, 1, activation="relu")(L.DepthwiseConv2D(3, padding="same")(x))
        ),
        "separable2d": lambda x: L.GlobalMaxPooling2D()(L.SeparableConv2D(4, 3, activation="relu")(x)),
        "pool2d": lambda x: L.Flatten()(L.AveragePooling2D(2)(L.Conv2D(2, 3, strides=2, padding="same")(x))),
        "pad2d": lambda x: L.Dense(2)(L.Flatten()(L.Conv2D(2, 3)(L.ZeroPadding2D(((1, 0), (2, 1)))(x)))),
    }


def attention_branches(_: int) -> dict[str, Branch]:
    """Branches on a sequence of 7 steps of 6 features."""

    def block(x: Any, heads: int, key: int, **options: Any) -> Any:
        a = L.Add()([x, L.MultiHeadAttention(heads, key, **options)(x, x)])
        a = L.LayerNormalization()(a)
        return L.LayerNormalization(epsilon=1e-2)(L.Add()([a, L.Dense(6)(L.Dense(9, activation="relu")(a))]))

    def cross(x: Any) -> Any:
        query = L.Dense(5)(L.MaxPooling1D(2)(x))
        return L.Flatten()(L.MultiHeadAttention(2, 3, value_dim=4, output_shape=6)(query, x, L.Dense(4)(x)))

    return {
        "one_head": lambda x: L.GlobalAveragePooling1D()(block(x, 1, 5)),
        "three_heads": lambda x: L.Flatten()(block(x, 3, 5, use_bias=False, value_dim=2)),
        "two_blocks": lambda x: L.Dense(3)(L.GlobalAveragePooling1D()(block(block(x, 2, 4), 2, 3))),
        "cross": cross,
    }


def einsum_branches(_: int) -> dict[str, Branch]:
    """Branches on a sequence of 7 steps of 6 features: einsum layers, one with a position's bias."""

    def encoded(x: Any) -> Any:
        x = L.EinsumDense("abc,cd->abd", (7, 5), bias_axes="bd", activation="relu")(x)
        return L.GlobalAveragePooling1D()(L.BatchNormalization()(x))

    return {
        "encoded": encoded,
        "bare_sum": lambda x: L.Flatten()(x + L.EinsumDense("...x,xy->...y", 6, bias_axes="y")(x)),
        "bilinear": lambda x: L.Flatten()(
            L.UpSampling2D((2, 3), interpolation="bilinear")(L.Reshape((7, 2, 3))(x))
        ),
        "multiplied": lambda x: L.Flatten()(L.Dense(4)(x) @ ops.transpose(L.Dense(4)(x), (0, 2, 1))),
        "dotted": lambda x: L.Dot(axes=-1)([L.Flatten()(L.Dense(2)(x)), L.Flatten()(L.Dense(2)(x))]),
        "in_place": lambda x: L.Flatten()(L.EinsumDense("abc,bcd->abd", (7, 3), bias_axes="d")(x)),
    }


def norm_branches(_: int) -> dict[str, Branch]:
    """Branches on a sequence of 7 steps of 6 features: what a transformer needs besides attention."""
    return {
        "layernorm": lambda x: L.GlobalAveragePooling1D()(L.LayerNormalization()(L.Dense(5)(x))),
        "plain_norm": lambda x: L.Dense(3)(
            L.Flatten()(L.LayerNormalization(epsilon=1e-2, center=False, scale=False)(L.Dense(8)(x)))
        ),
        "own_positions": lambda x: L.Dense(3)(L.Flatten()(Positions()(L.Dense(4)(x)))),
        "gelu": lambda x: L.Dense(4, activation="gelu")(L.Flatten()(L.Dense(5, activation="silu")(x))),
        "rounded": lambda x: L.Dense(3)(
            L.Flatten()(
                qkeras.QActivation(qkeras.quantized_bits(6, 2, alpha=1.0))(L.MaxPooling1D(2)(L.Dense(4)(x)))
            )
        ),
        "elu": lambda x: L.Dense(4, activation="elu")(L.Flatten()(L.ELU(alpha=0.3)(L.Dense(5)(x)))),
    }


def curve_branches(_: int) -> dict[str, Branch]:
    """Branches on a vector of 12 features: Keras's functions of one variable, a third of them in each
    chain.
    """
    names = sorted(op for op, one in operations().items() if isinstance(one, KerasFunction))

    def chain(of: list[str]) -> Branch:
        def made(x: Any) -> Any:
            for name in of:
                x = L.Dense(5, activation=name)(x)
            return x

        return made

    return {f"curves_{i}": chain(names[i::3]) for i in range(3)} | {
        "quantized": lambda x: L.Dense(3)(
            qkeras.QActivation(qkeras.binary(alpha=1))(
                L.Dense(5, activation=qkeras.quantized_hswish(8, 3, alpha=1))(
                    qkeras.QActivation(qkeras.quantized_relu_po2(4, max_value=2))(L.Dense(6)(x))
                )
            )
        ),
        "cut": lambda x: keras.ops.absolute(keras.ops.clip(L.Dense(4)(x), -0.75, 1.5)),
        "clipped": lambda x: L.ReLU(max_value=1.5)(
            L.Dense(4)(L.ReLU(negative_slope=0.25, threshold=0.5, max_value=2.0)(L.Dense(6)(x)))
        ),
    }


def entry_branches(_: int) -> dict[str, Branch]:
    """Branches on 7 numbers of 11 entries."""
    return {
        "embedded": lambda x: L.Dense(3)(L.Flatten()(L.Embedding(11, 3)(x))),
        "two_tables": lambda x: L.GlobalAveragePooling1D()(
            L.Concatenate()([L.Embedding(11, 2)(x), L.Dense(4, activation="relu")(L.Embedding(11, 5)(x))])
        ),
    }


def view_branches(_: int) -> dict[str, Branch]:
    """Branches on a sequence of 6 steps of 4 features: values in other places, and what they are broadcast to."""

    def picture(x: Any) -> Any:
        cut = L.Cropping2D(((1, 0), (0, 1)))(L.Permute((2, 1, 3))(L.Reshape((2, 6, 2))(x)))
        return L.Flatten()(L.UpSampling2D((2, 3))(cut))

    def broadcast(x: Any) -> Any:
        h = L.Dense(4)(x)
        summed = L.Add()([h, L.GlobalMaxPooling1D(keepdims=True)(h)])
        return L.Flatten()(L.Multiply()([summed, L.Subtract()([L.Dense(1)(h), L.Dense(4)(h)])]))

    def itself(x: Any) -> Any:
        h = L.Dense(3)(L.Flatten()(x))
        return L.Concatenate()([L.Multiply()([h, h]), h + h, L.Concatenate()([h, h])])

    return {
        "permuted": lambda x: L.Flatten()(L.Permute((2, 1))(L.Dense(5)(x))),
        "cut": lambda x: L.Flatten()(L.UpSampling1D(2)(L.Cropping1D((1, 2))(x))),
        "repeated": lambda x: L.LSTM(2)(L.RepeatVector(3)(L.GlobalMaxPooling1D()(x))),
        "sliced": lambda x: L.Dense(3)(L.Flatten()(L.Dense(3)(x)[:, ::-1][:, 1::2, :2])),
        "picture": picture,
        "broadcast": broadcast,
        "itself": itself,
    }


def unrolled_branches(_: int) -> dict[str, Branch]:
    """Branches on a sequence of 4 steps of 3 features: recurrent cells that hls4ml has no layer for."""

    def decoder(x: Any) -> Any:
        _, *states = L.LSTM(3, return_state=True)(x)
        return L.LSTM(3, recurrent_activation="hard_sigmoid")(
            L.RepeatVector(2)(states[0]), initial_state=states
        )

    return {
        "reset_before": lambda x: L.Flatten()(L.GRU(3, reset_after=False, return_sequences=True)(x)),
        "reset_after": lambda x: L.GRU(2, recurrent_activation="hard_sigmoid", go_backwards=True)(x),
        "rectified": lambda x: L.SimpleRNN(3, activation="relu")(x, initial_state=L.Dense(3)(x[:, 0])),
        "decoder": decoder,
        "both_ways": lambda x: L.Bidirectional(L.GRU(2, reset_after=False), merge_mode="sum")(x),
    }


def spread_branches(_: int) -> dict[str, Branch]:
    """Branches on an image of 7 x 6 pixels of 4 channels: convolutions whose kernels are written out with
    zeros.
    """
    rows = L.Reshape((14, 12))

    return {
        "dilated": lambda x: L.Flatten()(
            L.Conv2D(2, 2, padding="same", dilation_rate=(2, 1), activation="relu")(x)
        ),
        "grouped": lambda x: L.Flatten()(L.Conv2D(4, (2, 3), strides=2, groups=2)(x)),
        "multiplied": lambda x: L.Flatten()(L.SeparableConv2D(3, 3, depth_multiplier=2)(x)),
        "dilated_rows": lambda x: L.Flatten()(
            L.DepthwiseConv1D(2, padding="same", dilation_rate=2)(
                L.Conv1D(3, 3, padding="causal", dilation_rate=3, activation="relu")(rows(x))
            )
        ),
        "grouped_rows": lambda x: L.Flatten()(
            L.Conv1D(2, 2, groups=2)(
                L.DepthwiseConv1D(3, padding="same", depth_multiplier=2)(L.Dense(3)(rows(x)))
            )
        ),
    }


def constant_branches(_: int) -> dict[str, Branch]:
    """Branches on a sequence of 6 steps of 4 features: sums and products with constants."""
    each = np.linspace(-1, 2, 24, dtype=np.float32).reshape(6, 4)

    return {
        "preprocessed": lambda x: L.Dense(3)(
            L.Flatten()(
                L.Normalization(mean=[0.1, -0.2, 0.0, 1.0], variance=[0.5, 1.0, 2.0, 0.3])(
                    L.Rescaling(0.5, offset=-0.25)(x)
                )
            )
        ),
        "operators": lambda x: L.Flatten()(1 - (0.75 * x + 1) / 3),
        "each": lambda x: L.Flatten()(L.ReLU()(x * each)),
        "slopes": lambda x: L.Dense(3)(
            L.PReLU()(L.Flatten()(L.PReLU(shared_axes=[1])(L.Dense(5)(L.PReLU()(x)))))
        ),
        "over_steps": lambda x: L.Flatten()(L.Softmax(axis=1)(L.Dense(3)(x))),
    }


@keras.saving.register_keras_serializable(package="zoo")
class Positions(L.Layer):
    """A user's own layer: adds a trained vector to every sample."""

    def build(self, input_shape: Any) -> None:
        """Make the vector."""
        self.vector = self.add_weight(shape=input_shape[1:], name="vector")

    def call(self, inputs: Any) -> Any:
        """Add it."""
        return inputs + self.vector


SHAPES: dict[str, tuple[int, ...]] = {
    "vector": (12,),
    "merges": (12,),
    "sequence": (12, 4),
    "recurrent": (7, 4),
    "bidirectional": (7, 4),
    "image": (8, 8, 2),
    "attention": (7, 6),
    "einsum": (7, 6),
    "norms": (7, 6),
    "entries": (7,),
    "curves": (12,),
    "views": (6, 4),
    "constants": (6, 4),
    "spread": (7, 6, 4),
    "unrolled": (4, 3),
}
ENTRIES = {"entries": 11}
"""Group -> how many entries the numbers of its input choose from."""
GROUPS: dict[str, Callable[[int], dict[str, Branch]]] = {
    "vector": vector_branches,
    "merges": merge_branches,
    "sequence": sequence_branches,
    "recurrent": recurrent_branches,
    "bidirectional": bidirectional_branches,
    "image": image_branches,
    "attention": attention_branches,
    "einsum": einsum_branches,
    "norms": norm_branches,
    "entries": entry_branches,
    "curves": curve_branches,
    "views": view_branches,
    "constants": constant_branches,
    "spread": spread_branches,
    "unrolled": unrolled_branches,
}


def zoo(group: str, copies: int, *, seed: int = 0, only: tuple[str, ...] = ()) -> keras.Model:
    """Return a model with `copies` of every branch of `group` on one input, random weights in all of them."""
    keras.utils.set_random_seed(seed)
    inputs = keras.Input(SHAPES[group], name="x")
    outputs = []
    for copy in range(copies):
        for name, branch in GROUPS[group](copy).items():
            if not only or name in only:
                outputs.append(branch(inputs))
    model = keras.Model(inputs, outputs if len(outputs) > 1 else outputs[0])
    randomize(model, seed)
    return model


def randomize(model: keras.Model, seed: int) -> None:
    """Give a model weights of the size that training leaves, and batch normalization real statistics."""
    rng = np.random.default_rng(seed)
    for w in model.weights:
        if "seed" in w.path:
            continue
        value = rng.normal(size=w.shape) * 0.5
        w.assign(np.abs(value) + 0.3 if "variance" in w.path else value)


def data(group: str, samples: int, seed: int = 1) -> np.ndarray:
    """Return inputs with some values far out, so that saturation happens."""
    rng = np.random.default_rng(seed)
    if group in ENTRIES:
        return rng.integers(0, ENTRIES[group], (samples, *SHAPES[group])).astype(np.float32)
    x = rng.normal(size=(samples, *SHAPES[group]))
    x[::17] *= 4
    return x.astype(np.float32)


def random_widths(graph: Graph, seed: int, low: int = 2, high: int = 16) -> dict[str, int]:
    """Return a random width for every tensor; accumulators stay lossless."""
    rng = np.random.default_rng(seed)
    widths = {}
    for tensor in graph.all_tensors():
        widths[tensor.key] = {"accum": 0, "table": int(rng.integers(6, 19))}.get(
            tensor.role, int(rng.integers(low, high + 1))
        )
    return widths


NOT_DEPTHWISE = tuple(
    name
    for branches in GROUPS.values()
    for name in branches(0)
    if not name.startswith(("depthwise", "separable", "dilated_rows"))
)
"""hls4ml 1.3 has no Resource strategy for depthwise convolutions; `check_hardware` refuses it."""


def prepared(
    model: keras.Model,
    x: np.ndarray,
    seed: int,
    *,
    low: int = 2,
    high: int = 16,
    head: str = "keep",
    rounding: Rounding = "RND_CONV",
    **options: Any,
) -> tuple[Graph, BitTrue, dict[str, FixedPoint]]:
    """Return the graph, its bit-true model with random precisions assigned, and the types."""
    graph = lower(model, head=head)
    bit_true = BitTrue(graph, rounding=rounding, **options)
    # calibrated on part of the data: the rest must saturate as the firmware does
    calibration = bit_true.calibrate([x[: len(x) // 2]], rule="mse")
    types = resolve(graph, random_widths(graph, seed, low, high), calibration, rounding=rounding)
    bit_true.assign(types)
    return graph, bit_true, types


def hardware(graph: Graph, strategy: str) -> dict[str, LayerHardware]:
    """Return a strategy for all nodes, with a reuse factor above 1 where there are multipliers to share."""
    shared = {n.name for n in graph if n.traits.family in {"linear", "recurrent"} and strategy == "Resource"}
    return {
        n.name: LayerHardware(
            strategy=strategy,
            reuse_factor=legal_reuse_factor(graph, n.name, REUSE_FACTOR) if n.name in shared else 1,
        )
        for n in graph
    }


def differences(
    folder: Path, group: str, io_type: str, strategy: str, copies: int = 1, *, seed: int = 3, **options: Any
) -> dict[str, float]:
    """Return by how much each output of the emulation differs from the bit-true model."""
    only = NOT_DEPTHWISE if strategy == "Resource" else ()
    model, x = zoo(group, copies, seed=seed, only=only), data(group, SAMPLES)
    graph, bit_true, types = prepared(model, x, seed, **options)
    expected = bit_true.predict([x])
    plain = to_keras(graph, bit_true.weights(), types)
    config = hls_config(graph, types, plain, hardware(graph, strategy))
    found = emulated(folder / "project", plain, config, x, io_type)
    return {
        name: float(np.abs(a - b.reshape(a.shape)).max())
        for name, a, b in zip(graph.outputs, expected, found, strict=True)
    }


def emulated(
    folder: Path, plain: keras.Model, config: dict[str, Any], x: np.ndarray, io_type: str = "io_parallel"
) -> list[np.ndarray]:
    """Return what the compiled firmware of a model gives for samples, an array per output."""
    project = convert(plain, config, folder, io_type=io_type, part=PART, clock_ns=5)
    found = project.compile().predict(x)
    return found if isinstance(found, list) else [found]
