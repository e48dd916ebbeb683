"""The float model of this study."""

from typing import Any

from bitfront.experiments import fashion_mnist_cnn


def build() -> Any:
    """Return the Keras model; bitfront compiles and trains it."""
    return fashion_mnist_cnn()
