"""The float model of this study."""

from typing import Any


def build() -> Any:
    """Return a CNN for images of 28 by 28 pixels, uncompiled, with random weights."""
    import keras
    from keras import layers

    return keras.Sequential(
        [
            keras.Input((28, 28, 1), name="image"),
            layers.Conv2D(8, 3, activation="relu", name="conv_1"),
            layers.MaxPooling2D(2, name="pool_1"),
            layers.Conv2D(16, 3, activation="relu", name="conv_2"),
            layers.MaxPooling2D(2, name="pool_2"),
            layers.Conv2D(24, 3, activation="relu", name="conv_3"),
            layers.Flatten(name="flatten"),
            layers.Dense(10, activation="softmax", name="garment"),
        ],
        name="fashion_mnist_cnn",
    )
