"""Look-up tables of activations and softmax: block memory and the logic around it."""

from __future__ import annotations

import math

from bitfront.hls.design.layers import LayerDescription
from bitfront.hls.precision import inside_table
from bitfront.spaces import FixedPoint

__all__ = ["TABLE_DEFAULT_WIDTH", "table_features", "table_memory"]

TABLE_DEFAULT_WIDTH = 18
"""hls4ml's default table type is ap_fixed<18,8>."""
CLIP = 21
"""What clipping costs beside the data's bits, in bits."""


def table_memory(entries: int, width: int, lookups: float, *, ports: int = 2) -> float:
    """RAMB18 for `lookups` parallel reads of a table: two ports share one copy; below 1 Kbit it is LUT
    memory.
    """
    if entries * width <= 1024:
        return 0.0
    return float(math.ceil(lookups / ports) * math.ceil(entries * width / 18432))


def table_features(
    lookups: int, data: FixedPoint, layer: LayerDescription, function: str
) -> dict[str, float]:
    """Features of `lookups` parallel reads of the layer's table of `function` by data of type `data`.

    Data that can be outside of the table are rounded, compared with its ends and clipped, 127 to 155 LUTs at
    16 to 18 bits and 200 at 32 in reports; others are its address as they are (11 LUTs at 8 bits).
    """
    width = layer.types["table"].width if "table" in layer.types else TABLE_DEFAULT_WIDTH
    entries = layer.size("table_size", 1024)
    width = min(width, layer.result.width + 2)
    inside = inside_table(function, data)
    kept = {"lookup_inside": float(lookups)} if inside else {"lookup": float(lookups * (data.width + CLIP))}
    memory = table_memory(entries, width, lookups)
    return {
        **kept,
        "table_bram": memory,
        "rom_lut": 0.0 if memory else float(lookups * entries * width),
    }
