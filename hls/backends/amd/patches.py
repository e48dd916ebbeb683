"""Corrections to the C++ that hls4ml 1.3 writes for Vitis and Vivado HLS."""

from __future__ import annotations

from ..record import Patch

_RECURRENT = "firmware/nnet_utils/nnet_recurrent.h"

PATCHES: tuple[Patch, ...] = (
    Patch(
        name="lstm-accum-type",
        file=_RECURRENT,
        reason=(
            "hls4ml 1.3's stateless nnet::lstm passes arrays of accum_t (and of the state's type) to "
            "nnet::dense instances declared for res_T (and data_T), so a project whose input, result and "
            "accumulator types differ does not compile; lstm_static and both GRU functions already use the "
            "types given here."
        ),
        edits=(
            (
                "    nnet::dense<data_T, res_T, typename CONFIG_T::mult_config1>(data, tmpres, param, "
                "param_b);\n"
                "    nnet::dense<data_T, res_T, typename CONFIG_T::mult_config2>"
                "(h_newstate, tmpres_state, param_r, param_br);\n",
                "    nnet::dense<data_T, typename CONFIG_T::accum_t, typename CONFIG_T::mult_config1>"
                "(data, tmpres, param, param_b);\n"
                "    nnet::dense<res_T, typename CONFIG_T::accum_t, typename CONFIG_T::mult_config2>"
                "(h_newstate, tmpres_state, param_r, param_br);\n",
            ),
        ),
    ),
    Patch(
        name="pooling-padding",
        file="firmware/nnet_utils/nnet_pooling.h",
        reason=(
            "hls4ml 1.3 pads a maximum pooling with the bit pattern of the smallest signed value, which is "
            "the middle of an unsigned type's range: with padding 'same' that value would win over smaller "
            "ones."
        ),
        edits=(
            (
                "        x[x.width - 1] = 1;\n        return x;\n",
                "        x[x.width - 1] = 1;\n        if (x > 0)\n            x = 0;\n        return x;\n",
            ),
        ),
    ),
)
