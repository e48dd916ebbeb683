"""The float model of this study."""

from typing import Any


def build() -> Any:
    """Return the MLP of hls4ml's first paper (arXiv:1804.06913) for 16 features of a jet, uncompiled, with
    random weights.
    """
    import keras
    from keras import layers

    return keras.Sequential(
        [
            keras.Input((16,), name="jet"),
            layers.Dense(64, activation="relu", name="dense_1"),
            layers.Dense(32, activation="relu", name="dense_2"),
            layers.Dense(32, activation="relu", name="dense_3"),
            layers.Dense(5, activation="softmax", name="class"),
        ],
        name="jsc_openml",
    )
