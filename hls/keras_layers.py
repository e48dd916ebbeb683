"""What Keras needs to load the models of a bundle: `import bitfront.hls.keras_layers`, then
`keras.models.load_model`.

The import registers QKeras' layers and bitfront's own with Keras. Every bundle names this module, so it stays
here.
"""

from __future__ import annotations

import qkeras  # noqa: F401 - registers its layers and quantizers

from .bit_true import VariableFixedPoint
from .export.firmware_layer import FirmwareLayer
from .export.fixed_point import FixedPointQuantizer
from .export.layers import AddConstant, Einsum, Lookup

__all__ = ["AddConstant", "Einsum", "FirmwareLayer", "FixedPointQuantizer", "Lookup", "VariableFixedPoint"]
