"""The float model of this study."""

from typing import Any


def build() -> Any:
    """Return a small CNN for digits of 8 by 8 pixels, uncompiled, with random weights."""
    import keras
    from keras import layers

    return keras.Sequential(
        [
            keras.Input((8, 8, 1), name="image"),
            layers.Conv2D(8, 3, activation="relu", name="conv_1"),
            layers.MaxPooling2D(2, name="pool"),
            layers.Conv2D(16, 3, activation="relu", name="conv_2"),
            layers.Flatten(name="flatten"),
            layers.Dense(32, activation="relu", name="dense"),
            layers.Dense(10, activation="softmax", name="digit"),
        ],
        name="digits_cnn",
    )
