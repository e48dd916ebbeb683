"""The float model of this study."""

from typing import Any


def build() -> Any:
    """Return the GRU flavour tagger of Khoda et al. 2023 (arXiv:2207.00559): 15 tracks, uncompiled, with
    random weights.
    """
    import keras
    from keras import layers

    return keras.Sequential(
        [
            keras.Input((15, 6), name="tracks"),
            layers.GRU(120, name="gru"),
            layers.Dense(50, activation="relu", name="dense_1"),
            layers.Dense(10, activation="relu", name="dense_2"),
            layers.Dense(3, activation="softmax", name="flavour"),
        ],
        name="flavour_tagging_gru",
    )
