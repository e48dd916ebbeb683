"""The float model of this study."""

from typing import Any

from bitfront.experiments import digits_cnn


def build() -> Any:
    """Return the Keras model; bitfront compiles and trains it."""
    return digits_cnn()
