"""The float model of this study."""

from typing import Any


def build() -> Any:
    """Return a small MLP for images of 28 by 28 pixels, uncompiled, with random weights."""
    import keras
    from keras import layers

    return keras.Sequential(
        [
            keras.Input((784,), name="image"),
            layers.Dense(64, activation="relu", name="dense_1"),
            layers.Dense(32, activation="relu", name="dense_2"),
            layers.Dense(10, activation="softmax", name="digit"),
        ],
        name="mnist",
    )
