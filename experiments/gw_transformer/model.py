"""The float model of this study."""

from typing import Any

from bitfront.experiments import gw_transformer


def build() -> Any:
    """Return the Keras model; bitfront compiles and trains it."""
    return gw_transformer()
