"""The models of the ready studies, as plain Keras: float, uncompiled, with random weights."""

from __future__ import annotations

from typing import Any


def top_tagging_lstm() -> Any:
    """Build the LSTM tagger of Khoda et al. 2023 (arXiv:2207.00559): (20, 6), LSTM 20, Dense 64, sigmoid."""
    import keras

    return _recurrent("top_tagging_lstm", (20, 6), keras.layers.LSTM(20, name="lstm"), (64,), _TOP)


def top_tagging_gru() -> Any:
    """Build the GRU tagger of Khoda et al. 2023 (arXiv:2207.00559): (20, 6), GRU 20, Dense 64, sigmoid."""
    import keras

    return _recurrent("top_tagging_gru", (20, 6), keras.layers.GRU(20, name="gru"), (64,), _TOP)


def flavour_tagging_lstm() -> Any:
    """Build the LSTM flavour tagger of Khoda et al. 2023: (15, 6), LSTM 120, Dense 50 and 10, softmax over 3."""
    import keras

    return _recurrent(
        "flavour_tagging_lstm", (15, 6), keras.layers.LSTM(120, name="lstm"), (50, 10), ("flavour", 3)
    )


def flavour_tagging_gru() -> Any:
    """Build the GRU flavour tagger of Khoda et al. 2023: (15, 6), GRU 120, Dense 50 and 10, softmax over 3."""
    import keras

    return _recurrent(
        "flavour_tagging_gru", (15, 6), keras.layers.GRU(120, name="gru"), (50, 10), ("flavour", 3)
    )


def quickdraw_lstm() -> Any:
    """Build the LSTM for drawings of Khoda et al. 2023: (100, 3), LSTM 128, Dense 256 and 128, softmax over 5."""
    import keras

    return _recurrent(
        "quickdraw_lstm", (100, 3), keras.layers.LSTM(128, name="lstm"), (256, 128), ("drawing", 5)
    )


def quickdraw_gru() -> Any:
    """Build the GRU for drawings of Khoda et al. 2023: (100, 3), GRU 128, Dense 256 and 128, softmax over 5."""
    import keras

    return _recurrent(
        "quickdraw_gru", (100, 3), keras.layers.GRU(128, name="gru"), (256, 128), ("drawing", 5)
    )


def japanese_vowels_lstm() -> Any:
    """Build an LSTM for utterances: (29, 12), LSTM 16, Dense 32, softmax over 9 speakers."""
    import keras

    return _recurrent(
        "japanese_vowels_lstm", (29, 12), keras.layers.LSTM(16, name="lstm"), (32,), ("speaker", 9)
    )


def jets_mlp() -> Any:
    """Build the jets benchmark's MLP (Duarte et al. 2018, arXiv:1804.06913), here 16-64-32-32-1."""
    import keras

    return keras.Sequential(
        [
            keras.Input((16,), name="features"),
            keras.layers.Dense(64, activation="relu", name="dense_1"),
            keras.layers.Dense(32, activation="relu", name="dense_2"),
            keras.layers.Dense(32, activation="relu", name="dense_3"),
            keras.layers.Dense(1, activation="sigmoid", name="top"),
        ],
        name="jets_mlp",
    )


def digits_cnn() -> Any:
    """Build a small CNN for (8, 8, 1) digits: Conv 8, MaxPool, Conv 16, Dense 32, softmax over 10."""
    import keras

    return keras.Sequential(
        [
            keras.Input((8, 8, 1), name="image"),
            keras.layers.Conv2D(8, 3, activation="relu", name="conv_1"),
            keras.layers.MaxPooling2D(2, name="pool"),
            keras.layers.Conv2D(16, 3, activation="relu", name="conv_2"),
            keras.layers.Flatten(name="flatten"),
            keras.layers.Dense(32, activation="relu", name="dense"),
            keras.layers.Dense(10, activation="softmax", name="digit"),
        ],
        name="digits_cnn",
    )


def fashion_mnist_cnn() -> Any:
    """Build a CNN for (28, 28, 1) images: Conv 8, MaxPool, Conv 16, MaxPool, Conv 24, softmax over 10."""
    import keras

    layers: list[Any] = [keras.Input((28, 28, 1), name="image")]
    for number, filters in enumerate((8, 16, 24), 1):
        layers.append(keras.layers.Conv2D(filters, 3, activation="relu", name=f"conv_{number}"))
        if number < 3:
            layers.append(keras.layers.MaxPooling2D(2, name=f"pool_{number}"))
    layers += [
        keras.layers.Flatten(name="flatten"),
        keras.layers.Dense(10, activation="softmax", name="garment"),
    ]
    return keras.Sequential(layers, name="fashion_mnist_cnn")


def top_tagging_transformer(norm: str = "LayerNormalization") -> Any:
    """Build a transformer tagger of one block: (20, 6), 8 features, one head of 4, feed-forward 16, sigmoid.

    `norm` is the Keras layer after each sum; `BatchNormalization` costs a product with a constant.

    The shape follows Jiang et al. 2024 (arXiv:2409.05207), who build such blocks for jets, engines and gravitational
    waves with hls4ml; the sizes are ours.
    """
    return _transformer("top_tagging_transformer", (20, 6), "constituents", "top", norm=norm)


def gw_transformer() -> Any:
    """Build the same block for gravitational waves: 20 patches of 10 samples of two detectors, (20, 20)."""
    return _transformer("gw_transformer", (20, 20), "strain", "merger")


def b_tagging_transformer() -> Any:
    """Build the same block for flavour tagging: 15 tracks of six features, softmax over light, c and b."""
    return _transformer("b_tagging_transformer", (15, 6), "tracks", "flavour", classes=3)


def engine_anomaly_transformer() -> Any:
    """Build the same block for engine noise: 20 patches of 25 samples."""
    return _transformer("engine_anomaly_transformer", (20, 25), "noise", "faulty")


def _transformer(
    name: str,
    shape: tuple[int, int],
    source: str,
    target: str,
    classes: int = 1,
    norm: str = "LayerNormalization",
) -> Any:
    """Build one block after an embedding, whose bias is the positional encoding: each step has its own."""
    import keras

    layers = keras.layers
    inputs = keras.Input(shape, name=source)
    embedding = layers.EinsumDense("abc,cd->abd", (shape[0], 8), bias_axes="bd", name="embedding")(inputs)
    attended = layers.MultiHeadAttention(1, 4, name="attention")(embedding, embedding)
    x = layers.Add(name="attention_sum")([embedding, attended])
    x = getattr(layers, norm)(name="attention_norm")(x)
    hidden = layers.Dense(16, activation="relu", name="hidden")(x)
    x = layers.Add(name="dense_sum")([x, layers.Dense(8, name="dense")(hidden)])
    x = getattr(layers, norm)(name="dense_norm")(x)
    pooled = layers.GlobalAveragePooling1D(name="pool")(x)
    return keras.Model(inputs, _head(target, classes)(pooled), name=name)


_TOP = ("top", 1)
"""Name and classes of the top taggers' output."""


def _recurrent(
    name: str, shape: tuple[int, int], recurrent: Any, hidden: tuple[int, ...], output: tuple[str, int]
) -> Any:
    """Build a recurrent layer, dense ones with ReLU (`dense`, or `dense_1` and on), and the output."""
    import keras

    names = ["dense"] if len(hidden) == 1 else [f"dense_{i}" for i in range(1, len(hidden) + 1)]
    dense = [
        keras.layers.Dense(units, activation="relu", name=one)
        for units, one in zip(hidden, names, strict=True)
    ]
    return keras.Sequential(
        [keras.Input(shape, name=_INPUTS[shape]), recurrent, *dense, _head(*output)], name=name
    )


_INPUTS = {(29, 12): "utterance", (20, 6): "constituents", (15, 6): "tracks", (100, 3): "strokes"}


def _head(name: str, classes: int) -> Any:
    import keras

    return keras.layers.Dense(classes, activation="softmax" if classes > 1 else "sigmoid", name=name)
