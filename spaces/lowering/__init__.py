"""From a Keras 3 model to a `Graph`: what each layer becomes in the firmware, or why it can't be built."""

from .activations import supported_activations
from .arguments import is_own
from .frozen import trained_variables, untrained_layers
from .survey import Row, lower, lower_with_tensors, survey
from .unsupported import Unsupported

__all__ = [
    "Row",
    "Unsupported",
    "is_own",
    "lower",
    "lower_with_tensors",
    "supported_activations",
    "survey",
    "trained_variables",
    "untrained_layers",
]
