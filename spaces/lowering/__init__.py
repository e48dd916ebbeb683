"""From a Keras 3 model to a `Graph`: what each layer becomes in the firmware, or why it can't be built."""

from .survey import Row, lower, lower_with_tensors, survey

__all__ = ["Row", "lower", "lower_with_tensors", "survey"]
