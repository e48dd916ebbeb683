"""Layers of published designs whose firmware was not found: sizes and widths by hand, or a list of Keras
layers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bitfront.spaces import FixedPoint

from .layers import DesignError, LayerDescription
from .record_parts import attention_steps, is_attention

__all__ = ["manual_layers"]

Json = Mapping[str, Any]

NOTHING = frozenset({"flatten", "reshape", "dropout", "input", "identity"})
"""Layers that cost nothing in parallel."""
TABLES = frozenset({"gelu", "silu", "swish", "elu", "selu", "softplus", "softsign", "exponential"})
NORM = FixedPoint(24, 8)
"""What a residual stream between 1-bit layers is taken to be."""


def _reuse(settings: Json, plain: Json) -> int:
    value = plain.get("rf", settings.get("ModelReuseFactor"))
    try:
        return max(1, int(float(value)))
    except (TypeError, ValueError):
        return 1


def _closest(n_in: int, n_out: int, reuse: int, strategy: str) -> int:
    from .reuse import closest_reuse_factor

    if strategy == "resource":
        return closest_reuse_factor(n_in, n_out, reuse)
    return min(reuse, n_in * n_out)


def manual_layers(
    manual: Json, settings: Json, precision: FixedPoint, assumed: list[str] | None = None
) -> list[LayerDescription]:
    """Layers of a `structure_manual`; types follow the stated widths, or else the model's precision.

    What the structure leaves open is said in `assumed`.

    Raises:
        DesignError: a layer of an unknown kind.
    """
    said = [] if assumed is None else assumed
    strategy = str(settings.get("ModelStrategy") or "latency").lower()
    if not settings.get("ModelStrategy"):
        said.append("No strategy is stated: taken as latency.")
    if manual.get("layers"):
        layers: list[LayerDescription] = []
        stated_layers = [
            step
            for plain in manual["layers"]
            for step in (attention_steps(plain, said) if is_attention(plain) else [plain])
        ]
        if settings.get("ModelReuseFactor") is None and not any("rf" in plain for plain in stated_layers):
            said.append("No reuse factor is stated: taken as 1.")
        said += [
            f"'{plain.get('name') or plain['fn']}' states no heads, taken as 1."
            for plain in stated_layers
            if plain["fn"] == "einsum" and not plain.get("heads")
        ]
        for index, plain in enumerate(stated_layers):
            if plain["fn"] in NOTHING:
                continue
            stated = _stated(plain, settings, precision, strategy, index)
            alike = [layer for layer in layers if layer.op == "dense"][-1:]
            if len(stated) > 1 and layers and layers[-1].op == "dense" and alike[0].sizes == stated[-1].sizes:
                # Queries, keys and values share one normalised input.
                stated = stated[1:]
            layers += stated
            if len(layers) > 1 and layers[-1].op == "softmax" and layers[-2].op == "einsum":
                # Attention scores: one softmax for each row of them.
                width = layers[-2].sizes["n_free1"]
                sizes = {"n_in": width, "outer": max(1, layers[-1].sizes["n_in"] // width)}
                layers[-1] = replace(layers[-1], sizes=sizes)
        return layers
    return _keras(manual["keras"], settings, precision, strategy)


def _stated(
    plain: Json, settings: Json, precision: FixedPoint, strategy: str, index: int
) -> list[LayerDescription]:
    function, name = plain["fn"], str(plain.get("name") or f"layer{index}")
    width, activation = (
        int(plain.get("w_bits") or precision.width),
        int(plain.get("a_bits") or precision.width),
    )
    # The stated widths say nothing about integer bits; those of the model's precision hold where widths
    # agree.
    whole = precision.integer if width == precision.width else min(1, width)
    weight = FixedPoint(width, whole)
    data = FixedPoint(activation, precision.integer if activation == precision.width else min(2, activation))
    # Where only bit counts are stated, results and sums keep hls4ml's default of 16 bits.
    accum = precision
    common: dict[str, Any] = {"name": name, "inputs": (data,), "result": precision}
    reuse = _reuse(settings, plain)
    if function in ("dense", "pointwise_dense"):
        n_in, n_out, positions = int(plain["n_in"]), int(plain["n_out"]), int(plain.get("seq") or 1)
        # A 1-bit linear layer normalises its input (SubLN of BitNet, arXiv 2310.11453).
        norms = []
        if width == 1:
            norms.append(
                LayerDescription(
                    name=f"{name}_norm",
                    op="layernorm",
                    inputs=(NORM,),
                    result=data,
                    sizes={"n_in": n_in * positions, "sequence": positions},
                    options={"function": "subln"},
                    reuse_factor=reuse,
                )
            )
        dense = LayerDescription(
            **common,
            op="dense",
            sizes={"n_in": n_in, "n_out": n_out, "positions": positions, "parallelization": positions},
            types={"weight": weight, "bias": weight, "accum": accum},
            reuse_factor=_closest(n_in, n_out, reuse, strategy),
            strategy=strategy,
        )
        return [*norms, dense]
    if function in ("lstm", "gru", "simple_rnn", "bidirectional"):
        directions = 2 if function == "bidirectional" or plain.get("bidirectional") else 1
        function = str(plain.get("cell", "lstm")) if function == "bidirectional" else function
        state = int(plain["n_state"])
        recurrent = LayerDescription(
            **common,
            op=function,
            sizes={
                "n_in": int(plain["n_in"]),
                "n_state": state,
                "sequence": int(plain.get("seq") or 1),
                **({"directions": 2} if directions == 2 else {}),
            },
            types={
                "weight": weight,
                "recurrent_weight": weight,
                "bias": weight,
                "accum": accum,
                "table": FixedPoint(18, 8),
            },
            reuse_factor=reuse,
            strategy=strategy,
            options={"static": bool(plain.get("static", True))},
        )
        return [recurrent]
    if function == "einsum":
        positions, heads = int(plain["seq"]), int(plain.get("heads") or 1)
        n_in, n_out = int(plain["n_in"]), int(plain["n_out"])
        scores = n_out == positions
        contract = max(1, n_in // heads) if scores else n_in
        free = n_out if scores else max(1, n_out // heads)
        product = LayerDescription(
            **{**common, "inputs": (data, data)},
            op="einsum",
            sizes={"n_free0": positions, "n_free1": free, "n_contract": contract, "n_inplace": heads},
            types={"accum": accum},
            reuse_factor=reuse,
        )
        return [product]
    n = int(plain.get("n") or plain.get("n_in") or 1)
    if function in ("softmax", "sigmoid", "tanh", "relu", "linear"):
        return [
            LayerDescription(**common, op=function, sizes={"n_in": n}, types={"table": FixedPoint(18, 8)})
        ]
    if function in TABLES:
        sizes = {"n_in": n}
        return [
            LayerDescription(**common, op="table_activation", sizes=sizes, types={"table": FixedPoint(18, 8)})
        ]
    if function in ("batch_norm", "batchnorm", "normalize"):
        types = {"weight": weight, "bias": weight}
        return [LayerDescription(**common, op="normalize", sizes={"n_in": n}, types=types)]
    if function in ("layernorm", "layer_norm", "layernormalize"):
        sequence = int(plain.get("seq") or 1)
        sizes = {"n_in": n if plain.get("n") else n * sequence, "sequence": sequence}
        return [LayerDescription(**common, op="layernorm", sizes=sizes, reuse_factor=reuse)]
    if function in ("add", "subtract", "concatenate"):
        return [
            LayerDescription(
                **{**common, "inputs": (data, data)},
                op="add" if function == "subtract" else function,
                sizes={"n_in": n},
            )
        ]
    raise DesignError(f"Layer '{name}' is a '{function}', which a hand-written structure can't hold.")


def _keras(plain: list[Json], settings: Json, precision: FixedPoint, strategy: str) -> list[LayerDescription]:
    """Return the layers of a sequential Keras network of 2-D convolutions, pooling, activations and dense
    layers.
    """
    layers: list[LayerDescription] = []
    shape: tuple[int, ...] = ()
    common: dict[str, Any] = {"inputs": (precision,), "result": precision, "types": {"accum": precision}}
    for index, keras in enumerate(plain):
        kind, name = keras["class"], f"{keras['class'].lower()}_{index}"
        elements = 1
        for axis in shape:
            elements *= axis
        if kind == "InputLayer":
            shape = tuple(keras["batch_input_shape"][1:])
        elif kind == "Conv2D":
            layer = _conv(keras, name, shape, common, settings, strategy)
            if keras.get("padding") == "same":
                padded = layer.sizes["in_height"] * layer.sizes["in_width"] * shape[2]
                layers.append(
                    LayerDescription(
                        **common,
                        name=f"pad_{name}",
                        op="zero_padding",
                        sizes={"n_in": elements, "n_out": padded, "n_filt": shape[2]},
                    )
                )
            layers.append(layer)
            shape = (layer.sizes["out_height"], layer.sizes["out_width"], layer.sizes["n_filt"])
        elif kind in ("LeakyReLU", "ReLU", "Activation"):
            op = "relu" if kind != "LeakyReLU" and keras.get("activation", "relu") == "relu" else "leaky_relu"
            layers.append(
                LayerDescription(**common, name=name, op=op, sizes={"n_in": elements, "n_filt": shape[-1]})
            )
        elif kind in ("MaxPooling2D", "AveragePooling2D"):
            high, wide = keras["pool_size"]
            out = (shape[0] // high, shape[1] // wide)
            layers.append(
                LayerDescription(
                    **common,
                    name=name,
                    op="pooling2d",
                    sizes={
                        "in_height": shape[0],
                        "in_width": shape[1],
                        "n_filt": shape[2],
                        "pool_height": high,
                        "pool_width": wide,
                        "out_height": out[0],
                        "out_width": out[1],
                    },
                )
            )
            shape = (*out, shape[2])
        elif kind == "Dense":
            n_out = int(keras["units"])
            layers.append(
                LayerDescription(
                    **common,
                    name=name,
                    op="dense",
                    sizes={"n_in": elements, "n_out": n_out},
                    reuse_factor=_closest(elements, n_out, _wanted(settings, n_out), strategy),
                    strategy=strategy,
                )
            )
            shape = (n_out,)
        elif kind == "Flatten":
            shape = (elements,)
        elif kind not in ("BatchNormalization", "Dropout"):
            # hls4ml folds a normalisation into the convolution before it; a dropout is nothing in inference.
            raise DesignError(
                f"Layer '{name}' is a Keras {kind}, which a list of Keras layers can't hold yet."
            )
    return layers


def _wanted(settings: Json, n_out: int) -> int:
    target = settings.get("TargetCycles")
    return max(1, int(target) // n_out - 6) if target else _reuse(settings, {})


def _conv(
    keras: Json, name: str, shape: tuple[int, ...], common: Json, settings: Json, strategy: str
) -> LayerDescription:
    high, wide = keras["kernel_size"]
    stride_high, stride_wide = keras.get("strides", (1, 1))
    pad = (high - 1, wide - 1) if keras.get("padding") == "same" else (0, 0)
    grown = (shape[0] + pad[0], shape[1] + pad[1])
    out = ((grown[0] - high) // stride_high + 1, (grown[1] - wide) // stride_wide + 1)
    filters = int(keras["filters"])
    positions = out[0] * out[1]
    layer = LayerDescription(
        **common,
        name=name,
        op="conv2d",
        sizes={
            "in_height": grown[0],
            "in_width": grown[1],
            "n_chan": shape[2],
            "filt_height": high,
            "filt_width": wide,
            "n_filt": filters,
            "out_height": out[0],
            "out_width": out[1],
            "stride_height": stride_high,
            "stride_width": stride_wide,
        },
        strategy=strategy,
    )
    wanted = _reuse(settings, {})
    if settings.get("TargetCycles"):
        # `set_target_reuse_factor`: six cycles of moving data for each output pixel, the rest for products.
        wanted = max(1, round((int(settings["TargetCycles"]) - 6 * positions) / positions))
    return replace(layer, reuse_factor=_closest(*layer.matrix, wanted, strategy))
