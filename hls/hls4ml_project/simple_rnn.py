"""SimpleRNN for hls4ml's Vivado and Vitis backends, which know the layer but have no code for it.

Registered through hls4ml's extension interface; the firmware is in `firmware/nnet_simple_rnn.h`.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

from ..backends.amd import passes

HEADER = "nnet_simple_rnn.h"

_CONFIG = """struct config{index} : nnet::simple_rnn_config {{
    typedef {accum_t.name} accum_t;
    typedef {weight_t.name} weight_t;
    typedef {recurrent_weight_t.name} recurrent_weight_t;
    typedef {bias_t.name} bias_t;
    typedef config{index}_1 mult_config1;
    typedef config{index}_2 mult_config2;
    typedef {activation}_config{index} ACT_CONFIG_T;
    template<class x_T, class y_T, class config_T>
    using activation = nnet::activation::{activation}<x_T, y_T, config_T>;
    static const unsigned n_in = {n_in};
    static const unsigned n_state = {n_out};
    static const unsigned n_sequence = {n_sequence};
    static const unsigned n_sequence_out = {n_sequence_out};
}};
"""
_CALL = "nnet::simple_rnn_stack<{input_t}, {output_t}, {config}>({input}, {output}, {w}, {wr}, {b});"


@functools.cache
def register_simple_rnn() -> None:
    """Teach hls4ml's Vivado and Vitis backends to build SimpleRNN; call before a conversion."""
    from hls4ml.backends.template import FunctionCallTemplate, LayerConfigTemplate
    from hls4ml.backends.vivado.passes import recurrent_templates
    from hls4ml.model.layers import SimpleRNN
    from hls4ml.model.optimizer import OptimizerPass

    vivado = passes.shared_backend()

    class InitSimpleRNN(OptimizerPass):
        """Sets strategy and legal reuse factors, and lays the weights out, as hls4ml does for LSTM and
        GRU.
        """

        def match(self, node: Any) -> bool:
            """Match each SimpleRNN once."""
            return node.class_name == "SimpleRNN" and not node.get_attr("_prepared", False)

        def transform(self, model: Any, node: Any) -> bool:
            """Prepare `node`; the graph's shape stays."""
            n_in, n_out = node.get_attr("n_in"), node.get_attr("n_out")
            reuse = model.config.get_reuse_factor(node)
            asked = model.config.get_layer_config_value(node, "RecurrentReuseFactor", reuse)
            node.set_attr("recurrent_reuse_factor", int(asked))
            resource = model.config.is_resource_strategy(node)
            if resource:
                vivado.set_closest_reuse_factor(node, n_in, n_out)
                vivado.set_closest_reuse_factor(node, n_out, n_out, attribute="recurrent_reuse_factor")
                for role in ("weight", "recurrent_weight"):
                    node.weights[role].data = node.weights[role].data.T.copy()
            node.set_attr("strategy", "resource" if resource else "latency")
            node.set_attr("_prepared", True)
            return False

    class SimpleRNNConfigTemplate(LayerConfigTemplate):
        def __init__(self) -> None:
            super().__init__(SimpleRNN)

        def format(self, node: Any) -> str:
            """Return the C++ configuration of `node`."""
            params = self._default_config_params(node)
            steps = node.get_input_variable().shape[0]
            params["n_sequence"] = steps
            params["n_sequence_out"] = steps if node.get_attr("return_sequences") else 1
            activation: str = recurrent_templates.activ_config_template.format(
                **(params | {"type": params["activation"], "n_in": params["n_out"]})
            )
            products: str = ""
            for number, role, n_in, reuse, template in (
                (
                    1,
                    "weight",
                    params["n_in"],
                    "reuse_factor",
                    recurrent_templates.recr_mult_config_template_1,
                ),
                (
                    2,
                    "recurrent_weight",
                    params["n_out"],
                    "recurrent_reuse_factor",
                    recurrent_templates.recr_mult_config_template_2,
                ),
            ):
                weights, factor = node.get_weights(role), int(node.get_attr(reuse))
                products += template.format(
                    **(
                        params
                        | {
                            "index": f"{node.index}_{number}",
                            "n_in": n_in,
                            "reuse": factor,
                            "nzeros": weights.nzeros,
                            "nonzeros": weights.nonzeros,
                            # the state's product adds no bias: zeros of the one bias's type
                            "recurrent_bias_t": params["bias_t"],
                            "product_type": vivado.product_type(
                                node.get_input_variable().type.precision
                                if number == 1
                                else node.get_output_variable().type.precision,
                                weights.type.precision,
                            ),
                            "dense_function": _kernel(params["strategy"], factor, int(n_in)),
                        }
                    )
                )
            return products + activation + _CONFIG.format(**params)

    class SimpleRNNFunctionTemplate(FunctionCallTemplate):
        def __init__(self) -> None:
            super().__init__(SimpleRNN, include_header=[f"nnet_utils/{HEADER}"])

        def format(self, node: Any) -> str:
            """Return the C++ call of `node`."""
            names = {"w": "weight", "wr": "recurrent_weight", "b": "bias"}
            params: dict[str, Any] = self._default_function_params(node)
            weights = {key: node.get_weights(role).name for key, role in names.items()}
            return _CALL.format(**(params | weights))

    vivado.register_pass("init_simple_rnn", InitSimpleRNN, flow=passes.flow("init_layers"))
    vivado.register_template(SimpleRNNConfigTemplate)
    vivado.register_template(SimpleRNNFunctionTemplate)
    passes.add_header(Path(__file__).resolve().parent / "firmware" / HEADER)


def _kernel(strategy: str, reuse: int, n_in: int) -> str:
    """Return hls4ml's product routine, chosen as for its own recurrent layers."""
    if strategy == "latency":
        return "nnet::DenseLatency"
    return f"nnet::DenseResource_rf_{'leq_nin' if reuse <= n_in else 'gt_nin_rem0'}"
