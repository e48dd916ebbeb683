"""The float model of this study."""

from typing import Any


def build() -> Any:
    """Return the jets benchmark's MLP (Duarte et al. 2018, arXiv:1804.06913), here 16-64-32-32-1, with random
    weights.
    """
    import keras
    from keras import layers

    return keras.Sequential(
        [
            keras.Input((16,), name="features"),
            layers.Dense(64, activation="relu", name="dense_1"),
            layers.Dense(32, activation="relu", name="dense_2"),
            layers.Dense(32, activation="relu", name="dense_3"),
            layers.Dense(1, activation="sigmoid", name="top"),
        ],
        name="jets_mlp",
    )
