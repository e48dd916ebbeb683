"""The float model of this study."""

from typing import Any

from bitfront.experiments import top_tagging_transformer


def build() -> Any:
    """Return the Keras model; bitfront compiles and trains it."""
    return top_tagging_transformer()


def build_batch_normalized() -> Any:
    """Return it with batch normalizations, for peers that have no layer normalization."""
    return top_tagging_transformer("BatchNormalization")
