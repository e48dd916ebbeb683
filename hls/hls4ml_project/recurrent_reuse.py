"""A reuse factor of its own for the recurrent kernel of LSTM and GRU, which hls4ml 1.3 describes and then
overwrites.

Registered through hls4ml's extension interface.
"""

from __future__ import annotations

import functools
import re
from typing import Any

from ..backends.amd import passes

KEY = "RecurrentReuseFactor"
"""In a layer's configuration; hls4ml's own rule holds where it is missing."""


@functools.cache
def register_recurrent_reuse() -> None:
    """Make `KEY` count in the Vivado and Vitis backends; call before a conversion.

    hls4ml sets the recurrent factor to the legal one nearest to `ReuseFactor`, and takes the recurrent
    product's code by the kernel's factor, which for some pairs is code that stops with an assertion.
    """
    from hls4ml.backends.vivado.passes.recurrent_templates import RecurrentConfigTemplate
    from hls4ml.model.optimizer import OptimizerPass
    from hls4ml.model.optimizer.optimizer import optimizer_map

    class SetRecurrentReuse(OptimizerPass):
        """Sets the factor that is asked for after hls4ml has settled on its own."""

        def match(self, node: Any) -> bool:
            """Match each LSTM and GRU whose factor differs from what is asked for."""
            return node.class_name in ("LSTM", "GRU") and _asked(node) != node.get_attr(
                "recurrent_reuse_factor"
            )

        def transform(self, model: Any, node: Any) -> bool:
            """Set the factor of `node`; the graph's shape stays."""
            node.set_attr("recurrent_reuse_factor", _asked(node))
            return False

    class RecurrentConfig(RecurrentConfigTemplate):
        """hls4ml's C++ configuration, with each product's code chosen by its own factor."""

        def format(self, node: Any) -> str:
            """Return the C++ configuration of `node`."""
            text: str = super().format(node)
            before, second, after = text.partition(f"struct config{node.index}_2 ")
            units, factor = node.get_attr("n_out"), node.get_attr("recurrent_reuse_factor")
            code = f"nnet::DenseResource_rf_{'leq_nin' if factor <= units else 'gt_nin_rem0'}"
            return before + second + re.sub(r"nnet::DenseResource_rf_\w+", code, after)

    passes.shared_backend().register_pass(
        "set_recurrent_reuse", SetRecurrentReuse, flow=passes.flow("specific_types")
    )
    for name, known in list(optimizer_map.items()):
        if type(known) is RecurrentConfigTemplate:
            optimizer_map[name] = RecurrentConfig()


def _asked(node: Any) -> int:
    own = node.get_attr("recurrent_reuse_factor")
    return int(node.model.config.get_layer_config_value(node, KEY, own))
