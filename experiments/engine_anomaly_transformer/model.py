"""The float model of this study."""

from typing import Any

from bitfront.experiments import engine_anomaly_transformer


def build() -> Any:
    """Return the Keras model; bitfront compiles and trains it."""
    return engine_anomaly_transformer()
