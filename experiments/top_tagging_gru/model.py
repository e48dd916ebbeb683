"""The float model of this study."""

from typing import Any


def build() -> Any:
    """Return the GRU tagger of Khoda et al. 2023 (arXiv:2207.00559): 20 constituents, uncompiled, with random
    weights.
    """
    import keras
    from keras import layers

    return keras.Sequential(
        [
            keras.Input((20, 6), name="constituents"),
            layers.GRU(20, name="gru"),
            layers.Dense(64, activation="relu", name="dense"),
            layers.Dense(1, activation="sigmoid", name="top"),
        ],
        name="top_tagging_gru",
    )
