"""Look-up tables of activations and softmax: block memory and the logic around it."""

from __future__ import annotations

import math

from bitfront.hls.design.layers import LayerDescription

__all__ = ["TABLE_DEFAULT_WIDTH", "table_features", "table_memory"]

TABLE_DEFAULT_WIDTH = 18
"""hls4ml's default table type is ap_fixed<18,8>."""


def table_memory(entries: int, width: int, lookups: float, *, ports: int = 2) -> float:
    """RAMB18 for `lookups` parallel reads of a table: two ports share one copy; below 1 Kbit it is LUT
    memory.
    """
    if entries * width <= 1024:
        return 0.0
    return float(math.ceil(lookups / ports) * math.ceil(entries * width / 18432))


def table_features(lookups: int, data: int, layer: LayerDescription) -> dict[str, float]:
    """Features of `lookups` parallel reads of the layer's activation table by data of `data` bits."""
    width = layer.types["table"].width if "table" in layer.types else TABLE_DEFAULT_WIDTH
    entries = layer.size("table_size", 1024)
    return {
        "table_index": float(lookups * (data + math.log2(entries))),
        "table_bram": table_memory(entries, min(width, layer.result.width + 2), lookups),
    }
