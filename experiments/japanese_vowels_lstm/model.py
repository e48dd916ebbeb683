"""The float model of this study."""

from typing import Any


def build() -> Any:
    """Return an LSTM for utterances of up to 29 steps, uncompiled, with random weights."""
    import keras
    from keras import layers

    return keras.Sequential(
        [
            keras.Input((29, 12), name="utterance"),
            layers.LSTM(16, name="lstm"),
            layers.Dense(32, activation="relu", name="dense"),
            layers.Dense(9, activation="softmax", name="speaker"),
        ],
        name="japanese_vowels_lstm",
    )
