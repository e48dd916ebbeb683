"""The float model of this study."""

from typing import Any

from bitfront.experiments import quickdraw_gru


def build() -> Any:
    """Return the Keras model; bitfront compiles and trains it."""
    return quickdraw_gru()
