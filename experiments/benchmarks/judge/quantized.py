"""QKeras's layers and quantizers with their options, as text."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from .kinds import FORMAT, NO, SMALL, YES, Kind, Values, pick

_ALPHA = ("None", "1", "1.0", "'auto'", "'auto_po2'", "0.5", "2.0", "np.array([0.5])")
_WEIGHTS = (
    Kind(
        "qkeras.quantized_bits",
        (),
        (("4", "2", "3", "6", "8", "1"), ("0", "1", "2", "3")),
        {"alpha": ("None", "1")},
        {
            "alpha": _ALPHA,
            "symmetric": ("0", "1", "True"),
            "keep_negative": NO,
            "use_stochastic_rounding": YES,
            "qnoise_factor": ("1.0", "0.5"),
            "post_training_scale": ("None", "np.array([0.25])"),
        },
    ),
    Kind(
        "qkeras.quantized_linear",
        (),
        (("4", "8"), ("0", "1")),
        {},
        {"alpha": _ALPHA, "symmetric": ("1", "0"), "keep_negative": NO},
    ),
    Kind(
        "qkeras.quantized_po2",
        (),
        (("3", "4"),),
        {"max_value": ("None", "1", "2")},
        {"quadratic_approximation": YES, "log2_rounding": ("'rnd'", "'floor'")},
    ),
    Kind(
        "qkeras.quantized_relu_po2",
        (),
        (("4",),),
        {"max_value": ("None", "2")},
        {"negative_slope": ("0", "0.25")},
    ),
    Kind("qkeras.binary", (), (), {"use_01": YES}, {"alpha": _ALPHA}),
    Kind("qkeras.ternary", (), (), {"threshold": ("None", "0.5")}, {"alpha": _ALPHA}),
    Kind("qkeras.stochastic_binary", (), (), {"alpha": ("None", "1", "'auto'")}),
    Kind("qkeras.stochastic_ternary", (), (), {"alpha": ("None", "1", "'auto'")}),
    Kind("qkeras.bernoulli", (), (), {"alpha": ("None", "1")}),
    Kind("qkeras.quantized_ulaw", (), (("6",), ("1",))),
    Kind("qkeras.quantized_tanh", (), (("4",),)),
)
_RELU = Kind(
    "qkeras.quantized_relu",
    (),
    (("4", "6", "8", "3"), ("0", "1", "2", "4")),
    {},
    {
        "negative_slope": ("0.0", "0.25", "0.5"),
        "relu_upper_bound": ("None", "1.0", "6.0"),
        "is_quantized_clip": NO,
        "use_sigmoid": ("0", "1"),
        "use_stochastic_rounding": YES,
    },
)
_ACTIVATIONS = (
    _RELU,
    _WEIGHTS[0],
    Kind("qkeras.quantized_tanh", (), (("4", "8"),), {}, {"symmetric": YES, "use_real_tanh": YES}),
    Kind("qkeras.quantized_sigmoid", (), (("4", "8"),), {}, {"symmetric": YES, "use_real_sigmoid": YES}),
    Kind("qkeras.quantized_hswish", (), (("8",), ("3",))),
    *_WEIGHTS[1:],
)
_TEXTS = (
    "'quantized_relu(4, 2)'",
    "'quantized_bits(6, 2, alpha=1)'",
    "'quantized_tanh(5)'",
    "'relu'",
    "'tanh'",
    "'binary'",
    "'ternary'",
    "'quantized_po2(4)'",
)


@st.composite
def quantizers(draw: Any, activation: bool = False, none: bool = True) -> str:
    """Draw a quantizer's text: of weights, or of an activation."""
    if none and draw(st.integers(0, 3)) == 0:
        return "None"
    # half of them the usual ones
    if draw(st.booleans()):
        usual = (
            ("qkeras.quantized_relu(6, 2)", "qkeras.quantized_bits(6, 2, alpha=1)")
            if activation
            else ("qkeras.quantized_bits(4, 0, alpha=1)", "qkeras.quantized_bits(6, 1, 1, alpha=1)")
        )
        return pick(draw, usual)
    if activation and draw(st.integers(0, 3)) == 3:
        return pick(draw, _TEXTS)
    kind = draw(st.sampled_from(_ACTIVATIONS if activation else _WEIGHTS))
    return str(kind.write(draw, True))


WEIGHT = quantizers()
ACTIVE = quantizers(activation=True)
_Q: dict[str, Values] = {
    "kernel_quantizer": WEIGHT,
    "bias_quantizer": WEIGHT,
    "activation": ACTIVE,
    "use_bias": NO,
}
_CONV1: dict[str, Values] = {**_Q, "strides": ("1", "2"), "padding": ("'valid'", "'same'", "'causal'")}
_CONV2: dict[str, Values] = {**_Q, "strides": ("1", "2"), "padding": ("'valid'", "'same'")}
_DEPTH: dict[str, Values] = {
    "depthwise_quantizer": WEIGHT,
    "bias_quantizer": WEIGHT,
    "activation": ACTIVE,
    "use_bias": NO,
}
_SEPARABLE: dict[str, Values] = {**_DEPTH, "pointwise_quantizer": WEIGHT}
_CELL: dict[str, Values] = {
    "kernel_quantizer": WEIGHT,
    "recurrent_quantizer": WEIGHT,
    "bias_quantizer": WEIGHT,
    "state_quantizer": WEIGHT,
    "return_sequences": YES,
    "activation": (
        "'tanh'",
        "'quantized_tanh(6, use_real_tanh=True)'",
        "qkeras.quantized_bits(6, 1, alpha=1)",
    ),
}
_GATES = {
    "recurrent_activation": ("'sigmoid'", "'hard_sigmoid'", "'quantized_sigmoid(6, use_real_sigmoid=True)'")
}

QUANTIZED: tuple[Kind, ...] = (
    Kind("qkeras.QDense", (1, 2), (SMALL,), _Q),
    Kind("qkeras.QConv1D", (2,), (SMALL, ("1", "2", "3")), _CONV1, {"dilation_rate": ("1", "2")}),
    Kind(
        "qkeras.QConv2D", (3,), (SMALL, ("1", "2", "(1, 2)")), _CONV2, {"dilation_rate": ("1", "2"), **FORMAT}
    ),
    Kind(
        "qkeras.QDepthwiseConv2D",
        (3,),
        (("1", "2"),),
        {**_DEPTH, "strides": ("1", "2"), "padding": ("'valid'", "'same'")},
    ),
    Kind("qkeras.QSeparableConv1D", (2,), (SMALL, ("1", "2")), _SEPARABLE),
    Kind("qkeras.QSeparableConv2D", (3,), (SMALL, ("1", "2")), _SEPARABLE),
    Kind("qkeras.QActivation", (1, 2, 3), (quantizers(activation=True, none=False),)),
    Kind("qkeras.QActivation", (1, 2, 3), (quantizers(activation=True, none=False),)),
    Kind("qkeras.QAdaptiveActivation", (1, 2), (("'quantized_relu'", "'quantized_bits'"), ("6",))),
    Kind(
        "qkeras.QBatchNormalization",
        (1, 2, 3),
        (),
        {"center": NO, "scale": NO, "beta_quantizer": WEIGHT, "gamma_quantizer": WEIGHT},
    ),
    Kind("qkeras.QDenseBatchnorm", (1,), (SMALL,), {"kernel_quantizer": WEIGHT, "bias_quantizer": WEIGHT}),
    Kind(
        "qkeras.QConv2DBatchnorm",
        (3,),
        (SMALL, ("1", "2")),
        {"kernel_quantizer": WEIGHT, "bias_quantizer": WEIGHT},
    ),
    Kind("qkeras.QDepthwiseConv2DBatchnorm", (3,), (("1", "2"),), {"depthwise_quantizer": WEIGHT}),
    Kind("qkeras.QAveragePooling2D", (3,), (), {"average_quantizer": WEIGHT, "activation": ACTIVE}),
    Kind("qkeras.QGlobalAveragePooling2D", (3,), (), {"average_quantizer": WEIGHT, "activation": ACTIVE}),
    Kind("qkeras.QLSTM", (2,), (SMALL,), {**_CELL, **_GATES}),
    Kind("qkeras.QGRU", (2,), (SMALL,), {**_CELL, **_GATES, "reset_after": YES}),
    Kind("qkeras.QSimpleRNN", (2,), (SMALL,), _CELL),
    Kind(
        "qkeras.QBidirectional(qkeras.QLSTM(2, kernel_quantizer=qkeras.quantized_bits(4, 0, alpha=1)))", (2,)
    ),
    Kind(
        "qkeras.QScaleShift",
        (1, 2),
        (("qkeras.quantized_bits(4, 1, alpha=1)",), ("qkeras.quantized_bits(4, 1, alpha=1)",)),
    ),
)
"""QKeras's layers of one input."""
