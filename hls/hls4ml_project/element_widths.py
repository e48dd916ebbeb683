"""A width for each element of an activation in hls4ml: its own `FixedPointQuantizer`, on streams too.

hls4ml 1.3 has that node for HGQ's models, with io_parallel alone. Distributed arithmetic sees the elements'
types where the node is directly before a layer; here also through what moves them or takes the largest.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitfront.spaces import FixedPoint

from ..backends.amd import passes

_STREAM = """template <class data_T, class res_T>
void {name}(hls::stream<data_T> &data, hls::stream<res_T> &res) {{
    for (unsigned word = 0; word < {values} / data_T::size; word++) {{
        #pragma HLS PIPELINE
        data_T in_data = data.read();
        res_T out_data;
        PRAGMA_DATA_PACK(out_data)
{body}
        res.write(out_data);
    }}
}}
"""


def register_element_widths() -> None:
    """Register how hls4ml reads `ElementWidths`, and what it lacks to build it."""
    from hls4ml.backends.fpga.passes.hgq_proxy_model import ProcessFixedPointQuantizerLayer
    from hls4ml.converters.keras_v3._base import KerasV3LayerHandler
    from hls4ml.model.types import Source

    class Handler(KerasV3LayerHandler):
        handles = ("bitfront.hls.export.layers.ElementWidths",)

        def handle(self, layer: Any, in_tensors: Any, out_tensors: Any) -> dict[str, Any]:
            """Return hls4ml's node with sign, width and integer bits of each element, behind a batch axis."""
            kind = FixedPoint.parse(layer.kind)
            bits = kind.spread(tuple(int(size) for size in in_tensors[0].shape[1:]))[None]
            signs = np.where(bits > 0, int(kind.signed), 0)
            return {
                "class_name": "FixedPointQuantizer",
                "mask_kbi": tuple(a.astype(np.int16) for a in (signs, bits, bits - kind.fraction)),
                "RND": kind.rounding,
                "SAT": kind.overflow,
                "fusible": None,
                "overrides": {},
            }

    class Process(ProcessFixedPointQuantizerLayer):
        def transform(self, model: Any, node: Any) -> Any:
            """Write the node's code, on streams a word at a time."""
            if model.config.get_config_value("IOType") == "io_parallel":
                return super().transform(model, node)
            node.set_attr("mask_fn_codegen", Source(_stream_code(node)))
            return None

    passes.replace_pass("process_fixed_point_quantizer_layer", Process())
    _let_distributed_arithmetic_see()


def _stream_code(node: Any) -> str:
    """Return the code of a stream, whose words hold a value of each channel, of one type at all positions."""
    shape = node.get_input_variable().shape
    masks = [np.broadcast_to(mask[0], shape).reshape(-1, shape[-1]) for mask in node.mask_kbi]
    assert all((mask == mask[0]).all() for mask in masks), f"{node.name}: types differ between positions"
    lines = []
    for channel, (sign, bits, integer) in enumerate(zip(*(mask[0] for mask in masks), strict=True)):
        kind = f"ap_{'' if sign else 'u'}fixed<{bits}, {integer}, AP_{node.RND}, AP_{node.SAT}>"
        value = f"{kind}(in_data[{channel}])" if bits else "0"
        lines.append(f"        out_data[{channel}] = {value};")
    return _STREAM.format(name=node.name, values=int(np.prod(shape)), body="\n".join(lines))


@functools.cache
def _let_distributed_arithmetic_see() -> None:
    """Have hls4ml's distributed arithmetic know the elements' types behind flattening and maxima too."""
    from hls4ml.backends.vivado.passes import distributed_arithmetic
    from hls4ml.model.optimizer.passes.bit_exact import get_input_layers
    from hls4ml.model.optimizer.passes.hgq_proxy_model import FixedPointQuantizer

    own = distributed_arithmetic._get_input_kif

    def input_kif(node: Any) -> tuple[Any, Any, Any]:
        """Return sign, integer and fraction bits of each value that a layer reads."""
        passed, source = [], get_input_layers(node)[0]
        while source.class_name in _PASSING:
            if source.get_attr("pool_op", "Max") != "Max":
                return own(node)
            passed.append(source)
            source = get_input_layers(source)[0]
        if not passed or not isinstance(source, FixedPointQuantizer):
            return own(node)
        signs, bits, integers = (np.asarray(mask[0], np.int64) for mask in source.mask_kbi)
        kif = [signs, integers - signs, bits - integers]
        for layer in reversed(passed):
            kif = [_after(values, layer.get_output_variable().shape) for values in kif]
        return kif[0], kif[1], kif[2]

    distributed_arithmetic._get_input_kif = input_kif


_PASSING = frozenset({"Reshape", "Pooling1D", "Pooling2D", "GlobalPooling1D", "GlobalPooling2D"})


def _after(values: NDArray[np.int64], shape: list[int]) -> NDArray[np.int64]:
    """Return numbers of elements behind a layer whose result has `shape`: the same in another shape, or the
    largest of each channel.
    """
    if values.size == np.prod(shape):
        return values.reshape(shape)
    return np.broadcast_to(values.reshape(-1, values.shape[-1]).max(0), shape)
