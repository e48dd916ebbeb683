"""The float model of this study."""

from typing import Any

from bitfront.experiments import jets_mlp


def build() -> Any:
    """Return the Keras model; bitfront compiles and trains it."""
    return jets_mlp()
