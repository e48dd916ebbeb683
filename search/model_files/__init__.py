"""The files that a model comes in, of Keras 3 and Keras 2: read as a Keras 3 model with its weights."""

from .formats import SUFFIXES, ModelFormat, format_of, load_weights, read_model
from .h5 import own_weights
from .keras2 import from_keras2, is_keras2
from .reading import Reading
from .torch_program import from_torch, is_torch

__all__ = [
    "SUFFIXES",
    "ModelFormat",
    "Reading",
    "format_of",
    "from_keras2",
    "from_torch",
    "is_keras2",
    "is_torch",
    "load_weights",
    "own_weights",
    "read_model",
]
