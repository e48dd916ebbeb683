"""Our own layers in hls4ml's Vivado and Vitis backends: layer normalization, sum with a constant, table
activation.

Registered through hls4ml's extension interface; the firmware is in `firmware/nnet_bit_true.h`. hls4ml's own
layer normalization is not used: its uniform table of 1 / sqrt and its accumulator, which serves for sums,
squares and deviations alike, lose what no choice of types restores.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from bitfront.spaces import FixedPoint

from ..backends.amd import passes
from ..precision.attention import NORM_ADDRESS_BITS, epsilon_steps, inverse_root_table, pairs

HEADER = "nnet_bit_true.h"
NORM_TYPES = (
    "sum",
    "reciprocal",
    "mean",
    "deviation",
    "squares",
    "variance",
    "table",
    "inverse_root",
    "normalized",
)
"""Types inside a layer normalization, in the order of computation."""

_NORM_CONFIG = """struct config{index} {{
    static const unsigned n = {n};
    static const unsigned positions = {positions};
    static const unsigned table_size = {table_size};
    static const unsigned address_bits = {address_bits};
    static const int pairs = {pairs};
    static const int unused_bits = {unused_bits};
    static const unsigned long epsilon_steps = {epsilon_steps};
    static const unsigned reuse_factor = {reuse};
    typedef {scale_t.name} scale_t;
    typedef {bias_t.name} bias_t;
{typedefs}
}};
"""
_SIMPLE_CONFIG = """struct config{index} {{
    static const unsigned n_in = {n_in};
    static const unsigned table_size = {table_size};
    typedef {own_t.name} {own};
}};
"""
_NORM_CALL = "nnet::layer_norm<{input_t}, {output_t}, {config}>({input}, {output}, {scale}, {bias}, {table});"
_SIMPLE_CALL = "nnet::{function}<{input_t}, {output_t}, {config}>({input}, {output}, {own});"


@functools.cache
def register_layers() -> None:
    """Teach hls4ml's AMD backends our layers; call before a conversion."""
    from hls4ml.backends.template import FunctionCallTemplate, LayerConfigTemplate
    from hls4ml.model.attributes import Attribute, TypeAttribute, WeightAttribute
    from hls4ml.model.layers import Layer, register_layer

    def result_like_input(layer: Any) -> None:
        variable = layer.get_input_variable()
        layer.add_output_variable(variable.shape)
        layer.set_attr("n_in", variable.size())

    class BitTrueNorm(Layer):
        """Layer normalization over the last axis."""

        _expected_attributes: ClassVar = [
            *(Attribute(name) for name in ("n_in", "n", "positions")),
            Attribute("epsilon", value_type=float),
            *(WeightAttribute(name) for name in ("scale", "bias", "table")),
            *(TypeAttribute(name) for name in ("scale", "bias", *NORM_TYPES)),
        ]

        def initialize(self) -> None:
            """Add the output, the weights and the table, whose entries are values of its type."""
            result_like_input(self)
            for role, letter in (("scale", "s"), ("bias", "b")):
                self.add_weights_variable(
                    name=role, var_name=f"{letter}{{index}}", data=self.get_attr(f"{role}_data")
                )
            precision = self.get_attr("table_t").precision
            entries = inverse_root_table(FixedPoint.parse(str(precision)))
            self.add_weights_variable(name="table", var_name="t{index}", precision=precision, data=entries)

    class AddConstant(Layer):
        """The input plus a constant of its shape."""

        _expected_attributes: ClassVar = [Attribute("n_in"), WeightAttribute("bias"), TypeAttribute("bias")]

        def initialize(self) -> None:
            """Add the output and the constant."""
            result_like_input(self)
            self.add_weights_variable(name="bias", var_name="b{index}", data=self.get_attr("bias_data"))

    class Lookup(Layer):
        """An activation, looked up by all bits of its input."""

        _expected_attributes: ClassVar = [Attribute("n_in"), WeightAttribute("table"), TypeAttribute("table")]

        def initialize(self) -> None:
            """Add the output and the table, whose entries are values of the result's type."""
            result_like_input(self)
            precision = self.get_attr("result_t").precision
            self.add_weights_variable(
                name="table", var_name="t{index}", precision=precision, data=self.get_attr("table_data")
            )

    class NormConfig(LayerConfigTemplate):
        def __init__(self) -> None:
            super().__init__(BitTrueNorm)

        def format(self, node: Any) -> str:
            """Return the C++ configuration of `node`."""
            params = self._default_config_params(node)
            variance = FixedPoint.parse(str(node.get_attr("variance_t").precision))
            count, integer = pairs(variance)
            params |= {
                "typedefs": "\n".join(f"    typedef {params[f'{t}_t'].name} {t}_t;" for t in NORM_TYPES),
                "table_size": 2**NORM_ADDRESS_BITS,
                "address_bits": NORM_ADDRESS_BITS,
                "pairs": count,
                "unused_bits": integer - variance.integer,
                "epsilon_steps": epsilon_steps(node.get_attr("epsilon"), variance),
            }
            return _NORM_CONFIG.format(**params)

    class NormCall(FunctionCallTemplate):
        def __init__(self) -> None:
            super().__init__(BitTrueNorm, include_header=[f"nnet_utils/{HEADER}"])

        def format(self, node: Any) -> str:
            """Return the C++ call of `node`."""
            weights = {role: node.get_weights(role).name for role in ("scale", "bias", "table")}
            return _NORM_CALL.format(**(self._default_function_params(node) | weights))

    class SimpleConfig(LayerConfigTemplate):
        def __init__(self) -> None:
            super().__init__((AddConstant, Lookup))

        def format(self, node: Any) -> str:
            """Return the C++ configuration of `node`."""
            role = _own_role(node)
            params = self._default_config_params(node)
            own: dict[str, Any] = {"own": f"{role}_t", "own_t": node.get_weights(role).type}
            own["table_size"] = node.get_weights(role).data_length
            return _SIMPLE_CONFIG.format(**(params | own))

    class SimpleCall(FunctionCallTemplate):
        def __init__(self) -> None:
            super().__init__((AddConstant, Lookup), include_header=[f"nnet_utils/{HEADER}"])

        def format(self, node: Any) -> str:
            """Return the C++ call of `node`."""
            function = "lookup" if node.class_name == "Lookup" else "add_constant"
            own = {"function": function, "own": node.get_weights(_own_role(node)).name}
            return _SIMPLE_CALL.format(**(self._default_function_params(node) | own))

    for layer in (BitTrueNorm, AddConstant, Lookup):
        register_layer(layer.__name__, layer)
    passes.add_header(Path(__file__).resolve().parent / "firmware" / HEADER)
    for template in (NormConfig, NormCall, SimpleConfig, SimpleCall):
        passes.shared_backend().register_template(template)
    _register_converters()


def _own_role(node: Any) -> str:
    return "table" if node.class_name == "Lookup" else "bias"


def _register_converters() -> None:
    """Register how hls4ml reads the Keras layers that stand for our nodes."""
    from hls4ml.converters.keras_v3._base import KerasV3LayerHandler
    from hls4ml.converters.keras_v3.einsum_dense import strip_batch_dim

    class EinsumHandler(KerasV3LayerHandler):
        handles = ("bitfront.hls.export.layers.Einsum",)

        def handle(self, layer: Any, in_tensors: Any, out_tensors: Any) -> dict[str, Any]:
            """Return hls4ml's own Einsum."""
            return {
                "class_name": "Einsum",
                "equation": strip_batch_dim(layer.equation, einsum_dense=False),
                "inp0_shape": tuple(in_tensors[0].shape[1:]),
                "inp1_shape": tuple(in_tensors[1].shape[1:]),
                "out_shape": tuple(out_tensors[0].shape[1:]),
            }

    class NormHandler(KerasV3LayerHandler):
        handles = ("keras.src.layers.normalization.layer_normalization.LayerNormalization",)

        def handle(self, layer: Any, in_tensors: Any, out_tensors: Any) -> dict[str, Any]:
            """Return our layer normalization."""
            shape = in_tensors[0].shape[1:]
            return {
                "class_name": "BitTrueNorm",
                "n": int(shape[-1]),
                "positions": int(np.prod(shape[:-1], dtype=int)),
                "epsilon": float(layer.epsilon),
                "scale_data": self.load_weight(layer, "gamma"),
                "bias_data": self.load_weight(layer, "beta"),
            }

    class AddConstantHandler(KerasV3LayerHandler):
        handles = ("bitfront.hls.export.layers.AddConstant",)

        def handle(self, layer: Any, in_tensors: Any, out_tensors: Any) -> dict[str, Any]:
            """Return our sum with a constant."""
            return {"class_name": "AddConstant", "bias_data": self.load_weight(layer, "constant")}

    class LookupHandler(KerasV3LayerHandler):
        handles = ("bitfront.hls.export.layers.Lookup",)

        def handle(self, layer: Any, in_tensors: Any, out_tensors: Any) -> dict[str, Any]:
            """Return our activation by table."""
            return {"class_name": "Lookup", "table_data": self.load_weight(layer, "table")}
