"""The float model of this study."""

from typing import Any


def build() -> Any:
    """Return a linear model for 13 measurements of a wine, uncompiled, with random weights."""
    import keras
    from keras import layers

    return keras.Sequential(
        [
            keras.Input((13,), name="wine"),
            layers.Dense(3, activation="softmax", name="cultivar"),
        ],
        name="wine",
    )
