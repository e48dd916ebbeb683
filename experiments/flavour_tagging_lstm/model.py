"""The float model of this study."""

from typing import Any

from bitfront.experiments import flavour_tagging_lstm


def build() -> Any:
    """Return the Keras model; bitfront compiles and trains it."""
    return flavour_tagging_lstm()
