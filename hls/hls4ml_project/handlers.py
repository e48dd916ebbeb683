"""Corrections to how hls4ml 1.3 reads Keras layers, registered through its own extension interface."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from ..backends.amd import passes
from ..operation import operations
from .element_widths import register_element_widths
from .extension import register_layers
from .recurrent_reuse import register_recurrent_reuse
from .sandbox import BuildError
from .simple_rnn import register_simple_rnn


@functools.cache
def register_handlers() -> None:
    """Register the corrected handlers with hls4ml; call before a configuration or a conversion is made.

    `Bidirectional`: hls4ml 1.3 tests a GRU *cell* against the GRU *layer*, so the two rows of a GRU's bias
    stay together and conversion ends in an `AttributeError`; merge modes other than `concat` write past
    the end of the output array; a backward-first pair of layers is silently reordered. `SimpleRNN` gets the
    code that hls4ml's AMD backends lack (see `simple_rnn`), and so do attention's products, layer
    normalization, sums with a constant and activations by table (see `extension`). `RecurrentReuseFactor` of
    LSTM and GRU counts. Padding of a streamed Conv1D goes into its own branch. A flattened stream is repacked
    for all readers but dense layers. What else an operation needs, it says itself (`Operation.convert_with`).
    """
    from hls4ml.converters.keras_v3.recurrent import BidirectionalHandler

    register_simple_rnn()
    register_recurrent_reuse()
    _pad_the_right_branch()
    _repack_what_is_flattened()
    register_layers()
    register_element_widths()
    for one in operations().values():
        one.convert_with()

    class CheckedBidirectionalHandler(BidirectionalHandler):
        handles = ("keras.src.layers.rnn.bidirectional.Bidirectional",)

        def handle(self, layer: Any, in_tensors: Sequence[Any], out_tensors: Sequence[Any]) -> dict[str, Any]:
            """Return hls4ml's description of `layer` with GRU biases split."""
            _require_supported(layer)
            config: dict[str, Any] = super().handle(layer, in_tensors, out_tensors)
            for direction, rnn in (("forward", layer.forward_layer), ("backward", layer.backward_layer)):
                if type(rnn).__name__.endswith("GRU") and rnn.use_bias:
                    bias = self.load_weight(rnn.cell, "bias")
                    config[f"{direction}_bias_data"] = bias[0]
                    config[f"{direction}_recurrent_bias_data"] = bias[1]
            return config


def _pad_the_right_branch() -> None:
    """Replace hls4ml 1.3's pass that pads a streamed Conv1D.

    It inserts the padding before the first consumer of the convolution's input, whichever that is, so with
    several branches on one tensor another branch is padded and a stream is read twice. Its pass for Conv2D
    names the node.
    """
    from hls4ml.backends.vivado.passes.conv_same_pad import InsertZeroPaddingBeforeConv1D

    class PadBefore:
        """The model, whose new nodes go before `node`."""

        def __init__(self, model: Any, node: Any) -> None:
            self._model, self._node = model, node

        def __getattr__(self, name: str) -> Any:
            return getattr(self._model, name)

        def insert_node(self, new: Any) -> None:
            self._model.insert_node(new, before=self._node)

    class InsertZeroPadding(InsertZeroPaddingBeforeConv1D):
        def transform(self, model: Any, node: Any) -> bool:
            return bool(super().transform(PadBefore(model, node), node))

    passes.replace_pass("insert_zero_padding_before_conv1d", InsertZeroPadding())


def _repack_what_is_flattened() -> None:
    """Replace hls4ml 1.3's two passes that decide what becomes of a flattening in a stream.

    They leave the words of the stream as they are, many of a few values, which only a dense layer can read:
    any other (an activation, a normalization, a merge) takes one word of all values, so that words are left
    over or lacking.
    """
    from hls4ml.backends.fpga.passes.inplace_stream_flatten import InplaceStreamFlatten
    from hls4ml.backends.fpga.passes.repack_stream import ReshapeStream
    from hls4ml.model.layers import Reshape

    def needs_words(node: Any) -> bool:
        """Whether `node` flattens a stream of several words for a layer that reads one word of all values."""
        if not isinstance(node, Reshape) or len(node.get_output_variable().shape) != 1:
            return False
        if node.model.config.get_config_value("IOType") != "io_stream":
            return False
        before, after = node.get_input_variable().shape, node.get_output_variable().shape
        readers = {one.class_name for one in node.get_output_nodes()}
        return before[-1] != after[-1] and bool(readers - {"Dense"})

    class Flatten(InplaceStreamFlatten):
        def match(self, node: Any) -> bool:
            return bool(super().match(node)) and not needs_words(node)

    class Repack(ReshapeStream):
        def match(self, node: Any) -> bool:
            return bool(super().match(node)) or needs_words(node)

    passes.replace_pass("inplace_stream_flatten", Flatten())
    passes.replace_pass("reshape_stream", Repack())


def _require_supported(layer: Any) -> None:
    """Refuse what hls4ml would convert to firmware that computes something else.

    Raises:
        BuildError: naming the layer and the option.
    """
    kinds = {type(rnn).__name__.removeprefix("Q") for rnn in (layer.forward_layer, layer.backward_layer)}
    if len(kinds) != 1 or not kinds <= {"LSTM", "GRU"}:
        raise BuildError(
            f"hls4ml can't build the Bidirectional layer {layer.name!r} of {' and '.join(sorted(kinds))}: "
            "use LSTM or GRU in both directions."
        )
    if layer.merge_mode != "concat":
        raise BuildError(
            f"hls4ml can't build the Bidirectional layer {layer.name!r} with "
            f"merge_mode={layer.merge_mode!r}: use 'concat'."
        )
    if layer.forward_layer.go_backwards or not layer.backward_layer.go_backwards:
        raise BuildError(
            f"hls4ml can't build the Bidirectional layer {layer.name!r} with its directions exchanged: "
            "give the forward layer go_backwards=False and the backward layer go_backwards=True."
        )
