"""Our strided view in hls4ml's AMD back ends: Permute, RepeatVector, cropping, upsampling, slices and
broadcasts.

Registered through hls4ml's extension interface; the firmware is in `firmware/nnet_view.h`.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any, ClassVar

from bitfront.spaces.lowering import VIEWS, View, view_of

from ..backends.amd import passes

HEADER = "nnet_view.h"
_CONFIG = """struct config{index} {{
    static const unsigned n_in = {n_in};
    static const unsigned n_out = {n_out};
    static unsigned source(unsigned i) {{ return {source}; }}
}};
"""
_CALL = "nnet::view<{input_t}, {output_t}, {config}>({input}, {output});"
_HOMES = {
    "Permute": "reshaping.permute",
    "RepeatVector": "reshaping.repeat_vector",
    "Cropping1D": "reshaping.cropping1d",
    "Cropping2D": "reshaping.cropping2d",
    "UpSampling1D": "reshaping.up_sampling1d",
    "UpSampling2D": "reshaping.up_sampling2d",
}
"""Keras's modules of the layers that are views."""


def source(view: View) -> str:
    """Return the C++ expression of the number of the input's value that is value `i` of the result."""
    terms, behind = [str(view.offset)] if view.offset or not any(view.strides) else [], 1
    for axis in reversed(range(len(view.sizes))):
        size, stride = view.sizes[axis], view.strides[axis]
        if stride:
            at = f"i / {behind}" if behind > 1 else "i"
            at = at if axis == 0 else f"{at} % {size}"
            # unsigned numbers wrap, so that a backward step may be subtracted
            sign = "-" if stride < 0 else "+" if terms else ""
            terms.append(f"{sign} {at} * {abs(stride)}" if abs(stride) != 1 else f"{sign} {at}")
        behind *= size
    return " ".join(terms).strip()


@functools.cache
def register_view() -> None:
    """Teach hls4ml's AMD back ends the view, and how it is read from Keras; call before a conversion."""
    from hls4ml.backends.template import FunctionCallTemplate, LayerConfigTemplate
    from hls4ml.converters.keras_v3._base import KerasV3LayerHandler
    from hls4ml.model.attributes import Attribute
    from hls4ml.model.layers import Layer, register_layer

    class StridedView(Layer):
        """Values of the input in other places."""

        _expected_attributes: ClassVar = [
            Attribute("n_in"),
            Attribute("n_out"),
            Attribute("source", value_type=str),
            Attribute("target_shape", value_type=list),
        ]

        def initialize(self) -> None:
            """Add the output."""
            self.add_output_variable(list(self.get_attr("target_shape")))
            self.set_attr("n_in", self.get_input_variable().size())
            self.set_attr("n_out", self.get_output_variable().size())

    class Config(LayerConfigTemplate):
        def __init__(self) -> None:
            super().__init__(StridedView)

        def format(self, node: Any) -> str:
            """Return the C++ configuration of `node`."""
            return _CONFIG.format(**self._default_config_params(node))

    class Call(FunctionCallTemplate):
        def __init__(self) -> None:
            super().__init__(StridedView, include_header=[f"nnet_utils/{HEADER}"])

        def format(self, node: Any) -> str:
            """Return the C++ call of `node`."""
            return _CALL.format(**self._default_function_params(node))

    class Handler(KerasV3LayerHandler):
        handles = (
            *(f"keras.src.layers.{home}.{kind}" for kind, home in _HOMES.items()),
            "bitfront.hls.export.layers.View",
        )

        def handle(self, layer: Any, in_tensors: Any, out_tensors: Any) -> dict[str, Any]:
            """Return our view."""
            view = view_of(layer, tuple(in_tensors[0].shape[1:]))
            return {
                "class_name": "StridedView",
                "source": source(view),
                "target_shape": list(out_tensors[0].shape[1:]),
            }

    assert set(_HOMES) | {"View"} == set(VIEWS)
    register_layer("StridedView", StridedView)
    passes.add_header(Path(__file__).resolve().parent / "firmware" / HEADER)
    for template in (Config, Call):
        passes.shared_backend().register_template(template)
