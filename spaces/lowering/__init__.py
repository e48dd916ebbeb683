"""From a Keras 3 model to a `Graph`: what each layer becomes in the firmware, or why it can't be built."""

from .activations import supported_activations
from .arguments import is_own
from .frozen import trained_variables, untrained_layers
from .quantizer_tables import quantizer_of
from .survey import Row, lower, lower_with_tensors, survey
from .unsupported import Unsupported
from .views import LAYERS as VIEWS
from .views import View, moved, view_of

__all__ = [
    "VIEWS",
    "Row",
    "Unsupported",
    "View",
    "is_own",
    "lower",
    "lower_with_tensors",
    "moved",
    "quantizer_of",
    "supported_activations",
    "survey",
    "trained_variables",
    "untrained_layers",
    "view_of",
]
