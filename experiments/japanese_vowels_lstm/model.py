"""The float model of this study."""

from typing import Any

from bitfront.experiments import japanese_vowels_lstm


def build() -> Any:
    """Return the Keras model; bitfront compiles and trains it."""
    return japanese_vowels_lstm()
