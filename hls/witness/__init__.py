"""The witness of a lowered model: Keras itself, layer by layer."""

from .compare import Difference, check_model, first_difference

__all__ = ["Difference", "check_model", "first_difference"]
