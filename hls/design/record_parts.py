"""Calls of a record that stand for several layers, in the record's own form: separable, bidirectional,
attention.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .layers import DesignError

__all__ = ["attention_steps", "is_attention", "steps"]

Json = Mapping[str, Any]

ATTENTION = frozenset({"multiheadattention", "multi_head_attention", "multiheadattn", "mha", "attention"})
_NAMES: dict[str, tuple[str, ...]] = {
    "heads": ("heads", "num_heads", "n_heads", "n_head"),
    "key": ("head_dim_key", "key_dim", "dim_per_head", "head_dim", "head_size"),
    "value": ("head_dim_value", "value_dim", "dim_per_head", "head_dim", "head_size"),
    "features": ("feature_dim", "n_features", "n_feature", "embed_dim", "d_model", "n_in"),
    "sequence": ("seq_len", "sequence_length", "n_sequence", "seq"),
}
"""Names that known forks of hls4ml, and tables in papers, give to the sizes of attention."""


def steps(plain: Json, sub: Json) -> list[Json]:
    """Return the calls that a record's call stands for: itself, mostly.

    Raises:
        DesignError: a config that it names isn't there.
    """
    if plain["fn"].startswith("separable"):
        return _separated(plain, sub)
    if plain["fn"].startswith("bidirectional"):
        return [_both_directions(plain, sub)]
    return [plain]


def is_attention(plain: Json) -> bool:
    """Whether a call, or a layer of a hand-written structure, is a whole attention layer."""
    return str(plain.get("fn", "")).lower() in ATTENTION


def attention_steps(plain: Json, assumed: list[str]) -> list[Json]:
    """Return an attention layer as a hand-written structure has it: projections, scores, softmax, values,
    output.

    What isn't stated is assumed and said in `assumed`: one head, as many values per head as keys.

    Raises:
        DesignError: neither features nor a sequence are stated.
    """
    name, sizes = str(plain.get("name") or "attention"), {**plain, **(plain.get("v") or {})}

    def size(what: str, default: int | None = None) -> int:
        for key in _NAMES[what]:
            if isinstance(sizes.get(key), int) and sizes[key] > 0:
                return int(sizes[key])
        if default is None:
            raise DesignError(f"Layer '{name}' is attention that states no {what}.")
        assumed.append(f"'{name}' states no {what}, taken as {default}.")
        return default

    sequence, features = size("sequence"), size("features")
    heads = size("heads", 1)
    key = size("key", max(1, features // heads))
    value = size("value", key)
    common = {k: plain[k] for k in ("w_bits", "a_bits", "rf") if k in plain}
    projections = (
        ("query", features, heads * key),
        ("key", features, heads * key),
        ("value", features, heads * value),
    )
    return [
        *(
            {**common, "fn": "dense", "name": f"{name}_{what}", "n_in": n_in, "n_out": n_out, "seq": sequence}
            for what, n_in, n_out in projections
        ),
        {**common, "fn": "einsum", "name": f"{name}_scores", "n_in": heads * key, "n_out": sequence,
         "seq": sequence, "heads": heads},
        {**common, "fn": "softmax", "name": f"{name}_softmax", "n": heads * sequence * sequence},
        {**common, "fn": "einsum", "name": f"{name}_values", "n_in": sequence, "n_out": heads * value,
         "seq": sequence, "heads": heads},
        {**common, "fn": "dense", "name": f"{name}_output", "n_in": heads * value, "n_out": features,
         "seq": sequence},
    ]  # fmt: skip


def _both_directions(plain: Json, sub: Json) -> Json:
    """Return a bidirectional call as its cell's own with two directions; both have the same sizes and
    types.
    """
    t = plain.get("t") or {}
    config = sub.get(str(t.get("FORWARD_CONFIG", ""))) or sub.get(f"{plain.get('cfg')}_forward") or {}
    own, kinds = config.get("v", {}), config.get("t", {})
    text = " ".join(str(value) for value in (*t.values(), config.get("base", ""), *kinds.values(), *kinds))
    cell = next((name for name in ("lstm", "gru", "simple_rnn") if name in text.lower()), None)
    if cell is None:
        raise DesignError(f"Layer '{plain.get('name')}' is bidirectional and names neither LSTM nor GRU.")
    v = {**(plain.get("v") or {}), **own, "directions": 2}
    return {**plain, "fn": f"{cell}_stack", "v": v, "t": {**t, **kinds}}


def _separated(plain: Json, sub: Json) -> list[Json]:
    """Split a separable convolution's call into its two steps, whose configs stand beside it."""
    index = next((match[0] for key in plain.get("w") or {} if (match := re.search(r"\d+$", key))), "")
    steps: list[Json] = []
    for step, function, prefix, inputs in (
        ("depthwise", "depthwise_conv_2d_cl", "d", 0),
        ("pointwise", "pointwise_conv_2d_cl", "p", 1),
    ):
        config = sub.get(f"config{index}_{step}")
        if config is None:
            raise DesignError(f"Layer '{plain.get('name')}' has no config of its {step} step.")
        texts = plain.get("in_t") or []
        own = config.get("t", {})
        arrays = {
            f"w{index}": array for key, array in (plain.get("w") or {}).items() if key == f"{prefix}{index}"
        }
        steps.append(
            {
                "fn": function.replace("_2d", "_1d") if "1d" in plain["fn"] else function,
                "name": f"{plain.get('name')}_{step}",
                "in_t": texts[inputs : inputs + 1] or texts[:1],
                "out_t": (texts[inputs + 1 : inputs + 2] or texts[-1:] or [None])[0],
                "v": config.get("v", {}),
                "t": {**own, "mult_config": f"config{index}_{step}_mult"},
                "w": arrays,
            }
        )
    return steps
