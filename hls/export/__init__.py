"""A candidate as files that others read: plain Keras, QKeras, and hls4ml's configuration."""

from .config import hls_config
from .plain import rounded_weights, to_keras
from .quantized import to_qkeras
from .quantizer import quantizer_of

__all__ = ["hls_config", "quantizer_of", "rounded_weights", "to_keras", "to_qkeras"]
