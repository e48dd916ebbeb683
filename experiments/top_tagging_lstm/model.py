"""The float model of this study."""

from typing import Any


def build() -> Any:
    """Return the LSTM tagger of Khoda et al. 2023 (arXiv:2207.00559): 20 constituents, uncompiled, with
    random weights.
    """
    import keras
    from keras import layers

    return keras.Sequential(
        [
            keras.Input((20, 6), name="constituents"),
            layers.LSTM(20, name="lstm"),
            layers.Dense(64, activation="relu", name="dense"),
            layers.Dense(1, activation="sigmoid", name="top"),
        ],
        name="top_tagging_lstm",
    )
