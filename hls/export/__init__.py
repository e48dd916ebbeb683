"""A candidate as files that others read: plain Keras, QKeras, and hls4ml's configuration."""

from .config import hls_config
from .plain import to_keras

__all__ = ["hls_config", "to_keras"]
