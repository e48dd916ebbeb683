"""The float model of this study."""

from typing import Any


def build() -> Any:
    """Return a small MLP for 16 features of a bean, uncompiled, with random weights."""
    import keras
    from keras import layers

    return keras.Sequential(
        [
            keras.Input((16,), name="bean"),
            layers.Dense(12, activation="relu", name="dense_1"),
            layers.Dense(8, activation="relu", name="dense_2"),
            layers.Dense(7, activation="softmax", name="variety"),
        ],
        name="dry_bean",
    )
