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
