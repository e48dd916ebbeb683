"""Keras and QKeras layers that compute what hls4ml's C++ computes, with precisions in variables."""

from .base import BitTrueLayer
from .compiled import COMPILE_AFTER
from .distillation import Distillation, logits
from .model import FLOAT32_MANTISSA, BitTrue
from .pruning import pruned, zero_share
from .quantizer import VariableFixedPoint
from .training import Trainer

__all__ = [
    "COMPILE_AFTER",
    "FLOAT32_MANTISSA",
    "BitTrue",
    "BitTrueLayer",
    "Distillation",
    "Trainer",
    "VariableFixedPoint",
    "logits",
    "pruned",
    "zero_share",
]
