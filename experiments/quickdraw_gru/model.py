"""The float model of this study."""

from typing import Any


def build() -> Any:
    """Return the GRU for drawings of Khoda et al. 2023 (arXiv:2207.00559): 100 points, uncompiled, with
    random weights.
    """
    import keras
    from keras import layers

    return keras.Sequential(
        [
            keras.Input((100, 3), name="strokes"),
            layers.GRU(128, name="gru"),
            layers.Dense(256, activation="relu", name="dense_1"),
            layers.Dense(128, activation="relu", name="dense_2"),
            layers.Dense(5, activation="softmax", name="drawing"),
        ],
        name="quickdraw_gru",
    )
