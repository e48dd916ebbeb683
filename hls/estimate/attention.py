"""Structure of products of variables: einsum, layer normalisation, and the attention kernels built of
them.
"""

from __future__ import annotations

import math

from bitfront.hls.design.layers import LayerDescription

from .context import Context, LayerStructure, registered
from .lookup import table_memory
from .multipliers import checks, constant_products, variable_product
from .timing import tree_levels

__all__ = ["attention_layer", "einsum_layer", "layernorm_layer"]

CHECKED = 2.5
"""Delay of an addition that rounds and saturates, in additions (`nnet_layernorm.h` with such sums: 8 cycles
where 3 were due).
"""


def einsum_layer(layer: LayerDescription, context: Context) -> LayerStructure:
    """`nnet_einsum.h`: every product of two variables its own multiplier, RF of them sharing one."""
    size = layer.sizes
    n = math.prod(size[name] for name in ("n_free0", "n_free1", "n_contract", "n_inplace"))
    outputs = n // size["n_contract"]
    a, b, accum = layer.inputs[0].width, layer.inputs[-1].width, layer.type("accum").width
    units = math.ceil(n / layer.reuse_factor)
    each = variable_product(a, b, context.part, vitis=context.vitis)
    chain = context.delays.multiply(a, b, dsp=each > 0)
    chain += tree_levels(size["n_contract"]) * context.delays.add(accum)
    latency = context.delays.cycles(chain)
    features = {
        "dsp": float(units * each),
        "fabric_mult": 0.0 if each else float(units * a * b),
        "adder": n * (accum + 7.0),
        "operand_mux": float(n - units) * (a + b),
        "result": float(outputs * layer.result.width),
        "pipeline": latency / max(1, tree_levels(size["n_contract"]) + 1) * n * accum
        + outputs * accum * min(latency, 1),
    }
    return LayerStructure(
        float(units * each), latency + layer.reuse_factor - 1, layer.reuse_factor, chain,
        registered(features) if latency else features,
    )  # fmt: skip


def layernorm_layer(layer: LayerDescription, context: Context) -> LayerStructure:
    """`nnet_layernorm.h`: per position mean, variance, one table of 1/sqrt, and a scale."""
    sequence = layer.sizes["sequence"]
    width = max(1, layer.sizes["n_in"] // sequence)
    data = layer.inputs[0].width
    mean = layer.types["mean"].width if "mean" in layer.types else layer.type("accum").width
    table = layer.types["table"].width if "table" in layer.types else 16
    # The deviation is squared without its sign.
    square = variable_product(mean - 1, mean - 1, context.part, vitis=context.vitis)
    scale = variable_product(mean - 1, min(table, 18), context.part, vitis=context.vitis)
    dsp = float(sequence * (width * (square + min(scale, 1)) + (2 if table > 18 else 0)))
    entries = layer.size("table_size", 4096)
    chain = 2 * context.delays.multiplier + 2 * tree_levels(width) * context.delays.add(mean)
    if "inverse_root" in layer.types:
        return _bit_true_norm(layer, context)
    if layer.options.get("function") == "subln":
        return _divided_norm(layer, context, data)
    if not context.vitis:
        return _looped_norm(layer, context, dsp, table_memory(entries, table, 1, ports=1))
    checked = checks(layer.type("accum"))
    if checked:
        # Sums that round and saturate run one after the other, each as long as two and a half additions.
        chain = 2 * context.delays.multiplier + 2 * width * CHECKED * context.delays.add(mean)
    features = {
        "dsp": dsp,
        "checked_adder": sequence * (3.0 * width) * (mean + 7) if checked else 0.0,
        "fabric_mult": 0.0 if square else float(sequence * width * mean * (mean + table)),
        "adder": sequence * (3.0 * width) * (mean + 7),
        "table_index": float(sequence * mean),
        "table_bram": sequence * table_memory(entries, table, 1, ports=1),
        "result": float(sequence * width * layer.result.width),
        "state": float(sequence * width * data),
    }
    return LayerStructure(
        dsp, context.delays.cycles(chain) + 2, max(1, layer.reuse_factor), 0.0, registered(features)
    )


def _bit_true_norm(layer: LayerDescription, context: Context) -> LayerStructure:
    """Take our own layer normalization (`firmware/nnet_bit_true.h`), whose types are all stated.

    Per position: two sums, a square per element, a product with the inverse root, and one with a constant
    scale. A stream computes one position at a time.
    """
    sequence, types = layer.sizes["sequence"], layer.types
    n = max(1, layer.sizes["n_in"] // sequence)
    at_once = 1 if context.stream else sequence
    data, deviation, root = layer.inputs[0].width, types["deviation"].width, types["inverse_root"].width
    square = variable_product(deviation, deviation, context.part, vitis=context.vitis)
    scaled = variable_product(deviation, root, context.part, vitis=context.vitis)
    constants = constant_products(
        layer.content("weight", 1, n), types["normalized"].width, context.part, vitis=context.vitis
    )
    dsp = at_once * (n * (square + scaled) + constants.dsp)
    table = table_memory(layer.size("table_size"), types["table"].width, 1, ports=1)
    fabric = (0 if square else deviation * deviation) + (0 if scaled else deviation * root)
    widths = types["sum"].width + deviation + types["squares"].width + layer.result.width
    chain = 3 * context.delays.multiplier + tree_levels(n) * context.delays.add(types["sum"].width)
    chain += tree_levels(n) * context.delays.add(types["squares"].width) + context.delays.compare
    cycles = context.delays.cycles(chain) + 2
    features = {
        "dsp": dsp,
        "fabric_mult": float(at_once * n * fabric),
        "adder": float(at_once * n * (widths + 28)),
        "shift_add": at_once * constants.fabric_digits * (types["normalized"].width + 7.0),
        "table_index": float(at_once * types["variance"].width),
        "table_bram": at_once * table,
        # a shifter: every bit picks among the pairs
        "operand_mux": float(
            at_once * (types["variance"].width + root) * math.log2(types["variance"].width + 1)
        ),
        "result": float(at_once * n * layer.result.width),
        "state": float(at_once * n * data),
    }
    if not context.stream:
        return LayerStructure(dsp, cycles, max(1, layer.reuse_factor), 0.0, registered(features))
    words = sequence * max(1, layer.reuse_factor)
    features |= {"stream": float(n * (data + layer.result.width)), "control": 1.0}
    return LayerStructure(dsp, words + cycles, words, 0.0, registered(features), first=cycles, last=cycles)


def _looped_norm(layer: LayerDescription, context: Context, dsp: float, memory: float) -> LayerStructure:
    """Take the layer normalisation of Vivado HLS projects: one unit, used for each position, two cycles
    apart.
    """
    sequence = layer.sizes["sequence"]
    width = max(1, layer.sizes["n_in"] // sequence)
    mean = layer.types["mean"].width if "mean" in layer.types else layer.type("accum").width
    interval = 2 * sequence + 2
    features = {
        "dsp": dsp / sequence,
        "adder": 3.0 * width * (mean + 7),
        "table_index": float(mean),
        "table_bram": memory,
        "result": float(width * layer.result.width),
        "state": float(layer.sizes["n_in"] * layer.inputs[0].width),
        "control": 1.0,
    }
    return LayerStructure(dsp / sequence, interval + 9, interval, 0.0, registered(features))


def _divided_norm(layer: LayerDescription, context: Context, data: int) -> LayerStructure:
    """Take a normalisation that divides in the fabric (the sub-layer norm of 1-bit linear layers)."""
    elements = layer.sizes["n_in"]
    # A divider settles one bit of the quotient after another.
    chain = 16 * data / 8 * context.delays.add(data)
    features = {"divider": float(elements * data), "result": float(elements * layer.result.width)}
    return LayerStructure(0.0, context.delays.cycles(chain), layer.reuse_factor, 0.0, registered(features))


def attention_layer(layer: LayerDescription, context: Context) -> LayerStructure:
    """Take a HEPT attention kernel: for each block and head, distances and scores of all pairs, exp,
    normalise, values.
    """
    size = layer.sizes
    blocks, heads, depth, coordinates = (
        layer.size("blocks"),
        size["heads"],
        size["head_size"],
        size["coordinates"],
    )
    length = max(1, size["sequence"] // blocks)
    data, accum = layer.inputs[0].width, layer.type("accum").width
    pairs = blocks * heads * length * length
    each = variable_product(data, data, context.part, vitis=context.vitis)
    n = pairs * (2 * depth + coordinates)
    dsp = float((n + 3 * pairs) * each)
    exp = layer.types["exp_table"].width if "exp_table" in layer.types else 16
    entries = layer.size("table_size", 1024)
    # Sums run one after the other: an accumulator that rounds and saturates can't be balanced into a tree.
    chain = (coordinates + depth + 2 * length) * 3 * context.delays.add(accum)
    latency = context.delays.cycles(chain) + 8
    features = {
        "dsp": dsp,
        "fabric_mult": 0.0 if each else float(n * data * data),
        "adder": n * (accum + 7.0),
        "checked_adder": (n + 2 * pairs) * (accum + 7.0),
        "table_index": float(pairs * (exp + accum)),
        "table_bram": table_memory(entries, exp, pairs) + table_memory(entries, exp, blocks * heads * length),
        "pipeline": float(n * accum),
        "state": float(pairs * accum * latency),
    }
    return LayerStructure(dsp, latency, max(1, layer.reuse_factor), 0.0, registered(features))
