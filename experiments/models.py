"""The models of the ready studies, as plain Keras: float, uncompiled, with random weights."""

from __future__ import annotations

from typing import Any


def top_tagging_lstm() -> Any:
    """Build the LSTM tagger of Khoda et al. 2023 (arXiv:2207.00559): (20, 6), LSTM 20, Dense 64, sigmoid."""
    import keras

    return _recurrent_tagger("top_tagging_lstm", keras.layers.LSTM(20, name="lstm"))


def top_tagging_gru() -> Any:
    """Build the GRU tagger of Khoda et al. 2023 (arXiv:2207.00559): (20, 6), GRU 20, Dense 64, sigmoid."""
    import keras

    return _recurrent_tagger("top_tagging_gru", keras.layers.GRU(20, name="gru"))


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


def top_tagging_transformer() -> Any:
    """Build a transformer tagger of one block: (20, 6), 8 features, one head of 4, feed-forward 16, sigmoid.

    The shape follows Jiang et al. 2024 (arXiv:2409.05207), who build such blocks for jets, engines and gravitational
    waves with hls4ml; the sizes are ours.
    """
    return _transformer("top_tagging_transformer", (20, 6), "constituents", "top")


def gw_transformer() -> Any:
    """Build the same block for gravitational waves: 20 patches of 10 samples of two detectors, (20, 20)."""
    return _transformer("gw_transformer", (20, 20), "strain", "merger")


def _transformer(name: str, shape: tuple[int, int], source: str, target: str) -> Any:
    """Build one block after an embedding, whose bias is the positional encoding: each step has its own."""
    import keras

    layers = keras.layers
    inputs = keras.Input(shape, name=source)
    embedding = layers.EinsumDense("abc,cd->abd", (shape[0], 8), bias_axes="bd", name="embedding")(inputs)
    attended = layers.MultiHeadAttention(1, 4, name="attention")(embedding, embedding)
    x = layers.Add(name="attention_sum")([embedding, attended])
    x = layers.LayerNormalization(name="attention_norm")(x)
    hidden = layers.Dense(16, activation="relu", name="hidden")(x)
    x = layers.Add(name="dense_sum")([x, layers.Dense(8, name="dense")(hidden)])
    x = layers.LayerNormalization(name="dense_norm")(x)
    pooled = layers.GlobalAveragePooling1D(name="pool")(x)
    return keras.Model(inputs, layers.Dense(1, activation="sigmoid", name=target)(pooled), name=name)


def _recurrent_tagger(name: str, recurrent: Any) -> Any:
    import keras

    return keras.Sequential(
        [
            keras.Input((20, 6), name="constituents"),
            recurrent,
            keras.layers.Dense(64, activation="relu", name="dense"),
            keras.layers.Dense(1, activation="sigmoid", name="top"),
        ],
        name=name,
    )
