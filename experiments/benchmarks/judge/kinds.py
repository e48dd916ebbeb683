"""Keras's layers as a user writes them: positional arguments, and options with the values that are tried."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from hypothesis import strategies as st

Draw = Callable[[st.SearchStrategy[Any]], Any]
Values = tuple[str, ...] | st.SearchStrategy[str]
"""Values as Python text; the first of a tuple is Keras's default, which is left out."""


@dataclass(frozen=True)
class Kind:
    """One layer: how it is called, on tensors of which rank (without the batch axis), and its options.

    `common` are options that a model of the plain sort draws from. `rare` adds options, or values of the same
    ones, that only an odd model has: one that may have to be refused. A layer that is `odd` is in odd models
    alone. `snippet` names the user's code that it needs.
    """

    call: str
    ranks: tuple[int, ...]
    needs: tuple[Values, ...] = ()
    common: Mapping[str, Values] = field(default_factory=dict)
    rare: Mapping[str, Values] = field(default_factory=dict)
    odd: bool = False
    snippet: str | None = None

    def write(self, draw: Draw, odd: bool) -> str:
        """Return the constructor's text with drawn options."""
        parts = [pick(draw, values) for values in self.needs]
        for name in {**self.common, **self.rare}:
            values = self.common.get(name)
            unusual = self.rare.get(name)
            if odd and unusual is not None and (values is None or draw(st.integers(0, 3)) == 3):
                values = unusual
            if values is None:
                continue
            if isinstance(values, tuple):
                at = draw(st.integers(0, len(values) - 1))
                # the defaults are likely, or a layer of many options would hardly ever be an ordinary one
                if at and (values is unusual or draw(st.booleans())):
                    parts.append(f"{name}={values[at]}")
            elif draw(st.booleans()):
                parts.append(f"{name}={draw(values)}")
        return f"{self.call}({', '.join(parts)})"


def pick(draw: Draw, values: Values) -> str:
    """Draw one of the values."""
    return cast(str, draw(st.sampled_from(values) if isinstance(values, tuple) else values))


YES = ("False", "True")
NO = ("True", "False")
SIZE = ("1", "2", "3", "4", "5")
SMALL = ("1", "2", "3")
ACTIVATION = (
    "None",
    "'relu'",
    "'tanh'",
    "'sigmoid'",
    "'linear'",
    "'leaky_relu'",
    "'gelu'",
    "'silu'",
    "'softmax'",
    "keras.activations.relu",
    "keras.activations.tanh",
    "keras.ops.relu",
)
RARE_ACTIVATION = (
    "None",
    "'elu'",
    "'selu'",
    "'softplus'",
    "'softsign'",
    "'hard_sigmoid'",
    "'hard_tanh'",
    "'exponential'",
    "'relu6'",
    "'mish'",
    "'log_softmax'",
    "'swish'",
    "'celu'",
    "'glu'",
    "'squareplus'",
    "'hard_shrink'",
    "L.ReLU()",
    "L.ReLU(max_value=6.0)",
    "L.LeakyReLU(negative_slope=0.1)",
    "L.Softmax()",
    "L.Softmax(axis=1)",
    "L.PReLU()",
    "lambda x: keras.activations.relu(x, max_value=1.0)",
    "lambda x: x",
    "keras.ops.leaky_relu",
    "keras.ops.gelu",
    "keras.ops.softmax",
    "relu",
    "tanh",
    "sigmoid",
    "linear",
    "softmax",
    "gelu",
    "leaky_relu",
    "quantized_bits",
)
"""Bare names are the user's own functions (`user_layers`)."""
ACTIVATED = {"activation": ACTIVATION}
ODDLY = {"activation": RARE_ACTIVATION}
FORMAT = {"data_format": ("'channels_last'", "'channels_first'")}
TYPES = {"dtype": ("None", "'bfloat16'", "'float16'", "'float64'", "'mixed_bfloat16'")}
TRAINABLE = {"trainable": NO}

_CONV = {"padding": ("'valid'", "'same'"), "use_bias": NO, **ACTIVATED, **TRAINABLE}
_ONE = {"strides": ("1", "2", "3"), **_CONV}
_TWO = {"strides": ("1", "2", "3", "(1, 2)", "(2, 1)"), **_CONV}
_KERNEL2 = ("1", "2", "3", "(1, 2)", "(3, 1)", "(2, 3)")
_ODD1 = {"dilation_rate": ("1", "2"), **FORMAT, **ODDLY, **TYPES}
_ODD2 = {"dilation_rate": ("1", "2", "(1, 2)"), **FORMAT, **ODDLY, **TYPES}
_CELL = {
    "use_bias": NO,
    "return_sequences": YES,
    "unroll": YES,
    "dropout": ("0.0", "0.3"),
    "recurrent_dropout": ("0.0", "0.2"),
}
_RECURRENT = {
    "activation": (
        "'tanh'",
        "'relu'",
        "'sigmoid'",
        "'linear'",
        "'hard_sigmoid'",
        "None",
        "tanh",
        "'gelu'",
        "L.ReLU()",
    ),
    "recurrent_activation": (
        "'sigmoid'",
        "'hard_sigmoid'",
        "'tanh'",
        "'relu'",
        "sigmoid",
        "None",
        "'linear'",
    ),
    "go_backwards": YES,
    "zero_output_for_mask": YES,
    "stateful": YES,
}
_GATED = dict(_RECURRENT)
_PLAIN_RNN = {key: value for key, value in _RECURRENT.items() if key != "recurrent_activation"}
_POOL1 = {"strides": ("None", "1", "2", "3"), "padding": ("'valid'",)}
_POOL2 = {"strides": ("None", "1", "2", "3", "(1, 2)", "(3, 1)"), "padding": ("'valid'",)}
_POOL_ODD = {"padding": ("'valid'", "'same'"), **FORMAT}
_PERIOD = ("1", "2", "3", "4", "7")
_PERIOD2 = ("1", "2", "3", "(1, 2)", "(3, 2)", "(2, 5)", "8")

LAYERS: tuple[Kind, ...] = (
    Kind(
        "L.Dense",
        (1, 2, 3),
        (SIZE,),
        {"use_bias": NO, **ACTIVATED, **TRAINABLE},
        {**ODDLY, **TYPES, "lora_rank": ("None", "1")},
    ),
    Kind(
        "L.Conv1D",
        (2,),
        (SMALL, SMALL),
        {**_ONE, "padding": ("'valid'", "'same'", "'causal'")},
        {**_ODD1, "groups": ("1", "2")},
    ),
    Kind("L.Conv2D", (3,), (SMALL, _KERNEL2), _TWO, {**_ODD2, "groups": ("1", "2")}),
    Kind(
        "L.DepthwiseConv1D",
        (2,),
        (SMALL,),
        _ONE,
        {**_ODD1, "depth_multiplier": ("1", "2"), "padding": ("'valid'", "'causal'")},
    ),
    Kind("L.DepthwiseConv2D", (3,), (_KERNEL2,), _TWO, {**_ODD2, "depth_multiplier": ("1", "2")}),
    Kind(
        "L.SeparableConv1D",
        (2,),
        (SMALL, SMALL),
        _ONE,
        {**_ODD1, "depth_multiplier": ("1", "2"), "padding": ("'valid'", "'causal'")},
    ),
    Kind("L.SeparableConv2D", (3,), (SMALL, _KERNEL2), _TWO, {**_ODD2, "depth_multiplier": ("1", "2")}),
    Kind("L.Conv1DTranspose", (2,), (SMALL, SMALL), _ONE, odd=True),
    Kind("L.Conv2DTranspose", (3,), (SMALL, _KERNEL2), _TWO, odd=True),
    Kind("L.LSTM", (2,), (SMALL,), _CELL, {**_GATED, "unit_forget_bias": NO}),
    Kind("L.GRU", (2,), (SMALL,), _CELL, {**_GATED, "reset_after": NO}),
    Kind("L.SimpleRNN", (2,), (SMALL,), _CELL, _PLAIN_RNN),
    Kind(
        "L.BatchNormalization",
        (1, 2, 3),
        (),
        {"axis": ("-1",), "epsilon": ("0.001", "0.1", "1e-05"), "center": NO, "scale": NO, **TRAINABLE},
        {"axis": ("-1", "1", "2", "3", "[-1]", "[1]"), "synchronized": YES, **TYPES},
    ),
    Kind(
        "L.LayerNormalization",
        (1, 2, 3),
        (),
        {"axis": ("-1",), "epsilon": ("0.001", "0.1"), "center": NO, "scale": NO},
        {"axis": ("-1", "1", "2", "[1, 2]", "(-1,)", "(-2, -1)"), "rms_scaling": YES, **TYPES},
    ),
    Kind("L.GroupNormalization", (1, 2, 3), (), {"groups": ("32", "1", "-1")}, odd=True),
    Kind("L.UnitNormalization", (1, 2, 3), odd=True),
    Kind("L.RMSNormalization", (1, 2), odd=True),
    Kind("L.SpectralNormalization(L.Dense(2))", (1, 2), odd=True),
    Kind("L.Activation", (1, 2, 3), (ACTIVATION[1:],), {}, {}),
    Kind("L.Activation", (1, 2, 3), (RARE_ACTIVATION[1:],), odd=True),
    Kind(
        "L.ReLU",
        (1, 2, 3),
        (),
        {"negative_slope": ("0.0", "0.25", "1.5")},
        {"max_value": ("None", "6.0", "0.5"), "threshold": ("0.0", "1.0", "-1.0")},
    ),
    Kind(
        "L.LeakyReLU",
        (1, 2, 3),
        (),
        {"negative_slope": ("0.3", "0.0", "0.05", "1.0")},
        {"negative_slope": ("0.3", "2.0")},
    ),
    Kind("L.Softmax", (1, 2, 3), (), {}, {"axis": ("-1", "1", "2", "[1, 2]", "(-1,)")}),
    Kind("L.PReLU", (1, 2, 3), (), {"shared_axes": ("None", "[1]")}, odd=True),
    Kind("L.ELU", (1, 2, 3), (), {"alpha": ("1.0", "0.5")}, odd=True),
    *(
        Kind(f"L.{which}Pooling{rank - 1}D", (rank,), (sizes,), options, _POOL_ODD)
        for which in ("Max", "Average")
        for rank, sizes, options in ((2, _PERIOD, _POOL1), (3, _PERIOD2, _POOL2))
    ),
    *(
        Kind(f"L.Global{which}Pooling{rank - 1}D", (rank,), (), {"keepdims": YES}, FORMAT)
        for which in ("Max", "Average")
        for rank in (2, 3)
    ),
    Kind("L.AdaptiveAveragePooling1D", (2,), (("1",),), odd=True),
    # not AdaptiveMaxPooling: Keras 3.15 on TensorFlow ends the whole process in some of them
    Kind("L.Flatten", (1, 2, 3), (), {}, FORMAT),
    Kind("L.ZeroPadding1D", (2,), (("1", "(1, 2)", "(0, 1)", "0"),), {}, FORMAT),
    Kind("L.ZeroPadding2D", (3,), (("1", "(1, 2)", "((1, 0), (2, 1))", "((0, 0), (0, 1))"),), {}, FORMAT),
    Kind("L.Cropping1D", (2,), (("1", "(0, 1)"),), odd=True),
    Kind("L.Cropping2D", (3,), (("1", "((0, 1), (1, 0))"),), odd=True),
    Kind("L.UpSampling1D", (2,), (("2",),), odd=True),
    Kind(
        "L.UpSampling2D", (3,), (("2", "(1, 2)"),), {"interpolation": ("'nearest'", "'bilinear'")}, odd=True
    ),
    Kind("L.RepeatVector", (1,), (SMALL,), odd=True),
    Kind("L.Permute", (2,), (("(2, 1)", "(1, 2)"),), odd=True),
    Kind("L.Permute", (3,), (("(2, 1, 3)", "(3, 1, 2)"),), odd=True),
    Kind("L.Dropout", (1, 2, 3), (("0.3", "0.0"),), {}, {"noise_shape": ("None", "(None, 1)")}),
    Kind("L.SpatialDropout1D", (2,), (("0.3",),)),
    Kind("L.SpatialDropout2D", (3,), (("0.3",),)),
    Kind("L.GaussianNoise", (1, 2, 3), (("0.3",),)),
    Kind("L.GaussianDropout", (1, 2, 3), (("0.3",),)),
    Kind("L.AlphaDropout", (1, 2), (("0.3",),), odd=True),
    Kind("L.ActivityRegularization", (1, 2, 3), (("0.1",),)),
    Kind("L.Identity", (1, 2, 3), odd=True),
    Kind("L.Masking", (2,), (), {"mask_value": ("0.0", "1.0")}, odd=True),
    Kind("L.Rescaling", (1, 2, 3), (("0.5", "2.0"),), {"offset": ("0.0", "1.0")}, odd=True),
    Kind("L.Normalization", (1, 2), (), {"mean": ("0.5",), "variance": ("2.0",)}, odd=True),
    Kind(
        "L.Lambda",
        (1, 2, 3),
        (("lambda x: x", "lambda x: x + 1.0", "lambda x: x * 2.0", "relu", "lambda x: -x"),),
        odd=True,
    ),
    Kind("L.TimeDistributed(L.Dense(2, activation='relu'))", (2, 3)),
    Kind("L.TimeDistributed(L.Dense(2, use_bias=False))", (2,)),
    Kind("L.TimeDistributed(L.BatchNormalization())", (2, 3), odd=True),
    Kind("L.TimeDistributed(L.Flatten())", (3,), odd=True),
    Kind("L.TimeDistributed(L.Conv1D(2, 2))", (3,), odd=True),
    Kind("L.TimeDistributed(L.LSTM(2))", (3,), odd=True),
    Kind("L.TimeDistributed(keras.Sequential([L.Dense(2)]))", (2,), odd=True),
    Kind("L.RNN(L.LSTMCell(2))", (2,), odd=True),
    Kind("L.RNN([L.GRUCell(2), L.GRUCell(3)])", (2,), odd=True),
    Kind("L.ConvLSTM1D(2, 2)", (3,), odd=True),
    Kind("L.GaussianNoise(0.1, seed=1)", (1, 2), odd=True),
)
"""Layers of one input. `networks` adds what takes several, and what is more than a line."""

USERS: tuple[Kind, ...] = (
    Kind("Clip", (1, 2, 3), (("8.0", "3.0", "50.0"),), snippet="Clip"),
    Kind("AddVector", (1, 2, 3), snippet="AddVector"),
    Kind("Scale", (1, 2, 3), snippet="Scale"),
    Kind("Same", (1, 2, 3), snippet="Identity"),
    Kind("Bend", (1, 2, 3), snippet="Bend"),
    Kind("OneSided", (1, 2, 3), snippet="OneSided"),
    Kind("AddMean", (1, 2, 3), snippet="AddMean"),
    Kind("SignBias", (1, 2, 3), snippet="SignBias"),
    Kind("Flat", (1, 2, 3), snippet="Flat"),
    Kind("Noise", (1, 2), snippet="Noise"),
    Kind("Counter", (1, 2), snippet="Counter"),
    Kind("TrainOnly", (1, 2, 3), snippet="TrainOnly"),
    Kind("Reverse", (1, 2, 3), snippet="Reverse"),
    Kind("Activated", (1, 2), snippet="Activated"),
    Kind("Dense", (1, 2), (SMALL,), {"activation": ("None", "'relu'")}, snippet="MyDense"),
    Kind("ReLU", (1, 2, 3), snippet="MyReLU"),
    Kind("Dropout", (1, 2, 3), (("0.5",),), snippet="MyDropout"),
    Kind("Flatten", (2, 3), snippet="MyFlatten"),
    Kind("LSTM", (2,), (SMALL,), snippet="MyLSTM"),
    Kind("BatchNormalization", (1, 2, 3), snippet="MyNorm"),
)
"""Layers of the user's own, some named like Keras's."""
