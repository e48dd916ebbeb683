"""The float model of this study."""

from typing import Any

from bitfront.experiments import b_tagging_transformer


def build() -> Any:
    """Return the Keras model; bitfront compiles and trains it."""
    return b_tagging_transformer()
