"""Read records of published synthesis results into `DesignDescription`s (the format of `designs.jsonl`)."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bitfront.spaces import FixedPoint, UserError

from ..operation import layer_kinds
from .layers import DesignDescription, DesignError, LayerDescription, WeightContent
from .manual_layers import manual_layers
from .record_functions import FUNCTIONS
from .record_parts import attention_steps, is_attention, steps

__all__ = ["from_record"]

Json = Mapping[str, Any]

VARIANTS = ("_switch", "_ss", "_me")

_TYPE = re.compile(
    r"ap_(u?)(?:fixed|int)<\s*(-?\d+)\s*(?:,\s*(-?\d+)\s*)?(?:,\s*(AP_\w+)\s*)?(?:,\s*(AP_\w+)\s*)?"
)
_PACK = re.compile(r"nnet::array<.*,\s*(\d+)\s*\*\s*\d+\s*>")
DEFAULT = FixedPoint(16, 6)


def read_type(text: Any, default: FixedPoint) -> FixedPoint:
    """Return the first `ap_fixed` in `text`, or `default`; widths beyond what `FixedPoint` holds are cut to
    it.
    """
    match = _TYPE.search(str(text))
    if match is None:
        return default
    sign, width, integer, rounding, overflow = match.groups()
    bits = min(max(int(width), 1), 64)
    modes = [
        (mode or standard).removeprefix("AP_") for mode, standard in ((rounding, "TRN"), (overflow, "WRAP"))
    ]
    try:
        return FixedPoint(bits, int(integer) if integer else bits, not sign, *modes)  # type: ignore[arg-type]
    except UserError:
        return FixedPoint(bits, int(integer) if integer else bits, not sign)


def _content(plain: Json, shape: int) -> WeightContent | None:
    if plain.get("csd") is None or plain.get("nz") is None:
        return None
    return WeightContent(
        n=int(plain.get("n", shape)),
        nonzero=int(plain["nz"]),
        powers_of_two=int(plain.get("pow2", 0)),
        csd_digits=int(plain["csd"]),
        bits=int(plain.get("bits", 0)),
        histogram={
            int(bits): int(count)
            for bits, count in sorted(plain.get("bithist", {}).items(), key=lambda x: int(x[0]))
        },
        multiplied=plain.get("multiplied"),
        long_multiplied=int(plain.get("long_multiplied", 0)),
        long_digits=int(plain.get("long_digits", 0)),
    )


_WEIGHT_NAMES = (
    ("wr", "recurrent_weight"),
    ("br", "recurrent_bias"),
    ("w", "weight"),
    ("s", "weight"),
    ("b", "bias"),
)


def _weights(plain: Json) -> dict[str, WeightContent]:
    found: dict[str, WeightContent] = {}
    for key, array in (plain.get("w") or {}).items():
        prefix = re.sub(r"\d+$", "", key)
        for short, name in _WEIGHT_NAMES:
            content = _content(array, 0)
            if prefix == short and content is not None:
                found.setdefault(name, content)
    return found


def _elements(v: Json, prefix: str) -> int:
    return math.prod(int(v.get(f"{prefix}{axis}", 1)) for axis in ("height", "width"))


def _sizes(op: str, v: Json, layer: Json, pack: int, last: int) -> dict[str, int]:
    """Sizes of a layer out of the integers of its config struct."""
    whole = {
        key: int(value) for key, value in v.items() if isinstance(value, int) and not isinstance(value, bool)
    }
    sizes: dict[str, int] = {key: whole[key] for key in layer_kinds()[op].sizes if whole.get(key, 0) > 0}
    for key in ("stride_height", "stride_width", "table_size", "directions"):
        if whole.get(key, 0) > 0:
            sizes[key] = whole[key]
    channels = whole.get("n_filt", whole.get("n_chan", 0))
    if op in ("conv1d", "conv2d", "depthwise_conv1d", "depthwise_conv2d"):
        if "n_pixels" in whole:
            sizes["parallelization"] = whole["n_pixels"]
        if "depthwise" in op:
            sizes.setdefault("n_filt", whole.get("n_chan", 1))
    elif op in ("lstm", "gru", "simple_rnn"):
        sizes["sequence"] = whole.get("n_sequence", 1)
        sizes.setdefault("n_state", whole.get("n_out", 1))
    elif op == "layernorm":
        sizes["sequence"] = max(whole.get("seq_len", 1), 1)
    elif op in ("pooling1d", "pooling2d"):
        sizes.setdefault("n_filt", max(channels, 1))
        if op == "pooling1d":
            sizes |= {"in_width": whole.get("n_in", 1), "out_width": whole.get("n_out", 1)}
    elif op == "hept_attention":
        sizes = {
            "sequence": whole.get("seq_len", 1) * whole.get("batch_size", 1),
            "blocks": max(whole.get("batch_size", 1), 1),
            "heads": whole.get("n_heads", 1),
            "head_size": whole.get("dim_per_head", 1),
            "coordinates": max(whole.get("coords_dim", 1), 1),
            "table_size": whole.get("exp_table_size", 1024),
            "parallelization": max(whole.get("parallelization_factor", 1), 1),
        }
    else:
        area = _elements(whole, "in_") if "in_height" in whole else _elements(whole, "")
        n_in = whole.get("n_in") or whole.get("n_elem") or area * max(channels, 1) if whole else last
        if op == "concatenate":
            n_in = sum(
                math.prod(max(whole.get(f"n_elem{k}_{axis}", 1), 1) for axis in range(3)) for k in (1, 2)
            )
        if layer["fn"].startswith("film"):
            n_in = (
                whole.get("height", 1) * whole.get("width", 1) * whole.get("n_chan", whole.get("n_chan1", 1))
            )
        if layer["fn"].startswith("transpose"):
            n_in = math.prod(whole.get(axis, 1) for axis in ("depth", "height", "width")) if whole else last
        sizes["n_in"] = max(int(n_in), 1)
        outs = {
            "zero_padding": _elements(whole, "out_") * max(channels, 1),
            "resize": _elements(whole, "new_") * max(channels, 1),
            "slice": whole.get("end", 1) - whole.get("start", 0),
            "sum": whole.get("width", whole.get("n_filt", 1)),
        }
        if op in outs:
            sizes["n_out"] = max(outs[op], 1)
        if op == "global_pooling":
            sizes["n_filt"] = max(channels, 1)
            sizes["n_in"] = whole.get("n_in") or max(area, 1)
    if pack:
        sizes.setdefault("n_filt", pack)
    elif channels > 0:
        sizes.setdefault("n_filt", channels)
    return sizes


def _layer(plain: Json, sub: Json, last: FixedPoint, last_size: int, index: int) -> LayerDescription:
    name = str(plain.get("name") or f"layer{index}")
    function = plain["fn"]
    for variant in VARIANTS:
        function = function.removesuffix(variant)
    if re.fullmatch(r"h_quantize_\d+", function):
        # HGQ's own rounding of a tensor, a width for each element: a cast.
        function = "linear"
    if function not in FUNCTIONS:
        raise DesignError(
            f"Layer '{name}' calls nnet::{plain['fn']}, which hls4ml doesn't have and nobody described."
        )
    op = FUNCTIONS[function]
    v: dict[str, Any] = dict(plain.get("v") or {})
    t: dict[str, Any] = dict(plain.get("t") or {})
    inputs = [text for text in plain.get("in_t") or [] if _TYPE.search(str(text))] or [str(last)]
    pack = _PACK.search(inputs[0])
    # Derivatives for big models move one element a word, or as many as they say.
    moved = v.get("data_transfer_out") or v.get("data_transfer_in") or (1 if function != plain["fn"] else 0)
    types_ = tuple(read_type(text, last) for text in inputs)
    result = read_type(plain.get("out_t"), types_[0])
    strategy = str(v.get("strategy", "latency"))
    reuse, recurrent = v.get("reuse_factor", v.get("reuse", 1)), None
    for key in ("mult_config", "mult_config1", "mult_config2"):
        nested = sub.get(t.get(key, ""), {})
        inner, inner_types = nested.get("v", {}), nested.get("t", {})
        if key == "mult_config2" and inner:
            recurrent = int(inner.get("reuse_factor", reuse))
            t.setdefault("recurrent_weight_t", inner_types.get("weight_t"))
        elif inner:
            reuse = inner.get("reuse_factor", reuse)
            strategy = str(inner.get("strategy", strategy))
    if op == "dense" and not v:
        arrays = plain.get("w") or {}
        outs = next((int(a["n"]) for key, a in arrays.items() if key.startswith("b")), 0)
        total = next((int(a["n"]) for key, a in arrays.items() if key.startswith("w")), 0)
        if not outs or not total:
            raise DesignError(f"Layer '{name}' states no sizes.")
        v = {"n_in": total // outs, "n_out": outs}
    kept = {
        "weight": t.get("weight_t", t.get("scale_t")),
        "bias": t.get("bias_t"),
        "accum": t.get("accum_t"),
        "table": t.get("table_t"),
        "recurrent_weight": t.get("recurrent_weight_t"),
        "recurrent_bias": t.get("recurrent_bias_t"),
        "exp_table": t.get("exp_table_t"),
        "inv_table": t.get("inv_table_t"),
        "mean": t.get("mean_t"),
    }
    sizes = _sizes(op, v, plain, int(pack[1]) if pack else 0, last_size)
    if moved and "n_filt" not in layer_kinds()[op].sizes:
        sizes["n_filt"] = int(moved)
    limit = max(1, sizes.get("n_in", 1) * sizes.get("n_out", 1)) if op == "dense" else (1 << 32) - 1
    options: dict[str, str | bool | int] = {
        key: v[key] for key in ("implementation", "pool_op") if isinstance(v.get(key), str)
    }
    if "use_static" in v:
        options["static"] = bool(v["use_static"])
    if "n_sequence_out" in v:
        options["return_sequences"] = int(v["n_sequence_out"]) > 1
    if function in ("film", "mask_track"):
        options["function"] = function
    return LayerDescription(
        name=name,
        op=op,
        inputs=types_,
        result=result,
        sizes=sizes,
        types={key: read_type(text, result) for key, text in kept.items() if text is not None},
        weights=_weights(plain),
        reuse_factor=max(1, min(int(reuse), limit)),
        recurrent_reuse_factor=recurrent,
        strategy="latency" if op == "dense" and not strategy else strategy,
        options=options,
        after=tuple(plain["after"]) if "after" in plain else None,
    )


def _size_out(layer: LayerDescription) -> int:
    if layer.matrix[1]:
        return layer.matrix[1] * layer.positions
    if "pooling" in layer.op and layer.op != "global_pooling":
        return layer.positions * layer.size("n_filt")
    return layer.size("n_out", layer.size("n_in"))


def _path_hints(record: Json, settings: Json) -> dict[str, Any]:
    """Strategy and target cycles that only the report's path tells (`.../model8_resource_10k/...`)."""
    if settings.get("ModelStrategy"):
        return {}
    path = str(record.get("path", "")).lower()
    target = re.search(r"resource_(\d+)k", path)
    hints: dict[str, Any] = {}
    if settings.get("ModelReuseFactor") is None and re.search(r"[_/]latency[_/]", path):
        hints["ModelStrategy"] = "Latency"
    elif settings.get("IOType") == "io_stream":
        hints["ModelStrategy"] = "Resource"
    if target is not None:
        hints["TargetCycles"] = 1000 * int(target[1])
    return hints


def _unstated(record: Json) -> list[str]:
    """Say what the record leaves open of its device and tool, and what stands in for it."""
    said = []
    if not record.get("part"):
        said.append("No part is stated: taken as an xcvu13p.")
    if not record.get("clock_ns"):
        said.append("No clock is stated: taken as 5 ns.")
    if not record.get("tool_version"):
        said.append("No tool is stated: taken as Vitis HLS 2023.2.")
    return said


def _multiplier_core(record: Json) -> str:
    """Return what a study's folders say that multipliers are bound to: `.../LUT_reuse2/...`."""
    bound = re.search(r"/(LUT|DSP)_reuse\d+/", str(record.get("path", "")))
    return {"LUT": "fabric", "DSP": "dsp"}[bound[1]] if bound else ""


def _manual_style(manual: Json, settings: Json) -> str:
    # Tables that state neither firmware nor io type give an interval equal to the latency.
    resource = str(settings.get("ModelStrategy", "")).lower() == "resource"
    return "sequential" if manual and resource and "IOType" not in settings else "auto"


def from_record(record: Json) -> DesignDescription:
    """Describe the design of `record`; `csynth`, `vsynth`, `postroute`, `cosim` and `sim` are not looked at.

    Raises:
        DesignError: with the reason, where the record doesn't hold enough.
    """
    name = str(record.get("id", record.get("path", "?")))
    structure, manual = record.get("structure") or {}, record.get("structure_manual") or {}
    settings = record.get("yml") or {}
    precision = read_type(settings.get("ModelPrecision"), DEFAULT)
    layers: list[LayerDescription] = []
    assumed: list[str] = []
    if structure.get("layers"):
        last = read_type((structure.get("in_types") or {}).get("input_t"), precision)
        size = math.prod(
            n for key, n in (structure.get("nums") or {}).items() if re.fullmatch(r"N_INPUT_\d+_1", key)
        )
        sub = structure.get("subcfg") or {}
        for index, whole in enumerate(structure["layers"]):
            if is_attention(whole):
                layers += manual_layers({"layers": attention_steps(whole, assumed)}, settings, last)
                size = _size_out(layers[-1])
                continue
            for plain in steps(whole, sub):
                layer = _layer(plain, sub, last, size, index)
                layers.append(layer)
                last, size = layer.result, _size_out(layer)
    elif manual.get("layers") or manual.get("keras"):
        hinted = {**settings, **_path_hints(record, settings)}
        layers = manual_layers(manual, hinted, precision, assumed)
    if not layers:
        raise DesignError(f"Record '{name}' lists no layers, so nothing can be estimated from it.")
    if core := _multiplier_core(record):
        layers = [replace(layer, options={**layer.options, "multiplier_core": core}) for layer in layers]
    version = re.search(r"\d{4}\.\d", str(record.get("tool_version") or ""))
    tool = version[0] if version else "2023.2"
    assumed += _unstated(record)
    return DesignDescription(
        name=name,
        assumed=tuple(assumed),
        layers=tuple(layers),
        part=str(record.get("part") or "xcvu13p-flga2577-2-e"),
        clock_ns=float(record.get("clock_ns") or 5.0),
        io_type=str(structure.get("io") or settings.get("IOType") or "io_parallel"),
        backend=str(settings.get("Backend") or ("Vivado" if tool < "2020.2" else "Vitis")),
        tool_version=tool,
        pipeline_style=str(structure.get("style") or _manual_style(manual, settings)),
    )
