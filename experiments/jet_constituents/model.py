"""The float model of this study."""

from typing import Any


def build() -> Any:
    """Return a network over 16 constituents of a jet, each by the same weights, then their mean, uncompiled,
    with random weights.
    """
    import keras
    from keras import layers

    return keras.Sequential(
        [
            keras.Input((16, 3), name="constituents"),
            layers.Conv1D(16, 1, activation="relu", name="each_1"),
            layers.Conv1D(16, 1, activation="relu", name="each_2"),
            layers.GlobalAveragePooling1D(name="together"),
            layers.Dense(32, activation="relu", name="dense_1"),
            layers.Dense(5, activation="softmax", name="class"),
        ],
        name="jet_constituents",
    )
